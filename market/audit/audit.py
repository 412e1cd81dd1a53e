"""Audit: everything odd about bars, one row a finding, and what each ticker and session looks like.

Nothing is repaired here. A finding says what, whose, from when to when, how much, and why it was thought so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.audit.bad_prints import islands, repeated_bars, residual_returns, runs, stale_runs
from market.audit.coverage import history_summary, session_table, ticker_table
from market.audit.stock_splits import adjusted_splits, early_volume, split_words, unadjusted_splits
from market.calendar import check_calendar
from market.panel import Panel
from market.universe import Survivorship, survivorship

__all__ = ["BAD_PRINTS", "KINDS", "Audit", "audit_panel"]

KINDS = {
    "repeated bar": "the four prices of another session: the likely copy, its twin named",
    "island": "one to three bars off both neighbours, between two opposite gaps",
    "gap": "sessions without a print between the first and the last one",
    "stale run": "three or more sessions with one and the same bar",
    "zero volume": "a print without a share traded",
    "order": "open or close outside low to high",
    "unadjusted split": "the price jumps by a simple ratio and volume by its inverse; nothing accounts for it",
    "split": "adj_close accounts for it; listed so that it can be checked",
    "early volume": "volume before a split that is on the basis after it",
    "adjustment jump": "adj_close / close moves by 20 % or more on no simple ratio: a spin-off, a dividend, or wrong",
    "reused ticker": "a new price level after more than sixty sessions without a print",
    "duplicate ticker": "two tickers with the same returns",
    "missing session": "held by the exchange, absent from the bars",
    "extra session": "in the bars, not held by the exchange",
}
BAD_PRINTS = ("repeated bar", "island")  # rows whose prices were not traded there
ADJUSTMENT_JUMP = np.log(1.2)
MIN_SILENT_SESSIONS = 60
SAME_SHARE = 0.98
COLUMNS = ("kind", "ticker", "first", "last", "value", "detail")
Row = tuple[str, str, pd.Timestamp, pd.Timestamp, float, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """Findings, and tables of what each ticker and session looks like.

    Parameters
    ----------
    findings : DataFrame
        Columns kind, ticker, first, last (sessions), value (its unit depends on the kind) and detail.
    tickers : DataFrame
        Index ticker: first and last print, sessions, years, gaps, findings by kind.
    sessions : DataFrame
        Index session: tickers listed and printed, coverage, findings.
    summary : Series
        The block of the reference: stocks, with 20+ years, data points, average days, status.
    survivorship : Survivorship
        Stamp and evidence.
    source : str
        What was audited.
    """

    findings: pd.DataFrame
    tickers: pd.DataFrame
    sessions: pd.DataFrame
    summary: pd.Series
    survivorship: Survivorship
    source: str

    def counts(self) -> pd.Series:
        """Number of findings of each kind, in the order of ``KINDS``."""
        return self.findings["kind"].value_counts().reindex(list(KINDS), fill_value=0)

    def bad_prints(self, panel: Panel) -> pd.DataFrame:
        """Mark the bars whose prices were not traded where they stand: bool (n_sessions, n_tickers)."""
        bad = pd.DataFrame(False, index=panel.sessions, columns=panel.tickers)
        for row in self.findings[self.findings["kind"].isin(BAD_PRINTS)].itertuples():
            bad.loc[row.first : row.last, row.ticker] = True
        return bad & panel.printed


def audit_panel(panel: Panel, *, factor: pd.DataFrame | None = None, exchange: str = "XNYS") -> Audit:
    """Audit a panel.

    Parameters
    ----------
    panel : Panel
        Bars, adjusted where the source allows it.
    factor : DataFrame of float, shape (n_sessions, n_tickers), optional
        adj_close / close of the source: what was done to prices already.
    exchange : str
        Whose calendar the sessions are held against.
    """
    applied = None if factor is None else factor.to_numpy()
    rows = [
        *_print_rows(panel, applied),
        *_split_rows(panel, applied),
        *_identity_rows(panel),
        *_calendar_rows(panel, exchange),
    ]
    findings = pd.DataFrame(rows, columns=list(COLUMNS))
    return Audit(
        findings=findings,
        tickers=ticker_table(panel, findings),
        sessions=session_table(panel, findings),
        summary=history_summary(panel, len(findings)),
        survivorship=survivorship(panel),
        source=panel.facts.source,
    )


def _print_rows(panel: Panel, factor: np.ndarray | None) -> list[Row]:
    copies = repeated_bars(panel, factor=factor)
    moves = residual_returns(panel.close.to_numpy())
    days = [f"{session:%Y-%m-%d}" for session in panel.sessions]
    repeated = [
        _row(panel, "repeated bar", (c, r, r), float(moves[r, c]), f"same open, high, low and close as {days[twin]}")
        for c, r, twin in zip(copies.columns.tolist(), copies.copies.tolist(), copies.twins.tolist(), strict=True)
    ]
    off = [_row(panel, "island", (c, a, z), gap, f"opens {gap:+.1%} away, and back") for c, a, z, gap in islands(panel)]
    stale = [_row(panel, "stale run", (c, a, z), z - a + 1, "one bar, repeated") for c, a, z in stale_runs(panel)]
    return [*repeated, *off, *stale, *_gap_rows(panel), *_zero_volume_rows(panel), *_order_rows(panel)]


def _gap_rows(panel: Panel) -> list[Row]:
    printed = panel.printed
    inside = printed.cummax() & printed[::-1].cummax()[::-1] & ~printed
    return [_row(panel, "gap", (c, a, z), z - a + 1, "no print") for c, a, z in runs(inside.to_numpy())]


def _zero_volume_rows(panel: Panel) -> list[Row]:
    silent = runs((panel.volume == 0).to_numpy())
    return [_row(panel, "zero volume", (c, a, z), z - a + 1, "no share traded") for c, a, z in silent]


def _order_rows(panel: Panel) -> list[Row]:
    above = np.fmax(panel.open.to_numpy(), panel.close.to_numpy()) / panel.high.to_numpy() - 1
    below = panel.low.to_numpy() / np.fmin(panel.open.to_numpy(), panel.close.to_numpy()) - 1
    outside = np.fmax(above, below)
    columns, rows = np.nonzero((outside > 1e-6).T)
    return [
        _row(panel, "order", (c, r, r), float(outside[r, c]), "open or close outside low to high")
        for c, r in zip(columns.tolist(), rows.tolist(), strict=True)
    ]


def _split_rows(panel: Panel, factor: np.ndarray | None) -> list[Row]:
    known = [] if factor is None else adjusted_splits(factor)
    left = unadjusted_splits(panel)
    evidence = "adj_close / close jumps by the ratio"
    return [
        *(_row(panel, "split", (c, r, r), ratio, f"{split_words(ratio)}: {evidence}") for c, r, ratio in known),
        *(_row(panel, "unadjusted split", (c, r, r), x, f"likely {split_words(x)}") for c, r, x in left),
        *(
            _row(panel, "early volume", (c, r, r), times, f"{times:.1f} times the money usually traded")
            for c, r, times in early_volume(panel, [*known, *left])
        ),
        *([] if factor is None else _jump_rows(panel, factor, {(c, r) for c, r, _ in known})),
    ]


def _jump_rows(panel: Panel, factor: np.ndarray, splits: set[tuple[int, int]]) -> list[Row]:
    step = np.log(factor / pd.DataFrame(factor).ffill().shift(1).to_numpy())
    columns, rows = np.nonzero((np.abs(step) >= ADJUSTMENT_JUMP).T)
    return [
        _row(panel, "adjustment jump", (c, r, r), float(np.exp(step[r, c])), "adj_close / close moves at once")
        for c, r in zip(columns.tolist(), rows.tolist(), strict=True)
        if (c, r) not in splits
    ]


def _identity_rows(panel: Panel) -> list[Row]:
    printed = panel.printed.to_numpy()
    close = panel.close.to_numpy()
    rows = []
    inside = np.maximum.accumulate(printed, axis=0) & np.maximum.accumulate(printed[::-1], axis=0)[::-1] & ~printed
    for c, a, z in runs(inside, least=MIN_SILENT_SESSIONS):
        jump = float(close[z + 1, c] / close[a - 1, c])
        detail = f"{z - a + 1} sessions of silence, then {jump:.2f} times the price"
        rows.append(_row(panel, "reused ticker", (c, a, z), jump, detail))
    return [*rows, *_duplicate_rows(panel)]


def _duplicate_rows(panel: Panel) -> list[Row]:
    """Tickers whose returns are equal in nearly all common sessions, looked for among equal sums of large moves."""
    moves = np.round(panel.close.pct_change(fill_method=None).to_numpy(), 6)
    last = len(panel.sessions) - 1
    rows: list[Row] = []
    seen: dict[tuple[int, float], int] = {}
    for column in range(moves.shape[1]):
        own = moves[:, column]
        moved = np.flatnonzero(~np.isnan(own))
        if len(moved) < MIN_SILENT_SESSIONS:
            continue
        largest = moved[np.argsort(-np.abs(own[moved]), kind="stable")[:1]]
        key = (int(largest[0]), float(own[largest[0]]))
        twin = seen.setdefault(key, column)
        both = ~np.isnan(own) & ~np.isnan(moves[:, twin])
        if twin != column and np.mean(own[both] == moves[both, twin]) >= SAME_SHARE:
            detail = f"the returns of {panel.tickers[twin]} in {int(both.sum())} sessions"
            span = column, int(moved[0]), min(int(moved[-1]), last)
            rows.append(_row(panel, "duplicate ticker", span, 1.0, detail))
    return rows


def _calendar_rows(panel: Panel, exchange: str) -> list[Row]:
    check = check_calendar(panel, exchange)
    named = (("missing session", check.missing), ("extra session", check.extra))
    return [(kind, "", day, day, np.nan, exchange) for kind, days in named for day in days]


def _row(panel: Panel, kind: str, place: tuple[int, int, int], value: float, detail: str) -> Row:
    """One finding; its place is the column, the first row and the last."""
    column, first, last = place
    return kind, str(panel.tickers[column]), panel.sessions[first], panel.sessions[last], float(value), detail
