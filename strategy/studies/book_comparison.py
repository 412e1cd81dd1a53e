"""Book comparison: every builder on the same scores in one pass, each counted as a trial, none chosen in silence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtests.book_checks import check_book, check_due
from backtests.breakdown.trading_summary import trading_summary
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.overlay_loop import decide_book
from backtests.evaluation import MODEL
from backtests.judged_span import judged_part, judged_scores, judged_span, until_judged
from backtests.statistics.bootstrap_intervals import sharpe_gap_interval, sharpe_interval
from backtests.statistics.metrics import performance_summary, sharpe_ratio
from backtests.statistics.online_error import OnlineTest
from backtests.verdict import TrialStanding, confidence_among, finite_or_none, gather_grounds, weigh
from core.conventions import SESSIONS_PER_YEAR
from core.errors import DataError, RunError, UnsupportedBookError
from core.notebook_html import notebook_text
from core.progress import ProgressCallback, silent
from market.equal_weight import equal_weight_market
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.universe import survivorship
from portfolio.book import Book
from portfolio.book_settings import BookSettings
from signals.score_metrics import summarize_ic
from strategy.definitions.spec import StrategySpec
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.book_lineup import book_lineup
from strategy.trials.log import TrialKey, TrialLog, comparable, trial_kind, trial_sharpe
from strategy.trials.verdict_sequence import place_in_sequence, shape_facts

if TYPE_CHECKING:
    from backtests.report.content import Stamp

__all__ = [
    "BookComparison",
    "compare_books",
    "score_books",
    "write_comparison",
]

PAGE = "books.html"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookComparison:
    """Books on the same scores, bars, clock and costs; it prints.

    Parameters
    ----------
    spec : StrategySpec
        Whose scores, smoothing, limits, overlays, clock and costs all books share.
    table : DataFrame
        Index the book: ``sharpe`` ± ``standard_error`` with 95 % bounds ``sharpe_low`` and ``sharpe_high``; ``gap``,
        the lead over the first book paired by session, with ``gap_low`` and ``gap_high``; ``sharpe_gross``,
        ``annual_return``, ``volatility``, ``max_drawdown``, ``turnover`` (per session, one way), ``cost_drag`` (per
        year), ``beta``, mean ``gross``, ``net``, ``long`` and ``short`` exposure, ``short_names``; ``verdict``,
        ``probabilistic`` and ``deflated`` Sharpe ratio.
    returns : DataFrame of float, shape (n_sessions, n_books)
        Net simple returns.
    market : Series of float
        Simple returns of the equal-weighted universe on the same sessions.
    n_trials : int
        Distinct trials on these bars and an overlapping span, these books included.
    facts : tuple of str
        Source, universe and survivorship of the bars.
    synthetic : bool
        The bars are the built-in market's.
    refused : Mapping of str to str
        Books that could not be held, and why.
    seconds : Mapping of str to float
        Wall time of deciding and backtesting all ``"plain"`` and all ``"optimised"`` books.
    sessions_per_year : float
        By which all figures are annual.
    """

    spec: StrategySpec
    table: pd.DataFrame
    returns: pd.DataFrame
    market: pd.Series
    n_trials: int
    facts: tuple[str, ...]
    synthetic: bool
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    sessions_per_year: float = SESSIONS_PER_YEAR

    @property
    def timing(self) -> str:
        """Wall time of the books, those of an optimiser apart."""
        return ", ".join(f"{kind} books {spent:.1f} s" for kind, spent in self.seconds.items())

    @property
    def sentence(self) -> str:
        """The table in two sentences, with the number of trials behind its best book."""
        counts = self.table["verdict"].value_counts()
        verdicts = ", ".join(f"{count} {word}" for word, count in counts.items())
        told = f"{len(self.table)} books on the same scores over {len(self.returns)} sessions: {verdicts}."
        if self.table["sharpe"].isna().all():
            return f"{told} None has a Sharpe ratio: too few sessions, or books that never moved."
        best = str(self.table["sharpe"].idxmax())
        row = self.table.loc[best]
        return (
            f"{told} The highest net Sharpe ratio is {row['sharpe']:.2f} ± {row['standard_error']:.2f} ({best}), the "
            f"best of {self.n_trials} trials: choosing it afterwards is what the deflated Sharpe ratio corrects for."
        )

    @property
    def conditions(self) -> str:
        """Period, bars, clock, costs and trials, which must stand beside every number."""
        first, last = self.returns.index[0], self.returns.index[-1]
        costs, execution = self.spec.costs, self.spec.execution
        return (
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, out of sample; {'; '.join(self.facts)}; {costs.trade_bps:g} bps "
            f"one way; fills at {execution.fill}, delay {execution.delay}; {self.n_trials} trials; "
            f"{self.sessions_per_year:.5g} sessions a year, risk-free 0"
        )

    def as_dict(self) -> dict[str, Any]:
        """All but the return series as plain JSON values; NaN is None."""
        rows = {name: finite_or_none(row.to_dict()) for name, row in self.table.iterrows()}
        head = {"strategy": self.spec.name, "sentence": self.sentence, "conditions": self.conditions}
        body = {"books": rows, "refused": dict(self.refused), "seconds": dict(self.seconds)}
        return {**head, "trials": self.n_trials, **body}

    def __str__(self) -> str:
        shown = self.table.to_string(float_format=lambda number: f"{number:.3f}")
        refused = [f"{name} was refused: {why}" for name, why in self.refused.items()]
        return "\n".join([self.sentence, self.conditions, "", shown, *refused, self.timing])

    def __repr__(self) -> str:
        return f"<BookComparison of {self.spec.name}: {len(self.table)} books, {self.n_trials} trials>"

    def _repr_html_(self) -> str:
        return notebook_text(str(self))


def score_books(
    spec: StrategySpec,
    inputs: Inputs,
    scores: pd.DataFrame,
    *,
    books: Mapping[str, BookSettings] | None = None,
    progress: ProgressCallback = silent,
) -> tuple[dict[str, tuple[Book, BacktestResult]], dict[str, str]]:
    """Decide and backtest every book on the same scores.

    Parameters
    ----------
    spec : StrategySpec
        Overlays, clock and costs of all.
    inputs : Inputs
        Bars and sectors.
    scores : DataFrame of float
        Expected returns, known at each close, out of sample.
    books : mapping of str to BookSettings, optional
        By default ``book_lineup``.
    progress : callable
        Called after every book.

    Returns
    -------
    tuple of dict
        Book and backtest by name, and by name why a book could not be held.
    """
    lineup = book_lineup(spec) if books is None else books
    held: dict[str, tuple[Book, BacktestResult]] = {}
    refused: dict[str, str] = {}
    span = judged_span(scores, inputs.panel, spec.rules)
    seen, scores = until_judged(inputs, span), judged_scores(scores, span)
    for done, (name, settings) in enumerate(lineup.items()):
        progress("books", done, len(lineup), name)
        try:
            check_book(settings, seen)
            book = decide_book(spec.rules.with_book(settings), seen.panel, scores, sectors=seen.sectors)
            check_due(seen.panel, book.weights, spec.execution)
            whole = run_backtest(seen.panel, book.weights, execution=spec.execution, costs=spec.costs)
            held[name] = (book, judged_part(whole, span))
        except (DataError, UnsupportedBookError) as error:  # a book that nobody can hold is a finding
            refused[name] = str(error)
    progress("books", len(lineup), len(lineup), "done")
    return held, refused


def compare_books(
    folder: RunFolder,
    *,
    store: RunStore,
    inputs: Inputs | None = None,
    optimised: bool = False,
    progress: ProgressCallback = silent,
) -> BookComparison:
    """Score every builder on a finished run's scores, and count each as a trial before it is shown.

    Parameters
    ----------
    folder : RunFolder
        A finished run.
    store : RunStore
        Its log counts.
    inputs : Inputs, optional
        The run's bars; by default loaded again.
    optimised : bool
        Whether the books of an optimiser join.
    progress : callable
        Called after every book.

    Raises
    ------
    RunError
        If the run has not finished, its bars changed, or none of the books can be held.
    """
    folder.check_complete()
    spec = folder.spec
    signal = summarize_ic(folder.read_column("ic", MODEL), horizon=spec.label.horizon)
    given = load_inputs(folder.request, holdout=spec.holdout) if inputs is None else inputs
    if given.panel.fingerprint() != folder.record["identity"]["panel"]:
        raise RunError(f"the bars of run {folder.run_id} have changed: run the strategy again on them")
    lineup = book_lineup(spec, optimised=optimised)
    held, refused, seconds = _timed_books(spec, given, folder.read_frame("scores"), lineup, progress)
    if not held:
        raise RunError(f"no book could be held, the first because {next(iter(refused.values()))}")
    market = equal_weight_market(given.panel)
    books = {name: (lineup[name], result) for name, (_, result) in held.items()}
    trials, tests = _counted(folder, store, books, synthetic=given.panel.facts.synthetic)
    grounds = partial(gather_grounds, given.panel, spec.execution, ic=signal)
    rows: dict[str, dict[str, Any]] = {}
    for name, (book, result) in held.items():
        confidence = confidence_among(result.net_returns, trials, sessions_per_year=result.sessions_per_year)
        ratios = {"probabilistic": confidence.probabilistic, "deflated": confidence.deflated}
        gap = _gap(result, next(iter(held.values()))[1])
        rows[name] = {
            **_figures(book, result, market),
            **gap,
            "verdict": weigh(grounds(confidence=confidence, standing=_stamped(folder, tests[name]))),
            **ratios,
        }
    returns = pd.DataFrame({name: result.net_returns for name, (_, result) in held.items()})
    return BookComparison(
        spec=spec,
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("book"),
        returns=returns,
        market=market.reindex(returns.index),
        n_trials=len(trials),
        facts=_facts(given.panel),
        synthetic=given.panel.facts.synthetic,
        sessions_per_year=given.panel.facts.sessions_per_year,
        refused=refused,
        seconds=seconds,
    )


def write_comparison(comparison: BookComparison, folder: RunFolder, *, command: str = "") -> Path:
    """Write the comparison as one HTML page into the run's folder and return its path."""
    from backtests.report.books_page import ComparedBooks, write_compared_books

    page = ComparedBooks(
        strategy=comparison.spec.name,
        title=f"Books of {comparison.spec.title}",
        verdict=comparison.sentence,
        conditions=comparison.conditions,
        table=comparison.table,
        returns=comparison.returns,
        market=comparison.market,
        stamps=_stamps(comparison),
        refused=comparison.refused,
        command=command,
    )
    return write_compared_books(page, folder.path / PAGE)


def _stamped(folder: RunFolder, test: OnlineTest | None = None) -> TrialStanding:
    """A book's test of the log, and what the run's own verdict was capped by: its scores are those of every book."""
    labels = folder.metrics["headline"].get("stamps", ())  # runs of before have none
    return TrialStanding(stamps=tuple((str(label), "") for label in labels), sequence=test)


def _figures(book: Book, result: BacktestResult, market: pd.Series) -> dict[str, Any]:
    year, trading = result.sessions_per_year, trading_summary(result)
    net = performance_summary(result.net_returns, market=market, sessions_per_year=year)
    decided = book.diagnostics[book.diagnostics["n_scored"] > 0]
    bounds = sharpe_interval(result.net_returns, sessions_per_year=year)
    return {
        "sharpe": net.sharpe,
        "standard_error": net.sharpe_standard_error,
        "sharpe_low": bounds.low,
        "sharpe_high": bounds.high,
        "sharpe_gross": sharpe_ratio(result.gross_returns, sessions_per_year=year),
        "annual_return": net.annual_return,
        "volatility": net.volatility,
        "max_drawdown": net.max_drawdown,
        "turnover": trading.mean_turnover,
        "cost_drag": trading.cost_drag,
        "beta": net.beta,
        "gross": trading.mean_gross,
        "net": trading.mean_net,
        "long": trading.mean_long,
        "short": trading.mean_short,
        "short_names": float(decided["n_short"].mean()),
    }


def _gap(result: BacktestResult, first: BacktestResult) -> dict[str, float]:
    """The lead over the first book with its bounds, unknown for that book itself."""
    if result is first:
        return dict.fromkeys(("gap", "gap_low", "gap_high"), np.nan)
    lead = sharpe_gap_interval(result.net_returns, first.net_returns, sessions_per_year=result.sessions_per_year)
    return {"gap": lead.estimate, "gap_low": lead.low, "gap_high": lead.high}


def _timed_books(
    spec: StrategySpec,
    inputs: Inputs,
    scores: pd.DataFrame,
    books: Mapping[str, BookSettings],
    progress: ProgressCallback,
) -> tuple[dict[str, tuple[Book, BacktestResult]], dict[str, str], dict[str, float]]:
    """Score the books, those of an optimiser after the others and timed apart."""
    held: dict[str, tuple[Book, BacktestResult]] = {}
    refused: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for kind, optimised in (("plain", False), ("optimised", True)):
        part = {name: book for name, book in books.items() if book.is_optimized == optimised}
        if part:
            started = perf_counter()
            found, unheld = score_books(spec, inputs, scores, books=part, progress=progress)
            seconds[kind] = perf_counter() - started
            held, refused = held | found, refused | unheld
    return held, refused, seconds


def _counted(
    folder: RunFolder,
    store: RunStore,
    results: Mapping[str, tuple[BookSettings, BacktestResult]],
    *,
    synthetic: bool,
) -> tuple[tuple[float, ...], dict[str, OnlineTest]]:
    """Log every book; the Sharpe ratios of all comparable trials, these included, and each book's test of the log."""
    log, identity = TrialLog(store.root), folder.record["identity"]
    own: dict[TrialKey, float] = {}
    keys: dict[str, TrialKey] = {}
    for name, (book, result) in results.items():
        tried = identity | {"spec": folder.spec.model_copy(update={"portfolio": book}).fingerprint()}
        key, year = TrialKey.of(tried, result.net_returns.index), result.sessions_per_year
        sharpe = sharpe_ratio(result.net_returns, sessions_per_year=year)
        facts = {"sharpe": sharpe if np.isfinite(sharpe) else None, "sessions": len(result.net_returns)}
        facts |= {"sessions_per_year": year, "synthetic": synthetic, **shape_facts(result.net_returns)}
        run = f"{folder.run_id} ({name})"
        log.append(trial_kind(), strategy=folder.spec.name, run=run, key=asdict(key), **facts)
        own[key], keys[name] = sharpe, key
    entries = log.entries()
    alike = {key: entry for each in own for key, entry in comparable(entries, each).items()}
    year = next(iter(results.values()))[1].sessions_per_year
    tests = {
        name: place_in_sequence(entries, keys[name], result.net_returns, synthetic=synthetic)
        for name, (_, result) in results.items()
    }
    return tuple(({key: trial_sharpe(entry, year) for key, entry in alike.items()} | own).values()), tests


def _facts(panel: Panel) -> tuple[str, ...]:
    return (panel.facts.source, panel.facts.universe, survivorship(panel).stamp)


def _stamps(comparison: BookComparison) -> tuple["Stamp", ...]:
    from backtests.report.content import Stamp
    from backtests.report.stamps import OPTIMISTIC, SYNTHETIC

    own = [SYNTHETIC] if comparison.synthetic else []
    own += [OPTIMISTIC] if comparison.spec.execution.is_optimistic else []
    biased = comparison.facts[-1]
    sentence = "What is known about the names that died; the run's own report gives the evidence."
    return (*own, Stamp(label=biased, severity="caution", sentence=sentence))
