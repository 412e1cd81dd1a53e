"""Tuning: searches that go on as if never killed, selection on validation, one look at test, and what is said of it."""

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.forecast_errors import binomial_interval
from backtests.forecasts.tuning_measures import TuningMeasures
from backtests.forecasts.tuning_results import (
    JudgedForecaster,
    SearchedForecaster,
    StudyResults,
    SymbolResult,
    SymbolTest,
)
from backtests.report.forecasts.tuning_page import tuning_page
from backtests.report.forecasts.tuning_words import pick_table, symbol_table, tuning_findings
from core.errors import DataError, QuintileError, RunError, SourceError
from core.parallel import KILLED
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from models.forecasters.forecaster_settings import forecaster_settings
from strategy import search_journal
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import ForecastTask, TaskSettings
from strategy.forecasts.forecast_trials import ForecastTrialLog, count_judged, record_judged
from strategy.forecasts.tuning import forecast_search, symbol_test, tuning_study
from strategy.forecasts.tuning.forecast_search import search_settings, searched_keys
from strategy.forecasts.tuning.search_progress import SearchProgress, cell_progress, seconds_left
from strategy.forecasts.tuning.study_store import (
    configurations,
    load_losses,
    load_study,
    safe_name,
    study_folder,
    write_study,
)
from strategy.forecasts.tuning.symbol_test import judge_symbol, select
from strategy.forecasts.tuning.tuning_plan import PlannedStudy, TuningPlan, plan_study
from strategy.forecasts.tuning.tuning_study import tune

SETTINGS = TaskSettings(horizons=(1,))


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Three names that traded in every session."""
    whole = synthetic_market(SyntheticSettings(seed=4, n_tickers=24, n_sessions=320)).panel
    traded = whole.close.notna().all()
    return whole.of_tickers(list(traded.index[traded][:3]))


@pytest.fixture(scope="module")
def task(panel: Panel) -> ForecastTask:
    return ForecastTask(panel.of_tickers(panel.tickers[:1]), SETTINGS)


@pytest.fixture(scope="module")
def study(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> PlannedStudy:
    """Two names and one that the bars lack, tuned."""
    planned = planned_in(tmp_path_factory.mktemp("store"), panel)
    tune(planned)
    return planned


def planned_in(store: Path, panel: Panel, **told: Any) -> PlannedStudy:
    plan = {"symbols": (*panel.tickers[:2], "NOPE"), "models": ("linear", "smoothing"), "trials": 4, **told}
    return plan_study(TuningPlan(**{"settings": SETTINGS, **plan}), panel, store)


def timeless(text: str) -> Any:
    """JSON without its seconds."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(each) for key, each in value.items() if key != "seconds"}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    return stripped(json.loads(text))


def searched(task: ForecastTask, model: str, trials: int, journal: Path) -> SearchedForecaster:
    return replace(search_settings(task, model, trials=trials, journal=journal), seconds=0.0)


def test_a_search_that_was_killed_ends_as_if_it_never_was(task, tmp_path):
    whole = searched(task, "linear", 9, tmp_path / "whole.journal")
    journal = tmp_path / "killed.journal"
    searched(task, "linear", 4, journal)
    forecast_search._opened(journal).ask()  # a kill in the middle of a trial
    content = journal.read_bytes()
    journal.write_bytes(content + content.splitlines()[-1][:40])  # and another in the middle of a line
    assert searched(task, "linear", 9, journal) == whole
    assert (whole.trials, whole.fits) == (9, 9)


def test_another_seed_searches_elsewhere(panel, task, tmp_path):
    other = ForecastTask(task.panel, SETTINGS.model_copy(update={"seed": 1}))
    one, two = (searched(each, "linear", 3, tmp_path / f"{place}.journal") for place, each in enumerate((task, other)))
    assert one.word != two.word


def test_settings_that_were_tried_are_not_fitted_again(task, tmp_path, monkeypatch):
    fitted = []
    kept = forecast_search._validation_errors
    monkeypatch.setattr(
        forecast_search, "_validation_errors", lambda task, each: fitted.append(each) or kept(task, each)
    )
    found = searched(task, "smoothing", 8, tmp_path / "a.journal")
    assert (found.trials, found.fits, len(fitted)) == (8, 2, 2)


def test_a_search_of_few_settings_finds_the_least_of_all(task, tmp_path):
    found = searched(task, "ar", 20, tmp_path / "a.journal")
    words = [f"ar:p={each}" for each in (1, 2, 3, 5, 10)]
    results = study_forecasts(task, {word: forecaster_settings(word) for word in words})
    errors = {row.name: row.validation_score.errors for row in results.rows if row.name in words}
    best = min(words, key=lambda word: errors[word].pct_return_mae)
    assert (found.word, found.fits) == (best, 5)
    assert found.pct_return_mae == errors[best].pct_return_mae
    assert found.price_mae == errors[best].price_mae


def test_no_test_row_is_read_by_a_search(task, tmp_path):
    closes = task.panel.close.copy()
    closes.iloc[task.split.test.start + 1 :] *= 3.0
    frames = dict.fromkeys(("open", "high", "low", "close"), closes)
    changed = ForecastTask(replace(task.panel, **frames), SETTINGS)
    told = [searched(each, "smoothing", 4, tmp_path / f"{n}.journal") for n, each in enumerate((task, changed))]
    assert told[0] == told[1]
    closes.iloc[task.split.validation.start + 5 :] *= 3.0
    earlier = ForecastTask(replace(task.panel, **dict.fromkeys(frames, closes)), SETTINGS)
    assert searched(earlier, "smoothing", 4, tmp_path / "e.journal") != told[0]


def test_keys_that_a_word_sets_are_not_searched(task, tmp_path):
    assert list(searched_keys("linear:features=core14")) == ["penalty"]
    assert searched_keys("persistence") == {}
    found = searched(task, "linear:features=core14", 2, tmp_path / "a.journal")
    assert forecaster_settings(found.word).feature_set == "core14"
    assert searched(task, "persistence", 5, tmp_path / "b.journal").trials == 1


def test_a_forecaster_that_cannot_be_fitted_says_why_and_ends_nothing(task, tmp_path):
    short = ForecastTask(task.panel.of_tickers(task.panel.tickers), SETTINGS)
    closes = short.panel.close.copy()
    closes.iloc[: short.split.train.stop - 20] = np.nan
    bare = ForecastTask(replace(short.panel, close=closes), SETTINGS)
    found = searched(bare, "ar", 2, tmp_path / "a.journal")
    assert found.word == ""
    assert found.pct_return_mae is None
    assert "arima needs 60 training returns" in found.failure


def test_a_journal_of_something_else_is_refused_with_the_remedy(task, tmp_path):
    (tmp_path / "a.journal").write_text("not a journal\n")
    with pytest.raises(SourceError, match=r"is no journal of a search .*: delete it to search anew"):
        searched(task, "smoothing", 2, tmp_path / "a.journal")


def test_two_processes_do_not_search_the_same_at_once(task, tmp_path, monkeypatch):
    monkeypatch.setattr(search_journal, "LOCK_SECONDS", 0.0)
    with closing(sqlite3.connect(tmp_path / "a.lock", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match="searched by another process"):
            searched(task, "smoothing", 2, tmp_path / "a.journal")


def model(name: str, error: float, **told: Any) -> SearchedForecaster:
    made = {"word": f"{name}:a=1", "pct_return_mae": error, "price_mae": 1.0, "price_word": f"{name}:a=2"}
    return SearchedForecaster(
        model=name, **{**made, "price_word_pct_return_mae": error, "price_word_price_mae": 1.0, **told}
    )


def test_the_least_error_of_returns_selects_and_that_of_prices_stands_beside():
    found = select("A", "b", [model("x", 0.02), model("y", 0.01), model("z", 0.03, price_word_price_mae=0.5)])
    assert (found.selected, found.price_pick, found.failure) == ("y:a=1", "z:a=2", "")
    assert found.selection is not None
    assert found.selection.model == "y"


def test_what_may_have_seen_its_targets_selects_nothing():
    seen = model("pretrained", 0.001, contaminated=True)
    assert select("A", "b", [seen, model("y", 0.01)]).selected == "y:a=1"
    assert select("A", "b", [seen, model("y", 0.01)]).price_pick == "y:a=2"
    alone = select("A", "b", [seen, SearchedForecaster(model="y", failure="too short")])
    assert alone.selected == ""
    assert alone.failure == ("pretrained: CONTAMINATED, it may have seen targets of validation; y: too short")


def test_a_pretrained_forecaster_is_contaminated_on_real_bars_and_not_on_made_up_ones(task, tmp_path, monkeypatch):
    def unseen(_task: object, _fitted: object, sessions: pd.DatetimeIndex) -> np.ndarray:
        return np.zeros(len(sessions), dtype=bool)

    clean = searched(task, "smoothing", 1, tmp_path / "a.journal")
    monkeypatch.setattr(forecast_search, "unseen_origins", unseen)
    seen = searched(task, "smoothing", 1, tmp_path / "b.journal")
    assert not clean.contaminated
    assert clean.selects
    assert seen.contaminated
    assert not seen.selects
    assert seen.pct_return_mae == clean.pct_return_mae


def test_only_what_was_selected_is_judged_on_test(task, monkeypatch):
    asked: list[str] = []
    kept = study_forecasts
    monkeypatch.setattr(symbol_test, "study_forecasts", lambda task, words: asked.extend(words) or kept(task, words))
    a, b, c = ("ar:p=1", "ar:p=2", "ar:p=3")
    chosen = select(
        "A",
        "b",
        [model("ar", 0.01, word=a, price_word=b), model("other", 0.02, word=c, price_word=c, price_word_price_mae=2.0)],
    )
    found, losses = judge_symbol(task, chosen)
    assert asked == [a, b]
    assert found.test is not None
    assert (found.test.selected.word, found.test.price_pick.word) == (a, b)
    assert found.test.selected.pct_return_mae == pytest.approx(losses["selected"].mean(), rel=1e-12)
    assert found.test.persistence.pct_return_mae == pytest.approx(losses["persistence"].mean(), rel=1e-12)
    skill = 1.0 - losses["selected"].mean() / losses["persistence"].mean()
    assert found.test.skill == pytest.approx(skill, rel=1e-12)
    assert found.test.p_better == pytest.approx(0.5, abs=0.5)
    assert (found.test.p_better < 0.5) == (skill > 0)


def test_persistence_tuned_against_itself_has_no_skill_and_p_one(task):
    word = "persistence"
    found, _ = judge_symbol(task, select("A", "b", [model(word, 0.01, word=word, price_word=word)]))
    assert found.test is not None
    assert (found.test.skill, found.test.p_better) == (0.0, 1.0)


def test_a_study_is_whole_and_a_symbol_that_fails_is_a_row(study, panel):
    found = load_study(study.store)
    assert found.is_complete
    assert [each.symbol for each in found.symbols] == [*panel.tickers[:2], "NOPE"]
    assert found.failed == {"NOPE": "the bars hold no such symbol"}
    losses = load_losses(study.store, found.study)
    assert list(losses.columns) == ["session", "symbol", "selected", "price_pick", "persistence"]
    for each in found.tested:
        own = losses[losses["symbol"] == each.symbol]
        assert own["selected"].mean() == pytest.approx(each.test.selected.pct_return_mae, rel=1e-12)
        assert each.bars == panel.of_tickers([each.symbol]).fingerprint()
        assert each.selection.pct_return_mae == min(
            one.pct_return_mae for one in each.searched if one.pct_return_mae is not None
        )
    assert found.judged == count_judged(study.store, [study.task(each.symbol) for each in found.tested])
    applied = configurations(found)
    assert applied.keys() == set(panel.tickers[:2])
    assert all(each.study == found.study and len(each.code) == 64 for each in applied.values())


def test_the_same_study_again_does_nothing_and_says_the_same(study, monkeypatch):
    before = (study.folder / "study.json").read_bytes()
    monkeypatch.setattr(tuning_study, "as_completed", None)
    tune(study)
    assert (study.folder / "study.json").read_bytes() == before
    assert len(ForecastTrialLog(study.store).entries()) == 3  # its beginning, and one a symbol


def test_what_was_damaged_is_made_again_from_what_was_not(study):
    before = timeless((study.folder / "study.json").read_text())
    symbol = study.plan.symbols[0]
    study.symbol_file(symbol, ".json").write_text("{")
    study.symbol_file(study.plan.symbols[1], ".parquet").write_bytes(b"x")
    study.search_file(symbol, "linear", ".json").unlink()
    (study.folder / "losses.parquet").unlink()
    tune(study)
    assert timeless((study.folder / "study.json").read_text()) == before
    assert len(ForecastTrialLog(study.store).entries()) == 3


def test_a_killed_worker_is_replaced_and_one_that_dies_again_and_again_ends_the_study(panel, tmp_path, monkeypatch):
    planned = planned_in(tmp_path, panel, symbols=tuple(panel.tickers[:1]), models=("smoothing",))
    kept, deaths = tuning_study.as_completed, iter([True, True, False, True, False])

    def dying(*args: Any, **told: Any) -> Iterator[Any]:
        if next(deaths):
            raise RunError(KILLED)
        return kept(*args, **told)

    monkeypatch.setattr(tuning_study, "as_completed", dying)
    assert tune(planned).is_complete

    def dead(*_args: Any, **_told: Any) -> Iterator[Any]:
        raise RunError(KILLED)

    monkeypatch.setattr(tuning_study, "as_completed", dead)
    with pytest.raises(RunError, match="a worker was killed"):
        tune(planned_in(tmp_path / "b", panel))


def test_two_commands_are_not_at_one_study(study):
    with closing(sqlite3.connect(study.folder / ".lock", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RunError, match="under way in another process: wait for it, or stop it"):
            tune(study)


def test_the_id_is_of_the_plan_and_of_the_bars_of_its_symbols_alone(panel, tmp_path):
    base = planned_in(tmp_path, panel).study
    assert base.startswith("3-symbols-linear-smoothing-")
    assert planned_in(tmp_path, panel.of_tickers(panel.tickers[:2])).study == base
    others = [planned_in(tmp_path, panel, trials=5), planned_in(tmp_path, panel, models=("smoothing", "linear"))]
    others.append(planned_in(tmp_path, panel, settings=TaskSettings(horizons=(1,), seed=1)))
    others.append(planned_in(tmp_path, panel.until(panel.sessions[-2])))
    assert len({base, *(each.study for each in others)}) == 5


def test_a_hostile_symbol_names_no_path(panel, tmp_path):
    plan = TuningPlan(symbols=("../../up",), models=("linear",), settings=SETTINGS, trials=1)
    with pytest.raises(DataError, match="hold none of the symbols"):
        plan_study(plan, panel, tmp_path)
    assert "/" not in safe_name("../../up")
    assert safe_name("A/B") != safe_name("A.B")
    renamed = replace(
        panel, **{name: frame.rename(columns={panel.tickers[0]: "../up"}) for name, frame in panel._frames()}
    )
    planned = plan_study(
        TuningPlan(symbols=("../up",), models=("smoothing",), settings=SETTINGS, trials=1), renamed, tmp_path
    )
    tune(planned)
    assert planned.folder.parent == tmp_path / "studies"
    assert {path.parent.parent for path in tmp_path.rglob("*.json")} <= {tmp_path / "studies", planned.folder}


def test_gaps_and_late_listings_are_refused_by_symbol_and_small_gaps_are_not(panel, tmp_path):
    closes = panel.close.copy()
    closes.iloc[:-30, 0] = np.nan
    closes.iloc[::15, 1] = np.nan
    closes.iloc[150:, 2] = 50.0
    planned = planned_in(tmp_path, replace(panel, close=closes), symbols=tuple(panel.tickers))
    one, _, flat = panel.tickers
    assert planned.refused.keys() == {one, flat}
    assert "has a close in 0 of the 191 sessions of train" in planned.refused[one]
    assert "one and the same close in all of validation" in planned.refused[flat]


def test_bars_that_are_too_short_are_refused_at_once(panel, tmp_path):
    with pytest.raises(DataError, match="needs 120 sessions, the bars have 30: give more history"):
        planned_in(tmp_path, panel.between(panel.sessions[-30], None))
    with pytest.raises(DataError, match="a horizon of 60 sessions leaves fewer than ten"):
        planned_in(tmp_path, panel, settings=TaskSettings(horizons=(60,)))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"trials": 0}, "trials must be at least 1, was 0"),
        ({"symbols": ()}, "symbols must name at least one"),
        ({"models": ("nothing",)}, "'nothing' is no forecaster"),
        ({"models": ("ar", "ar")}, "models name ar twice"),
    ],
)
def test_a_plan_of_nothing_is_refused(panel, tmp_path, told, said):
    with pytest.raises(ValueError, match=said):
        planned_in(tmp_path, panel, **told)


def test_a_look_counts_once_and_on_overlapping_spans_of_the_same_series(panel, task, tmp_path, monkeypatch):
    assert record_judged(tmp_path, task, ["ar", "linear"], source="run") == 2
    assert record_judged(tmp_path, task, ["linear", "ar:p=2"], source="x-1") == 3
    assert len(ForecastTrialLog(tmp_path).entries()) == 3
    wider = ForecastTask(panel, SETTINGS)
    assert record_judged(tmp_path, wider, ["ar"], source="run") == 3  # the same forecaster, of more series
    other = ForecastTask(panel.of_tickers(panel.tickers[2:]), SETTINGS)
    assert count_judged(tmp_path, [other]) == 1  # only the wider one had it
    longer = ForecastTask(task.panel, TaskSettings(horizons=(1, 2)))
    assert record_judged(tmp_path, longer, ["ar"], source="run") == 4  # another target is another forecaster
    for number, change in enumerate(
        ({"seed": 1}, {"refit": 20}, {"refit": 20, "rolling": True}, {"every": 2}), start=5
    ):
        again = ForecastTask(task.panel, SETTINGS.model_copy(update=change))
        assert record_judged(tmp_path, again, ["ar"], source="run") == number  # so is another seed or refit
    monkeypatch.setenv("CI", "true")
    assert record_judged(tmp_path, task, ["smoothing"], source="run") == 8
    assert list(ForecastTrialLog(tmp_path).problems()) == []


def result(
    symbol: str, *, errors: tuple[float, float, float], p: float, validation: float, pick: str = "a"
) -> SymbolResult:
    ours, price, base = errors

    def forecaster(word: str, error: float) -> JudgedForecaster:
        return JudgedForecaster(word=word, pct_return_mae=error, price_mae=1.0, r2_return=-0.01, r2_price=0.99)

    skill = 1.0 - ours / base
    test = SymbolTest(
        first="2020-01-01",
        last="2020-06-01",
        n_sessions=4,
        selected=forecaster("a", ours),
        price_pick=forecaster(pick, price),
        persistence=forecaster("persistence", base),
        skill=skill,
        skill_low=skill - 0.01,
        skill_high=skill + 0.01,
        statistic=1.0,
        p_better=p,
        over_trivial=skill,
    )
    found = SearchedForecaster(model="a", word="a", pct_return_mae=0.01 * (1.0 - validation), trials=3, fits=2)
    return SymbolResult(
        symbol=symbol, searched=(found,), selected="a", price_pick=pick, persistence_validation=0.01, test=test
    )


def measured(n_sessions: int = 4) -> TuningMeasures:
    rows = {
        "A": result("A", errors=(0.8, 0.8, 1.0), p=0.001, validation=0.3),
        "B": result("B", errors=(0.9, 1.0, 1.0), p=0.03, validation=0.2, pick="b"),
        "C": result("C", errors=(1.1, 1.0, 1.0), p=0.9, validation=0.1, pick="b"),
    }
    symbols = (*rows.values(), SymbolResult(symbol="<b>D</b>", failure="no & bars"))
    results = StudyResults(
        study="s-1", source="x", synthetic=False, bars="b" * 64, code="c" * 64, settings={"horizons": [1], "every": 5},
        models=("a",), trials=3, symbols=symbols, asked=4, judged=7,
    )  # fmt: skip
    sessions = pd.bdate_range("2020-01-01", periods=n_sessions)
    wave = np.linspace(0.9, 1.1, n_sessions)
    frames = [
        pd.DataFrame(
            {
                "session": sessions,
                "symbol": name,
                "selected": each.test.selected.pct_return_mae * wave,
                "price_pick": each.test.price_pick.pct_return_mae * wave,
                "persistence": wave,
            }
        )
        for name, each in rows.items()
    ]
    return TuningMeasures.of(results, pd.concat(frames))


def test_measures_of_a_study_are_those_by_hand():
    found = measured()
    assert [row.result.symbol for row in found.symbols] == ["A", "B", "C"]
    assert found.beating == binomial_interval(2, 3)
    assert [row.p_holm for row in found.symbols] == pytest.approx([0.003, 0.06, 0.9])
    assert (found.n_better, sum(row.is_better for row in found.symbols)) == (1, 2)
    assert found.pooled.interval.estimate == pytest.approx(1.0 - (0.8 + 0.9 + 1.1) / 3.0)
    assert found.curse["validation"].tolist() == pytest.approx([0.3, 0.2, 0.1])
    assert found.curse["test"].tolist() == pytest.approx([0.2, 0.1, -0.1])
    drops = np.array([0.1, 0.1, 0.2])
    assert found.lost.estimate == pytest.approx(drops.mean())
    assert found.lost.high - found.lost.estimate == pytest.approx(4.302653 * drops.std(ddof=1) / math.sqrt(3))
    picks = found.picks
    assert (picks.n, picks.same, picks.improved, picks.worsened) == (3, 1, 1, 1)
    assert picks.gain.interval.estimate == pytest.approx(1.0 - (0.8 + 0.9 + 1.1) / (0.8 + 1.0 + 1.0))


@pytest.mark.parametrize(("ps", "both"), [((0.01, 0.5, 0.5), 1), ((0.02, 0.5, 0.5), 0), ((0.5, 0.001, 0.5), 0)])
def test_what_beats_persistence_is_held_against_the_best_trivial_forecast_too(ps, both):
    found = measured()
    rows = tuple(
        replace(row, test=replace(row.test, p_over_trivial=p)) for row, p in zip(found.symbols, ps, strict=True)
    )
    assert replace(found, symbols=rows).n_better_than_trivial == both  # A alone beats persistence; three symbols


def test_a_study_says_its_headline_its_curse_its_picks_and_its_failures():
    said = tuning_findings(measured(40))
    assert said[0].startswith("No model beats persistence on 2 of 3 symbols; on 1 the selected does beyond noise")
    assert said[0].endswith("It beats the best trivial forecast too on none of these.")
    told = " ".join(said)
    assert "errs less than persistence on test on 2 of 3, 67% (9% to 99%, binomial" in told
    assert "mean skill of +20.00%; on test +6.67%. It is lower on test for 3 of 3, by +13.33%" in told
    assert (
        "changes the pick for 2 of 3; on test, which selected neither, it errs less on 1 of these and more on 1" in told
    )
    assert "7 forecasters have been judged on this span of these bars so far." in said
    assert said[-1] == "<b>D</b> failed: no & bars"
    assert [row[0] for row in symbol_table(measured())[1]] == ["A", "B", "C", "<b>D</b>"]
    assert [row[0] for row in pick_table(measured())[1]] == ["B", "C"]


def test_the_page_of_a_study_escapes_names_and_asks_nothing_of_the_network():
    page = tuning_page(measured(), command="quintile forecast tune <x>")
    assert "<b>D</b>" not in page
    assert "&lt;b&gt;D&lt;/b&gt;" in page
    assert "no &amp; bars" in page
    assert 'src="http' not in page
    assert "CONTAMINATED" not in page


def test_a_study_without_a_judged_symbol_still_has_its_page():
    results = replace(measured().results, symbols=(SymbolResult(symbol="D", failure="none"),), asked=1)
    bare = TuningMeasures.of(
        results, pd.DataFrame(columns=["session", "symbol", "selected", "price_pick", "persistence"])
    )
    assert tuning_findings(bare)[0] == "No symbol was judged on test."
    assert "No symbol was judged on test." in tuning_page(bare, command="x")


def test_a_contaminated_forecaster_is_stamped_on_page_and_words():
    results = measured().results
    seen = SearchedForecaster(model="fracast", word="fracast", pct_return_mae=0.001, contaminated=True)
    first = replace(results.symbols[0], searched=(*results.symbols[0].searched, seen))
    dirty = replace(results, symbols=(first, *results.symbols[1:]), code="a+b")
    found = TuningMeasures.of(
        dirty, pd.DataFrame(columns=["session", "symbol", "selected", "price_pick", "persistence"])
    )
    assert any("CONTAMINATED: fracast may have been trained on" in each for each in tuning_findings(found))
    page = tuning_page(found, command="x")
    assert "CONTAMINATED" in page
    assert "CODE CHANGED" in page


def test_studies_are_found_by_id_beginning_or_as_the_latest(tmp_path):
    with pytest.raises(RunError, match=r"no studies in .*: start one with `quintile forecast tune`"):
        load_study(tmp_path)
    base = measured().results
    for name in ("aa-1", "ab-2"):
        write_study(tmp_path, replace(base, study=name))
    assert load_study(tmp_path, "aa").study == "aa-1"
    assert load_study(tmp_path, "ab-2") == replace(base, study="ab-2")
    with pytest.raises(RunError, match="2 studies match 'a': they are"):
        load_study(tmp_path, "a")
    with pytest.raises(RunError, match="0 studies match"):
        load_study(tmp_path, "../x")


def test_a_damaged_or_foreign_study_is_one_line_with_the_remedy(tmp_path):
    write_study(tmp_path, replace(measured().results, study="aa-1"))
    path = study_folder(tmp_path, "aa-1") / "study.json"
    path.write_text(path.read_text().replace('"aa-1"', '"zz-9"'))
    with pytest.raises(SourceError, match="is of study 'zz-9', not of aa-1: restore it, or tune again"):
        load_study(tmp_path)
    path.write_text('{"study": "aa-1"}')
    with pytest.raises(SourceError, match=r"has another shape .*: restore it"):
        load_study(tmp_path)
    path.write_text("{")
    with pytest.raises(SourceError, match="is not JSON"):
        load_study(tmp_path)
    with pytest.raises(SourceError, match="give the study's command again"):
        load_losses(tmp_path, "aa-1")


def test_time_that_is_left_is_by_what_the_same_model_took(study):
    ended = SearchProgress(done=10, trials=10, ended=True, seconds=20.0)
    slow = SearchProgress(done=4, trials=4, ended=True, seconds=40.0)
    found = {("A", "x"): ended, ("A", "y"): slow, ("B", "x"): SearchProgress(done=5, trials=10)}
    assert seconds_left(found, workers=2) == 5.0
    found["B", "y"] = SearchProgress(done=0, trials=4)
    assert seconds_left(found, workers=1) == 50.0
    assert seconds_left({("B", "x"): SearchProgress(done=5, trials=10)}, workers=1) is None
    assert seconds_left({("A", "x"): ended}, workers=1) == 0.0
    told = cell_progress(study, (study.plan.symbols[0], "linear"))
    assert told.ended
    assert told.done == 4
    assert told.best is not None


def test_a_value_error_of_a_library_is_a_reason_and_other_errors_are_not_hidden(task, tmp_path, monkeypatch):
    class Broken:
        feature_set = None

        def __init__(self, error: Exception) -> None:
            self.error = error

        def made(self) -> Any:
            raise self.error

    monkeypatch.setattr(forecast_search, "forecaster_settings", lambda _word: Broken(np.linalg.LinAlgError("singular")))
    monkeypatch.setattr(forecast_search, "searched_keys", lambda _word: {})
    found = searched(task, "smoothing", 1, tmp_path / "a.journal")
    assert found.failure == "every one of 1 settings failed, the first: singular"
    monkeypatch.setattr(forecast_search, "forecaster_settings", lambda _word: Broken(KeyError("bug")))
    with pytest.raises(KeyError):
        searched(task, "smoothing", 1, tmp_path / "b.journal")
    assert issubclass(SourceError, QuintileError)
