"""Traded record: what was decided against what a broker made of it, session by session, out of the paper log alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.verdict import finite_or_none
from core.conventions import BASIS_POINTS
from strategy.trading.paper.paper_fills import Note, fill_table, last_attempts, noted
from strategy.trials.paper_log import DECISION, RECONCILED, PaperLog

__all__ = ["TradedRecord", "traded_record"]

WAITING = ("planned", "accepted", "new", "pending_new", "partially_filled", "held")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradedRecord:
    """Decided against held; it prints.

    Parameters
    ----------
    sessions : DataFrame, index session of the decision
        ``orders``, ``filled``, ``partly`` and ``missing`` (orders, counted by name and side), ``weight_gap`` (sum of
        decided less held weights without their signs, both at the closes and the equity that the orders were sized by;
        NaN while an order waits).
    fills : DataFrame
        As ``paper_fills``.
    """

    sessions: pd.DataFrame
    fills: pd.DataFrame

    @property
    def traded(self) -> float:
        """Notional of all fills."""
        return float((self.fills["shares"] * self.fills["price"]).abs().sum())

    @property
    def slippage_bps(self) -> float:
        """By how much fills were worse than the open, by notional, in basis points; NaN where no open is known."""
        known = self.fills.dropna(subset="open")
        at_open = (known["shares"] * known["open"]).abs().sum()
        lost = (known["shares"] * (known["price"] - known["open"])).sum()
        return float(lost / at_open * BASIS_POINTS) if at_open > 0 else float("nan")

    @property
    def fees(self) -> float:
        """What the fills cost beyond their prices, in the currency of the account."""
        return float(self.fills["fee"].sum())

    def as_dict(self) -> dict[str, Any]:
        """Counts and sums as plain JSON values; NaN is None."""
        gap, counts = self.sessions["weight_gap"].dropna(), self.sessions[["orders", "filled", "partly", "missing"]]
        return {
            "sessions": len(self.sessions),
            **{str(name): int(count) for name, count in counts.sum().items()},
            "weight_gap": finite_or_none({"mean": float(gap.mean()), "max": float(gap.max())}),
            "slippage_bps": finite_or_none(self.slippage_bps),
            "fees": self.fees,
            "traded": self.traded,
        }

    def __str__(self) -> str:
        told = self.as_dict()
        slip = "not known" if told["slippage_bps"] is None else f"{told['slippage_bps']:+.1f} bps against the open"
        fees = f"fees {self.fees:,.2f}" + (
            f" ({self.fees / self.traded * BASIS_POINTS:.1f} bps)" if self.traded else ""
        )
        lines = [
            f"  at the broker: {told['sessions']} sessions, {told['orders']} orders, {told['filled']} filled, "
            f"{told['partly']} in part, {told['missing']} not; traded {self.traded:,.0f}, slippage {slip}, {fees}"
        ]
        gap = self.sessions["weight_gap"].dropna()
        if len(gap):
            lines.append(
                f"  decided against held: {gap.mean():.2%} of equity apart in the mean, {gap.max():.2%} at most "
                f"({gap.idxmax():%Y-%m-%d})"
            )
        return "\n".join(lines)


def traded_record(log: PaperLog) -> TradedRecord | None:
    """What a broker made of a log's decisions; None where it has no order.

    Parameters
    ----------
    log : PaperLog
        Log of a version.
    """
    notes = noted(log.entries())
    by_session: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (session, _, _), facts in last_attempts(notes).items():
        by_session[session].append(facts)
    if not by_session:
        return None
    fills = fill_table(notes)
    summed = fills.groupby("client_order_id")["shares"].sum()
    filled = {str(name): float(shares) for name, shares in summed.items()}
    weights, sized = _decided(notes), _sizes(notes)
    rows = [
        {
            **_counted(orders, filled),
            "weight_gap": _gap(weights.get(day, {}), sized.get(day), orders=orders, filled=filled),
        }
        for day, orders in by_session.items()
    ]
    index = pd.DatetimeIndex(list(by_session), name="session")
    return TradedRecord(sessions=pd.DataFrame(rows, index=index).sort_index(), fills=fills)


def _counted(orders: Sequence[Mapping[str, Any]], filled: Mapping[str, float]) -> dict[str, int]:
    """How many orders of a session filled, in whole, in part or not at all; those that wait are only counted."""
    share = [abs(filled.get(each["client_order_id"], 0.0)) / float(each["shares"]) for each in orders]
    ended = [each["state"] not in WAITING for each in orders]
    return {
        "orders": len(orders),
        "filled": sum(part >= 1.0 for part in share),
        "partly": sum(0.0 < part < 1.0 for part in share),
        "missing": sum(part == 0.0 and over for part, over in zip(share, ended, strict=True)),
    }


def _gap(
    weights: Mapping[str, float],
    sized: Mapping[str, Any] | None,
    *,
    orders: Sequence[Mapping[str, Any]],
    filled: Mapping[str, float],
) -> float:
    """How far the book that was held after the fills was from the decided one."""
    if sized is None or any(each["state"] in WAITING for each in orders):
        return float("nan")
    held = {name: float(shares) for name, shares in sized["positions"].items()}
    for each in orders:
        held[each["ticker"]] = held.get(each["ticker"], 0.0) + filled.get(each["client_order_id"], 0.0)
    names = sorted({*held, *weights})
    price = np.array([sized["prices"].get(name, float("nan")) for name in names])
    shares = np.array([held.get(name, 0.0) for name in names])
    worth = np.where(shares == 0.0, 0.0, shares * price) / float(sized["sized_equity"])
    return float(np.abs(np.array([weights.get(name, 0.0) for name in names]) - worth).sum())


def _decided(notes: Sequence[Note]) -> dict[str, Mapping[str, float]]:
    """Decided weights by session."""
    return {note.facts["session"]: note.facts["weights"] for note in notes if note.kind == DECISION}


def _sizes(notes: Sequence[Note]) -> dict[str, Mapping[str, Any]]:
    """The last positions, prices and equity by which the orders of a session were sized."""
    read = (note.facts for note in notes if note.kind == RECONCILED)
    return {facts["session"]: facts for facts in read if "sized_equity" in facts}
