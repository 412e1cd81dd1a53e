"""Paper record: the results of a paper log so far, with the reference's gates for paper trading."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.reference_gates import UNKNOWN, Gate, GateSettings, paper_gates
from backtests.statistics.bootstrap_intervals import sharpe_interval
from backtests.statistics.metrics import performance_summary
from backtests.verdict import finite_or_none
from core.conventions import SESSIONS_PER_YEAR
from core.notebook_html import notebook_text
from strategy.trading.paper.decisions import PaperLog, decisions
from strategy.trading.paper.paper_scores import NUMBERS, YEAR, scored
from strategy.trading.paper.traded_record import TradedRecord, traded_record
from strategy.trials.paper_log import RESTATED, VERSION

__all__ = ["PaperRecord", "paper_record"]

MAX_TOLD = 5  # sessions of a kind that are printed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaperRecord:
    """A paper log, read; it prints.

    Parameters
    ----------
    version : str
        Whose log it is.
    decisions : DataFrame, index session
        ``fills``, ``late``, ``flat``, ``n_names``, ``gross``, ``net`` and ``committed``, the time of the commit in UTC,
        of every committed decision.
    scores : DataFrame of float, index session
        ``net``, ``gross``, ``turnover`` and ``cost`` of every scored session, as they were first written.
    restated : tuple of str
        Scored sessions whose bars give another return now.
    missed : tuple of str
        Sessions between the first decision and the last at whose close none was committed: the book was held.
    drifted : tuple of str
        Sessions decided or scored with other code than was frozen.
    gates : tuple of Gate
        The reference's gates for paper trading; not measured before 60 scored sessions.
    sessions_per_year : float
        Of the scored bars, by which the Sharpe ratio is annual; 252 in a log that does not say.
    traded : TradedRecord or None
        What a broker made of the decisions; None where none trades them.
    """

    version: str
    decisions: pd.DataFrame
    scores: pd.DataFrame
    restated: tuple[str, ...]
    missed: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()
    gates: tuple[Gate, ...]
    sessions_per_year: float = SESSIONS_PER_YEAR
    traded: TradedRecord | None = None

    def as_dict(self) -> dict[str, Any]:
        """Counts, returns and gates as plain JSON values; NaN is None."""
        return {
            "version": self.version,
            "decisions": len(self.decisions),
            "late": int(self.decisions["late"].sum()),
            "late_sessions": [f"{session:%Y-%m-%d}" for session in self.decisions.index[self.decisions["late"]]],
            "missed": list(self.missed),
            "drifted": list(self.drifted),
            "restated": list(self.restated),
            "broker": None if self.traded is None else self.traded.as_dict(),
            "returns": {f"{session:%Y-%m-%d}": net for session, net in self.scores["net"].items()},
            "gates": [
                {
                    "name": gate.name,
                    "asked": gate.asked,
                    "measured": finite_or_none(gate.measured),
                    "interval": finite_or_none(gate.interval._asdict()),
                    "status": gate.status,
                    "detail": gate.detail,
                }
                for gate in self.gates
            ],
        }

    def __str__(self) -> str:
        late = int(self.decisions["late"].sum())
        lines = [
            f"{self.version} on paper: {len(self.decisions)} decisions, {late} too late to trade, "
            f"{len(self.scores)} sessions scored",
            *_headline(self.scores["net"], self.sessions_per_year),
            *([] if self.traded is None else [str(self.traded)]),
            *_told("MISSED", self.missed, "no decision was committed at that close, the book before was held"),
            *_told("TOO LATE", self._late(), "committed after its fill session opened, never traded"),
            *_told("DRIFTED", self.drifted, "decided or scored with other code than was frozen"),
            *(f"  RESTATED: the bars give {session} another return than was scored" for session in self.restated),
            *(f"  {gate.status:<12}  {gate.name}, asked {gate.asked}{_measured(gate)}" for gate in self.gates),
        ]
        return "\n".join(lines)

    def _late(self) -> list[str]:
        late = self.decisions[self.decisions["late"]]
        if "committed" not in late:
            return [f"{session:%Y-%m-%d}" for session in late.index]
        return [f"{session:%Y-%m-%d} (at {when:%Y-%m-%d %H:%M} UTC)" for session, when in late["committed"].items()]

    def _repr_html_(self) -> str:
        return notebook_text(str(self))


def paper_record(log: PaperLog, gates: GateSettings | None = None) -> PaperRecord:
    """Read a paper log.

    Parameters
    ----------
    log : PaperLog
        Log of a version.
    gates : GateSettings, optional
        The version's thresholds; the reference's by default.
    """
    entries = log.entries()
    made, net = _decision_table(log), _score_table(log)
    year = next((float(entry.facts[YEAR]) for entry in scored(log)[::-1] if YEAR in entry.facts), SESSIONS_PER_YEAR)
    return PaperRecord(
        version=next((entry.facts["version"] for entry in entries if entry.kind == VERSION), log.version),
        decisions=made,
        scores=net,
        restated=tuple(entry.facts["session"] for entry in entries if entry.kind == RESTATED),
        missed=_missed(log, net.index),
        drifted=tuple(dict.fromkeys(facts["session"] for facts in _of_sessions(log) if "DRIFTED" in _stamps(facts))),
        gates=paper_gates(
            performance_summary(net["net"], sessions_per_year=year) if len(net) else None,
            n_sessions=len(net),
            flat_share=_flat_share(made),
            settings=gates,
            sharpe_range=sharpe_interval(net["net"], sessions_per_year=year) if len(net) else UNKNOWN,
        ),
        sessions_per_year=year,
        traded=traded_record(log),
    )


def _flat_share(made: pd.DataFrame) -> float:
    """The share of decisions that a kill switch made flat; NaN where none ever did."""
    return float(made["flat"].mean()) if made["flat"].any() else math.nan


def _missed(log: PaperLog, scored_sessions: pd.Index) -> tuple[str, ...]:
    """Sessions without a decision: those that a later decision named, and those that were scored all the same."""
    made = [entry.facts for entry in decisions(log)]
    decided = {each["session"] for each in made}
    named = {day for each in made for day in each.get("missed", ())}
    named |= {day for day in (f"{session:%Y-%m-%d}" for session in scored_sessions) if decided and day < max(decided)}
    return tuple(sorted(day for day in named - decided if day > min(decided)))


def _of_sessions(log: PaperLog) -> list[dict[str, Any]]:
    """What is known of sessions: decisions and scores, in the order in which they were written."""
    both = sorted([*decisions(log), *scored(log)], key=lambda entry: entry.sequence)
    return [entry.facts for entry in both]


def _stamps(facts: dict[str, Any]) -> list[str]:
    return list(facts.get("stamps", ()))


def _told(label: str, sessions: Sequence[str], what: str) -> list[str]:
    """A line for each session, as far as a reader reads them."""
    lines = [f"  {label} {session}: {what}" for session in sessions[:MAX_TOLD]]
    more = len(sessions) - MAX_TOLD
    return [*lines, *([f"  {label} on {more} more sessions"] if more > 0 else [])]


def _decision_table(log: PaperLog) -> pd.DataFrame:
    rows = [entry.facts for entry in decisions(log)]
    held = [pd.Series(row["weights"], dtype=float) for row in rows]
    table = {
        "fills": [row["fills"] for row in rows],
        "late": [row["late"] for row in rows],
        "flat": [row["flat"] for row in rows],
        "n_names": [len(weights) for weights in held],
        "gross": [weights.abs().sum() for weights in held],
        "net": [weights.sum() for weights in held],
        "committed": pd.DatetimeIndex([entry.time for entry in decisions(log)], dtype="datetime64[s, UTC]"),
    }
    index = pd.DatetimeIndex([row["session"] for row in rows], name="session")
    return pd.DataFrame(table, index=index).astype({"late": bool, "flat": bool})


def _score_table(log: PaperLog) -> pd.DataFrame:
    rows = [entry.facts for entry in scored(log)]
    index = pd.DatetimeIndex([row["session"] for row in rows], name="session")
    return pd.DataFrame(
        [[row[name] for name in NUMBERS] for row in rows], index=index, columns=list(NUMBERS), dtype=float
    )


def _headline(net: pd.Series, sessions_per_year: float) -> list[str]:
    if not len(net):
        return []
    seen = performance_summary(net, sessions_per_year=sessions_per_year)
    sharpe = (
        "n/a, too few sessions" if math.isnan(seen.sharpe) else f"{seen.sharpe:.2f} ± {seen.sharpe_standard_error:.2f}"
    )
    return [
        f"  {seen.start} to {seen.end}: total return {seen.total_return:+.2%}, Sharpe ratio {sharpe} "
        f"({sessions_per_year:.5g} sessions a year), net of costs"
    ]


def _measured(gate: Gate) -> str:
    if math.isnan(gate.measured):
        return f" ({gate.detail})"
    if gate.is_fraction:
        return f": {gate.measured:.1%}"
    low, high = gate.interval.low, gate.interval.high
    bounds = "" if math.isnan(low) else f" (95 %: {low:.2f} to {high:.2f})"
    return f": {gate.measured:.2f}{bounds}"
