"""Replay and versions on other bars: the same numbers, or the first stage, session and ticker where they part."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import DataError, RunError
from core.parallel import cores
from market.inputs import Inputs
from market.panel import Panel
from models.checkpoint import Checkpoint
from models.windows import Windows
from portfolio.book_settings import BookSettings
from quintile.cli import main
from strategy.definitions.render import CONVENTIONS
from strategy.frozen import replay as replaying
from strategy.frozen import verify as verifying
from strategy.frozen.archive import frame_bytes, read_expected, read_panel
from strategy.frozen.difference import difference
from strategy.frozen.history import DEFINITION, other_words, render_version
from strategy.frozen.logged_lock import another_lock
from strategy.frozen.replay import Replay, against_log, frozen_spec, logged, replay, retrain
from strategy.frozen.run_version import open_frozen, run_version
from strategy.frozen.stage_comparison import compare_bits, compare_returns, compare_scores, compare_weights
from strategy.frozen.verify import verify
from strategy.frozen.versions import LOCK, SHIPPED, VersionFolder, list_versions, lock_text
from strategy.learning import learn
from strategy.runs.closure import Closure, frozen_closure
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from tests.frozen_market import Bench, small_bars

pytestmark = pytest.mark.usefixtures("few_random_books")
Frame = pd.DataFrame
RECOMPUTED: dict[str, Any] = {}


@pytest.fixture
def copy(frozen: VersionFolder, tmp_path: Path) -> VersionFolder:
    path = tmp_path / "versions" / frozen.version.name / frozen.version.semver
    shutil.copytree(frozen.path, path)
    return VersionFolder(path, frozen.version)


@pytest.fixture
def recomputed_once(frozen: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the stages that the frozen weights give from memory: what is asked here is what is made of them."""

    def known(spec: Any, panel: Panel, checkpoint: Checkpoint, **_: Any) -> Any:
        if "found" not in RECOMPUTED:
            RECOMPUTED["found"] = recompute(spec, panel, checkpoint)
        return RECOMPUTED["found"]

    recompute = replaying.recompute
    monkeypatch.setattr(replaying, "recompute", known)


def rewrite(folder: VersionFolder, name: str, content: bytes) -> None:
    """Change a kept file and the lock with it, as only its maker could."""
    import hashlib

    (folder.path / name).write_bytes(content)
    body = folder.body
    body["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder.path / LOCK).write_text(lock_text(body))


def test_a_replay_gives_the_same_bits_twice(frozen: VersionFolder) -> None:
    first, second = replay(frozen), replay(frozen)
    assert first.exact
    assert first.difference is None
    assert first == second


def reforge(folder: VersionFolder, change: Callable[[dict[str, Any]], object], *, render: bool = True) -> None:
    """Change the body of a lock, render the definition anew, and make every hash right."""
    body = folder.body
    change(body)
    (folder.path / LOCK).write_text(lock_text(body))
    if render:
        rewrite(folder, DEFINITION, render_version(frozen_spec(folder), body).encode())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("headline.verdict", "EVIDENCE", "headline: verdict EVIDENCE kept, NOT EVIDENCE found"),
        ("headline.sharpe_standard_error", 0.01, "headline: sharpe_standard_error 0.01 kept"),
        ("headline.rank_ic_standard_error", 0.0001, "headline: rank_ic_standard_error 0.0001 kept"),
        ("headline.sessions", 5000, "headline: sessions 5000 kept"),
        ("headline.source", "CRSP", "headline: source CRSP kept"),
        ("headline.survivorship", "DECLARED POINT-IN-TIME", "headline: survivorship DECLARED"),
        ("headline.costs", "40 bps one way", "headline: costs 40 bps"),
        ("headline.sentence", "EVIDENCE: buy.", "headline: sentence begins EVIDENCE: buy."),
        ("spec.resolved", "0" * 64, "headline: spec.resolved 000"),
        ("spec.run", "0" * 64, "headline: spec.run "),
        ("seeds", {"training": 7}, "headline: seeds "),
        ("test_span", ["1999-01-04", "2016-10-05"], "headline: test_span "),
    ],
)
def test_a_claim_that_does_not_follow_from_the_numbers_is_found(
    path: str, value: object, said: str, copy: VersionFolder, recomputed_once: None
) -> None:
    *way, key = path.split(".")
    reforge(copy, lambda body: (body[way[0]] if way else body).update({key: value}))
    found = replay(copy)
    assert not found.same
    assert str(found.difference).startswith(said), found.difference
    assert str(found).startswith("OTHER CLAIMS: first in headline")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda text: text + "Earns 40 % a year.\n", "Earns 40 % a year."),
        (lambda text: text.replace("| verdict | NOT EVIDENCE |", "| verdict | EVIDENCE |"), "| verdict | EVIDENCE |"),
        (lambda text: text.replace("| `seed` | 1 |", "| `seed` | 2 |"), "| `seed` | 2 |"),
        (lambda text: text.replace("| `k` |", "| `l` |"), "| `l` |"),
        (lambda text: text.replace("## costs", "## no costs"), "## no costs"),
        (lambda text: text.partition("## Conventions")[0], "## Conventions (missing)"),
        (lambda text: "", "# "),
    ],
)
def test_a_definition_that_does_not_follow_from_spec_and_lock_is_found(
    change: Callable[[str], str], line: str, frozen: VersionFolder
) -> None:
    spec, text = frozen_spec(frozen), (frozen.path / DEFINITION).read_text(encoding="utf-8")
    assert other_words(text, spec, frozen.body) == (None, ())
    assert change(text) != text
    said, keys = other_words(change(text), spec, frozen.body)
    assert keys == ()
    assert said is not None
    assert said.startswith(line)


def test_meanings_of_another_release_are_listed_and_no_more(frozen: VersionFolder) -> None:
    spec, text = frozen_spec(frozen), (frozen.path / DEFINITION).read_text(encoding="utf-8")
    before, _, after = text.partition("| `k` | ")
    value, _, rest = after.partition(" | ")
    other = f"{before}| `k` | {value} | names a leg |\n{rest.partition(chr(10))[2]}"
    assert other_words(other, spec, frozen.body) == (None, ("k",))
    older = frozen.body | {"conventions": ["- As ever."]}
    told = text.replace(CONVENTIONS, "- As ever.\n")
    assert other_words(told, spec, older) == (None, ("Conventions",))
    said, _ = other_words(told, spec, frozen.body)
    assert said == "- As ever."


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("expected/scores", lambda table: table.astype(str), "a column holds no numbers"),
        ("expected/weights", lambda table: table.reset_index(drop=True), "its rows are no sessions"),
        ("expected/returns", lambda table: table.iloc[::-1], "its sessions do not rise"),
        ("expected/bar_returns", lambda table: table.tz_localize("UTC"), "its rows are no sessions"),
        ("bars/close", lambda table: table.assign(note="x"), "a column holds no numbers"),
        ("bars/universe", lambda table: pd.concat([table, table]), "its sessions do not rise"),
    ],
)
def test_a_table_of_another_form_is_one_sentence(
    name: str, change: Callable[[Frame], Frame], said: str, copy: VersionFolder, recomputed_once: None
) -> None:
    table = pd.read_parquet(copy.path / f"{name}.parquet")
    rewrite(copy, f"{name}.parquet", frame_bytes(change(table)))
    with pytest.raises(DataError, match=rf"{Path(name).name}\.parquet of the version is no table .* \({said}\)"):
        replay(copy)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"source": 3}', b"{", b"[" * 100_000])
def test_facts_of_another_form_are_one_sentence(content: bytes, copy: VersionFolder, recomputed_once: None) -> None:
    rewrite(copy, "bars/facts.json", content)
    with pytest.raises(DataError, match=r"facts\.json (is not JSON|has another shape)"):
        replay(copy)


def test_a_forged_definition_is_named_by_a_replay(copy: VersionFolder, recomputed_once: None) -> None:
    rewrite(copy, DEFINITION, (copy.path / DEFINITION).read_bytes() + b"Earns 40 % a year.\x1b[2J\n")
    found = replay(copy)
    assert not found.same
    assert str(found).startswith("OTHER WORDS: first in definition: STRATEGY_DEFINITION.md: Earns 40 % a year.\\x1b")


def test_more_threads_than_there_are_are_not_begun(copy: VersionFolder, recomputed_once: None) -> None:
    reforge(copy, lambda body: body["machine"].update(threads="1024"))
    found = replay(copy)
    assert found.n_threads <= cores()
    assert (found.exact, found.difference) == (False, None)
    with pytest.raises(ValueError, match="threads must be at most 1024, was 100000"):
        replay(copy, n_threads=100_000)


def test_a_version_that_was_rewritten_is_not_the_one_that_the_log_knows(
    bench: Bench, tmp_path: Path, recomputed_once: None
) -> None:
    own = bench.copied(tmp_path)
    folder, log = own.freeze("mine@1.0.0"), TrialLog(own.store.root)
    assert another_lock(folder, log) is None
    reforge(folder, lambda body: body.update(commit="0" * 40), render=False)
    assert verify(folder).is_intact
    said = another_lock(folder, log)
    assert said is not None
    assert "it was rewritten" in said
    found = against_log(folder, replay(folder), log)
    assert str(found).startswith("OTHER LOCK: first in lock: entry ")
    with pytest.raises(RunError, match="it was rewritten, restore the one that was frozen"):
        open_frozen(folder, log)
    elsewhere = TrialLog(tmp_path / "other runs")
    assert another_lock(folder, elsewhere) is None
    elsewhere.append("freeze", version="mine@1.0.0", lock="0" * 64, run="r", versions=str(tmp_path / "others"))
    assert another_lock(folder, elsewhere) is None
    reforge(folder, lambda body: body.update(chain={}), render=False)  # as if it came from elsewhere
    assert another_lock(folder, log) is not None  # the log knows the place


def test_a_replay_that_cannot_be_logged_stands_with_a_note(frozen: VersionFolder, tmp_path: Path) -> None:
    store = tmp_path / "runs"
    found, log = Replay(exact=True, difference=None, figures={}, why="one machine"), TrialLog(store)
    assert logged(frozen, found, log) == found
    assert log.entries()[-1].kind == "replay"
    log.path.write_bytes(b"no database")
    noted = logged(frozen, found, log)
    assert noted.same
    assert noted.notes[-1].startswith("the replay is not logged: ")


def test_another_thread_count_is_judged_within_tolerance(frozen: VersionFolder) -> None:
    found = replay(frozen, n_threads=2)
    assert (found.exact, found.difference) == (False, None)
    assert "threads differ" in found.why


@pytest.mark.parametrize(
    ("name", "nudge", "stage"),
    [("scores", 1e-3, "scores"), ("weights", 0.01, "weights"), ("returns", 1e-3, "fills")],
)
def test_the_first_stage_session_and_ticker_that_differ_are_named(
    name: str, nudge: float, stage: str, copy: VersionFolder
) -> None:
    frame = pd.read_parquet(copy.path / "expected" / f"{name}.parquet")
    row, column = 30, int(np.flatnonzero(frame.iloc[30].notna())[0])
    frame.iloc[row, column] += nudge
    rewrite(copy, f"expected/{name}.parquet", frame_bytes(frame))
    for exact in (True, False):
        found = replay(copy, exact=exact).difference
        assert found is not None
        assert (found.stage, found.session) == (stage, f"{frame.index[row]:%Y-%m-%d}")
        assert found.ticker == ("" if name == "returns" else frame.columns[column])


def test_metrics_that_were_edited_are_named(copy: VersionFolder) -> None:
    body = copy.body
    body["figures"]["sharpe_net"] += 0.5
    (copy.path / LOCK).write_text(lock_text(body))
    found = replay(copy).difference
    assert found is not None
    assert (found.stage, found.detail[:10]) == ("metrics", "sharpe_net")


def with_price(panel: Panel, session: int, ticker: str, factor: float) -> Panel:
    frames = {}
    for name in ("open", "high", "low", "close"):
        frame = getattr(panel, name).copy()
        frame.iloc[session, frame.columns.get_loc(ticker)] *= factor
        frames[name] = frame
    return dataclasses.replace(panel, **frames)


def test_other_bars_are_named_with_session_and_ticker(frozen: VersionFolder) -> None:
    panel = read_panel(frozen.path)
    ticker = str(panel.close.iloc[-40].dropna().index[3])
    found = replay(frozen, panel=with_price(panel, -40, ticker, 1.001)).difference
    assert found is not None
    assert (found.stage, found.session, found.ticker) == ("bars", f"{panel.sessions[-40]:%Y-%m-%d}", ticker)
    early = replay(frozen, panel=with_price(panel, 5, str(panel.close.iloc[5].dropna().index[0]), 1.001)).difference
    assert early is not None
    assert (early.stage, early.session) == ("bars", "")


def test_a_damaged_version_is_not_replayed(copy: VersionFolder) -> None:
    (copy.path / "notes.md").write_text("more")
    with pytest.raises(RunError, match=r"NOT INTACT \(notes.md is not in the lock\)"):
        replay(copy)


def test_training_again_from_the_seed_comes_out_the_same_here(frozen: VersionFolder) -> None:
    again = retrain(frozen)
    assert again.rank_ic == pytest.approx(again.frozen_rank_ic, abs=1e-6)
    assert again.correlation > 0.999999
    assert again.weight_distance < 1e-3


SESSIONS = pd.date_range("2024-01-01", periods=3, name="session")


def scores_of(*rows: list[float]) -> Frame:
    return Frame(rows, index=SESSIONS[: len(rows)], columns=list("ABCDE")).rename_axis(columns="ticker")


def test_scores_agree_within_a_hundred_thousandth_of_their_spread() -> None:
    kept = scores_of([1.0, 2.0, 3.0, 4.0, np.nan], [10.0, 20.0, 30.0, 40.0, 50.0])
    spread = kept.iloc[0].std(ddof=1)
    assert compare_scores(kept, kept + 0.9e-5 * spread) is None
    found = compare_scores(kept, kept + 1.1e-5 * spread)
    assert found is not None
    assert (found.session, found.ticker) == ("2024-01-01", "A")
    assert compare_scores(kept, kept.fillna(0.0)).ticker == "E"
    assert compare_bits("scores", kept, kept.copy()) is None
    assert compare_bits("scores", kept, kept.iloc[:1]) is not None


def test_a_name_at_a_cut_off_may_change_sides_and_is_listed() -> None:
    close = 1e-7
    scores = scores_of([1.0, 2.0, 3.0, 3.0 + close, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    kept = scores_of([-0.5, 0.0, 0.0, 0.25, 0.25], [-0.5, 0.0, 0.0, 0.25, 0.25])
    swapped = scores_of([-0.5, 0.0, 0.25, 0.0, 0.25], [-0.5, 0.0, 0.1, 0.15, 0.25])
    book = BookSettings(k=2)
    found, listed = compare_weights(kept, swapped, scores=scores, book=book, round_trip=0.0)
    assert found is None
    assert listed == ["2024-01-01 C", "2024-01-01 D"]
    wrong = swapped.copy()
    wrong.iloc[1, 0] = -0.4
    found, _ = compare_weights(kept, wrong, scores=scores, book=book, round_trip=0.0)
    assert found is not None
    assert (found.session, found.ticker) == ("2024-01-02", "A")


def test_a_score_at_the_short_filter_may_change_sides() -> None:
    scores = scores_of([-1e-9, 1.0, 2.0, 3.0, 4.0])
    kept, other = scores_of([-0.5, 0.0, 0.0, 0.0, 0.5]), scores_of([0.0, 0.0, 0.0, 0.0, 0.5])
    book = BookSettings(builder="filter_negative", k=1)
    assert compare_weights(kept, other, scores=scores, book=book, round_trip=0.0) == (None, ["2024-01-01 A"])
    plain, _ = compare_weights(kept, other, scores=scores, book=BookSettings(k=1), round_trip=0.0)
    assert plain is not None


def test_returns_agree_within_one_basis_point() -> None:
    kept = scores_of([0.01, 0.0, 0.0, 0.0, 0.0])
    assert compare_returns(kept, kept + 0.9e-4) is None
    assert compare_returns(kept, kept + 1.1e-4) is not None


def test_two_versions_side_by_side(copy: VersionFolder) -> None:
    other = VersionFolder(copy.path.with_name("1.1.0"), copy.version)
    shutil.copytree(copy.path, other.path)
    body = other.body
    body["closure"]["portfolio/book.py"] = "0" * 64
    body["dependencies"]["pandas"] = "9.9"
    body["panel"] = "1" * 64
    (other.path / LOCK).write_text(lock_text(body))
    spec = (other.path / "spec.toml").read_text().replace("k = 0.2", "k = 0.1")
    rewrite(other, "spec.toml", spec.encode())
    rows = {(row.section, row.key): (row.left, row.right) for row in difference(copy, other)}
    assert rows["spec", "portfolio.k"] == ("0.2", "0.1")
    assert {("code", "portfolio/book.py"), ("dependencies", "pandas"), ("data", "panel")} <= rows.keys()
    assert ("metrics", "sharpe_net") in rows
    assert [row.section for row in difference(copy, copy)] == ["metrics"] * 7


def test_of_locks_of_two_forms_only_the_form_of_their_code_is_told(frozen: VersionFolder, copy: VersionFolder) -> None:
    body = copy.body
    del body["definitions"], body["kind"]
    (copy.path / LOCK).write_text(lock_text(body | {"format": "quintile version 1", "closure_sha256": "0" * 64}))
    told = [(row.key, row.left[:18]) for row in difference(copy, frozen) if row.section == "code"]
    assert told == [("form of the lock", "quintile version 1"), ("all modules", "0" * 18)]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Return the bench's bars with twenty later sessions."""
    from market.sources import load_bars
    from market.universe import choose_universe

    return choose_universe(load_bars(small_bars(tmp_path_factory.mktemp("newer") / "bars.parquet", 480)), "all")


def test_a_version_runs_on_newer_bars_without_training(frozen: VersionFolder, newer: Panel, store: RunStore) -> None:
    made = run_version(open_frozen(frozen, TrialLog(store.root)), Inputs(panel=newer), context=RunContext(store=store))
    assert made.metrics["headline"]["stamps"] == []
    kept = read_expected(frozen.path)["returns"]["net"]
    found = made.returns["filter_negative net"]
    np.testing.assert_allclose(found.loc[kept.index], kept, atol=1e-9)
    assert len(found) == len(kept) + 20
    assert (made.folder.path / "model.safetensors").read_bytes() == (frozen.path / "model.safetensors").read_bytes()
    assert made.folder.record["version"]["lock"] == frozen.sha256


def test_bars_with_another_past_are_stamped_restated(frozen: VersionFolder, newer: Panel, store: RunStore) -> None:
    ticker = str(newer.close.iloc[-60].dropna().index[2])
    restated = with_price(newer, -60, ticker, 1.0001)
    frozen_here = open_frozen(frozen, TrialLog(store.root))
    made = run_version(frozen_here, Inputs(panel=restated), context=RunContext(store=store))
    assert made.metrics["headline"]["stamps"] == ["RESTATED"]
    page = made.report.read_text(encoding="utf-8")
    assert f"The return of {ticker} on {newer.sessions[-60]:%Y-%m-%d} moved" in page


def test_changed_code_stops_a_version_unless_it_is_stamped(
    frozen: VersionFolder, newer: Panel, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = frozen_closure()
    changed = Closure(modules={**now.modules, "portfolio/book.py": "0" * 64}, definitions=now.definitions)
    monkeypatch.setattr(verifying, "frozen_closure", lambda kind: changed)
    with pytest.raises(RunError, match=r"other code \(module portfolio/book\.py.*quintile replay.*--allow-drift"):
        open_frozen(frozen, TrialLog(store.root))
    drifted = open_frozen(frozen, TrialLog(store.root), allow_drift=True)
    made = run_version(drifted, Inputs(panel=newer), context=RunContext(store=store))
    assert made.metrics["headline"]["stamps"] == ["DRIFTED"]
    assert made.folder.run_id.endswith("-DRIFTED")
    assert "DRIFTED" in made.report.read_text(encoding="utf-8")
    assert made.folder.record["version"]["stamps"] == ["DRIFTED"]


Cli = Callable[..., tuple[int, str]]


@pytest.fixture
def quintile(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["quintile", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return call


def test_the_commands_answer_in_words_and_exit_codes(bench: Bench, copy: VersionFolder, quintile: Cli) -> None:
    versions = ("--versions", copy.path.parents[1])
    assert quintile("verify", copy.version, *versions)[0] == 0
    assert quintile("verify", copy.path)[0] == 0
    code, told = quintile("replay", copy.version, *versions, "--quiet")
    assert (code, told.splitlines()[0]) == (0, "SAME NUMBERS")
    code, told = quintile("replay", copy.version, *versions, "--bars", bench.bars, "--json")
    assert (code, json.loads(told)["same"]) == (0, True)
    assert "filter_negative@1.0.0" in quintile("versions", *versions)[1]
    assert quintile("diff", copy.version, copy.version, *versions)[0] == 0
    assert quintile("freeze", "latest", "--as", "nothing", "--out", bench.store.root)[0] == 1
    code, told = quintile("trials", "--out", bench.store.root)
    assert "2 trials recorded" in told
    assert quintile("trials", "--check", "--out", bench.store.root, "--versions", bench.versions)[0] == 0
    (copy.path / "spec.toml").write_text("")
    assert quintile("verify", copy.version, *versions)[0] == 1
    assert quintile("replay", copy.version, *versions, "--quiet")[0] == 1
    assert quintile("holdout", "open", "filter_negative@9.9.9", *versions)[0] == 1


def one_of_the_shipped() -> list[Any]:
    """Return the shipped versions; all but the newest of the default strategy are slow."""
    *older, newest = sorted(
        list_versions(SHIPPED), key=lambda each: (each.version.name == "filter_negative", each.version)
    )
    return [*(pytest.param(each, marks=pytest.mark.slow) for each in older), newest]


@pytest.mark.parametrize("folder", one_of_the_shipped(), ids=lambda folder: str(folder.version))
def test_every_shipped_version_replays_with_each_tenth_session_scored_anew(
    folder: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine sessions in ten keep the version's scores: a session's scores depend on its own windows alone."""
    counts: list[int] = []

    def tenth(checkpoint: Checkpoint, windows: Windows, *, sessions: pd.DatetimeIndex, **choices: Any) -> Frame:
        scores = read_expected(folder.path)["scores"].loc[sessions]
        anew = learn.scores_of(checkpoint, windows, sessions=sessions[::-10], **choices)
        scores.loc[anew.index] = anew
        counts.append(len(anew))
        return scores

    monkeypatch.setattr("strategy.learning.decide.scores_of", tenth)
    found = replay(folder, exact=False)
    assert found.difference is None, str(found.difference)
    assert counts == [-(-len(read_expected(folder.path)["scores"]) // 10)]


@pytest.mark.slow
@pytest.mark.parametrize("folder", list_versions(SHIPPED), ids=str)
def test_every_shipped_version_replays_within_tolerance(folder: VersionFolder) -> None:
    found = replay(folder, exact=False)
    assert found.difference is None, str(found.difference)


def test_the_default_strategy_is_shipped() -> None:
    assert list_versions(SHIPPED, "filter_negative")
