"""Page: what a report is drawn from, made once: an evaluation, its verdict, its provenance, and the summaries of them.

Row *t* of every frame is known at the close of *t*; NaN is not available and prints "n/a".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from backtests.breakdown.book_study import optimizer_note, short_leg_note
from backtests.evaluation import Evaluation
from backtests.reference_gates import Gate, reference_gates, win_rate_interval
from backtests.report.book_report import BookReport, book_report, regime_labels
from backtests.report.run_provenance import ProofReport, Provenance
from backtests.report.signal_report import SignalReport, signal_report
from backtests.verdict import Verdict
from backtests.walk_study import WalkStudy
from core.intervals import hac_interval, hac_lags_by_rule
from market.panel import Panel
from market.universe import Survivorship, survivorship
from portfolio.rules import TradingRules

__all__ = ["Page", "page_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """Everything on the page; ``page_of`` fills in the summaries.

    Parameters
    ----------
    evaluation : Evaluation
        Scores, books and backtests of the test span.
    verdict : Verdict
        What they allow.
    provenance : Provenance
        Where they came from.
    books : mapping of str to BookReport
        Summaries of ``evaluation.results`` by name, the strategy's own book first.
    signal : SignalReport
        Summary of ``evaluation.signal``.
    survivorship : Survivorship
        Whether the bars hold the names that died.
    gates : tuple of Gate
        The reference gates.
    proof : ProofReport or None
        What the look-ahead checks found; without one the page says UNPROVEN.
    walk : WalkStudy or None
        Folds and seeds of a walk-forward; None for a model trained once.

    Raises
    ------
    ValueError
        If there is no book.
    """

    evaluation: Evaluation
    verdict: Verdict
    provenance: Provenance
    books: Mapping[str, BookReport]
    signal: SignalReport
    survivorship: Survivorship
    gates: tuple[Gate, ...] = ()
    proof: ProofReport | None = None
    walk: WalkStudy | None = None

    def __post_init__(self) -> None:
        if not self.books:
            raise ValueError("books must hold at least one book: run a backtest before drawing a report")

    @property
    def panel(self) -> Panel:
        """The bars."""
        return self.evaluation.inputs.panel

    @property
    def sessions_per_year(self) -> float:
        """By which every annual figure of the page is annualised."""
        return self.evaluation.result.sessions_per_year

    @property
    def rules(self) -> TradingRules:
        """Books, clock and costs."""
        return self.evaluation.rules

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the run: of the verdict, the training, the short legs, the optimiser, and of the provenance."""
        training, books = self.provenance.training, self.evaluation.books
        shorts = books if self.rules.portfolio.legs["short"] > 0 else {}
        notes = (
            self.verdict.trials_note,
            *(() if training is None else training.notes),
            *(short_leg_note(name, book.diagnostics) for name, book in shorts.items()),
            *(optimizer_note(name, book.diagnostics) for name, book in books.items()),
            *self.provenance.notes,
        )
        return tuple(note for note in notes if note)


def page_of(
    evaluation: Evaluation,
    verdict: Verdict,
    provenance: Provenance,
    *,
    proof: ProofReport | None = None,
    walk: WalkStudy | None = None,
) -> Page:
    """Summarise an evaluation for its report, once for all sections.

    Parameters
    ----------
    evaluation : Evaluation
        Scores, books and backtests of the test span.
    verdict : Verdict
        ``judge(evaluation, …)``.
    provenance : Provenance
        Where the run came from.
    proof : ProofReport, optional
        What the look-ahead checks found.
    walk : WalkStudy, optional
        Folds and seeds of scores that were stitched.
    """
    books = {
        name: book_report(
            book,
            evaluation.results[name],
            market=evaluation.market,
            vix=evaluation.inputs.vix,
            rule=provenance.rules.get(name, ""),
            study=evaluation.studies.get(name),
        )
        for name, book in evaluation.books.items()
    }
    return Page(
        evaluation=evaluation,
        verdict=verdict,
        provenance=provenance,
        books=books,
        signal=signal_report(evaluation.signal, _families(evaluation)),
        survivorship=survivorship(evaluation.inputs.panel),
        gates=_gates(evaluation, provenance, books),
        proof=proof,
        walk=walk,
    )


def _families(evaluation: Evaluation) -> dict[str, pd.Series]:
    """Regimes of the scored sessions, by family; made-up bars lie in no period of history."""
    scored, result = pd.DatetimeIndex(evaluation.scores.index), evaluation.result
    labels = regime_labels(scored, evaluation.market, evaluation.inputs.vix, warm_up=round(result.sessions_per_year))
    hidden = {"Named periods"} if evaluation.inputs.panel.facts.synthetic else set()
    return {family: regimes for family, regimes in labels.items() if family not in hidden}


def _gates(evaluation: Evaluation, provenance: Provenance, books: Mapping[str, BookReport]) -> tuple[Gate, ...]:
    study, training = evaluation.signal.study, provenance.training
    if provenance.gates is None or study is None:
        return ()
    sign, own = study.sign, books[evaluation.rules.name]
    train_loss, validation_loss = (math.nan, math.nan) if training is None else training.best_losses
    sessions = int(next(iter(evaluation.signal.ic.values())).notna().sum())
    lags = hac_lags_by_rule(max(sessions, 1), horizon=evaluation.signal.overlap)
    return reference_gates(
        own.net,
        provenance.gates,
        accuracy=sign.accuracy,
        train_loss=train_loss,
        validation_loss=validation_loss,
        intervals={
            "Sharpe ratio": own.sharpe_range,
            "Win rate": win_rate_interval(own.result.net_returns),
            "Accuracy": hac_interval(sign.accuracy, sign.standard_error, lags=lags, n_sessions=sessions),
        },
    )
