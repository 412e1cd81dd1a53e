"""Sweeps: points see validation alone, each is a trial once, and neither kills nor workers change a bit."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtests.report.sweeps.sweep_results import Judgement, PointResult, SweepWinner
from backtests.statistics.parameter_importance import parameter_importance
from core.errors import RunError
from core.parallel import Workers
from market.inputs import Inputs
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from quintile.cli import app
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.sweeps import sweep_run, sweep_search, sweep_workers
from strategy.sweeps.fitted_scores import learned_part
from strategy.sweeps.median_rule import median_bounds, stopping_epoch
from strategy.sweeps.sweep_keys import spec_with, toml_word
from strategy.sweeps.sweep_plan import Plan, grid_points
from strategy.sweeps.sweep_result import Sweep
from strategy.sweeps.sweep_run import SweepContext, sweep
from strategy.sweeps.sweep_trials import SweepLog
from strategy.sweeps.sweep_winner import best_point, winner_spec
from strategy.sweeps.validation_bars import cut_at_validation
from strategy.trials.log import POINT, SWEEP, TrialKey, TrialLog, comparable, distinct
from strategy.trials.trial_record import _overfitting_of_sweep, _worse
from strategy.trials.validation_looks import Guard

SEARCH = {"search": {"model": {"penalties": [[0.1], [10.0], [1000.0]]}, "portfolio": {"k": {"low": 0.1, "high": 0.3}}}}
GENERATION, TRIALS = 3, 4  # two generations
HEADLINE = {"verdict": "NOT EVIDENCE", "sharpe_net": 0.1, "sharpe_standard_error": 1.0, "comparable_trials": 3}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_market(SyntheticSettings(n_tickers=24, n_sessions=260)).panel


@pytest.fixture(scope="module")
def base() -> StrategySpec:
    return override(load_spec("quintile_long_short"), {"model.kind": "ridge", "model.lookback": 5})


@pytest.fixture(scope="module", autouse=True)
def _untested() -> Iterator[None]:
    """Sweeps end with their points, no winner is run on test; generations are small."""

    def winner(going: Any, course: Any, best: PointResult, inputs: Inputs) -> SweepWinner:
        told: dict[str, Any] = {"run": "none", "command": "", "refitted": False, "same_bits": None}
        return SweepWinner(point=best.number, settings=best.settings, scores="", weights="", headline=HEADLINE, **told)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep_run, "_run_winner", winner)
        for module in (sweep_run, sweep_search):
            patched.setattr(module, "GENERATION", GENERATION)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: StrategySpec, panel: Panel) -> Sweep:
    """A search of two generations."""
    return swept(tmp_path_factory.mktemp("whole"), base, panel, SEARCH, trials=TRIALS)


def swept(store: Path, base: StrategySpec, bars: Panel | Inputs, table: dict[str, Any], **told: Any) -> Sweep:
    context = {name: told.pop(name) for name in ("workers", "resume") if name in told}
    run = RunContext(store=RunStore(store))
    plan = Plan.read(table, **told)
    return sweep(base, bars, plan, context=SweepContext(run=run, **{"workers": Workers(), **context}))


def contents(found: Sweep) -> dict[str, bytes]:
    """Every file of points and trainings."""
    return {
        str(path.relative_to(found.folder)): path.read_bytes()
        for room in ("points", "fits")
        for path in sorted((found.folder / room).rglob("*"))
        if path.is_file()
    }


def later_bars_changed(panel: Panel, first_test: int) -> Panel:
    """The same bars until a row, and others from there on."""
    rng = np.random.default_rng(3)
    factor = np.ones(panel.close.shape)
    factor[first_test:] = rng.uniform(0.5, 2.0, size=factor[first_test:].shape)
    prices = {name: getattr(panel, name) * factor for name in ("open", "high", "low", "close")}
    return replace(panel, **prices, volume=panel.volume * factor)


# -- the laws


def test_points_are_the_same_bits_whatever_the_bars_after_validation_are(tmp_path, base, panel, whole):
    bars, test = cut_at_validation(base, Inputs(panel=panel))
    changed = later_bars_changed(panel, bars.end_row)
    assert changed.fingerprint() != panel.fingerprint()
    assert contents(swept(tmp_path, base, changed, SEARCH, trials=TRIALS)) == contents(whole)
    assert len(contents(whole)) > TRIALS
    assert test.first == f"{panel.sessions[bars.end_row]:%Y-%m-%d}"


def test_a_bar_of_validation_changes_points(tmp_path, base, panel):
    bars, _ = cut_at_validation(base, Inputs(panel=panel))
    changed = later_bars_changed(panel, bars.end_row - 5)
    grid = {"grid": {"portfolio.k": [0.2]}}
    one, two = (swept(tmp_path / str(n), base, each, grid) for n, each in enumerate((panel, changed)))
    assert contents(one) != contents(two)


def test_the_bars_of_a_point_end_before_the_test(base, panel):
    bars, test = cut_at_validation(base, Inputs(panel=panel, oracle=panel.close))
    seen = bars.inputs
    assert f"{seen.panel.sessions[-1]:%Y-%m-%d}" < test.first
    assert seen.oracle is None
    split = bars.split(base)
    assert split.validation.stop + split.purge == len(seen.panel.sessions) == split.test.start


def test_a_sweep_that_was_killed_ends_as_if_it_never_was(tmp_path, base, panel, whole, monkeypatch):
    kept, calls = sweep_workers.judge_scores, itertools.count()

    def dying(*args: Any) -> Any:
        if next(calls) in (1, 4):  # in either generation
            raise KeyboardInterrupt
        return kept(*args)

    monkeypatch.setattr(sweep_workers, "judge_scores", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            swept(tmp_path, base, panel, SEARCH, trials=TRIALS, resume=True)
    killed = swept(tmp_path, base, panel, SEARCH, trials=TRIALS, resume=True)
    assert contents(killed) == contents(whole)
    assert killed.points.equals(whole.points)
    assert killed.winner == whole.winner
    points = [entry for entry in TrialLog(tmp_path).entries() if entry.kind == POINT]
    assert len(points) == len({json.dumps(each.facts["key"], sort_keys=True) for each in points})


def test_the_order_in_which_trainings_end_changes_nothing(tmp_path, base, panel, whole, monkeypatch):
    kept = sweep_run.judge_all

    def backwards(tasks: Any, folder: Any, **told: Any) -> Iterator[Any]:
        return kept(tasks[::-1], folder, **told)

    monkeypatch.setattr(sweep_run, "judge_all", backwards)
    found = swept(tmp_path, base, panel, SEARCH, trials=TRIALS)
    assert contents(found) == contents(whole)
    orders = [
        [entry.facts["key"]["spec"] for entry in TrialLog(store).entries() if entry.kind == POINT]
        for store in (tmp_path, whole.folder.parents[2])
    ]
    assert orders[0] == orders[1]


def test_points_are_trials_once_and_deflate_what_is_judged_later(tmp_path, base, panel):
    grid = {"grid": {"portfolio.k": [0.1, 0.2]}}
    swept(tmp_path, base, panel, grid)
    swept(tmp_path, base, panel, {"grid": {"portfolio.k": [0.1, 0.2, 0.3]}})
    entries = TrialLog(tmp_path).entries()
    assert sum(entry.kind == POINT for entry in entries) == len(distinct(entries)) == 3
    test = {"first": f"{panel.sessions[-40]:%Y-%m-%d}", "last": f"{panel.sessions[-1]:%Y-%m-%d}"}
    key = TrialKey(spec="another", panel=panel.fingerprint(), **test)
    assert len(comparable(entries, key)) == 3
    assert len(comparable(entries, replace(key, panel="other bars"))) == 0
    own = replace(key, spec=override(base, {"portfolio.k": 0.1}).fingerprint())
    assert len(comparable(entries, own)) == 2  # the point whose strategy is tested is that trial
    before = replace(key, first="2000-01-01", last="2000-12-31")
    assert len(comparable(entries, before)) == 0


def test_points_that_differ_in_their_book_share_a_training(tmp_path, base, panel):
    grid = {"grid": {"portfolio.k": [0.1, 0.2], "model.penalties": [[1.0], [10.0]]}}
    found = swept(tmp_path, base, panel, grid)
    assert len(list((found.folder / "fits").iterdir())) == 2
    by_training = found.points.groupby(found.points["model.penalties"].map(str))["rank_ic"].nunique()
    assert by_training.tolist() == [1, 1]


def test_a_sweep_is_held_to_the_looks_that_are_left(tmp_path, base, panel):
    with pytest.raises(RunError, match=r"5 new points need more looks than are left .* 0 of 4 .*--guard"):
        swept(tmp_path, base, panel, {**SEARCH, "guard": {"looks": 4}}, trials=5)
    assert not list(tmp_path.rglob("fit.json"))
    guarded = swept(
        tmp_path, base, panel, {**SEARCH, "guard": {"looks": 2, "protect": True, "disagreements": 9}}, trials=4
    )
    states = guarded.points["state"].tolist()
    assert states == ["judged"] * 2 + ["protected"] * 2
    hidden = guarded.points.loc[3:, ["sharpe", "turnover"]]
    assert hidden.isna().all(axis=None)
    kept = [json.loads(path.read_text()) for path in (guarded.folder / "points").glob("*.json")]
    assert sum(each["rank_ic"] is None for each in kept) == 2


@pytest.mark.parametrize("searched", [True, False])
def test_a_sweep_whose_answers_are_spent_ends_with_the_points_it_has(tmp_path, base, panel, searched):
    guard = {"looks": 1, "protect": True, "threshold": 0.0, "noise": 0.0, "disagreements": 1}
    grid = {"model.penalties": [[0.1], [1.0], [10.0], [100.0], [1000.0]]}
    tried = {"search": {"portfolio.k": {"low": 0.1, "high": 0.3}}} if searched else {"grid": grid}
    found = swept(tmp_path, base, panel, {**tried, "guard": guard}, **({"trials": 5} if searched else {}))
    assert found.points["state"].tolist() == ["judged", "protected"]
    assert found.record["points"] == {"done": 2, "total": 5}
    assert "The sweep ended after 2 of 5 points" in " ".join(found.findings)
    assert sum(entry.kind == POINT for entry in TrialLog(tmp_path).entries()) == 2
    if searched:  # no further generation is judged
        assert len(list((found.folder / "points").glob("*.json"))) == GENERATION


def test_a_search_that_goes_on_needs_the_looks_of_its_other_points_alone(tmp_path, base, panel):
    seen, test = cut_at_validation(base, Inputs(panel=panel))
    log = SweepLog(store=RunStore(tmp_path), sweep="a", bars=seen, test=test, guard=Guard(looks=8))
    for point in grid_points(Plan.read({"grid": {"portfolio.k": [0.1, 0.12, 0.14, 0.16, 0.18]}}), base):
        log.note(point, PointResult(number=point.number, settings=point.settings, state="judged", rank_ic=0.01))
    log.require_looks((), base, beside=8)
    with pytest.raises(RunError, match="4 new points need more looks"):
        log.require_looks((), base, beside=9)
    with pytest.raises(RunError, match="8 new points need more looks"):
        replace(log, sweep="another").require_looks((), base, beside=8)


@pytest.mark.slow
def test_seeds_are_averaged_with_their_spread(tmp_path, panel):
    base = override(
        load_spec("quintile_long_short"),
        {"model.lookback": 5, "model.hidden": 4, "model.layers": 1, "training.max_epochs": 1, "training.burn_in": 5},
    )
    found = swept(tmp_path, base, panel, {"grid": {"portfolio.k": [0.2]}}, seeds=(0, 1))
    row = found.points.iloc[0]
    each = [json.loads(path.read_text()) for path in (found.folder / "points").glob("*.json")]
    numbers = [one["rank_ic"] for one in each]
    assert sorted(one["seed"] for one in each) == [0, 1]
    assert row["rank_ic"] == pytest.approx(np.mean(numbers))
    assert row["rank_ic_spread"] == pytest.approx(np.std(numbers, ddof=1))
    assert len(each[0]["epochs"]) == 1


# -- what is tried


def test_the_grids_of_the_references_have_their_points():
    spec = load_spec("filter_negative")
    grid = {
        "model": {"hidden": [128, 256, 512], "layers": [2, 3, 4], "dropout": [0.1, 0.2, 0.3]},
        "training": {"learning_rate": [1e-3, 1e-4, 1e-5]},
    }
    points = grid_points(Plan.read({"grid": grid}), spec)
    assert len(points) == len({learned_part(point.specs[0]) for point in points}) == 81
    rows = {"hidden": (64, 128, 256), "layers": (2, 3, 3), "dropout": (0.1, 0.05, 0.15)}
    rates, waits = (0.005, 0.01, 0.02), (10, 15, 20)
    whole = [
        {
            "model": {name: values[n] for name, values in rows.items()},
            "training": {"learning_rate": rates[n], "patience": waits[n]},
        }
        for n in range(3)
    ]
    configurations = grid_points(Plan.read({"points": whole}), spec)
    assert [point.specs[0].model.hidden for point in configurations] == [64, 128, 256]
    assert [point.specs[0].training.patience for point in configurations] == [10, 15, 20]


def test_kinds_stand_in_one_grid_and_keys_of_other_kinds_are_left_out(base):
    grid = {"model.kind": ["lstm", "ridge"], "model.hidden": [16, 32], "training.learning_rate": [1e-3, 1e-4]}
    points = grid_points(Plan.read({"grid": grid}), base)
    assert [dict(point.settings) for point in points][-1] == {"model.kind": "ridge"}
    assert len(points) == 5


@pytest.mark.parametrize(
    ("table", "told", "words"),
    [
        ({"grid": {"split.train": [0.5]}}, {}, "split.train would move the test span"),
        ({"grid": {"split": {"validation_end": ["2020-01-01"]}}}, {}, "would move the test span"),
        ({"grid": {"holdout.start": ["2020-01-01"]}}, {}, "would move the sealed span"),
        ({"grid": {"training.refit": [True]}}, {}, "would train on what the points are judged on"),
        ({"grid": {"name": ["a"]}}, {}, "decides no number"),
        ({"grid": {"portfolio.k": 0.1}}, {}, "portfolio.k must be a list of values to try"),
        ({"grid": {"portfolio.k": []}}, {}, "portfolio.k must be a list of values to try"),
        ({"grid": {"training.seed": [1, 2]}}, {"seeds": (1, 2)}, "training.seed does not go with --seeds"),
        ({"grids": {}}, {}, "a sweep has no section grids"),
        ({"grid": {"portfolio.k": [0.1]}}, {"objective": "test_sharpe"}, "a sweep is told no number of the test"),
        ({"search": {"portfolio.k": {"low": 0.1, "high": 0.2}}}, {}, "say of how many points with --trials"),
        ({"search": {"portfolio.k": {"low": 0.3, "high": 0.2}}}, {"trials": 2}, "low < high"),
        ({"search": {"portfolio.k": {"low": 0.1, "high": 0.2, "lot": 1}}}, {"trials": 2}, "unknown key lot"),
        ({}, {}, "there is nothing to try"),
        ({"grid": {"portfolio.k": [0.1]}, "guard": {"protect": True}}, {"objective": "sharpe"}, "rank ICs alone"),
        ({"grid": {"portfolio.k": [0.1]}}, {"seeds": (1, 1)}, "seeds are different"),
        ({"grid": {"portfolio.k": [0.1]}, "guard": 3}, {}, "guard must be a table of keys"),
        ({"search": {"model.lookback": {"low": 1, "high": 3, "step": 0.5}}}, {"trials": 2}, "step must be one"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_line(table, told, words):
    with pytest.raises(ValueError, match=words) as refused:
        Plan.read(table, **told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "trials", "words"),
    [
        ({"grid": {"portfolio.kk": [0.1]}}, None, "unknown key portfolio.kk"),
        ({"grid": {"model.hiden": [8]}}, None, "unknown key model.hiden: no kind of model of this sweep has it"),
        ({"grid": {"portfolio.k": [0.1, -3.0]}}, None, "portfolio: k as a fraction must lie"),
        ({"grid": {"model.kind": ["lstn"]}}, None, "must be one of"),
        ({"grid": {"label.horizon": [1, 200]}}, None, "point 2 .*apart"),
        ({"search": {"model.hiden": [8, 16]}}, 3, "unknown key model.hiden"),
        ({"search": {"portfolio.k": {"low": -1.0, "high": 0.5}}}, 3, "search: portfolio: k as a fraction"),
    ],
)
def test_a_point_that_cannot_be_is_refused_before_anything_is_trained(tmp_path, base, panel, table, trials, words):
    with pytest.raises(ValueError, match=words):
        swept(tmp_path, base, panel, table, trials=trials)
    assert not list(tmp_path.rglob("fit.json"))


@pytest.mark.parametrize("value", [3, 0.1, 1e-05, True, "ridge", 'a "b" c', [64, 32], [[0.1], [1.0]], {"mse": 1.0}])
def test_a_value_on_the_command_line_is_read_as_it_was(value):
    import tomllib

    assert tomllib.loads(f"value = {toml_word(value)}")["value"] == value


def test_settings_as_words_make_the_same_strategy(base):
    settings = {"model.kind": "lstm", "model.hidden": [8, 4], "loss.temperature": 0.1, "portfolio.k": 0.15}
    words = [f"{key}={toml_word(value)}" for key, value in settings.items()]
    assert override(base, words) == spec_with(base, settings)[1]


# -- how it is searched and chosen


def test_the_median_rule_is_that_of_optuna():
    import optuna

    rng = np.random.default_rng(0)
    finished = [(np.arange(n := rng.integers(5, 10)) + rng.normal(size=n)).tolist() for _ in range(11)]
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(5, n_warmup_steps=4))
    for epochs in finished:
        steps = dict(enumerate(epochs, start=1))
        study.add_trial(optuna.trial.create_trial(value=epochs[-1], intermediate_values=steps))
    bounds, seen = median_bounds(finished), set()
    for _ in range(40):
        trial, epochs = study.ask(), (rng.uniform(0.7, 1.2) * np.arange(8) + rng.normal(size=8)).tolist()
        wanted = 0
        for epoch, value in enumerate(epochs, start=1):
            trial.report(value, epoch)
            wanted = wanted or (epoch if trial.should_prune() else 0)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        assert stopping_epoch(epochs, bounds) == wanted
        seen.add(wanted)
    assert len(seen) > 2


@pytest.mark.slow
def test_a_training_below_the_median_is_stopped_and_keeps_its_epochs(tmp_path, panel):
    from strategy.sweeps.fitted_scores import fitted_scores

    base = override(
        load_spec("quintile_long_short"),
        {"model.lookback": 5, "model.hidden": 4, "model.layers": 1, "training.max_epochs": 6, "training.burn_in": 5},
    )
    bars, _ = cut_at_validation(base, Inputs(panel=panel))
    free, _ = fitted_scores(base, bars, folder=tmp_path / "free")
    bounds = (None, 2.0)
    stopped, scores = fitted_scores(base, bars, folder=tmp_path / "stopped", bounds=bounds)
    assert (stopped.stopped, scores) == (2, None)
    assert stopped.epochs == free.epochs[:2]
    assert not (tmp_path / "stopped" / "work").exists()


def test_what_one_parameter_explains_alone_is_all_of_the_variance():
    grid = [{"a": a, "b": b} for a in (1, 2, 3) for b in ("x", "y")]
    found = parameter_importance(grid, [float(each["a"]) for each in grid])
    assert found["share"].round(12).to_dict() == {"a": 1.0, "b": 0.0}
    assert found.loc["a", "chance"] == pytest.approx(2 / 5)
    shares = parameter_importance(grid, [1.0, 2.0, 2.0, 3.0, 3.0, 4.0])["share"]
    assert shares.sum() == pytest.approx(1.0)  # of a balanced grid without interaction
    assert parameter_importance(grid[:2], [1.0, 2.0]).empty


def result(number: int, rank_ic: float | None, sharpe: float | None = None, **beside: Any) -> PointResult:
    told: dict[str, Any] = {"state": "judged", **beside}
    return PointResult(number=number, settings={}, rank_ic=rank_ic, sharpe=sharpe, **told)


def test_the_winner_has_most_of_the_objective_and_of_two_alike_the_higher_sharpe():
    points = [result(1, 0.1, 0.2), result(2, 0.2, 0.1), result(3, 0.2, 0.4), result(4, 0.2, 0.4), result(5, None)]
    assert [best.number for best in (best_point(points, "rank_ic"), best_point(points, "sharpe")) if best] == [3, 3]
    stopped = result(6, 0.9, state="stopped")
    assert best_point([stopped, result(7, None, state="failed")], "rank_ic") is None


def test_the_winner_is_refitted_where_its_kind_can_be(base):
    ridge = grid_points(Plan.read({"grid": {"portfolio.k": [0.1]}}), base)[0]
    assert winner_spec(ridge, refit=True)[2] is False
    network = grid_points(Plan.read({"grid": {"model.kind": ["lstm"]}}, seeds=(3, 4)), base)[0]
    spec, beside, refitted = winner_spec(network, refit=True)
    assert refitted
    assert spec.training.refit
    assert beside == {"training.seed": 3, "training.refit": True}


def test_a_failed_training_is_a_failed_point():
    judged = (Judgement(spec="a", seed=1, rank_ic=0.1), Judgement(spec="b", seed=2, failure="it diverged"))
    point = PointResult.of(1, {"k": 1}, judged, error=None)
    assert (point.state, point.failure, point.rank_ic) == ("failed", "it diverged", None)


def test_an_unfinished_sweep_is_named_with_its_remedy(tmp_path, base, panel, monkeypatch):
    monkeypatch.setattr(sweep_run, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    grid = {"grid": {"portfolio.k": [0.1]}}
    with pytest.raises(KeyboardInterrupt) as stopped:
        swept(tmp_path, base, panel, grid)
    assert stopped.value.__notes__ == ["goes on with: resume=True"]
    with pytest.raises(RunError, match="is unfinished: go on with"):
        swept(tmp_path, base, panel, grid)


def test_the_points_of_a_sweep_are_a_frame(tmp_path, base, panel):
    found = swept(tmp_path, base, panel, {"grid": {"portfolio.k": [0.1, 0.2]}})
    assert isinstance(found.points, pd.DataFrame)
    assert found.points.index.tolist() == [1, 2]
    assert {"portfolio.k", "rank_ic", "rank_ic_error", "sharpe", "state"} <= set(found.points)
    assert found.record["points"] == {"done": 2, "total": 2}
    assert "NOT EVIDENCE" in str(found)
    assert not (found.folder / "bars").exists()


def test_what_the_guard_does_not_tell_is_not_listed(tmp_path, base, panel):
    swept(
        tmp_path,
        base,
        panel,
        {"grid": {"portfolio.k": [0.1, 0.2]}, "guard": {"looks": 1, "protect": True, "disagreements": 9}},
    )
    answer = CliRunner().invoke(app, ["trials", "--json", "--out", str(tmp_path)])
    listed = [entry for entry in json.loads(answer.stdout) if entry["kind"] == POINT]
    assert ["sharpe" in entry for entry in listed] == [True, False]


def test_the_usual_search_tries_what_can_move_the_objective(base):
    network = load_spec("filter_negative")
    ranked = Plan(trials=2).searched_keys(network)
    assert "model.hidden" in ranked
    assert not any(key.startswith("portfolio.") for key in ranked)
    assert {"portfolio.k", "model.target"} <= Plan(trials=2, objective="sharpe").searched_keys(base).keys()


def test_the_verdict_of_a_winner_weighs_the_overfitting_of_its_sweep(tmp_path: Path) -> None:
    log, key = TrialLog(tmp_path), TrialKey(spec="won", panel="p", first="2020-01-01", last="2020-12-31")
    log.append(SWEEP, strategy="s", sweep="a", panel="p", winner="won", points=9, overfitting_probability=0.7, paths=9)
    log.append(SWEEP, strategy="s", sweep="b", panel="q", winner="won", points=9, overfitting_probability=0.1, paths=9)
    found = _overfitting_of_sweep(log.entries(), key)
    assert found is not None
    assert (found.probability, found.n_trials) == (0.7, 9)
    assert _overfitting_of_sweep(log.entries(), replace(key, spec="another")) is None
    milder = replace(found, probability=0.2)
    assert _worse(milder, found) is found
    assert _worse(None, milder) is milder
