"""Audit: everything odd about bars, one row a finding, and what each ticker and session looks like.

Nothing is repaired here. A finding says what, whose, from when to when, how much, and why it was thought so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.audit.bad_prints import islands, repeated_bars, residual_returns, runs, stale_runs
from market.audit.coverage import history_summary, session_table, ticker_table
from market.audit.dead_sessions import dead_sessions
from market.audit.finding_kinds import BAD_PRINTS, COLUMNS, KINDS, REMOVE, RESCALE, Row
from market.audit.price_jumps import large_jumps, market_moves
from market.audit.stock_splits import SplitSign, adjusted_splits, early_volume, split_words, unadjusted_splits
from market.calendar import check_calendar
from market.exchanges import NO_EXCHANGE
from market.panel import Panel
from market.universe import Survivorship, survivorship

__all__ = ["Audit", "audit_panel"]

ADJUSTMENT_JUMP = np.log(1.2)
MIN_SILENT_SESSIONS = 60
SAME_SHARE = 0.98


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """Findings, and tables of what each ticker and session looks like.

    Parameters
    ----------
    findings : DataFrame
        Columns kind, ticker, first, last (sessions), value (its unit depends on the kind), detail and repair: what a
        fix would do, ``"remove"``, ``"rescale"`` or nothing.
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
        """Mark the bars whose prices were not traded where they stand: bool (n_sessions, n_tickers).

        By hindsight: which bar is the copy, and whether a gap was undone, later sessions tell.
        """
        return self._marked(self.findings["kind"].isin(BAD_PRINTS), panel)

    def removable(self, panel: Panel) -> pd.DataFrame:
        """Mark the bars of bad prints that could be known as such at their own close: what a fix removes."""
        is_print = self.findings["kind"].isin(BAD_PRINTS) & (self.findings["repair"] == REMOVE)
        return self._marked(is_print, panel)

    def _marked(self, rows: pd.Series, panel: Panel) -> pd.DataFrame:
        bad = pd.DataFrame(False, index=panel.sessions, columns=panel.tickers)
        for row in self.findings[rows].itertuples():
            bad.loc[row.first : row.last, row.ticker] = True
        return bad & panel.printed


def audit_panel(
    panel: Panel,
    *,
    factor: pd.DataFrame | None = None,
    exchange: str | None = None,
    rows: Iterable[Row] = (),
    set_aside: pd.DataFrame | None = None,
) -> Audit:
    """Audit a panel. Sessions that are none of the market are one finding each; the rules on names pass them over.

    Parameters
    ----------
    panel : Panel
        Bars, adjusted where the source allows it.
    factor : DataFrame of float, shape (n_sessions, n_tickers), optional
        adj_close / close of the source: what was done to prices already.
    exchange : str, optional
        Whose calendar the sessions are held against; the panel's own by default, ``"none"`` for none.
    rows : iterable of findings
        What was found before there was a panel, such as rows that none can hold.
    set_aside : DataFrame of bool, shape (n_sessions, n_tickers), optional
        Places of such rows: findings already, so that they are no gaps.
    """
    dead = dead_sessions(panel)
    held = panel.without_sessions(pd.DatetimeIndex([each.session for each in dead]), "") if dead else panel
    applied, aside = (
        None if frame is None else frame.reindex(index=held.sessions, columns=held.tickers).to_numpy()
        for frame in (factor, set_aside)
    )
    found = [
        *rows,
        *((each.kind, "", each.session, each.session, float(each.traded), each.detail, "") for each in dead),
        *_session_rows(panel, held, exchange or panel.facts.exchange),
        *_print_rows(held, applied),
        *_silent_rows(held, aside),
        *_split_rows(held, applied),
        *_identity_rows(held),
    ]
    found += _jump_rows(held, found)
    findings = pd.DataFrame(found, columns=list(COLUMNS))
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
    places = zip(*(each.tolist() for each in (copies.columns, copies.copies, copies.twins, copies.known)), strict=True)
    repeated = [
        _row(
            panel,
            "repeated bar",
            (c, r, r),
            float(moves[r, c]),
            f"same open, high, low and close as {days[twin]}",
            REMOVE if known else "",
        )
        for c, r, twin, known in places
    ]
    off = [_row(panel, "island", (c, a, z), gap, f"opens {gap:+.1%} away, and back") for c, a, z, gap in islands(panel)]
    stale = [_row(panel, "stale run", (c, a, z), z - a + 1, "one bar, repeated") for c, a, z in stale_runs(panel)]
    return [*repeated, *off, *stale, *_order_rows(panel)]


def _silent_rows(panel: Panel, aside: np.ndarray | None) -> list[Row]:
    printed = panel.printed
    inside = (printed.cummax() & printed[::-1].cummax()[::-1] & ~printed).to_numpy()
    if aside is not None:
        inside = inside & ~aside
    named = (("gap", inside, "no print"), ("zero volume", (panel.volume == 0).to_numpy(), "no share traded"))
    return [_row(panel, kind, (c, a, z), z - a + 1, told) for kind, marked, told in named for c, a, z in runs(marked)]


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
    signs = unadjusted_splits(panel, known)
    evidence = "adj_close / close jumps by the ratio"
    sure = [(sign.column, sign.row, sign.ratio) for sign in signs if not sign.doubt]
    return [
        *(_row(panel, "split", (c, r, r), ratio, f"{split_words(ratio)}: {evidence}") for c, r, ratio in known),
        *(_sign_row(panel, sign) for sign in signs),
        *(
            _row(panel, "early volume", (c, r, r), times, f"{times:.1f} times the money usually traded")
            for c, r, times in early_volume(panel, [*known, *sure])
        ),
        *([] if factor is None else _factor_rows(panel, factor, {(c, r) for c, r, _ in known})),
    ]


def _sign_row(panel: Panel, sign: SplitSign) -> Row:
    place = sign.column, sign.row, sign.row
    words = f"likely {split_words(sign.ratio)}"
    if sign.doubt:
        return _row(panel, "suspected split", place, sign.ratio, f"{words}, but {sign.doubt}")
    if not sign.known:
        return _row(panel, "unadjusted split", place, sign.ratio, f"{words}, by the volume of later sessions")
    return _row(panel, "unadjusted split", place, sign.ratio, words, RESCALE)


def _factor_rows(panel: Panel, factor: np.ndarray, splits: set[tuple[int, int]]) -> list[Row]:
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


def _session_rows(panel: Panel, held: Panel, exchange: str) -> list[Row]:
    """Findings on whole sessions: large moves of the market, and those of the calendar."""
    moves = market_moves(held)
    rows: list[Row] = [
        ("market move", "", day, day, move, f"the equal-weight universe moves {move:+.1%}", "")
        for day, move in zip(pd.DatetimeIndex(moves.index), moves.tolist(), strict=True)
    ]
    if exchange == NO_EXCHANGE:
        return rows
    check = check_calendar(panel, exchange)
    named = (("missing session", check.missing), ("extra session", check.extra))
    return [*rows, *((kind, "", day, day, np.nan, exchange, "") for kind, days in named for day in days)]


def _jump_rows(panel: Panel, found: list[Row]) -> list[Row]:
    """Jumps of the close that no other finding of the ticker accounts for."""
    named = {(row[1], day) for row in found for day in (row[2], row[3])}
    rows = []
    for column, row, times, stays in large_jumps(panel):
        if (str(panel.tickers[column]), panel.sessions[row]) not in named:
            told = f"{times:.3g} times the last close, " + ("and stays" if stays else "and comes back")
            rows.append(_row(panel, "jump", (column, row, row), times, told))
    return rows


def _row(panel: Panel, kind: str, place: tuple[int, int, int], value: float, detail: str, repair: str = "") -> Row:
    """One finding; its place is the column, the first row and the last."""
    column, first, last = place
    return kind, str(panel.tickers[column]), panel.sessions[first], panel.sessions[last], float(value), detail, repair
