import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.report.content import Stamp
from backtests.statistics.inference import holm
from core.errors import RunError
from core.intervals import Interval
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.returns import Execution
from market.synthetic import SyntheticSettings, synthetic_market
from models.model_kinds import known_kinds
from signals.score_metrics import information_coefficient
from strategy.definitions.spec import load_spec
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.versions import Version
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run
from strategy.runs.store import RunStore
from strategy.studies.model_table.cell_verdicts import cell_verdicts
from strategy.studies.model_table.contenders import SMALL, contenders, words_of
from strategy.studies.model_table.market_facts import MarketFacts
from strategy.studies.model_table.model_comparison import ModelRow, ModelTable, _beside, _facts
from strategy.studies.model_table.model_table_pages import write_docs, write_table
from strategy.studies.model_table.session_values import MEASURES, MarketMeasures, SessionValues, sharpe_values
from strategy.studies.model_table.style_exposures import STYLES, style_exposures, style_residual_ic
from strategy.studies.model_table.table_cells import CELL_FILE, kept_runs, table_cells
from strategy.studies.model_table.table_run import TableContext, model_table
from strategy.studies.model_table.table_settings import TableSettings
from strategy.studies.model_table.table_words import findings, headline, shown_tables
from strategy.studies.model_table.two_way_errors import two_way_estimate
from strategy.trials.log import TrialLog, distinct

SIZE = {"n_tickers": 24, "n_sessions": 400}
TINY = ("training.max_epochs=1", "model.hidden=4", "model.lookback=10", "training.burn_in=10")


def frames(seed: int = 0, sessions: int = 30, names: int = 25) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    rng = np.random.default_rng(seed)
    index, columns = pd.bdate_range("2020-01-01", periods=sessions), [f"T{n}" for n in range(names)]
    made = [pd.DataFrame(rng.normal(size=(sessions, names)), index, columns) for _ in range(4)]
    return made[0], made[1], {"a": made[2], "b": made[3]}


# -- two-way errors


def test_with_one_seed_the_error_is_that_of_the_sessions() -> None:
    values = pd.DataFrame({1: np.random.default_rng(1).normal(size=200)})
    estimate = two_way_estimate(values)
    assert estimate.error == estimate.session_error
    assert math.isnan(estimate.seed_error)


def test_seeds_that_agree_add_nothing_and_seeds_that_differ_do() -> None:
    base = pd.Series(np.random.default_rng(2).normal(size=300))
    alike = two_way_estimate(pd.DataFrame(dict.fromkeys(range(4), base)))
    apart = two_way_estimate(pd.DataFrame({seed: base + seed for seed in range(4)}))
    assert alike.error == pytest.approx(alike.session_error)
    assert apart.error > 3 * alike.error
    assert apart.freedom < 4.0 < alike.freedom


def test_the_range_covers_a_mean_that_seeds_and_sessions_both_move() -> None:
    held = 0
    for draw in range(200):
        rng = np.random.default_rng(draw)
        values = 0.3 * rng.normal(size=(120, 1)) + 0.03 * rng.normal(size=(1, 6)) + 0.5 * rng.normal(size=(120, 6))
        bounds = two_way_estimate(pd.DataFrame(values)).interval
        held += bounds.low <= 0.0 <= bounds.high
    assert 0.90 <= held / 200 <= 0.99


def test_the_smallest_lead_is_found_four_times_in_five() -> None:
    rng, found = np.random.default_rng(5), 0
    smallest = two_way_estimate(pd.DataFrame(rng.normal(size=(250, 1)))).smallest_seen()
    for _ in range(400):
        estimate = two_way_estimate(pd.DataFrame(smallest + rng.normal(size=(250, 1))))
        found += estimate.p_value < 0.05
    assert 0.73 <= found / 400 <= 0.87


def test_the_error_is_that_of_the_published_equation() -> None:
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=(60, 3)) + rng.normal(size=(60, 1)) + rng.normal(size=(1, 3))
    estimate = two_way_estimate(pd.DataFrame(numbers))
    sessions, seeds = numbers.shape
    left = numbers - numbers.mean()
    lags = math.floor(4 * (sessions / 100) ** (2 / 9))
    by_session = sum(
        (1 - abs(t - s) / (lags + 1)) * left[t, i] * left[s, j]
        for t, s in itertools.product(range(sessions), repeat=2)
        if abs(t - s) <= lags
        for i, j in itertools.product(range(seeds), repeat=2)
    )
    by_seed = sum(left[:, i].sum() ** 2 for i in range(seeds))
    both = (left**2).sum()
    few = sessions / (sessions - 1), seeds / (seeds - 1)
    variance = (by_session * few[0] + by_seed * few[1] - both) / numbers.size**2
    assert variance > max(estimate.session_error, estimate.seed_error) ** 2  # else it would be bounded below
    assert estimate.error == pytest.approx(math.sqrt(variance))


def test_nothing_measured_is_not_a_number() -> None:
    assert math.isnan(two_way_estimate(pd.DataFrame({1: [np.nan, np.nan]})).mean)


def test_holm_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    p_values = list(rng.random(6))
    for place, adjusted in enumerate(holm(p_values)):
        worse = [p for p in p_values if p <= p_values[place]]
        steps = [min(1.0, (len(p_values) - rank) * p) for rank, p in enumerate(sorted(worse))]
        assert adjusted == pytest.approx(max(steps))


# -- measures


def test_sharpe_values_average_to_the_ratio_and_spread_as_its_error() -> None:
    net = pd.Series(np.random.default_rng(3).normal(0.001, 0.01, 1000))
    values = sharpe_values(net, sessions_per_year=252)
    ratio = float(net.mean() / net.std())
    assert values.mean() == pytest.approx(ratio * math.sqrt(252))
    error = math.sqrt((1 + 0.5 * ratio**2) / 1000) * math.sqrt(252)  # Lo (2002), normal returns
    assert values.std() / math.sqrt(1000) == pytest.approx(error, rel=0.05)


def test_flat_returns_have_no_sharpe_values() -> None:
    assert sharpe_values(pd.Series([0.0] * 30), sessions_per_year=252).isna().all()


def test_style_residual_ic_is_the_partial_rank_correlation() -> None:
    scores, forward, exposures = frames()
    found = style_residual_ic(scores, forward, exposures)
    row = 7
    ranks = [stats.rankdata(each.iloc[row]) for each in (scores, forward, *exposures.values())]
    design = np.column_stack([np.ones(len(ranks[0])), *ranks[2:]])
    left = [r - design @ np.linalg.lstsq(design, r, rcond=None)[0] for r in ranks[:2]]
    assert found.iloc[row] == pytest.approx(np.corrcoef(*left)[0, 1])


def test_a_score_that_is_a_style_has_no_style_residual_ic() -> None:
    _, forward, exposures = frames()
    assert style_residual_ic(exposures["a"], forward, exposures).isna().all()
    flipped = style_residual_ic(-frames()[0], forward, exposures)
    pd.testing.assert_series_equal(flipped, -style_residual_ic(frames()[0], forward, exposures))


def test_styles_read_nothing_later_and_names_apart() -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=330)).panel
    whole, cut = style_exposures(panel), style_exposures(panel.until(panel.sessions[300]))
    assert tuple(whole) == STYLES
    for name in STYLES:
        pd.testing.assert_frame_equal(whole[name].iloc[:301], cut[name], check_freq=False, rtol=1e-9)
        assert whole[name].iloc[-1].notna().any()


def test_the_parts_in_time_make_the_whole_return() -> None:
    inputs = Inputs(panel=synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=330)).panel)
    parts = MarketMeasures.of(inputs, Execution()).parts
    whole = (1.0 + parts["open_to_close"]) * (1.0 + parts["night_after"]) - 1.0
    both = whole.notna() & parts["rank_ic"].notna()
    assert np.allclose(whole.to_numpy()[both.to_numpy()], parts["rank_ic"].to_numpy()[both.to_numpy()])
    published = (1.0 + parts["night_before"]) * (1.0 + parts["open_to_close"]) - 1.0
    assert np.allclose(published, parts["close_to_close"], equal_nan=True)


def test_parts_are_of_the_names_whose_fills_are_known() -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=330)).panel
    row, name = next((t, n) for t, n in np.argwhere(panel.printed.to_numpy()) if t == 300)
    volume = panel.volume.copy()
    volume.iloc[row, name] = 0.0
    parts = MarketMeasures.of(Inputs(panel=replace(panel, volume=volume)), Execution()).parts
    for part in parts.values():
        assert math.isnan(part.iloc[row - 1, name])  # the order of that close waits
        assert parts["rank_ic"].notna().to_numpy()[part.notna().to_numpy()].all()


# -- verdicts and markets


def measured(mean: float) -> SessionValues:
    index = pd.bdate_range("2018-01-01", periods=500)
    net = pd.Series(np.random.default_rng(1).normal(mean, 0.01, 500), index)
    frame = pd.DataFrame({"rank_ic": net + 0.02})
    return SessionValues(frame=frame, net=net, sessions_per_year=252.0, names=20.0)


def market_of(*, synthetic: bool, biased: bool = False) -> MarketFacts:
    stamps = (Stamp(label="SURVIVOR-BIASED", severity="caution", sentence="The dead are missing."),) if biased else ()
    return MarketFacts(
        source="bars.parquet",
        universe="all listed names",
        span="2018-01-01 to 2020-01-01",
        tickers=20,
        sessions=500,
        survivor_biased=biased,
        synthetic=synthetic,
        stamps=stamps,
    )


def word_of(values: SessionValues, market: MarketFacts, own: str, tmp_path: Path) -> str:
    identity = dict.fromkeys(("spec", "panel", "code"), "a")
    metrics = {"headline": {"verdict": own}}
    folder: Any = SimpleNamespace(record={"identity": identity}, spec=load_spec("quintile_long_short"), metrics=metrics)
    key = ("bars", "ridge", 1)
    return cell_verdicts({key: folder}, {key: values}, {"bars": market}, RunStore(tmp_path))[key]


def test_a_verdict_sets_the_simulation_aside_and_nothing_else(tmp_path: Path) -> None:
    good, bad = measured(0.004), measured(0.0)
    assert word_of(good, market_of(synthetic=True), "NOT EVIDENCE", tmp_path) == "EVIDENCE"
    assert word_of(bad, market_of(synthetic=True), "NOT EVIDENCE", tmp_path) == "NOT EVIDENCE"
    assert word_of(good, market_of(synthetic=False), "EVIDENCE", tmp_path) == "EVIDENCE"
    assert word_of(good, market_of(synthetic=False), "WEAK", tmp_path) == "WEAK"  # as the run's own report says
    assert word_of(good, market_of(synthetic=False, biased=True), "EVIDENCE", tmp_path) == "WEAK"


def shown_row(market: str, contender: str, recovery: Interval, verdicts: tuple[str, ...]) -> ModelRow:
    estimate = two_way_estimate(pd.DataFrame({1: [0.1, 0.2, 0.3]}))
    return ModelRow(
        market=market,
        contender=contender,
        estimates=dict.fromkeys(MEASURES, estimate),
        lead=None,
        sharpe_lead=None,
        p_value=math.nan,
        smallest=math.nan,
        recovery=recovery,
        parameters=1.0,
        seconds=1.0,
        names=20.0,
        verdicts=verdicts,
        runs=("a",) * len(verdicts),
    )


@pytest.mark.parametrize(
    ("recoveries", "said"),
    [
        ({"ridge": (0.5, 0.2, 0.9), "lstm": (0.7, 0.4, 1.2)}, "no model is above recovery 1; lstm has most, 0.70."),
        ({"ridge": (1.4, 0.8, 2.0)}, "above recovery 1: ridge; none beyond noise."),
        ({"ridge": (1.4, 1.1, 2.0), "lstm": (1.2, 0.9, 1.3)}, "ridge and lstm; beyond noise ridge: look for a leak."),
        (
            {"ridge": (1.4, math.nan, math.nan)},
            "above recovery 1: ridge; whether beyond noise takes more seeds to tell.",
        ),
    ],
)
def test_the_page_says_who_found_more_than_there_is(recoveries: dict[str, tuple], said: str) -> None:
    rows = [shown_row("planted", name, Interval(*found), ("WEAK",)) for name, found in recoveries.items()]
    settings = TableSettings(markets=("planted",))
    table = ModelTable(settings=settings, rows=tuple(rows), facts={"planted": market_of(synthetic=True)}, refused={})
    assert any(sentence.endswith(said) for sentence in findings(table)), findings(table)


def test_the_headline_says_of_every_market_what_beats_ridge() -> None:
    nothing = Interval(math.nan, math.nan, math.nan)
    lead = two_way_estimate(pd.DataFrame({1: [0.1, 0.2, 0.3]}))
    ridge, other = (shown_row("null", name, nothing, ("WEAK",)) for name in ("ridge", "lstm"))
    better = replace(other, market="planted", lead=lead, p_value=0.01)
    settings = TableSettings(markets=("null", "planted"))
    facts = dict.fromkeys(settings.markets, market_of(synthetic=True))
    table = ModelTable(settings=settings, rows=(ridge, replace(other, lead=lead), better), facts=facts, refused={})
    assert headline(table) == "On null, nothing beats ridge. On planted, lstm beats ridge."
    alone = ModelTable(settings=settings, rows=(ridge,), facts=facts, refused={})
    assert headline(alone) == "Nothing was compared with ridge."


def test_given_bars_are_named_with_what_is_known_of_the_dead(tmp_path: Path) -> None:
    nothing = Interval(math.nan, math.nan, math.nan)
    row = shown_row("bars", "ridge", nothing, ("WEAK", "EVIDENCE", "WEAK"))
    settings = TableSettings(markets=("bars",), bars=BarsRequest(bars="bars.parquet"))
    facts = {"bars": market_of(synthetic=False, biased=True)}
    table = ModelTable(settings=settings, rows=(row,), facts=facts, refused={})
    said = findings(table)
    assert "SURVIVOR-BIASED: The dead are missing." in said
    assert "On bars, the verdict on 3 runs: EVIDENCE 1 of 3, WEAK 2 of 3." in said
    page, numbers = write_table(table, tmp_path, command="quintile models table")
    assert "SURVIVOR-BIASED" in page.read_text()
    told = json.loads(numbers.read_text())
    assert told["markets"]["bars"]["stamps"][0]["label"] == "SURVIVOR-BIASED"
    assert told["rows"][0]["verdicts"] == ["WEAK", "EVIDENCE", "WEAK"]
    shown = shown_tables(table)[0]
    assert shown.title == "Given bars, the same for every seed: bars.parquet, all listed names: " + (
        "20 names, 500 sessions from 2018-01-01 to 2020-01-01"
    )
    assert shown.rows[0][shown.columns.index("verdict")] == "EVIDENCE 1 of 3, WEAK 2 of 3"


def test_market_facts_are_those_of_the_bars() -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=330)).panel
    made = MarketFacts.of(Inputs(panel=panel), Execution())
    assert [stamp.label for stamp in made.stamps] == ["SYNTHETIC"]
    real = replace(panel, facts=replace(panel.facts, synthetic=False))
    labels = {stamp.label for stamp in MarketFacts.of(Inputs(panel=real), Execution(fill="close")).stamps}
    assert labels == {"OPTIMISTIC", "SURVIVORSHIP UNKNOWN"}
    assert made.sessions == len(panel.sessions)


def test_ridge_is_paired_on_the_same_market_or_not_at_all() -> None:
    ridge, own = {1: measured(0.0)}, {1: measured(0.001), 2: measured(0.002)}
    assert _beside(ridge, own, is_one=False).keys() == {1}  # of the market of seed 2 it has no run
    assert _beside(ridge, own, is_one=True).keys() == {1, 2}


def test_seconds_of_a_resumed_run_are_not_known(tmp_path: Path) -> None:
    folder: Any = SimpleNamespace(path=tmp_path)
    for resumed in (False, True):
        (tmp_path / CELL_FILE).write_text(json.dumps({"learning_seconds": 3.0, "resumed": resumed}))
        assert math.isnan(_facts(folder)[1]) == resumed


# -- contenders


def test_words_name_kinds_losses_and_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\ntitle = "Mine"\n[model]\nkind = "gru"\nhidden = 8\nlookback = 20\n')
    found = contenders(["lstm", f"{file}", "lightgbm:leaves=7"], ["default", "huber=0.3+soft_rank=0.7"])
    assert [each.name for each in found] == [
        "ridge",
        "lstm",
        "lstm, huber=0.3+soft_rank=0.7",
        "mine",
        "lightgbm:leaves=7",
    ]
    assert found[2].spec.loss.weights == {"huber": 0.3, "soft_rank": 0.7}
    assert found[3].spec.model.kind == "gru"
    assert found[3].spec.portfolio == found[0].spec.portfolio
    assert (found[3].spec.model.lookback, found[3].spec.model.model_dump()["hidden"]) == (20, 8)  # its own sizes stand
    assert found[1].spec.model.lookback == SMALL["lookback"]
    assert contenders(["lstm"], full=True)[1].spec.model.lookback == 90


def test_every_shipped_kind_can_be_named() -> None:
    kinds = [kind for kind in known_kinds() if kind not in ("ridge", "ensemble", "sklearn")]
    for each in contenders(kinds):
        assert each.spec.model.lookback == SMALL["lookback"]


def test_members_of_a_shipped_ensemble_are_small_and_of_one_lookback() -> None:
    spec = contenders(["lstm_gru_transformer"])[1].spec
    members = spec.model.model_dump()["members"]
    assert {each["model"]["hidden"] for each in members.values()} == {SMALL["hidden"]}
    assert {each.model.lookback for each in spec.model.members.values()} == {SMALL["lookback"]}
    assert spec.model.lookback == SMALL["lookback"]


def test_a_term_brings_the_head_that_it_needs() -> None:
    assert contenders(["lstm"], ["gaussian"])[1].spec.model.gives == ("score", "log_variance")


def test_an_assignment_goes_where_it_applies() -> None:
    found = contenders(["lstm"], assignments=["model.hidden=6", "portfolio.k=0.1"])
    assert found[1].spec.model.model_dump()["hidden"] == 6
    assert {each.spec.portfolio.k for each in found} == {0.1}


@pytest.mark.parametrize(
    ("models", "losses", "assignments", "said"),
    [
        (["forest"], ["default"], [], "'forest' is no model: name one of"),
        (["lstm", "lstm"], ["default"], [], "named once each"),
        (["lstm"], ["hope"], [], "'hope' is no term of a loss"),
        (["ridge"], ["default"], ["model.hidden=6"], "--set model.hidden fits none of the models ridge"),
        (["lstm"], ["default"], ["model.hidden"], "is not an assignment"),
        (["lstm"], ["huber=much"], [], "the weight of huber must be a positive number, was 'much'"),
        (["lstm"], ["huber=nan"], [], "the weight of huber must be a positive number, was 'nan'"),
        (["lstm"], ["huber=-1"], [], "the weight of huber must be a positive number, was '-1'"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    models: list[str], losses: list[str], assignments: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        contenders(models, losses, assignments=assignments)


def test_labels_of_other_horizons_do_not_compare(tmp_path: Path) -> None:
    file = tmp_path / "weekly.toml"
    file.write_text('name = "weekly"\ntitle = "Weekly"\n[model]\nkind = "ridge"\n[label]\nhorizon = 5\n')
    with pytest.raises(ValueError, match=r"weekly learns returns of 5 .* for all with --set label\.horizon=5"):
        contenders([f"{file}"])
    found = contenders([f"{file}", "lstm"], assignments=["label.horizon=5"])
    assert {each.spec.label.horizon for each in found} == {5}


def test_commas_in_brackets_part_no_words() -> None:
    assert words_of("a, b:x=[1,2],c") == ["a", "b:x=[1,2]", "c"]


def test_markets_and_bars_go_together() -> None:
    with pytest.raises(ValueError, match="the market bars and --bars go together"):
        TableSettings(markets=("bars",))
    with pytest.raises(ValueError, match="markets are null, planted, bars, once each, were moon"):
        TableSettings(markets=("moon",))


def test_a_model_without_a_seed_is_fitted_once_on_bars_that_do_not_change() -> None:
    found = contenders(["lstm"])
    given = TableSettings(markets=("bars",), seeds=(1, 2), bars=BarsRequest(bars="builtin"))
    assert [cell.key for cell in table_cells(found, given.resolved())] == [
        ("bars", "ridge", 1),
        ("bars", "lstm", 1),
        ("bars", "lstm", 2),
    ]
    made = TableSettings(markets=("null",), seeds=(1, 2))
    assert len({cell.request for cell in table_cells(found, made.resolved())}) == 2


# -- the whole table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTable, RunStore, list[str]]:
    store, steps = RunStore(tmp_path_factory.mktemp("table") / "runs"), list[str]()
    settings = TableSettings(markets=("planted",), seeds=(1, 2), **SIZE)
    found = contenders(["lstm"], assignments=TINY)

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        steps.append(f"{stage} {done} of {total}")

    table = model_table(found, settings, context=TableContext(store=store, progress=progress))
    return table, store, steps


@pytest.mark.slow
def test_every_cell_is_a_run_and_a_trial(made: tuple[ModelTable, RunStore, list[str]]) -> None:
    table, store, steps = made
    runs = [run for row in table.rows for run in row.runs]
    assert sorted(folder.run_id for folder in store.folders()) == sorted(runs)
    assert len(distinct(TrialLog(store.root).entries())) == 2 * len(runs)  # each run's companion book counts too
    assert steps[0] == "cells 0 of 4"
    assert "cells 4 of 4" in steps


@pytest.mark.slow
def test_a_repeated_table_makes_no_run_and_gives_the_same_numbers(
    made: tuple[ModelTable, RunStore, list[str]],
) -> None:
    table, store, _ = made
    found = contenders(["lstm"], assignments=TINY)
    again = model_table(found, table.settings, context=TableContext(store=store))
    assert json.dumps(again.as_json()) == json.dumps(table.as_json())
    assert len(store.folders()) == 4


@pytest.mark.slow
def test_numbers_are_those_of_the_runs(made: tuple[ModelTable, RunStore, list[str]]) -> None:
    table, store, _ = made
    for row in table.rows:
        shown = [store.find(run).metrics["headline"] for run in row.runs]
        assert row.estimates["sharpe"].mean == pytest.approx(np.mean([each["sharpe_net"] for each in shown]), rel=1e-6)
        assert row.estimates["rank_ic"].mean == pytest.approx(np.mean([each["rank_ic"] for each in shown]), rel=1e-6)
    lead = table.rows[1].lead
    assert lead is not None
    apart = table.rows[1].estimates["rank_ic"].mean - table.rows[0].estimates["rank_ic"].mean
    assert lead.mean == pytest.approx(apart, abs=1e-9)


@pytest.mark.slow
def test_a_cell_is_loaded_again_from_its_own_request(made: tuple[ModelTable, RunStore, list[str]]) -> None:
    table, store, _ = made
    folder = store.find(table.rows[1].runs[1])
    panel = load_inputs(folder.request).panel
    assert panel.fingerprint() == folder.record["identity"]["panel"]
    assert "seed 2" in panel.facts.source
    scores = folder.read_frame("scores")
    parts = MarketMeasures.of(load_inputs(folder.request), Execution()).parts
    own = information_coefficient(scores, parts["rank_ic"]).mean()
    assert own == pytest.approx(folder.metrics["headline"]["rank_ic"])


@pytest.mark.slow
def test_pages_say_what_the_table_says(made: tuple[ModelTable, RunStore, list[str]], tmp_path: Path) -> None:
    table, _, _ = made
    page, numbers = write_table(table, tmp_path, command="quintile models table")
    markdown, picture = write_docs(table, tmp_path, command="quintile models table")
    said = findings(table)
    assert all(sentence in json.loads(numbers.read_text())["findings"] for sentence in said)
    assert all(sentence in markdown.read_text() for sentence in said)
    assert said[0].replace("'", "&#39;") in page.read_text()
    before = picture.read_bytes()
    write_docs(table, tmp_path, command="quintile models table")
    assert picture.read_bytes() == before
    titles = [shown.title for shown in shown_tables(table)]
    assert titles[0].startswith("Planted: built-in markets")
    assert all(len(row) == len(shown.columns) for shown in shown_tables(table) for row in shown.rows)


@pytest.mark.slow
def test_a_cell_that_cannot_be_made_is_named_and_the_rest_go_on(tmp_path: Path) -> None:
    found = contenders(["lstm"], assignments=[*TINY, "split.validation=0.2"])
    settings = TableSettings(markets=("null",), seeds=(1,), **SIZE)
    long = contenders(["gru"], assignments=["model.lookback=399"])[1]
    table = model_table([*found, long], settings, context=TableContext(store=RunStore(tmp_path)))
    assert list(table.refused) == ["gru, null, seed 1"]
    assert [row.contender for row in table.rows] == ["ridge", "lstm"]
    assert any(sentence.startswith("gru, null, seed 1 has no run") for sentence in findings(table))


def test_a_table_without_ridge_says_so(tmp_path: Path) -> None:
    lone = contenders(["lstm"], assignments=TINY)[1:]
    settings = TableSettings(markets=("null",), seeds=(1,), **SIZE)
    from strategy.studies.model_table.model_comparison import compare_models
    from strategy.studies.model_table.table_workers import CellRuns

    with pytest.raises(RunError, match="ridge has no run on null"):
        compare_models([], CellRuns(folders={}), lone, settings=settings, store=RunStore(tmp_path))


def test_a_finished_run_is_taken_before_one_to_go_on_with(tmp_path: Path) -> None:
    assert kept_runs(RunStore(tmp_path), [{"spec": "a"}]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("on", ["processes", "ray"])
def test_workers_change_no_number(on: str, made: tuple[ModelTable, RunStore, list[str]], tmp_path: Path) -> None:
    from core.parallel import Workers

    if on == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'quintile[ray]'")
    table, _, _ = made
    found = contenders(["lstm"], assignments=TINY)
    there = TableContext(store=RunStore(tmp_path / "runs"), workers=Workers(count=2, on=on))
    again = model_table(found, table.settings, context=there)
    for own, other in itertools.zip_longest(table.rows, again.rows):
        assert own.estimates == other.estimates


@pytest.mark.slow
def test_a_cell_is_proved_frozen_and_replayed(made: tuple[ModelTable, RunStore, list[str]], tmp_path: Path) -> None:
    table, store, _ = made
    folder = store.find(table.rows[1].runs[1])
    assert prove_run(folder, options=ProveOptions(sessions=2)).verdict == "PASS"
    frozen = freeze(
        folder, Version.parse("mine@1.0.0"), store=store, options=FreezeOptions(versions=tmp_path / "versions")
    )
    assert frozen.body["bars"] == "builtin"
    assert frozen.body["request"]["bars"] == folder.request.bars
    found = replay(frozen)
    assert found.same, str(found)
