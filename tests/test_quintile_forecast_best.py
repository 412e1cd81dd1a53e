"""``quintile forecast best``, ``compare`` and ``rerank``: what is said, what is kept, and bad input in one line."""

import json
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.compared_forecasts import Side, SideSymbol, compare_sides
from backtests.forecasts.old_results import OldModel, OldResults, read_old_results, rerank
from backtests.forecasts.tuning_results import (
    JudgedForecaster,
    SearchedForecaster,
    StudyResults,
    SymbolResult,
    SymbolTest,
)
from backtests.report.forecasts.compare_words import applied_words, compare_findings, difference_words
from backtests.report.forecasts.rerank_words import rerank_findings
from core.errors import SourceError
from strategy.forecasts.best_log import BestLog
from strategy.forecasts.forecast_sides import moment_of
from strategy.forecasts.tuning.study_store import LOSSES_FILE, study_folder, write_study
from tests.oracles.small_runs import left_with, quintile, refusal

SESSIONS = pd.bdate_range("2020-01-01", periods=120)
Say = Callable[..., str]


def judged(word: str, error: float) -> JudgedForecaster:
    return JudgedForecaster(word=word, pct_return_mae=error, price_mae=1.0, r2_return=0.0, r2_price=0.99)


def study(name: str, selected: dict[str, tuple[str, float]], **settings: Any) -> StudyResults:
    """A study that selected a word for each symbol, with that error on validation and on test."""
    symbols = []
    for symbol, (word, error) in selected.items():
        test = SymbolTest(
            first="2020-01-01", last="2020-06-01", n_sessions=120, selected=judged(word, error),
            price_pick=judged(word, error), persistence=judged("persistence", 0.01), skill=0.0, skill_low=-0.1,
            skill_high=0.1, statistic=0.0, p_better=0.5,
        )  # fmt: skip
        search = SearchedForecaster(model=word.partition(":")[0], word=word, pct_return_mae=error, price_mae=1.0)
        symbols.append(
            SymbolResult(
                symbol=symbol,
                bars="b" * 64,
                searched=(search,),
                selected=word,
                price_pick=word,
                persistence_validation=0.01,
                test=test,
            )
        )
    told = {"horizons": [1, 5], "clock": "close", "every": 5, "seed": 0, **settings}
    return StudyResults(
        study=name, source="made up", synthetic=True, bars="b" * 64, code="c" * 64, settings=told,
        models=("ar", "linear"), trials=3, symbols=tuple(symbols), asked=len(symbols),
    )  # fmt: skip


def losses(errors: dict[str, float], *, sessions: pd.DatetimeIndex = SESSIONS, seed: int = 0) -> pd.DataFrame:
    """Losses about persistence's, times one less the gain given for each symbol, with noise of its own."""
    frames = []
    for place, (symbol, gain) in enumerate(errors.items()):
        base = np.abs(np.random.default_rng(place).normal(size=len(SESSIONS)))[: len(sessions)]
        noise = np.random.default_rng([seed, place]).normal(0.0, 0.02, len(sessions))
        own = 0.01 * base * (1.0 - gain + noise)
        columns = {"selected": own, "price_pick": own, "persistence": 0.01 * base}
        frames.append(pd.DataFrame({"session": sessions, "symbol": symbol, **columns}))
    return pd.concat(frames)


def keep(store: Path, results: StudyResults, frame: pd.DataFrame) -> None:
    write_study(store, results)
    frame.to_parquet(study_folder(store, results.study) / LOSSES_FILE, index=False)


OLD = {"AAA": ("ar:p=1", 0.0100), "BBB": ("ar:p=1", 0.0100), "CCC": ("ar:p=1", 0.0100)}
NEW = {"AAA": ("linear", 0.0090), "BBB": ("linear", 0.0099), "CCC": ("ar:p=1", 0.0100), "DDD": ("linear", 0.0100)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two studies: the second changes AAA for the better, BBB for the worse, leaves CCC and brings DDD."""
    keep(tmp_path, study("ar-1", OLD), losses(dict.fromkeys(OLD, 0.0)))
    keep(tmp_path, study("linear-2", NEW), losses({"AAA": 0.1, "BBB": -0.1, "CCC": 0.0, "DDD": 0.0}, seed=1))
    return tmp_path


@pytest.fixture
def say(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.chdir(store)
    monkeypatch.setenv("COLUMNS", "400")

    def said(*words: object) -> str:
        return quintile("forecast", *words, "--out", store, monkeypatch=monkeypatch, capsys=capsys)

    return said


@pytest.fixture
def refused(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Say]:
    monkeypatch.chdir(store)

    def said(*words: object, out: Path = store) -> str:
        return refusal("forecast", *words, "--out", out, monkeypatch=monkeypatch, capsys=capsys)

    return said


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_applying_says_first_what_changes_and_whether_it_is_better(say: Say, store: Path) -> None:
    say("best", "ar-1", "--apply")
    said = say("best", "--apply")
    assert ["AAA", "ar:p=1", "linear"] in [cells[:3] for cells in rows(said)]
    assert said.index("4 symbols to change, 4 in force then.") < said.index("applied: ")
    warnings = [line for line in said.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert warnings[0].startswith("WARNING BBB: linear errs more than ar:p=1 in force beyond noise: −")
    assert "B erred less on 1 of 2, beyond noise on 1; it erred more on 1 (BBB), beyond noise on 1." in said
    assert said.splitlines()[-1] == "applied: 4 symbols are in force; --restore DATE takes it back"
    assert {name: each.forecaster for name, each in BestLog(store).state().items()} == {
        "AAA": "linear", "BBB": "linear", "CCC": "ar:p=1", "DDD": "linear",
    }  # fmt: skip
    assert len(list((store / "backups").iterdir())) == 1


def test_a_diff_says_the_same_and_changes_nothing(say: Say, store: Path) -> None:
    say("best", "ar-1", "--apply")
    before = (store / "best.sqlite").read_bytes()
    told = json.loads(say("best", "--diff", "--json"))
    assert [change["symbol"] for change in told["changes"]] == ["AAA", "BBB", "CCC", "DDD"], "CCC's study is another"
    assert (told["applied"], len(told["warnings"])) == (False, 1)
    assert told["against_in_force"]["better"] == ["AAA"]
    assert (store / "best.sqlite").read_bytes() == before
    assert not (store / "backups").exists()


def test_what_is_in_force_and_since_when_is_shown(say: Say) -> None:
    say("best", "ar-1", "--apply")
    found = rows(say("best"))
    assert found[1][:2] == ["symbol", "forecaster"]
    assert found[2][:2] == ["AAA", "ar:p=1"]
    assert "1,5" in found[2]
    assert "ar-1" in found[2]
    assert say("best", "--apply", "ar-1").startswith("Nothing changes.")
    history = json.loads(say("best", "--history", "--json"))
    assert [(row["kind"], row["why"], len(row["changes"])) for row in history] == [("applied", "study ar-1", 3)]


def test_a_backup_and_a_moment_are_restored(say: Say, store: Path) -> None:
    say("best", "ar-1", "--apply")
    say("best", "--apply")
    (backup,) = (store / "backups").iterdir()
    assert "4 symbols changed" in say("best", "--restore", backup)
    assert BestLog(store).state()["AAA"].forecaster == "ar:p=1"
    say("best", "linear-2", "--apply")
    last = BestLog(store).entries()[1].time
    say("best", "--restore", last.isoformat())
    assert [entry.kind for entry in BestLog(store).entries()].count("restored") >= 1


def test_a_date_is_its_end_and_a_moment_is_utc_where_no_zone_is_told() -> None:
    assert moment_of("2026-01-31T18:00").isoformat() == "2026-01-31T18:00:00+00:00"
    assert moment_of("2026-01-31T18:00+02:00").isoformat() == "2026-01-31T16:00:00+00:00"
    assert moment_of("2026-01-31") > moment_of("2026-01-31T23:59")


def test_two_studies_are_compared_on_sessions_of_both_test_spans(say: Say, store: Path) -> None:
    told = json.loads(say("compare", "ar-1", "linear-2", "--json"))
    assert told["tested"] == ["AAA", "BBB"]
    assert (told["better"], told["regressed"]) == (["AAA"], ["BBB"])
    skill = told["symbols"][0]["b_over_a"]
    a, b = (losses({"AAA": gain}, seed=seed) for gain, seed in ((0.0, 0), (0.1, 1)))
    assert skill["estimate"] == pytest.approx(1.0 - b["selected"].mean() / a["selected"].mean())
    assert skill["low"] < skill["estimate"] < skill["high"]
    assert skill["n_sessions"] == 120
    assert told["symbols"][0]["differences"] == ["study ar-1 → linear-2"]


def test_sessions_that_selected_one_of_them_count_for_none(store: Path, say: Say) -> None:
    keep(store, study("late-3", NEW), losses(dict.fromkeys(NEW, 0.1), sessions=SESSIONS[100:], seed=1))
    told = json.loads(say("compare", "ar-1", "late-3", "--json"))
    assert told["tested"] == []
    assert told["symbols"][0]["why"] == "20 sessions selected neither, 30 are the least"
    assert "cannot be said" in " ".join(told["findings"])


def test_other_returns_are_not_compared(store: Path, say: Say) -> None:
    other = losses(dict.fromkeys(NEW, 0.1), seed=1).assign(persistence=lambda frame: frame["persistence"] * 1.0001)
    keep(store, study("other-3", NEW, horizons=[1]), other)
    told = json.loads(say("compare", "ar-1", "other-3", "--json"))
    assert told["tested"] == []
    assert told["symbols"][0]["why"] == "the sides forecast other returns: horizons, clock or bars differ"
    assert "horizons 1,5 → 1" in told["symbols"][0]["differences"]


def test_the_registry_its_past_and_an_old_file_are_sides(say: Say, store: Path) -> None:
    say("best", "ar-1", "--apply")
    assert json.loads(say("compare", "best", "linear-2", "--json"))["tested"] == ["AAA", "BBB"]
    assert json.loads(say("compare", "best@2999-01-01", "ar-1", "--json"))["better"] == []
    (store / "old.json").write_text(json.dumps({"AAA": {"toto": {"price_mae": 1.0, "pct_return_mae": 0.02}}}))
    told = json.loads(say("compare", "old.json", "latest", "--json"))
    assert told["symbols"][0]["a"] == {"forecaster": "toto", "validation_error": 0.02, "test_error": None}
    assert told["symbols"][0]["why"] == "old.json holds no losses by session"


def test_a_study_that_is_gone_is_said_and_the_rest_goes_on(say: Say, store: Path) -> None:
    say("best", "ar-1", "--apply")
    (study_folder(store, "ar-1") / "study.json").unlink()
    told = json.loads(say("best", "--diff", "--json"))
    assert "its study ar-1 cannot be read" in told["warnings"][0]
    (study_folder(store, "linear-2") / LOSSES_FILE).write_bytes(b"no parquet")
    assert "cannot be held against" in json.loads(say("best", "--diff", "--json"))["warnings"][0]


def test_a_page_is_drawn_of_hostile_names_too(store: Path, say: Say) -> None:
    name = '<script>alert("x")</script>'
    keep(store, study("a-3", {name: ("ar", 0.01)}), losses({name: 0.0}))
    keep(store, study("b-4", {name: ("linear", 0.01)}), losses({name: 0.1}, seed=1))
    said = say("compare", "a-3", "b-4", "--page", store / "page.html")
    page = (store / "page.html").read_text()
    assert "alert(&#34;x&#34;)" in page or "alert(&quot;x&quot;)" in page
    assert name not in page
    assert said.splitlines()[-1].endswith("page.html")


def test_over_many_symbols_a_session_counts_once() -> None:
    sessions = pd.RangeIndex(60)
    base = pd.Series(np.abs(np.random.default_rng(0).normal(size=60)), sessions)

    def side(name: str, factor: float) -> Side:
        frame = pd.DataFrame({"loss": factor * base, "persistence": base})
        made = {
            f"S{n}": SideSymbol(forecaster=name, validation_error=0.01, losses=frame, facts={"study": name})
            for n in range(5)
        }
        return Side(name=name, symbols=made)

    found = compare_sides(side("a", 1.0), side("b", 0.9))
    assert found.overall is not None
    assert found.overall.n_sessions == 60
    assert found.overall.interval.estimate == pytest.approx(0.1)
    assert "Zero regressions." in compare_findings(found)[1]
    assert applied_words(found) == []
    worse = applied_words(compare_sides(side("b", 0.9), side("a", 1.0)))
    assert len(worse) == 5
    assert worse[0].startswith("WARNING S0: a errs more than b in force beyond noise: −11.11")
    assert difference_words(compare_sides(side("b", 0.9), side("a", 1.0))) == ["S0, S1, S2, S3, S4: study b → a"]


def test_what_noise_tells_apart_is_called_neither_better_nor_worse(store: Path, say: Say) -> None:
    say("best", "ar-1", "--apply")
    keep(store, study("noise-3", {"AAA": ("linear", 0.01)}), losses({"AAA": -0.0001}, seed=2))
    (warning,) = json.loads(say("best", "noise-3", "--diff", "--json"))["warnings"]
    assert warning.startswith("WARNING AAA: linear does not beat ar:p=1 in force beyond noise: ")


FACTS = {  # of a reference: percentage-return MAE of the old choice and of the new
    "ETHUSD": (0.0315, 0.0138), "AAPL": (0.0300, 0.0152), "COUR": (0.0390, 0.0207), "QQQ": (0.0066, 0.0043),
    "ADBE": (0.0193, 0.0133),
}  # fmt: skip


def reference_story() -> dict[str, Any]:
    """24 symbols, of which 13 change their model by 27.5 % on average, and 18 use toto then."""
    changed = {**FACTS, **{f"C{n}": (0.02, 0.02 * (1.0 - gain)) for n, gain in enumerate(np.linspace(0.1, 0.29, 8))}}
    left = 13 * 0.275 - sum(1.0 - new / old for old, new in changed.values())
    changed = {
        name: (old, new - old * left / 8 if name.startswith("C") and name != "COUR" else new)
        for name, (old, new) in changed.items()
    }
    story: dict[str, Any] = {
        name: {
            "kronos": {"price_mae": 2.0, "pct_return_mae": float(old)},
            "toto": {"price_mae": 2.1, "pct_return_mae": float(new)},
        }
        for name, (old, new) in changed.items()
    }
    for n in range(11):
        first, second = ("toto", "kronos") if n < 5 else ("kronos", "toto")
        story[f"K{n}"] = {
            first: {"price_mae": 1.0, "pct_return_mae": 0.01},
            second: {"price_mae": 3.0, "pct_return_mae": 0.03},
        }
    return story


def test_thirteen_of_twenty_four_symbols_change_their_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old_results.json"
    path.write_text(json.dumps(reference_story()))
    found = rerank(read_old_results(path))
    assert (len(found.symbols), len(found.changed)) == (24, 13)
    assert found.chosen(by_return=True) == {"toto": 18, "kronos": 6}
    assert found.chosen(by_return=False) == {"kronos": 19, "toto": 5}
    assert found.mean_gain == pytest.approx(0.275)
    gains = {row.symbol: row.gain for row in found.changed}
    assert [round(gains[name], 2) for name in FACTS] == [0.56, 0.49, 0.47, 0.35, 0.31]
    said = " ".join(rerank_findings(found))
    assert said.startswith(
        "The choice changes for 13 of 24 symbols. Where it changes, the percentage-return MAE is 27.5%"
    )
    assert "NOT EVIDENCE" in said
    assert "winner's curse" in said
    assert "On 5 of them the two errors can only be of the same forecasts if the price moved" in said
    told = json.loads(quintile("forecast", "rerank", path, "--json", monkeypatch=monkeypatch, capsys=capsys))
    assert (told["changed"], told["findings"]) == (13, rerank_findings(found))


def test_no_choice_by_return_error_can_err_more_whatever_the_numbers_are() -> None:
    rng = np.random.default_rng(4)
    symbols = {
        f"S{n}": tuple(
            OldModel(model=f"m{m}", price_mae=float(rng.uniform(1, 9)), pct_return_mae=float(rng.uniform(0.01, 0.09)))
            for m in range(3)
        )
        for n in range(200)
    }
    found = rerank(OldResults(symbols=symbols))
    assert min(row.gain for row in found.symbols) >= 0.0
    assert found.mean_gain > 0.3, "of noise alone"


def test_prices_move_at_least_as_far_as_the_two_errors_say() -> None:
    rng = np.random.default_rng(5)
    told = 0
    for _ in range(300):
        base = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.05, 60)))
        off = np.abs(rng.standard_t(2, size=(2, 60))) * 0.01
        models = tuple(
            OldModel(model=str(m), price_mae=float(np.mean(base * off[m])), pct_return_mae=float(off[m].mean()))
            for m in range(2)
        )
        (row,) = rerank(OldResults(symbols={"S": models})).symbols
        assert row.price_moved <= base.max() / base.min() + 1e-12
        told += row.is_changed
    assert told > 10
    low, high = 50.0, 200.0  # the old choice errs at the low price alone, the new one at the high price
    old, new = (
        OldModel(model=n, price_mae=p * e, pct_return_mae=e) for n, p, e in (("o", low, 0.02), ("n", high, 0.01))
    )
    assert rerank(OldResults(symbols={"S": (old, new)})).changed[0].price_moved == pytest.approx(high / low)


@pytest.mark.parametrize(
    "variant",
    [
        {"results": reference_story()},
        {"symbols": reference_story()},
        [
            {"symbol": symbol, "model": model, **errors}
            for symbol, models in reference_story().items()
            for model, errors in models.items()
        ],
        {
            symbol: {model: {"config": {}, "validation": errors, "test": {}} for model, errors in models.items()}
            for symbol, models in reference_story().items()
        },
    ],
)
def test_other_spellings_of_the_file_say_the_same(tmp_path: Path, variant: object) -> None:
    (tmp_path / "plain.json").write_text(json.dumps(reference_story()))
    (tmp_path / "variant.json").write_text(json.dumps(variant))
    assert read_old_results(tmp_path / "variant.json") == read_old_results(tmp_path / "plain.json")


def test_models_without_both_errors_are_left_out_and_said(tmp_path: Path) -> None:
    story = {**reference_story(), "ZZZ": {"toto": {"price_mae": 1.0, "pct_return_mae": None}}}
    (tmp_path / "old.json").write_text(json.dumps(story))
    found = rerank(read_old_results(tmp_path / "old.json"))
    assert (len(found.symbols), found.left_out) == (24, ("ZZZ",))
    assert any("Left out, without both errors: ZZZ" in said for said in rerank_findings(found))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[1, 2]", "record 1 names no symbol and model"),
        ("{}", "holds the two errors of 0 symbols"),
        ('"text"', "holds no old results"),
        ('{"AAPL": 7}', "holds no old results"),
        ('{"AAPL": {"toto": 7}}', "'AAPL' has no errors of 'toto' but '7'"),
        ('{"AAPL": {"toto": {"price_mae": -1, "pct_return_mae": 0.1}}}', "must be a positive number, was '-1'"),
        ('{"AAPL": {"toto": {"price_mae": true, "pct_return_mae": 0.1}}}', "must be a positive number, was 'True'"),
        ('{"AAPL": {"toto": {"price_mae": NaN, "pct_return_mae": 0.1}}}', "is not JSON"),
        ('[{"symbol": "A", "model": "m", "price_mae": 1, "pct_return_mae": 1}, '
         '{"symbol": "A", "model": "m", "price_mae": 1, "pct_return_mae": 1}]', "has 'm' of 'A' twice"),
    ],
)  # fmt: skip
def test_old_results_of_another_shape_are_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(SourceError, match=said) as raised:
        read_old_results(tmp_path / "old.json")
    assert len(str(raised.value).splitlines()) == 1


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    for name in ("old.pkl", "old.json"):
        (tmp_path / name).write_bytes(pickle.dumps(reference_story()))
        with pytest.raises(SourceError, match="JSON"):
            read_old_results(tmp_path / name)


def test_bad_words_of_the_registry_are_one_line(refused: Say, store: Path, tmp_path: Path) -> None:
    assert "nothing is in force" in refused("best")
    assert "--apply` puts a study in force" in refused("best", "--history")
    assert "nothing was applied by 2020-01-31 23:59 UTC" in refused("best", "--restore", "2020-01-31")
    assert "'yesterday' is no date" in refused("best", "--restore", "yesterday")
    assert "--apply and --diff are two things" in refused("best", "--apply", "--diff")
    assert "'ar-1' is a study to do what with" in refused("best", "ar-1")
    assert "0 studies match 'nothing'" in refused("best", "nothing", "--apply")
    assert "2 studies match ''" in refused("best", "", "--apply"), "an empty variable of a script is no study"
    assert "no studies in" in refused("best", "--apply", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert "nothing was applied in" in refused("compare", "best", "latest")
    assert "0 studies match 'nothing'" in refused("compare", "latest", "nothing")
    assert "gone.json" in refused("compare", "latest", "gone.json")


def test_foreign_registries_are_one_line(refused: Say, store: Path) -> None:
    with closing(sqlite3.connect(store / "best.sqlite")) as connection:
        connection.execute("CREATE TABLE runs (id)")
    for words in (("best",), ("best", "--apply"), ("compare", "best", "latest")):
        assert "holds no log of best forecasters" in refused(*words)
    (store / "best.sqlite").unlink()
    (store / "best.json").write_text('{"AAPL": {"model": "toto"}}')
    for words in (("best",), ("best", "--apply")):
        assert "best.json is no state of best forecasters" in refused(*words)
    assert (store / "best.json").read_text() == '{"AAPL": {"model": "toto"}}'
    assert not (store / "best.sqlite").exists() or BestLog(store).entries() == []


def test_a_study_that_judged_nothing_is_not_applied(refused: Say, store: Path) -> None:
    results = study("none-3", {"AAA": ("ar", 0.01)})
    failed = replace(results.symbols[0], test=None, failure="too short")
    keep(store, replace(results, symbols=(failed,)), losses({"AAA": 0.0}))
    assert "study none-3 selected nothing that was judged on test" in refused("best", "none-3", "--apply")
    assert not (store / "best.json").exists()


def test_a_study_that_is_under_way_is_applied_as_far_as_it_is_and_said(say: Say, store: Path) -> None:
    keep(store, replace(study("half-3", OLD), asked=25), losses(dict.fromkeys(OLD, 0.0)))
    said = say("best", "half-3", "--apply")
    assert said.startswith("study half-3 is under way: 3 of 25 symbols are through")
    assert len(BestLog(store).state()) == 3


def test_a_failed_command_leaves_with_a_status(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left_with("forecast", "best", "--out", store, monkeypatch=monkeypatch, capsys=capsys)[0] == 1
