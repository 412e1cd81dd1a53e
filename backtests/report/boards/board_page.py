"""Board page: everything of a store on one page: a row a run, walk, sweep, forecast study or version.

The table is whole without a script; with one it is searched, sorted and grouped, and chosen curves are drawn over each
other. Links are relative to the page, so that a copy of the store opens anywhere.
"""

from dataclasses import dataclass, field
from urllib.parse import quote

from backtests.report.boards.equity_curve import sparkline
from backtests.report.boards.page_frame import render_frame, script_json

__all__ = ["BoardRow", "Measure", "render_board"]

TONES = {"EVIDENCE": "fine", "WEAK": "caution", "NOT EVIDENCE": "alarm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number as it is sorted and as it is shown; one that is not available sorts last."""

    value: float | None = None
    shown: str = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """One row of the board, plain text until it is rendered.

    Parameters
    ----------
    kind : str
        ``run``, ``walk``, ``sweep``, ``forecast``, ``version`` and the like.
    name, strategy : str
        What it is called, and the strategy that it is grouped by.
    path : str
        Of its page, relative to the board; empty where it has none.
    verdict : str
        The verdict's word; empty where there is none.
    stamps : tuple of str
        What nobody may read past.
    sharpe, rank_ic, drawdown : Measure
        Net Sharpe ratio, mean rank IC and maximum drawdown, with their errors.
    conditions : tuple of str
        Period and sessions, universe, costs, trials: what the numbers must not be read without.
    differs : str
        Settings unlike the most common ones of its strategy's runs.
    problem : str
        Why it cannot be read; empty else.
    started : str
        When it was begun.
    curve : str
        Of its equity, see :mod:`backtests.report.boards.equity_curve`; empty for none.
    """

    kind: str
    name: str
    strategy: str
    path: str = ""
    verdict: str = ""
    stamps: tuple[str, ...] = ()
    sharpe: Measure = field(default_factory=Measure)
    rank_ic: Measure = field(default_factory=Measure)
    drawdown: Measure = field(default_factory=Measure)
    conditions: tuple[str, ...] = ()
    differs: str = ""
    problem: str = ""
    started: str = ""
    curve: str = ""

    @property
    def href(self) -> str:
        """The address of its page; a name that looks like a scheme or a parent stays a name."""
        return f"./{quote(self.path)}" if self.path else ""

    @property
    def tone(self) -> str:
        """How the verdict is coloured."""
        return TONES.get(self.verdict, "soft")


def render_board(rows: tuple[BoardRow, ...], *, counts: str) -> str:
    """Render the board as HTML that works offline and makes no request; the same input gives the same bytes.

    Parameters
    ----------
    rows : tuple of BoardRow
        The newest first.
    counts : str
        How many of each there are, in words.
    """
    sparks = [sparkline(row.curve) for row in rows]
    return render_frame(
        "board.html",
        title="Research board",
        kicker="Quintile · runs, walks, sweeps, forecasts and versions",
        skip="To the table",
        scripts=("board.js",),
        counts=counts,
        rows=list(zip(rows, sparks, strict=True)),
        kinds=sorted({row.kind for row in rows}),
        curves=script_json({str(place): rows[place].curve for place, spark in enumerate(sparks) if spark}),
    )
