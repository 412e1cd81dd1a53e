"""The catalogue of features: its numbers are those of the modules that own them, its page is safe to open."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import DataError
from market.panel import Panel
from market.returns import Execution, forward_returns
from signals import compute_features, feature, feature_table, register_feature_set
from signals.catalogue import Catalogue, CatalogueOptions, measure_catalogue, render_catalogue, write_catalogue
from signals.correlation_tree import groups_of, linkage_of, tree_of
from signals.features import feature_sets
from signals.score_metrics import information_coefficient, summarize_ic
from tests.oracles.signal_panels import random_panel
from tests.oracles.small_runs import long_bars, quintile


@feature(group="price", warm_up=1)
def move(panel: Panel) -> np.ndarray:
    """Close ÷ close before − 1."""
    return panel.close.pct_change(fill_method=None).to_numpy()


@feature(group="price", warm_up=1)
def fall(panel: Panel) -> np.ndarray:
    """The move with its sign turned & cubed <script>alert(1)</script>."""
    return -(move.formula(panel) ** 3)


@feature(group="volume", warm_up=0)
def turnover(panel: Panel) -> np.ndarray:
    """Volume of the session."""
    return panel.volume.to_numpy()


@feature(group="volume", warm_up=0)
def nothing(panel: Panel) -> np.ndarray:
    """The same for all."""
    return panel.volume.to_numpy() * 0.0


@feature(group="leak", warm_up=0)
def tomorrow(panel: Panel) -> np.ndarray:
    """The forward return itself."""
    return forward_returns(panel, Execution()).to_numpy()


@pytest.fixture(scope="module")
def panel() -> Panel:
    return random_panel(2, n_sessions=150, n_tickers=12)


@pytest.fixture(scope="module")
def catalogue(panel: Panel) -> Iterator[Catalogue]:
    register_feature_set("catalogued", [move, fall, turnover, nothing, tomorrow])
    yield measure_catalogue(panel, "catalogued", options=CatalogueOptions(sampled_sessions=40))
    del feature_sets._sets["catalogued"], feature_sets._sources["catalogued"]


def test_rank_ic_and_interval_are_those_of_the_evaluation(panel: Panel, catalogue: Catalogue) -> None:
    scores = compute_features(panel, "catalogued", names=["move"])["move"].where(panel.universe)
    summary = summarize_ic(information_coefficient(scores, forward_returns(panel, Execution())))
    row = catalogue.table.loc["move"]
    assert (row["rank_ic"], row["low"], row["high"]) == tuple(summary.interval)
    assert (row["t_hac"], row["n_sessions"]) == (summary.t_hac, summary.n_sessions)
    assert catalogue.table.loc["tomorrow", "rank_ic"] == pytest.approx(1.0)


def test_coverage_counts_eligible_names_only(panel: Panel, catalogue: Catalogue) -> None:
    eligible = panel.universe.to_numpy()
    before = panel.close.ffill(limit=5).shift(1)  # the print before, over a short hole
    known = (panel.close.notna() & before.notna()).to_numpy() & eligible
    assert catalogue.table.loc["move", "coverage"] == known.sum() / eligible.sum()
    assert catalogue.table.loc["turnover", "coverage"] == 1.0


def test_a_feature_and_its_negative_share_a_cluster_and_are_duplicates(catalogue: Catalogue) -> None:
    cluster = catalogue.table["cluster"]
    assert cluster["move"] == cluster["fall"] == 1
    assert sorted(cluster.drop(["move", "fall"])) == [2, 3, 4]
    assert catalogue.duplicates.to_dict("list") == {
        "feature": ["move"],
        "other": ["fall"],
        "correlation": [pytest.approx(-1.0)],
    }
    assert catalogue.table.loc["fall", "nearest"] == "move"


def test_a_feature_that_never_varies_has_no_ic_and_no_neighbour(catalogue: Catalogue) -> None:
    row = catalogue.table.loc["nothing"]
    assert np.isnan(row["rank_ic"])
    assert np.isnan(row["correlation"])
    assert pd.isna(row["nearest"])
    assert {"rank_ic": None, "nearest": None}.items() <= catalogue.as_json()["features"][3].items()


def test_chance_is_counted_over_features_that_have_an_interval(catalogue: Catalogue) -> None:
    assert catalogue.by_chance == pytest.approx(0.05 * catalogue.table["low"].notna().sum())
    assert catalogue.significant == ((catalogue.table["low"] > 0) | (catalogue.table["high"] < 0)).sum()
    assert "one trial per feature" in catalogue.sentence


def test_the_page_is_whole_escaped_and_asks_nobody(catalogue: Catalogue) -> None:
    page = render_catalogue(catalogue)
    assert all(f"<code>{name}</code>" in page for name in catalogue.table.index)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"https?://|src=|href=", page)
    assert page.count("<polyline") == len(catalogue.table) - 1
    assert "SYNTHETIC" not in page


def test_the_printed_table_has_one_line_a_feature(catalogue: Catalogue) -> None:
    assert sorted(row[0] for row in catalogue.rows) == sorted(catalogue.table.index)


def test_given_features_are_measured_as_they_are(panel: Panel, tmp_path: Path) -> None:
    told: list[str] = []
    options = CatalogueOptions(sampled_sessions=10, progress=lambda *words: told.append(words[0]))
    features = compute_features(panel, "core14")
    given = measure_catalogue(panel, "core14", features=features, options=options)
    assert len(told) == 15
    pd.testing.assert_frame_equal(given.table, measure_catalogue(panel, "core14", options=options).table)
    pairs = set(zip(given.duplicates["feature"], given.duplicates["other"], strict=True))
    assert {("ret_20d", "momentum"), ("ret_5d", "momentum_5d")} <= pairs
    write_catalogue(given, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


def test_the_command_writes_the_page_and_tells_the_table(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    long_bars(panel).to_parquet("bars.parquet")
    words = ("features", "bars.parquet", "--no-cache", "--quiet", "--catalogue", "page.html")
    printed = quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "volume_trend" in printed
    assert printed.strip().endswith("page.html")
    told = json.loads(quintile(*words, "--json", monkeypatch=monkeypatch, capsys=capsys))
    assert [row["feature"] for row in told["features"]] == list(feature_table("core14").index)
    assert "volume_trend" in Path(told["page"]).read_text(encoding="utf-8")


def test_bars_shorter_than_the_longest_warm_up_are_refused(panel: Panel) -> None:
    with pytest.raises(DataError, match="the bars hold 150 sessions, the longest feature needs 373 before"):
        measure_catalogue(panel, "wide95")


@pytest.mark.parametrize(
    "wrong", [{"cluster_correlation": 1.0}, {"duplicate_correlation": 0.5}, {"sampled_sessions": 0}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CatalogueOptions(**wrong)  # type: ignore[arg-type]


def test_groups_join_what_correlates_on_average() -> None:
    correlation = pd.DataFrame(np.eye(4))
    correlation.iloc[0, 1] = correlation.iloc[1, 0] = 0.95
    correlation.iloc[2, 3] = correlation.iloc[3, 2] = 0.85
    links = linkage_of(correlation.to_numpy())
    first, second, third, fourth = groups_of(links, 0.9)
    assert first == second
    assert len({first, third, fourth}) == 3
    assert abs(tree_of(links)[0].index(0) - tree_of(links)[0].index(1)) == 1
