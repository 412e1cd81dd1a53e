"""Sizing study: the planted future, the null market, then the book; trained paths are kept as they come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.report.boards.paired_gaps import p_value
from backtests.statistics.bootstrap_intervals import sharpe_gap_interval
from backtests.statistics.inference import holm
from backtests.statistics.metrics import performance_summary, sharpe_ratio, sharpe_standard_error
from core.intervals import Interval
from core.progress import ProgressCallback, silent
from live.sizing.causal_state import fill_to_fill
from live.sizing.made_books import made_book
from live.sizing.sized_book import SizedBook, Spans
from live.sizing.sizing_result import (
    CONSTANT,
    TARGET,
    Gap,
    NullRow,
    PlantedRow,
    SizedRow,
    SizingStudy,
)
from live.sizing.sizing_settings import MOMENTS, AgentName, SizingSettings
from live.sizing.sizing_trials import count_trials
from live.sizing.trained_paths import PathStore, TrainedPath, Training
from portfolio.book_settings import RiskSettings
from portfolio.risk import volatility_scale
from strategy.studies.planted_alpha.seed_intervals import ratio_interval, seed_interval
from strategy.trials.log import TrialLog

__all__ = ["size_book", "target_scale"]


class _Sized(NamedTuple):
    """A way to size the book: its scale at each decision of the test span, and what the engine made of it."""

    scale: np.ndarray
    result: BacktestResult
    prints: tuple[str, ...] = ()
    agent: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trainings:
    """Where trainings come from, stage by stage."""

    settings: SizingSettings
    store: PathStore
    progress: ProgressCallback

    @property
    def seeds(self) -> range:
        return range(1, self.settings.seeds + 1)

    def of(self, book: SizedBook, agent: AgentName, seed: int, *, planted: bool = False) -> Training:
        return Training(book=book, agent=agent, seed=seed, settings=self.settings, planted=planted)

    def trained(self, training: Training, stage: str) -> TrainedPath:
        """Train or read one, and show how far the stage is."""
        n_agents = len(self.settings.agents)
        place = (training.seed - 1) * n_agents + self.settings.agents.index(training.agent)
        total, note = self.settings.seeds * n_agents * MOMENTS, f"{training.agent}, seed {training.seed}"

        def count(done: int, of: int) -> None:
            self.progress(stage, place * MOMENTS + done * MOMENTS // of, total, note)

        found = self.store.trained(training, count=count)
        count(MOMENTS, MOMENTS)  # of one that was read too
        return found


def size_book(
    book: SizedBook,
    *,
    settings: SizingSettings,
    store: PathStore,
    log: TrialLog,
    progress: ProgressCallback = silent,
) -> SizingStudy:
    """Train every agent and seed on the planted future, the null market and the book, and judge them by the rule.

    Parameters
    ----------
    book : SizedBook
        Finished; decisions and bars are not changed.
    settings : SizingSettings
        Agents, seeds, steps and bounds.
    store : PathStore
        Read, and written after each training: a killed study goes on where it stopped.
    log : TrialLog
        Counts what is shown of the book's test span, before it is shown; made books are no trials.
    progress : callable
        Called four times a training.

    Raises
    ------
    DataError
        If the book decides too few sessions, is flat, or its bars have holes where a state is needed.
    UnsupportedBookError
        If it is kept under impact or margin, or a scale makes it insolvent.
    MissingExtraError
        If stable-baselines3 or gymnasium is not installed.
    """
    store.problem(book, planted=False)  # a book that cannot be sized stops the study before hours of training
    trainings = _Trainings(settings=settings, store=store, progress=progress)
    planted, null = _planted(trainings), _null(trainings)
    ways, account_gap = _ways(book, trainings)
    own = {name: (way.result, way.prints) for name, way in ways.items() if way.agent}
    n_trials = count_trials(book, own, log)
    sessions = book.panel.sessions[book.spans().test]
    shown = {name: way.scale for name, way in ways.items() if way.seed is None and name != CONSTANT}
    return SizingStudy(
        book=book.name,
        settings=settings,
        planted=planted,
        null=null,
        rows=tuple(_row(name, way) for name, way in ways.items()),
        gaps=_gaps(ways, settings.agents),
        conditions=_conditions(book, ways[CONSTANT].result, n_trials=n_trials, n_own=len(own)),
        account_gap=account_gap,
        synthetic=book.panel.facts.synthetic,
        optimistic=book.execution.is_optimistic,
        scales=pd.DataFrame(shown, index=sessions),
    )


def target_scale(book: SizedBook, past: pd.Series, settings: SizingSettings) -> np.ndarray:
    """Scale of the house's volatility target at each decision of the test span.

    The target is the volatility of the book in training, the window the overlay's own, the bounds those of the agents.
    """
    spans, year = book.spans(), book.panel.facts.sessions_per_year
    risk = RiskSettings(
        volatility_target=float(past.iloc[spans.train].std() * np.sqrt(year)),
        least_scale=settings.low,
        largest_scale=settings.high,
    )
    scale: np.ndarray = volatility_scale(past, risk, sessions_per_year=year).to_numpy(dtype=float)[spans.test]
    return scale


def _planted(trainings: _Trainings) -> tuple[PlantedRow, ...]:
    settings = trainings.settings
    earned: dict[str, list[float]] = {agent: [] for agent in settings.agents}
    possible: list[float] = []
    for seed in trainings.seeds:
        book = made_book(seed, n_decisions=settings.made_sessions)
        rows = book.spans().test
        future = fill_to_fill(book).to_numpy()[rows]
        oracle = np.where(future > 0.0, settings.high, settings.low)
        constant = _mean_return(book, rows, np.ones(len(rows)))
        possible.append(_mean_return(book, rows, oracle) - constant)
        for agent in settings.agents:
            path = trainings.trained(trainings.of(book, agent, seed, planted=True), "planted future")
            earned[agent].append(_mean_return(book, rows, path.scale) - constant)
    return tuple(
        PlantedRow(
            agent=agent,
            recovery=ratio_interval(gains, possible),
            by_seed=tuple(gain / most for gain, most in zip(gains, possible, strict=True)),
        )
        for agent, gains in earned.items()
    )


def _null(trainings: _Trainings) -> tuple[NullRow, ...]:
    gaps: dict[str, list[Interval]] = {agent: [] for agent in trainings.settings.agents}
    for seed in trainings.seeds:
        book = made_book(seed, n_decisions=trainings.settings.made_sessions)
        rows = book.spans().test
        constant = book.backtest(rows, np.ones(len(rows))).net_returns
        for agent in trainings.settings.agents:
            path = trainings.trained(trainings.of(book, agent, seed), "null market")
            gaps[agent].append(sharpe_gap_interval(book.backtest(rows, path.scale).net_returns, constant))
    return tuple(
        NullRow(agent=agent, gap=seed_interval([each.estimate for each in found]), by_seed=tuple(found))
        for agent, found in gaps.items()
    )


def _ways(book: SizedBook, trainings: _Trainings) -> tuple[dict[str, _Sized], float]:
    """Every way to size the book by name, and how far the environment's accounts are from the engine's."""
    rows, settings = book.spans().test, trainings.settings
    scales = {
        TARGET: target_scale(book, trainings.store.problem(book, planted=False).past, settings),
        CONSTANT: np.ones(len(rows)),
    }
    ways = {name: _Sized(scale, book.backtest(rows, scale)) for name, scale in scales.items()}
    widest = 0.0
    for agent in settings.agents:
        seeded: dict[str, _Sized] = {}
        for seed in trainings.seeds:
            training = trainings.of(book, agent, seed)
            path = trainings.trained(training, "book")
            result = book.backtest(rows, path.scale)
            widest = max(widest, _account_gap(book, rows, path, result))
            own = (training.fingerprint(),)
            seeded[f"{agent.upper()} seed {seed}"] = _Sized(path.scale, result, own, agent, seed)
        scale = np.mean([way.scale for way in seeded.values()], axis=0)
        prints = tuple(each for way in seeded.values() for each in way.prints)
        ways[f"{agent.upper()}, mean scale"] = _Sized(scale, book.backtest(rows, scale), prints, agent)
        ways |= seeded
    return ways, widest


def _gaps(ways: dict[str, _Sized], agents: Sequence[str]) -> tuple[Gap, ...]:
    means = {way.agent: way.result for way in ways.values() if way.agent and way.seed is None}
    pairs = [(agent, rule) for agent in agents for rule in (TARGET, CONSTANT)]
    found = [_sharpe_gap(means[agent], ways[rule].result) for agent, rule in pairs]
    adjusted = holm([p_value(each) for each in found])
    return tuple(
        Gap(agent=agent, rule=rule, interval=each, p_value=p)
        for (agent, rule), each, p in zip(pairs, found, adjusted, strict=True)
    )


def _sharpe_gap(ours: BacktestResult, theirs: BacktestResult) -> Interval:
    return sharpe_gap_interval(ours.net_returns, theirs.net_returns, sessions_per_year=ours.sessions_per_year)


def _row(name: str, way: _Sized) -> SizedRow:
    net, year = way.result.net_returns, way.result.sessions_per_year
    told = performance_summary(net, sessions_per_year=year)
    figures = {
        "sharpe": sharpe_ratio(net, sessions_per_year=year),
        "standard_error": sharpe_standard_error(net, sessions_per_year=year),
        "annual_return": told.annual_return,
        "volatility": told.volatility,
        "max_drawdown": told.max_drawdown,
        "turnover": float(way.result.turnover.mean()),
        "scale": float(way.scale.mean()),
        "change": float(np.abs(np.diff(way.scale)).mean()),
    }
    return SizedRow(name=name, agent=way.agent, seed=way.seed, figures=figures)


def _conditions(book: SizedBook, result: BacktestResult, *, n_trials: int, n_own: int) -> dict[str, str]:
    spans, sessions, facts = book.spans(), book.panel.sessions, book.panel.facts
    days = {name: f"{sessions[rows[0]]:%Y-%m-%d} to {sessions[rows[-1]]:%Y-%m-%d}" for name, rows in _named(spans)}
    fill = f"fills at {book.execution.fill}, delay {book.execution.delay}"
    return {
        "test": f"{days['test']}, {len(result.net_returns)} sessions, out of sample of book and agents",
        "training": f"{days['train']}, {len(spans.train)} decisions; validation {days['validation']}",
        "universe": "; ".join((facts.source, facts.universe, *book.remarks)),
        "costs": f"{book.costs}; {fill}",
        "trials": f"{n_trials} on these bars and this span, {n_own} of this study",
        "year": f"{result.sessions_per_year:.5g} sessions a year, risk-free 0",
    }


def _named(spans: Spans) -> list[tuple[str, np.ndarray]]:
    return [("train", spans.train), ("validation", spans.validation), ("test", spans.test)]


def _account_gap(book: SizedBook, rows: np.ndarray, path: TrainedPath, result: BacktestResult) -> float:
    sessions = book.panel.sessions[rows + book.execution.delay]
    own = pd.Series(path.net, index=sessions).reindex(result.net_returns.index)
    return float((own - result.net_returns).abs().max())


def _mean_return(book: SizedBook, rows: np.ndarray, scale: np.ndarray) -> float:
    return float(book.backtest(rows, scale).net_returns.mean())
