"""The sealed hold-out: nothing reads it until a version opens it, and the opening is told for ever."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError, RunError
from market.holdout import HoldoutSettings, readable, refuse_sealed
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from quintile.cli import main, version_commands
from strategy.definitions.spec import load_spec, override
from strategy.frozen.openings import SealedSpan, is_open, seen_before
from strategy.frozen.run_version import FrozenStrategy, log_opening, open_frozen, run_version
from strategy.learning.training_data import model_features, prepare_training_data
from strategy.pipeline import decide, run
from strategy.runs.context import RunContext
from strategy.runs.result import headline_rows
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from tests.frozen_market import Bench, bench, small_bars, small_spec

pytestmark = pytest.mark.usefixtures("few_random_books")
SEAL = "2016-08-01"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("sealed"), f"holdout.start={SEAL}")


def test_a_request_ends_before_the_seal() -> None:
    seal = HoldoutSettings(start=SEAL)
    assert readable(BarsRequest(), seal).end == "2016-07-31"
    assert readable(BarsRequest(end="2016-01-31"), seal).end == "2016-01-31"
    assert readable(BarsRequest(), None) == BarsRequest()
    for end in (SEAL, "2020-01-01"):
        with pytest.raises(RunError, match=f"--end {end} lies in the hold-out sealed from {SEAL}.*holdout open"):
            readable(BarsRequest(end=end), seal)


def test_the_seal_is_part_of_what_decides() -> None:
    spec = load_spec()
    assert override(spec, [f"holdout.start={SEAL}"]).fingerprint() != spec.fingerprint()
    assert override(spec, [f"holdout.start={SEAL}"]).holdout == HoldoutSettings(start=SEAL)


def test_features_labels_runs_and_decisions_refuse_sealed_bars(tmp_path: Path) -> None:
    spec = small_spec(f"holdout.start={SEAL}")
    panel = load_inputs(BarsRequest(bars=str(small_bars(tmp_path / "bars.parquet")))).panel
    for attempt in (
        lambda: refuse_sealed(panel, spec.holdout),
        lambda: model_features(spec, panel),
        lambda: prepare_training_data(spec, panel),
        lambda: run(spec, panel, context=RunContext(store=RunStore(tmp_path / "runs"))),
        lambda: decide(spec, panel, None),
    ):
        with pytest.raises(RunError, match=f"into the hold-out sealed from {SEAL}"):
            attempt()
    assert not (tmp_path / "runs").exists()


def test_a_run_under_seal_reads_no_later_session(sealed: Bench) -> None:
    assert f"{sealed.run.read_frame('scores').index[-1]:%Y-%m-%d}" < SEAL
    assert f"{sealed.run.read_frame('returns').index[-1]:%Y-%m-%d}" < SEAL


def test_the_future_behind_the_seal_changes_no_bit_of_what_is_loaded(tmp_path: Path) -> None:
    seal = HoldoutSettings(start=SEAL)
    short, long = (BarsRequest(bars=str(small_bars(tmp_path / f"{n}" / "bars.parquet", n))) for n in _made(tmp_path))
    assert load_inputs(short, holdout=seal).panel.fingerprint() == load_inputs(long, holdout=seal).panel.fingerprint()


def _made(folder: Path) -> tuple[int, int]:
    for n in (455, 460):
        (folder / f"{n}").mkdir()
    return 455, 460


def test_the_same_weights_and_another_seed_open_the_same_span_again(sealed: Bench, tmp_path: Path) -> None:
    own = sealed.copied(tmp_path)
    log, whole = TrialLog(own.store.root), load_inputs(BarsRequest(bars=str(own.bars))).panel
    first = own.freeze("filter_negative@2.0.0", with_bars=False)
    assert log_opening(first, log, panel=whole).stamps == ()
    renamed = own.freeze("other_name@1.0.0", with_bars=False)
    for panel in (whole, None):
        (label, sentence), *_ = log_opening(renamed, log, panel=panel).stamps
        assert label == "SECOND OPENING"
        assert sentence.endswith("by filter_negative@2.0.0: this result is no test any more.")


def test_bars_that_end_before_the_seal_leave_it_whole(sealed: Bench, tmp_path: Path) -> None:
    own = sealed.copied(tmp_path)
    version, log = own.freeze("filter_negative@2.0.0", with_bars=False), TrialLog(own.store.root)
    panel = load_inputs(BarsRequest(bars=str(own.bars), end="2016-07-29")).panel
    with pytest.raises(DataError, match="the hold-out stays sealed: bars end 2016-07-29"):
        log_opening(version, log, panel=panel)
    assert not [entry for entry in log.entries() if entry.kind == "opening"]


def test_the_command_logs_what_it_opens_and_stamps_a_second_time(
    sealed: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = sealed.copied(tmp_path)
    version = own.freeze("filter_negative@3.0.0", with_bars=False)
    opened: list[tuple[FrozenStrategy, Inputs]] = []
    monkeypatch.setattr(
        version_commands, "_run_frozen", lambda frozen, inputs, request, **_: opened.append((frozen, inputs))
    )

    def run(*words: str) -> int:
        where = ["--versions", str(own.versions), "--out", str(own.store.root)]
        monkeypatch.setattr(sys, "argv", ["quintile", "holdout", "open", str(version.version), *words, *where])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0)

    log = TrialLog(own.store.root)
    assert run() == 1
    assert "the hold-out stays sealed: filter_negative@3.0.0 does not hold its bars" in capsys.readouterr().err
    assert run("--bars", str(tmp_path / "nowhere.parquet")) == 1
    assert "the hold-out stays sealed: " in capsys.readouterr().err
    assert not is_open(log.entries(), version.sha256)
    assert run("--bars", str(own.bars)) == run("--bars", str(own.bars)) == 0
    (first, inputs), (second, _) = opened
    assert first.stamps == ()
    assert [label for label, _ in second.stamps] == ["SECOND OPENING"]
    facts = log.entries()[-1].facts
    assert facts["names"] == sorted(inputs.panel.tickers)
    assert (facts["first"], facts["last"]) == (SEAL, f"{inputs.panel.sessions[-1]:%Y-%m-%d}")


@pytest.mark.slow
def test_a_version_opens_its_hold_out_once_and_every_later_report_says_so(sealed: Bench) -> None:
    version = sealed.freeze("filter_negative@1.0.0", with_bars=False)
    log, request = TrialLog(sealed.store.root), BarsRequest(bars=str(sealed.bars))
    whole = load_inputs(request)
    context = RunContext(store=sealed.store, request=request)
    with pytest.raises(RunError, match="sealed"):
        run_version(open_frozen(version, log), whole, context=context)
    opened = run_version(log_opening(version, log), whole, context=context)
    assert opened.metrics["headline"]["stamps"] == []
    assert opened.metrics["headline"]["period"][0] >= SEAL
    words = f"{version.version} opened its hold-out on"
    assert words in opened.metrics["headline"]["holdout_openings"][0]
    later = run_version(open_frozen(version, log), whole, context=context)
    assert words in later.report.read_text(encoding="utf-8")
    again = run_version(log_opening(version, log), whole, context=context)
    assert again.metrics["headline"]["stamps"] == ["SECOND OPENING"]
    assert dict(headline_rows(again.metrics["headline"]))["Stamps"] == "SECOND OPENING"
    assert "first opened on" in again.report.read_text(encoding="utf-8")
    assert len(again.metrics["headline"]["holdout_openings"]) == 2


def test_a_span_belongs_to_its_names_and_sessions(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    span = SealedSpan(first="2020-01-02", last="2020-06-30", names=frozenset(("A", "B")), panel="f" * 64)
    log.append("opening", version="mine@1.0.0", lock="a", holdout="2020-01-02", **span.as_facts())
    log.append("opening", version="old@1.0.0", lock="b", holdout="2020-01-02")  # of a release that kept no span
    key = {"spec": "s", "panel": "f" * 64, "first": "2019-01-02", "last": "2020-01-02"}
    log.append("trial", run="r1", strategy="mine", key=key, sharpe=1.0)

    def seen(lock: str = "c", **changes: object) -> list[str]:
        return [said.partition(" by ")[2] for said in seen_before(log.entries(), replace(span, **changes), lock=lock)]

    assert seen() == ["mine@1.0.0", "run r1"]
    assert seen(panel="e" * 64) == ["mine@1.0.0"]
    assert seen(panel="e" * 64, names=frozenset("BC")) == ["mine@1.0.0"]
    assert seen(panel="e" * 64, names=frozenset("C")) == []
    assert seen(first="2020-07-01", last="2020-12-31") == []
    assert seen(first="2020-06-30", last="2020-12-31") == ["mine@1.0.0"]
    assert seen(first="2030-01-01", last="2030-12-31", lock="b") == ["old@1.0.0"]


def test_a_version_without_a_hold_out_has_nothing_to_open(frozen: object, tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    with pytest.raises(ValueError, match="has no hold-out"):
        log_opening(frozen, log)
    assert log.entries() == []
