"""Judged span: the sessions for which a decision existed, from the first fill to the end of the last score's holding.

A decision is a session at whose close a name of the universe has a score. It is held over the horizon or, where scores
come less often than every session, until a second one in a row has failed to come: nine gaps between decisions in ten
are the usual interval or shorter. The sessions after that are a hole until the next decision fills: the book is still
held there, and no figure is taken over them. A single such session is a pause and judged as it is held; from the second
on, bars appended after the span change nothing.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from backtests.book_checks import check_due
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.overlay_loop import decide_weights
from core.errors import DataError
from market.inputs import Inputs
from market.panel import Panel
from portfolio.rules import TradingRules
from signals.decision_interval import decision_rows, usual_interval

__all__ = [
    "Hole",
    "JudgedSpan",
    "compound",
    "judged_backtest",
    "judged_part",
    "judged_scores",
    "judged_span",
    "until_judged",
]

USUAL_SHARE = 0.9  # of the gaps between decisions are no longer than the usual interval
MIN_HOLE = 2  # sessions; one is a pause
STRAY_SHARE, MAX_STRAYS = 0.05, 20  # of all decisions, and decisions, at either end
STRAY_SESSIONS = 63  # between them and the rest, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Sessions without a decision between two that have one.

    Parameters
    ----------
    first, last : Timestamp
        Both in the hole.
    sessions : int
        From one to the other.
    net_return : float
        What the strategy's own book, which is held on, returned meanwhile; NaN where it is not known.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int
    net_return: float = np.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedSpan:
    """Sessions that every figure is taken over.

    Parameters
    ----------
    sessions : DatetimeIndex
        Sessions in which a decision was held, the first fill's and those after it.
    decisions : DatetimeIndex
        Sessions of the decisions behind them.
    interval : int
        Median number of sessions from one decision to the next.
    holes : tuple of Hole
        Stretches without a decision, in order; they are no part of ``sessions``.
    strays : DatetimeIndex
        A few decisions far before or after all others, which are left out.
    idle : DatetimeIndex
        Sessions with a score of no listed name of the universe, which decide nothing.
    """

    sessions: pd.DatetimeIndex
    decisions: pd.DatetimeIndex
    interval: int
    holes: tuple[Hole, ...] = ()
    strays: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))
    idle: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))

    @property
    def hole_sessions(self) -> int:
        """Sessions of all holes."""
        return sum(hole.sessions for hole in self.holes)

    def with_returns(self, net_returns: pd.Series) -> "JudgedSpan":
        """The same span, its holes with what a book returned in them."""
        held = [net_returns.loc[hole.first : hole.last] for hole in self.holes]
        holes = tuple(
            replace(hole, net_return=compound(returns)) for hole, returns in zip(self.holes, held, strict=True)
        )
        return replace(self, holes=holes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``metrics.json``."""
        return {
            "first": _day(self.sessions[0]),
            "last": _day(self.sessions[-1]),
            "sessions": len(self.sessions),
            "decisions": len(self.decisions),
            "interval": self.interval,
            "holes": [
                {"first": _day(hole.first), "last": _day(hole.last)}
                | {"sessions": hole.sessions, "net_return": hole.net_return}
                for hole in self.holes
            ],
            "strays": [_day(session) for session in self.strays],
            "idle": len(self.idle),
        }


def judged_span(scores: pd.DataFrame, panel: Panel, rules: TradingRules) -> JudgedSpan:
    """Find the sessions in which a decision was held.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    panel : Panel
        Bars that hold their sessions.
    rules : TradingRules
        Delay of the fills, and horizon of the scores.

    Raises
    ------
    DataError
        If no name of the universe has a score that fills within the bars.
    """
    rows, n = decision_rows(scores, panel), len(panel.sessions)
    delay = rules.execution.delay
    if not (rows + delay < n).any():
        raise DataError(
            "no session has a score of a listed name of the universe that fills within the bars: score the names that "
            "may be held, or give later bars"
        )
    hold = max(2 * _usual_longest(rows) - 1, rules.horizon)
    blocks, strays = _without_strays(_blocks(rows, hold))
    ends = [_end(block[-1] + delay + hold, n - 1) for block in blocks]
    starts = [block[0] + delay for block in blocks]
    begun = [(start, end) for start, end in zip(starts, ends, strict=True) if start < n]
    held = np.concatenate([np.arange(start, end + 1) for start, end in begun])
    holes = [(end + 1, start - 1) for (_, end), (start, _) in pairwise(begun)]
    kept = np.concatenate(blocks)
    return JudgedSpan(
        sessions=panel.sessions[held],
        decisions=panel.sessions[kept],
        interval=usual_interval(kept),
        holes=tuple(_hole(panel.sessions, first, last) for first, last in holes),
        strays=panel.sessions[strays],
        idle=pd.DatetimeIndex(scores.index[scores.notna().any(axis=1)]).difference(panel.sessions[rows]),
    )


def judged_part(result: BacktestResult, span: JudgedSpan) -> BacktestResult:
    """The backtest in the judged sessions alone: its series and tables without the rows of holes.

    The book itself is that of all sessions: it is held through a hole, drifts, and pays for its next trade.
    """
    index = result.net_returns.index
    judged = index.isin(span.sessions)
    if judged.all():
        return result
    series = ("equity", "net_returns", "gross_returns", "held_weights", "traded", "turnover", "cost", "cost_parts")
    tables = ("trades", "unfilled", "cash_outs", "margin_events")
    kept: dict[str, Any] = {name: getattr(result, name).loc[judged] for name in series}
    for name in tables:
        table = getattr(result, name)
        kept[name] = table[pd.DatetimeIndex(table["session"]).isin(span.sessions)].reset_index(drop=True)
    return replace(result, **kept)


def until_judged(inputs: Inputs, span: JudgedSpan) -> Inputs:
    """Inputs whose bars end with the span: no later bar changes a figure."""
    last = span.sessions[-1]
    return inputs if last == inputs.panel.sessions[-1] else replace(inputs, panel=inputs.panel.until(last))


def judged_scores(scores: pd.DataFrame, span: JudgedSpan) -> pd.DataFrame:
    """The scores without strays and without rows after the span."""
    if len(span.strays):
        return scores.loc[span.decisions[0] : span.decisions[-1]]
    return scores.loc[: span.sessions[-1]]


def judged_backtest(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame) -> BacktestResult:
    """The backtest of a strategy's own book on scores, in the judged sessions alone."""
    span = judged_span(scores, inputs.panel, rules)
    seen = until_judged(inputs, span)
    weights = decide_weights(rules, seen.panel, judged_scores(scores, span), sectors=inputs.sectors)
    check_due(seen.panel, weights, rules.execution)
    return judged_part(run_backtest(seen.panel, weights, execution=rules.execution, costs=rules.costs), span)


def compound(returns: pd.Series) -> float:
    """Simple return of all sessions together; NaN without one."""
    growth = 1.0 + returns.to_numpy(dtype=float)
    return float(growth.prod()) - 1.0 if len(growth) else np.nan


def _usual_longest(rows: np.ndarray) -> int:
    """Interval that nine gaps between decisions in ten do not exceed, at least 1."""
    return max(int(np.quantile(np.diff(rows), USUAL_SHARE, method="lower")), 1) if len(rows) > 1 else 1


def _blocks(rows: np.ndarray, hold: int) -> list[np.ndarray]:
    """Decisions between holes."""
    return np.split(rows, np.flatnonzero(np.diff(rows) > hold + MIN_HOLE) + 1)


def _end(held: int, last: int) -> int:
    """Last judged row of a block: the last one of its holding, or of the bars if those end before a hole could."""
    return held if last - held >= MIN_HOLE else last


def _without_strays(blocks: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """The blocks without a few decisions far from all others at either end, and those decisions."""
    most = min(STRAY_SHARE * sum(map(len, blocks)), MAX_STRAYS)
    first, last = _strays_before(blocks, most), len(blocks) - _strays_before([b[::-1] for b in blocks[::-1]], most)
    left_out = [*blocks[:first], *blocks[last:]]
    return blocks[first:last], np.concatenate(left_out) if left_out else np.empty(0, dtype=int)


def _strays_before(blocks: list[np.ndarray], most: float) -> int:
    """Number of leading blocks that hold fewer than ``most`` decisions in all and lie far before the next one."""
    count, found = 0, 0
    for place, (block, following) in enumerate(pairwise(blocks), start=1):
        count += len(block)
        if count >= most:
            break
        if abs(int(following[0] - block[-1])) > STRAY_SESSIONS:
            found = place
    return found


def _hole(sessions: pd.DatetimeIndex, first: int, last: int) -> Hole:
    return Hole(first=sessions[first], last=sessions[last], sessions=int(last - first) + 1)


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
