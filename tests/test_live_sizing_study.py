"""Sizing study: the rule as written, decisions kept and resumed, every sized book a trial, faults in one line."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from backtests.engine.backtest import ledger_backtest, run_backtest
from backtests.report.boards.paired_gaps import p_value
from backtests.report.stamps import SYNTHETIC
from backtests.statistics.inference import holm
from core.errors import MissingExtraError
from core.intervals import Interval
from live.sizing.causal_state import PLANTED
from live.sizing.made_books import made_book
from live.sizing.sized_book import SizedBook
from live.sizing.sizing_agent import Sizer, _Moments, train_agent
from live.sizing.sizing_environment import SizingEnvironment, scale_path
from live.sizing.sizing_files import study_json, write_study
from live.sizing.sizing_problem import SizingProblem, sizing_problem
from live.sizing.sizing_result import (
    CONSTANT,
    TARGET,
    Gap,
    NullRow,
    PlantedRow,
    SizingStudy,
    allowed_by_chance,
)
from live.sizing.sizing_settings import SizingSettings
from live.sizing.sizing_study import size_book, target_scale
from live.sizing.sizing_words import sentence
from live.sizing.trained_paths import PathStore, Training
from portfolio.book_settings import RiskSettings
from portfolio.risk import volatility_scale
from quintile.cli import app
from strategy.trials.log import TrialLog, distinct

ROOT = Path(__file__).resolve().parent.parent
TINY = SizingSettings(agents=("dqn",), seeds=2, steps=64, made_sessions=300)
FOUND = PlantedRow(agent="ppo", recovery=Interval(0.9, 0.8, 1.0), by_seed=(0.9, 0.9))
QUIET = NullRow(agent="ppo", gap=Interval(0.0, -0.1, 0.1), by_seed=(Interval(0.0, -0.2, 0.2),) * 5)


def quick_agent(problem: SizingProblem, agent: str, *, seed: int, count: Any = None, **_: Any) -> Sizer:
    """Holds by the planted future where it is in the state, and by nothing that matters elsewhere."""
    place = problem.features.index(PLANTED) if PLANTED in problem.features else None

    def choose(state: np.ndarray) -> float:
        if place is None:
            return 1.0 + 0.1 * float(np.sin(seed + 9.0 * state.sum()))
        return 1.5 if state[place] > 0.0 else 0.25

    return Sizer(test=scale_path(problem, problem.spans.test, choose), validation=(0.0, 0.1, 0.1, 0.05))


@pytest.fixture(scope="module", autouse=True)
def _one_engine() -> Iterator[None]:
    """Keep books by the ledger alone, the same numbers in a tenth of the time; a test below asks both engines."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("live.sizing.sized_book.run_backtest", ledger_backtest)
        yield


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Stand in for the trainings; the list grows by each that is not read."""
    trained: list[tuple[str, int]] = []

    def noted(problem: SizingProblem, agent: str, **terms: Any) -> Sizer:
        trained.append((agent, terms["seed"]))
        return quick_agent(problem, agent, **terms)

    monkeypatch.setattr("live.sizing.sizing_agent.train_agent", noted)
    return trained


@pytest.fixture(scope="module")
def book() -> SizedBook:
    """A made book that counts as a user's."""
    made = made_book(11, n_decisions=300)
    return replace(made, name="run <b>x</b>", strategy="made", identity={"spec": "s" * 64, "panel": "p" * 64})


@pytest.fixture(scope="module")
def study(book: SizedBook, tmp_path_factory: pytest.TempPathFactory) -> tuple[SizingStudy, Path]:
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("live.sizing.sizing_agent.train_agent", quick_agent)
        made = size_book(book, settings=TINY, store=PathStore(folder / "sizing"), log=TrialLog(folder / "runs"))
    return made, folder


def sized(book: SizedBook, folder: Path, **changes: Any) -> SizingStudy:
    settings = TINY.model_copy(update=changes)
    return size_book(book, settings=settings, store=PathStore(folder / "sizing"), log=TrialLog(folder / "runs"))


def test_the_study_says_what_the_agents_are(study: tuple[SizingStudy, Path]) -> None:
    made, _ = study
    assert made.planted[0].found  # it reads the future as the oracle does, but for the threshold of its sign
    assert made.null[0].nothing
    assert made.account_gap < 1e-12
    assert [row.name for row in made.rows] == [TARGET, CONSTANT, "DQN, mean scale", "DQN seed 1", "DQN seed 2"]
    assert made.rows[1].figures["scale"] == 1.0
    assert made.verdict == "NOT EVIDENCE"
    assert sentence(made).endswith(": NOT EVIDENCE.")
    assert list(made.scales.columns) == [TARGET, "DQN, mean scale"]


def test_gaps_are_corrected_for_how_many_there_are(study: tuple[SizingStudy, Path]) -> None:
    gaps = study[0].gaps
    raw = [p_value(gap.interval) for gap in gaps]
    assert [(gap.agent, gap.rule) for gap in gaps] == [("dqn", TARGET), ("dqn", CONSTANT)]
    assert [gap.p_value for gap in gaps] == holm(raw) != raw


def test_the_mean_scale_is_held_by_the_engine_itself(study: tuple[SizingStudy, Path], book: SizedBook) -> None:
    made, _ = study
    rows = book.spans().test
    scale, store = made.scales["DQN, mean scale"].to_numpy(), PathStore(study[1] / "sizing")
    seeds = [store.read(Training(book=book, agent="dqn", seed=seed, settings=TINY)) for seed in (1, 2)]
    assert (scale == np.mean([path.scale for path in seeds if path is not None], axis=0)).all()
    weights = book.scaled(rows, scale)
    bars = book.panel.until(book.panel.sessions[rows[-1] + 1])
    result = run_backtest(bars, weights, execution=book.execution, costs=book.costs)
    net = result.net_returns
    assert made.rows[2].figures["sharpe"] == pytest.approx(net.mean() / net.std() * np.sqrt(252.0))
    assert result.engine.startswith("vectorbt")  # a second engine agreed


def test_every_sized_book_is_one_trial_however_often_it_is_shown(
    study: tuple[SizingStudy, Path], book: SizedBook, quick: list[tuple[str, int]]
) -> None:
    made, folder = study
    assert len(distinct(TrialLog(folder / "runs").entries())) == 3  # two seeds and their mean; rules are no trials
    assert made.conditions["trials"] == "3 on these bars and this span, 3 of this study"
    logged = len(TrialLog(folder / "runs").entries())
    again = sized(book, folder)
    assert quick == []
    assert len(TrialLog(folder / "runs").entries()) == logged
    assert study_json(again) == study_json(made)


def test_a_study_that_was_stopped_goes_on_and_ends_with_the_same_table(
    study: tuple[SizingStudy, Path], book: SizedBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [4]

    def stopped(problem: SizingProblem, agent: str, **terms: Any) -> Sizer:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return quick_agent(problem, agent, **terms)

    monkeypatch.setattr("live.sizing.sizing_agent.train_agent", stopped)
    with pytest.raises(KeyboardInterrupt):
        sized(book, tmp_path)
    kept = sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / "sizing").iterdir())
    assert kept == ["null-dqn-1", "null-dqn-2", "planted-dqn-1", "planted-dqn-2"]
    assert not (tmp_path / "runs").exists()  # nothing was shown, nothing is counted
    left[0] = 2  # what is left to train
    assert study_json(sized(book, tmp_path)) == study_json(study[0])


@pytest.fixture
def training(book: SizedBook) -> Training:
    return Training(book=book, agent="dqn", seed=1, settings=TINY)


@pytest.mark.parametrize("damage", ["torn", "edited", "list"])
def test_a_damaged_file_counts_as_not_there(
    damage: str, training: Training, tmp_path: Path, quick: list[tuple[str, int]]
) -> None:
    store = PathStore(tmp_path)
    wanted = store.trained(training)
    path = store.path(training)
    edited = json.loads(path.read_text())
    edited["numbers"]["scale"][0] = 1.4
    path.write_text({"torn": path.read_text()[:90], "edited": json.dumps(edited), "list": "[]"}[damage])
    assert store.read(training) is None
    assert (store.trained(training).scale == wanted.scale).all()
    assert len(quick) == 2


def test_other_settings_are_other_files_and_leave_the_former_ones(
    training: Training, tmp_path: Path, quick: list[tuple[str, int]]
) -> None:
    store = PathStore(tmp_path)
    others = [
        training,
        replace(training, seed=2),
        replace(training, planted=True),
        replace(training, settings=TINY.model_copy(update={"steps": 65})),
        replace(training, settings=TINY.model_copy(update={"high": 1.4})),
        replace(training, book=replace(training.book, facts={"made": "another"})),
    ]
    for each in others:
        store.trained(each)
    assert len(quick) == len(others)
    assert len(list(tmp_path.iterdir())) == len(others)
    more_seeds = replace(training, settings=TINY.model_copy(update={"seeds": 3, "agents": ("ppo", "dqn")}))
    assert more_seeds.fingerprint() == training.fingerprint()  # neither decides what this one learns


@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_the_same_seed_decides_the_same_and_leaves_the_callers_randomness_alone(agent: Any) -> None:
    problem = sizing_problem(made_book(5, n_decisions=300))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    looks: list[tuple[int, int]] = []
    first, second = (
        train_agent(problem, agent, settings=TINY, seed=seed, count=lambda *told: looks.append(told)) for seed in (1, 1)
    )
    assert (first.test.scale == second.test.scale).all()
    assert first.validation == second.validation
    assert looks[-1] == (4, 4)
    assert len(first.validation) == 4
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert first.test.scale.min() >= 0.25
    assert first.test.scale.max() <= 1.5


class SetPolicy:
    """A policy that always acts alike, and is known by it."""

    def __init__(self, place: float, number: int) -> None:
        self.place, self.number = place, number

    def predict(self, state: np.ndarray, *, deterministic: bool) -> tuple[np.ndarray, None]:
        assert deterministic
        return np.array([self.place]), None

    def state_dict(self) -> dict[str, int]:
        return {"number": self.number}


def test_the_first_moment_that_did_best_on_validation_decides() -> None:
    problem = sizing_problem(made_book(5, n_decisions=300))
    reader = SizingEnvironment(problem, bounds=(0.25, 1.5))
    moments = _Moments(problem, reader, steps=100, count=None)
    for number, place in enumerate((-1.0, 0.1, 0.1, 0.9)):
        moments.last(SimpleNamespace(policy=SetPolicy(place, number)))
    assert moments.rewards[1] == moments.rewards[2] == max(moments.rewards)
    assert moments.best == {"number": 1}


def test_another_seed_learns_otherwise() -> None:
    problem = sizing_problem(made_book(5, n_decisions=300))
    one, other = (train_agent(problem, "dqn", settings=TINY, seed=seed).test.scale for seed in (1, 2))
    assert (one != other).any()


def test_the_volatility_target_is_the_overlay_of_the_house(book: SizedBook) -> None:
    past, spans = book.past_returns(), book.spans()
    target = float(past.iloc[spans.train].std() * np.sqrt(252.0))
    risk = RiskSettings(volatility_target=target, least_scale=0.25, largest_scale=1.5)
    own = volatility_scale(past, risk).to_numpy()[spans.test]
    assert (target_scale(book, past, TINY) == own).all()
    assert own.std() > 0.0


@pytest.mark.parametrize(
    ("estimate", "seeds", "found"),
    [(0.75, (0.5, 1.0), True), (0.749, (0.7, 0.8), False), (0.9, (0.49, 1.3), False)],
)
def test_the_future_is_found_by_the_written_rule(estimate: float, seeds: tuple[float, ...], found: bool) -> None:
    assert PlantedRow(agent="ppo", recovery=Interval(estimate, 0.0, 1.0), by_seed=seeds).found is found


def test_nothing_is_found_by_the_written_rule() -> None:
    above, below, none = Interval(0.3, 0.1, 0.5), Interval(-0.3, -0.5, -0.1), Interval(0.0, -0.2, 0.2)
    assert QUIET.nothing
    assert not replace(QUIET, gap=above).nothing
    assert replace(QUIET, gap=below).nothing  # paid for changes that brought nothing
    assert replace(QUIET, by_seed=(above, none, none, none, below)).nothing
    assert not replace(QUIET, by_seed=(above, above, none, none, none)).nothing
    assert (replace(QUIET, by_seed=(above, below, below)).above, replace(QUIET, by_seed=(above, below)).below) == (1, 1)


def test_chance_allows_one_false_find_of_five_and_none_of_two() -> None:
    assert [allowed_by_chance(n) for n in (2, 5, 20, 50)] == [0, 1, 2, 3]


def judged(study: SizingStudy, **changes: Any) -> SizingStudy:
    better = Interval(0.4, 0.1, 0.7)
    gaps = tuple(Gap(agent="ppo", rule=rule, interval=better, p_value=0.01) for rule in (TARGET, CONSTANT))
    real = {"planted": (FOUND,), "null": (QUIET,), "gaps": gaps, "synthetic": False, "optimistic": False}
    return replace(study, **{**real, **changes})


def test_evidence_needs_every_part_of_the_rule(study: tuple[SizingStudy, Path]) -> None:
    made, _ = study
    whole = judged(made)
    assert whole.verdict == "EVIDENCE"
    weak = replace(whole.gaps[0], p_value=0.05)
    behind = replace(whole.gaps[0], interval=Interval(-0.4, -0.7, -0.1))
    for change in (
        {"planted": (replace(FOUND, by_seed=(0.2, 0.9)),)},
        {"null": (replace(QUIET, gap=Interval(0.3, 0.1, 0.5)),)},
        {"gaps": (weak, whole.gaps[1])},
        {"gaps": (behind, whole.gaps[1])},
        {"synthetic": True},
        {"optimistic": True},
    ):
        assert judged(made, **change).verdict == "NOT EVIDENCE", change


def test_the_sentence_says_each_part_plainly(study: tuple[SizingStudy, Path]) -> None:
    made, _ = study
    none = Gap(agent="ppo", rule=TARGET, interval=Interval(-0.05, -0.4, 0.3), p_value=0.8)
    worse = Gap(agent="ppo", rule=CONSTANT, interval=Interval(-0.5, -0.7, -0.3), p_value=0.001)
    told = sentence(judged(made, gaps=(none, worse))).replace("\u00a0", " ")
    assert told == (
        "The agents found the planted future (PPO 90 % of what the oracle earns over constant exposure); on the null "
        "market they found nothing (Sharpe gap to constant exposure: PPO 0.00, range −0.10 to 0.10); on run <b>x</b> "
        "PPO did not beat volatility targeting (difference −0.05, range −0.40 to 0.30) and is worse than constant "
        "exposure (difference −0.50, range −0.70 to −0.30): NOT EVIDENCE."
    )
    both = sentence(judged(made, gaps=(none, replace(none, rule=CONSTANT)))).replace("\u00a0", " ")
    assert "PPO did not beat volatility targeting (difference −0.05, range −0.40 to 0.30) nor constant" in both
    failed = sentence(judged(made, planted=(replace(FOUND, by_seed=(0.1, 0.9)),)))
    assert failed.startswith("PPO did not find the planted future")
    false = sentence(judged(made, null=(replace(QUIET, gap=Interval(0.3, 0.1, 0.5)),)))
    assert "PPO found what is not there" in false
    paid = sentence(judged(made, null=(replace(QUIET, gap=Interval(-0.3, -0.5, -0.1)),)))
    assert "they found nothing, PPO at a cost" in paid


def test_json_and_page_are_written_whole_and_words_stay_words(study: tuple[SizingStudy, Path], tmp_path: Path) -> None:
    made, _ = study
    table, page = write_study(made, tmp_path, command="quintile size-book 'x'")
    told = json.loads(table.read_text())
    assert told["verdict"] == "NOT EVIDENCE"
    assert len(told["scales"]) == len(made.scales)
    html = page.read_text()
    assert "run &lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x</b>" not in html
    assert "http-equiv" in html
    assert SYNTHETIC.sentence in html
    assert "The verdict of the study&#39;s written rule" in html
    other = write_study(replace(made, settings=TINY.model_copy(update={"steps": 70})), tmp_path)
    assert other[0] != table
    page.write_text("my notes")
    with pytest.raises(ValueError, match="is there already"):
        write_study(made, tmp_path)


def test_a_missing_extra_is_one_line_that_names_it(
    book: SizedBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr("models.forecasters.forecast_extra.import_module", gone)
    with pytest.raises(
        MissingExtraError, match=r"stable_baselines3 is not installed: `pip install 'quintile\[sizing\]'`"
    ):
        sized(book, tmp_path)
    assert not (tmp_path / "sizing").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--agents", "sac"], "--agents takes ppo, dqn, was 'sac'"),
        (["--scales", "1"], "--scales takes two numbers such as 0.25,1.5, was '1'"),
        (["--scales", "0,1.5"], "low"),
        (["--scales", "1,1"], "low must be below high, was 1 and 1"),
        (["latest"], "no runs in"),
        (["nobody@1.0.0"], "nobody"),
    ],
)
def test_what_cannot_be_sized_is_refused_before_anything_is_made(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, ["size-book", *words])
    assert answer.exit_code != 0
    assert said in str(answer.exception)
    assert not list(tmp_path.iterdir())


def test_nothing_but_its_command_uses_the_study_and_no_agent_is_pickled() -> None:
    packages = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile")
    own, users = ROOT / "live" / "sizing", []
    for path in (path for package in packages for path in (ROOT / package).rglob("*.py") if own not in path.parents):
        text = path.read_text(encoding="utf-8")
        if re.search(r"from live\.sizing|(import |library\(.)(gymnasium|stable_baselines3)", text):
            users.append(path.relative_to(ROOT).as_posix())
    assert users == ["quintile/cli/live/sizing_command.py"]
    words = "".join(path.read_text(encoding="utf-8") for path in own.glob("*.py"))
    assert not re.search(r"import (torch|pickle)|\.save\(|\.load\(", words)
