"""A frozen version leaves as a bundle that scores as it does: whole or not at all, opened only if it is ours."""

import json
import math
import multiprocessing
import os
import resource
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import MissingExtraError, RunError
from core.files import write_bytes
from live.export import bundle as bundles
from live.export.agreement import Agreement, BookChange, agreement, book_change
from live.export.bundle import Bundle, graph_scores, read_card
from live.export.bundle_place import new_bundle, require_place
from live.export.exported_version import export_version, opened_version
from live.export.graph_set import ExportOptions, export_options
from live.export.parity import Cost, GraphParity, cost_fault, parity_fault
from live.export.parity_words import bundle_lines, cost_rows, file_rows, names_rows
from live.export.raw_inputs import raw_inputs
from live.export.scored_version import scored_version
from market.inputs import load_inputs
from market.request import BarsRequest
from models.export.refusal import ExportError
from quintile.cli.live.export_command import export_command
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import version_bars
from strategy.frozen.versions import Version
from strategy.learning.decide import decided_book, frozen_scores
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from tests.frozen_market import small_bars

ONE_EPOCH = ("training.max_epochs=1", "training.batch_sessions=64")
WEIGHED = ("uncertainty.method=dropout", "uncertainty.weigh=true")
ARCHIVES = ExportOptions(formats=("torchscript",), int8=True)


@pytest.fixture(scope="module")
def opened(frozen):
    """A small version ready to run, and its bars."""
    return opened_version(frozen, TrialLog(frozen.path.parents[2] / "runs")), version_bars(frozen, frozen.body)


@pytest.fixture(scope="module")
def exported(opened, tmp_path_factory) -> Bundle:
    version, panel = opened
    return export_version(version, panel, tmp_path_factory.mktemp("out") / "bundle", options=ARCHIVES)


def frame(*rows: list[float]) -> pd.DataFrame:
    sessions = pd.bdate_range("2024-01-01", periods=len(rows), name="session")
    return pd.DataFrame(rows, index=sessions, columns=[f"T{k}" for k in range(len(rows[0]))], dtype=float)


def test_agreement_counts_what_is_missing_and_measures_what_is_not():
    ours = frame([1.0, 2.0, 3.0, 4.0, 5.0, math.nan], [5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    found = frame([1.0, 2.0, 3.0, 5.5, 5.0, 0.0], [5.0, 4.0, 3.0, 2.0, 1.0, math.nan])
    table = agreement(found, ours, slope=0.5)
    assert (table.sessions, table.names, table.compared, table.missing_elsewhere) == (2, 6, 10, 2)
    assert (table.max_error, table.max_error_scores, table.beyond) == (1.5, 3.0, 1)
    assert table.rank_mean == pytest.approx(0.95)
    assert table.rank_min == pytest.approx(0.9)  # one pair of five changes places: 1 − 6·2/(5·24)


def test_few_names_have_an_error_and_no_rank_correlation():
    table = agreement(frame([1.0, 2.0]), frame([1.0, 2.0]), slope=1.0)
    assert math.isnan(table.rank_mean)
    assert math.isnan(table.rank_min)
    assert table.as_json()["rank_min"] is None


def test_a_position_is_changed_where_its_weight_moves():
    ours = frame([0.5, -0.5, 0.0], [math.nan] * 3, [0.5, 0.0, -0.5])
    found = frame([0.5, -0.5, 0.0], [0.5, -0.5, 1e-9], [0.25, 0.25, -0.5])
    change = book_change(found, ours)
    assert (change.sessions, change.changed_sessions) == (3, 1)
    assert (change.positions, change.changed_positions) == (2 + 3 + 3, 2)
    assert change.largest == 0.25
    assert change.distance == pytest.approx((0.25 + 0.25) / 2 / 3)


def whole(**changes) -> Agreement:
    same = Agreement(
        sessions=3,
        names=90,
        compared=2000,
        missing_elsewhere=0,
        max_error=0.0,
        max_error_scores=0.0,
        beyond=0,
        rank_mean=1.0,
        rank_min=1.0,
    )
    return replace(same, **changes)


SAME_BOOK = BookChange(sessions=3, changed_sessions=0, positions=9, changed_positions=0, largest=0.0, distance=0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"missing_elsewhere": 1}, "1 expected returns are missing"),
        ({"beyond": 1, "max_error_scores": 0.002}, "off, by 0.002 standard deviations"),
        ({"rank_min": 0.99}, "rank correlation of a session is 0.9900"),
    ],
)
def test_each_limit_of_parity_is_kept_at_every_size(changes, words):
    good, bad = whole(), whole(**changes)
    assert parity_fault(GraphParity(whole=good, book=SAME_BOOK, sizes={7: good}), has_steps=False) is None
    for table in (GraphParity(whole=bad, book=SAME_BOOK), GraphParity(whole=good, book=SAME_BOOK, sizes={7: bad})):
        assert words in str(parity_fault(table, has_steps=False))
    for few in (whole(names=4, rank_min=math.nan, rank_mean=math.nan), whole(names=49, rank_min=0.97)):
        assert parity_fault(GraphParity(whole=good, book=SAME_BOOK, sizes={1: few}), has_steps=False) is None


def test_a_threshold_of_trees_may_fall_otherwise_for_one_name_in_a_thousand():
    two, three = (GraphParity(whole=whole(beyond=count), book=SAME_BOOK) for count in (2, 3))
    assert parity_fault(two, has_steps=True) is None
    assert parity_fault(three, has_steps=True) is not None


def test_parity_of_nothing_is_none():
    nothing = whole(compared=0, rank_min=math.nan, rank_mean=math.nan)
    assert "no name has" in str(parity_fault(GraphParity(whole=nothing, book=SAME_BOOK), has_steps=True))


def test_books_that_drift_apart_are_no_parity():
    far = replace(SAME_BOOK, distance=0.0011)
    assert "0.11% of equity apart" in str(parity_fault(GraphParity(whole=whole(), book=far), has_steps=False))


@pytest.mark.parametrize(("way", "bound"), [("int8", 0.90), ("prune", 0.50)])
def test_changed_weights_leave_down_to_a_bound(way, bound):
    def fault(rank: float) -> str | None:
        cost = Cost(whole=whole(rank_mean=rank), book=SAME_BOOK, rank_ic=0.0, frozen_rank_ic=0.0)
        return cost_fault(cost, way=way)

    assert fault(bound) is None
    assert fault(bound - 0.001) is not None
    assert fault(math.nan) is not None


def test_the_archive_scores_every_test_session_as_the_version_does(opened, exported):
    version, panel = opened
    wanted = frozen_scores(version.spec, panel, version.checkpoint)
    features, universe, sessions, tickers = raw_inputs(version.spec, panel)
    first = sessions.get_loc(wanted.index[0]) - exported.card["lookback"] + 1
    found = graph_scores(exported.folder, "model.pt")(features[first:], universe[first:])
    assert list(tickers) == list(wanted.columns)
    np.testing.assert_allclose(found, wanted.to_numpy(), rtol=0.0, atol=1e-4 * version.checkpoint.calibration.slope)
    table = exported.parity["files"]["model.pt"]
    assert table["all"]["sessions"] == len(wanted)
    assert table["all"]["compared"] == int(wanted.notna().sum().sum())
    assert table["book"]["changed_positions"] == 0
    assert list(table["names"]) == ["1", "2", "7", "200", "1695"]
    assert table["names"]["1695"]["names"] == 1695


@pytest.fixture(scope="module")
def scored(opened):
    """The test span of the small version."""
    version, panel = opened
    return scored_version(version, panel, version.checkpoint)


def test_books_are_compared_with_the_one_that_the_version_decides(opened, scored):
    version, panel = opened
    wanted = decided_book(version.spec, panel, version.checkpoint, sectors=version.sectors).weights
    assert (scored.weights.abs().sum(axis=1) > 0.0).any()
    pd.testing.assert_frame_equal(scored.weights, wanted.loc[scored.expected.index], check_names=False)


def test_a_panel_of_repeated_names_holds_no_two_alike(opened, scored):
    _, panel = opened
    whole, many = scored.of_names(len(panel.tickers)), scored.of_names(70)
    order = np.argsort(-scored.expected.loc[whole.expected.index].notna().sum().to_numpy(), kind="stable")
    pd.testing.assert_frame_equal(
        whole.expected.set_axis(panel.tickers[order], axis=1), scored.expected.loc[whole.expected.index].iloc[:, order]
    )
    np.testing.assert_array_equal(many.features[5:, 40], scored.features[4:-1, order[10]])
    known = many.expected.iloc[-1].dropna()
    assert len(known.unique()) == len(known) > 40


def test_the_card_says_what_goes_in_and_where_it_is_from(opened, exported):
    version, panel = opened
    card = read_card(exported.folder)
    assert card == exported.card
    assert card["version"] == "filter_negative@1.0.0"
    assert card["lock"] == version.folder.sha256
    assert card["panel"] == panel.fingerprint() == version.folder.body["panel"]
    assert card["features"] == list(version.checkpoint.model.scaler.names)
    assert card["learned_until"] == f"{version.checkpoint.learned_until:%Y-%m-%d}"
    assert card["calibration"]["slope"] == version.checkpoint.calibration.slope
    assert set(card["files"]) == {"model.pt", "model.int8.pt"}
    assert (card["int8"], card["prune"], card["opset"]) == (True, None, None)
    assert card["bytes"]["model.pt"] == (exported.folder / "model.pt").stat().st_size


def test_int8_costs_what_its_own_line_says(exported):
    parity = exported.parity
    assert set(parity["files"]) == {"model.pt", "model.int8.pt"}
    cost = parity["cost"]["int8"]
    assert 0.9 <= cost["all"]["rank_mean"] < 1.0
    assert parity["files"]["model.int8.pt"]["all"] == cost["all"]
    [row] = cost_rows(parity)
    assert row[0] == "int8"
    assert [row[0] for row in file_rows(parity)] == ["model.pt", "model.int8.pt"]
    assert len(names_rows(parity)) == 5 * 2
    assert any("one session a call" in line for line in bundle_lines(exported.card))


@pytest.fixture
def few_panels(monkeypatch) -> None:
    """Compare one other size, where the sizes are not the matter."""
    monkeypatch.setattr("live.export.parity.NAMES", (7,))


@pytest.mark.usefixtures("few_panels")
def test_pruned_weights_are_held_to_themselves_and_measured_beside_the_version(opened, tmp_path):
    version, panel = opened
    options = ExportOptions(formats=("torchscript",), prune=0.3)
    made = export_version(version, panel, tmp_path / "pruned", options=options)
    assert made.card["prune"] == 0.3
    assert 0.25 < made.card["pruned"]["zeros"] / made.card["pruned"]["weights"] < 0.31
    assert made.parity["files"]["model.pt"]["all"]["beyond"] == 0
    assert made.parity["cost"]["prune"]["all"]["rank_mean"] < 1.0


@pytest.mark.usefixtures("few_panels")
def test_a_graph_that_scores_otherwise_is_not_written(opened, tmp_path, monkeypatch):
    from live.export import graph_set

    def turned(graph, *, kind, changed=None):
        with torch.no_grad():
            graph.scaling.mean[0] += 0.05 * graph.scaling.sd[0]
        return written(graph, kind=kind, changed=changed)

    written = graph_set.torchscript_bytes
    monkeypatch.setattr(graph_set, "torchscript_bytes", turned)
    version, panel = opened
    with pytest.raises(ExportError, match=r"model\.pt does not score as filter_negative@1\.0\.0 does") as told:
        export_version(version, panel, tmp_path / "new/bundle", options=ExportOptions(formats=("torchscript",)))
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def copied(exported, tmp_path) -> Path:
    shutil.copytree(exported.folder, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_changed_file_or_card_is_not_opened(copied):
    archive = copied / "model.pt"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ExportError, match=r"model\.pt is not the file that card\.json describes"):
        graph_scores(copied, "model.pt")
    with pytest.raises(ExportError, match=r"holds no model\.onnx"):
        graph_scores(copied, "model.onnx")
    (copied / "card.json").write_text(json.dumps({"format": "quintile export 1", "files": {"../x": ""}}))
    with pytest.raises(ExportError, match="lacks what a card holds"):
        read_card(copied)
    for text in ("[", "[]", '{"format": "other"}'):
        (copied / "card.json").write_text(text)
        with pytest.raises(ExportError, match="export the version again"):
            read_card(copied)
    with pytest.raises(ExportError, match="name a folder that"):
        read_card(copied / "nowhere")


def filled(folder: Path, card: dict) -> None:
    (folder / bundles.CARD).write_text(json.dumps(card))


def test_a_former_export_is_replaced_and_anything_else_stays(copied, exported, tmp_path):
    with new_bundle(copied) as folder:
        filled(folder, dict(exported.card))
    assert [each.name for each in copied.iterdir()] == ["card.json"]
    (copied / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="stays as it is"), new_bundle(copied) as folder:
        filled(folder, dict(exported.card))
    assert sorted(each.name for each in copied.iterdir()) == ["card.json", "mine.txt"]
    (tmp_path / "link").symlink_to(exported.folder)
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(ValueError, match="stays as it is"):
            require_place(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "file", "link"]


def test_no_export_lies_in_a_version_or_a_run(frozen, tmp_path):
    (tmp_path / "pruned.json").write_text("{}")  # what is left of a run
    for kept in (frozen.path, tmp_path):
        with pytest.raises(ValueError, match="lies in the folder of a version or a run"):
            require_place(kept / "exported")


def _filled_beyond_the_limit(out: Path, limit: int) -> None:
    with new_bundle(out) as folder:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        write_bytes(folder / "model.pt", b"x" * 5 * limit)


def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match="File too large"):
            _filled_beyond_the_limit(tmp_path / "bundle", 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_made_fails_before_the_work(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("live.export.exported_version.graph_set", lambda *_: pytest.fail("the work began"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        export_version(*opened, tmp_path / "file" / "new" / "bundle")
    assert (tmp_path / "file").read_text() == "mine"


def _killed_inside(out: str, after_former: bool) -> None:
    with new_bundle(Path(out)) as folder:
        (folder / "model.pt").write_bytes(b"half")
        if after_former:
            Path(out).rename(folder.with_suffix(".former"))
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("after_former", [False, True])
def test_a_killed_export_leaves_the_former_one_to_the_next(copied, exported, after_former):
    process = multiprocessing.get_context("fork").Process(target=_killed_inside, args=(str(copied), after_former))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert copied.exists() is not after_former
    with new_bundle(copied) as folder:
        assert read_card(copied) == exported.card  # it stands where it stood
        filled(folder, {**exported.card, "notes": ["the next"]})
    assert read_card(copied)["notes"] == ["the next"]
    assert [each.name for each in copied.parent.iterdir()] == ["bundle"]


def test_a_damaged_version_is_not_exported(frozen, tmp_path):
    shutil.copytree(frozen.path, tmp_path / "versions/filter_negative/1.0.0")
    weights = tmp_path / "versions/filter_negative/1.0.0/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RunError, match="NOT INTACT"):
        export_command(
            "filter_negative@1.0.0",
            ["torchscript"],
            tmp_path / "out",
            versions=tmp_path / "versions",
            runs=tmp_path / "runs",
            quiet=True,
        )
    assert not (tmp_path / "out").exists()


def test_a_version_of_other_code_is_not_exported(frozen, tmp_path, monkeypatch):
    monkeypatch.setattr("strategy.frozen.run_version._has_drifted", lambda _verification: True)
    with pytest.raises(ExportError, match=r"frozen with other code .* `quintile replay filter_negative@1\.0\.0`"):
        opened_version(frozen, TrialLog(tmp_path))


def test_words_that_are_no_format_or_share_are_refused():
    for words in (["tflite"], ["onnx", "<b>"]):
        with pytest.raises(ValueError, match="--to must be onnx or torchscript, was"):
            export_options(words)
    assert export_options(["onnx", "torchscript", "onnx"]).formats == ("onnx", "torchscript")
    with pytest.raises(ValueError, match="--prune must be a share"):
        export_options(["onnx"], prune=1.0)


def test_a_missing_library_is_named_with_its_extra(opened, tmp_path, monkeypatch):
    version, panel = opened
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"onnxscript is not installed: `pip install 'quintile\[export\]'`"):
        export_version(version, panel, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_version_that_is_scored_long_says_why_it_stays(opened, tmp_path):
    version, panel = opened
    spec = version.spec.model_copy(update={"model": version.spec.model.scored_as("long")})
    with pytest.raises(ExportError, match="scored long"):
        export_version(replace(version, spec=spec), panel, tmp_path / "bundle")


def test_bars_before_the_test_span_are_refused(opened, tmp_path):
    version, panel = opened
    early = panel.until(version.checkpoint.learned_until)
    with pytest.raises(ValueError, match="before the first test session"):
        export_version(version, early, tmp_path / "bundle", options=ARCHIVES)


@pytest.mark.slow
def test_onnx_and_the_command_line_write_the_same_bundle(frozen, tmp_path, capsys):
    folders = SimpleNamespace(versions=frozen.path.parents[1], runs=tmp_path / "runs")
    export_command(
        "filter_negative@1.0.0",
        ["onnx", "torchscript"],
        tmp_path / "out",
        int8=True,
        prune=0.2,
        versions=folders.versions,
        runs=folders.runs,
        as_json=True,
        quiet=True,
    )
    told = json.loads(capsys.readouterr().out)
    card = read_card(tmp_path / "out")
    assert told["card"] == card
    assert set(card["files"]) == {"model.onnx", "model.pt", "model.int8.pt"}
    assert card["opset"] >= 18
    assert told["parity"]["files"]["model.onnx"]["all"]["beyond"] == 0
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(
        [*card["files"], "card.json", "parity.json"]
    )
    score = graph_scores(tmp_path / "out", "model.onnx")
    lookback, width = card["lookback"], len(card["features"])
    given = np.zeros((lookback + 4, 3, width), dtype=np.float32), np.ones((lookback + 4, 3), dtype=bool)
    assert score(*given).shape == (5, 3)


FAMILIES = {
    "lightgbm": ("model.trees=20", "model.min_leaf=20"),
    "sklearn": ("model.estimator=random_forest", "model.trees=20", "model.min_leaf=20", "model.lags=2"),
    "cross_attention": ("model.attention_heads=2", "model.hidden=6", "features.set=bars60", *ONE_EPOCH),
    "gru": ("model.hidden=6", "model.layers=2", "portfolio.builder=confidence", *WEIGHED, *ONE_EPOCH),
    "ensemble": (
        'model.members={linear={model={kind="ridge"}},deep={model={kind="mlp",hidden=[6]}}}',
        "model.combine=rank_mean",
        *ONE_EPOCH,
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("kind", FAMILIES)
def test_a_version_of_each_family_leaves_whole(tmp_path, kind):
    store, request = RunStore(tmp_path / "runs"), BarsRequest(bars=str(small_bars(tmp_path / "bars.parquet")))
    spec = override(load_spec(), [f"model.kind={kind}", "model.lookback=20", *FAMILIES[kind]])
    made = run(spec, load_inputs(request), context=RunContext(store=store, request=request))
    options = FreezeOptions(versions=tmp_path / "versions", with_bars=True)
    folder = freeze(made.folder, Version.parse("mine@1.0.0"), store=store, options=options)
    version, panel = opened_version(folder, TrialLog(store.root)), version_bars(folder, folder.body)
    both = ExportOptions(formats=("onnx", "torchscript"))
    exported = export_version(version, panel, tmp_path / "bundle", options=both)
    ours = decided_book(version.spec, panel, version.checkpoint).weights
    theirs = scored_version(version, panel, version.checkpoint).weights
    pd.testing.assert_frame_equal(theirs, ours.loc[theirs.index], check_names=False)
    for table in exported.parity["files"].values():
        assert table["all"]["missing_elsewhere"] == 0
        assert table["all"]["compared"] > 1000
        assert table["book"]["distance"] <= 0.001
    assert any("spread" in note for note in exported.card["notes"]) == (kind == "gru")
