"""Kept scorer: decisions are those of scoring everything, bit for bit, and only what is not held is scored."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import CheckpointError, RunError
from market.holdout import HoldoutSettings
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from models.checkpoint import Checkpoint
from strategy.definitions.spec import load_spec, override
from strategy.learning import learn
from strategy.learning.decide import decide, decided_book
from strategy.pipeline import run
from strategy.runs import score_record
from strategy.runs.context import RunContext
from strategy.runs.result import Run
from strategy.runs.store import RunFolder, RunStore
from strategy.trading.decision import model_of, next_decision, scorer_of
from tests.oracles.signal_panels import bits
from tests.oracles.small_runs import SMALL, long_bars, small_market

ROOT = Path(__file__).resolve().parent.parent
SOURCES = score_record._sources
pytestmark = pytest.mark.usefixtures("few_random_books")
WHOLE = small_market().panel
RUN_ENDS, TOMORROW, LATER = (WHOLE.sessions[row] for row in (489, 490, 493))


@pytest.fixture(scope="module", autouse=True)
def _sources_may_be_edited_while_tests_run() -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(score_record, "_sources", lambda: "the sources")
        yield


@pytest.fixture(scope="module", params=["exact", "long"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec = override(load_spec("filter_negative"), [*SMALL, f"model.scoring={request.param!r}".replace("'", '"')])
    store = RunStore(tmp_path_factory.mktemp("finished"))
    return run(spec, Inputs(panel=WHOLE.until(RUN_ENDS)), context=RunContext(store=store))


@pytest.fixture
def folder(finished: Run, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.folder.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[pd.DatetimeIndex]:
    """The sessions that are scored, call by call."""
    seen, score = [], learn.scores_of

    def noted(*words: object, sessions: pd.DatetimeIndex, **options: object) -> pd.DataFrame:
        seen.append(sessions)
        return score(*words, sessions=sessions, **options)

    monkeypatch.setattr(learn, "scores_of", noted)
    return seen


def as_ever(folder: RunFolder, panel: Panel) -> pd.Series:
    return decide(folder.spec, panel, model_of(folder))


def n_tested(panel: Panel, checkpoint: Checkpoint) -> int:
    return int((panel.sessions > checkpoint.learned_until).sum())


def test_a_finished_run_decides_on_its_own_bars_without_its_model(folder: RunFolder) -> None:
    panel = WHOLE.until(RUN_ENDS)

    def unasked() -> Checkpoint:
        raise AssertionError("the model was read")

    scorer = replace(scorer_of(folder), load=unasked)
    book, whole = scorer.book(panel), decided_book(folder.spec, panel, model_of(folder))
    assert bits(book.weights) == bits(whole.weights)
    assert bits(scorer.scores(panel)) == bits(folder.read_frame("scores"))
    assert next_decision(folder.spec, panel, scorer).weights.equals(
        next_decision(folder.spec, panel, model_of(folder)).weights
    )


def test_each_day_scores_its_own_session(folder: RunFolder, scored: list[pd.DatetimeIndex]) -> None:
    for session in (TOMORROW, LATER, LATER):
        panel = WHOLE.until(session)
        assert bits(scorer_of(folder).book(panel).weights.iloc[-1]) == bits(as_ever(folder, panel))
    assert [list(each) for each in scored] == [[TOMORROW], list(WHOLE.sessions[491:494])]


def changed_price(panel: Panel) -> Panel:
    close = panel.close.copy()
    close.iloc[470, 3] = np.nextafter(close.iloc[470, 3], 0.0)
    return replace(panel, close=close)


@pytest.mark.parametrize("change", ["a price", "a name less", "a later start"])
def test_other_bars_are_scored_whole(change: str, folder: RunFolder, scored: list[pd.DatetimeIndex]) -> None:
    panel = WHOLE.until(TOMORROW)
    if change == "a price":
        panel = changed_price(panel)
    elif change == "a name less":
        panel = panel.of_columns(0, len(panel.tickers) - 1)
    else:
        panel = panel.between(panel.sessions[5], None)
    assert bits(scorer_of(folder).book(panel).weights.iloc[-1]) == bits(as_ever(folder, panel))
    assert [len(each) for each in scored] == [n_tested(panel, model_of(folder))]


@pytest.mark.parametrize("change", ["sources", "libraries", "machine", "model", "spec"])
def test_other_code_model_or_settings_score_everything(
    change: str, folder: RunFolder, scored: list[pd.DatetimeIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = WHOLE.until(RUN_ENDS)
    scorer = scorer_of(folder)
    if change == "sources":
        monkeypatch.setattr(score_record, "_sources", lambda: "others")
    elif change in ("libraries", "machine"):
        monkeypatch.setattr(score_record, {"libraries": "dependencies"}.get(change, change), lambda *_: {"other": "1"})
    elif change == "model":
        card = folder.path / "model.json"
        card.write_text(card.read_text() + " ")
    else:
        scorer = replace(scorer, spec=override(folder.spec, ["portfolio.k=0.1"]))
    whole = decide(scorer.spec, panel, model_of(folder))
    assert bits(scorer.book(panel).weights.iloc[-1]) == bits(whole)
    assert [len(each) for each in scored] == [n_tested(panel, model_of(folder))]


@pytest.mark.parametrize("file", ["scores", "decided_scores"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "words", "list", "no record"])
def test_damaged_scores_are_made_again(
    file: str, damage: str, folder: RunFolder, scored: list[pd.DatetimeIndex]
) -> None:
    panel = WHOLE.until(TOMORROW if file == "decided_scores" else RUN_ENDS)
    scorer_of(folder).scores(panel)
    scored.clear()
    path = folder.path / f"{file}.parquet"
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif damage == "cut":
        path.write_bytes(content[:-9])
    elif damage == "gone":
        path.unlink()
    elif damage == "no record":
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_text("{" if damage == "words" else "[]")
    assert bits(scorer_of(folder).book(panel).weights.iloc[-1]) == bits(as_ever(folder, panel))
    assert [len(each) for each in scored] == [1 if file == "decided_scores" else n_tested(panel, model_of(folder))]
    scored.clear()
    scorer_of(folder).scores(panel)
    assert scored == []


def test_a_folder_that_cannot_be_written_decides_as_well(
    folder: RunFolder, scored: list[pd.DatetimeIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(score_record, "write_bytes", full)
    panel = WHOLE.until(TOMORROW)
    for _ in range(2):
        assert bits(scorer_of(folder).book(panel).weights.iloc[-1]) == bits(as_ever(folder, panel))
    assert [len(each) for each in scored] == [1, 1]


def test_own_features_and_models_are_not_trusted_beyond_their_bars(
    folder: RunFolder, scored: list[pd.DatetimeIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signals.features.feature_sets.SHIPPED_SETS", {})
    scorer_of(folder).scores(WHOLE.until(RUN_ENDS))
    assert scored == []
    scorer_of(folder).scores(WHOLE.until(TOMORROW))
    assert [len(each) for each in scored] == [n_tested(WHOLE.until(TOMORROW), model_of(folder))]
    monkeypatch.undo()
    monkeypatch.setattr("models.model_kinds.is_own", lambda _: True)
    (record,) = [
        score_record.ScoreRecord(path=folder.path / "scores.parquet", spec=folder.spec, model=folder.path / "model")
    ]
    assert record._is_own


def test_a_damaged_model_and_a_sealed_hold_out_are_refused_as_ever(folder: RunFolder) -> None:
    panel, scorer = WHOLE.until(RUN_ENDS), scorer_of(folder)
    sealed = scorer.spec.model_copy(update={"holdout": HoldoutSettings(start=WHOLE.sessions[480].date())})
    with pytest.raises(RunError, match="sealed"):
        replace(scorer, spec=sealed).scores(panel)
    (folder.path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is not the file its card describes"):
        scorer.scores(panel)


def test_scores_of_a_graphics_card_are_not_recorded(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_record, "_on_the_processor", lambda: False)
    scorer_of(folder).scores(WHOLE.until(TOMORROW))
    assert not (folder.path / "decided_scores.json").exists()


def test_a_source_counts_byte_by_byte_and_none_is_newer_than_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "one.py"
    source.write_text("a = 1\n")
    monkeypatch.setattr(score_record, "ROOT", tmp_path)
    monkeypatch.setattr(score_record, "_files", lambda: iter([source]))
    monkeypatch.setattr(score_record, "STARTED", 4e9)
    before = SOURCES()
    assert before == SOURCES()
    source.write_text("a = 2\n")
    assert before != SOURCES()
    monkeypatch.setattr(score_record, "STARTED", 0.0)
    assert SOURCES() is None


def test_every_room_that_scores_depend_on_is_read() -> None:
    assert {"core", "market", "signals", "models", "strategy"} == {
        path.relative_to(ROOT).parts[0] for path in score_record._files()
    }


NO_TORCH = """
import sys
from pathlib import Path
from strategy.runs import score_record
score_record._sources = lambda: "the sources"
from quintile.cli import app
try:
    app(["decide", *sys.argv[1:]])
finally:
    heavy = ("torch", "vectorbt", "scipy", "plotly", "sklearn")
    print(*(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.slow
def test_a_decision_of_held_scores_needs_no_torch(tmp_path: Path) -> None:
    long_bars(WHOLE.until(RUN_ENDS)).to_parquet(tmp_path / "bars.parquet")
    request = BarsRequest(bars=str(tmp_path / "bars.parquet"))
    spec, inputs = override(load_spec("filter_negative"), SMALL), load_inputs(request)
    context = RunContext(store=RunStore(tmp_path / "runs"), request=request)
    finished, panel = run(spec, inputs, context=context), inputs.panel
    exported = tmp_path / "decision.json"
    words = ["latest", "--bars", request.bars, "--out", context.store.root, "--as-of", f"{RUN_ENDS:%Y-%m-%d}"]
    command = [sys.executable, "-c", NO_TORCH, *words, "--export", exported]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    written = {row["ticker"]: row["target_weight"] for row in json.loads(exported.read_text())["orders"]}
    whole = as_ever(finished.folder, panel)
    assert written == whole[whole != 0.0].to_dict()
