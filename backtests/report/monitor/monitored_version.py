"""Monitored version: what a frozen version did on sessions that it had not seen, and the verdict, as values that print.

The verdict is the gravest finding. Only an always-valid range of the rank IC, or a hard fact of coverage, says BROKEN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from backtests.report.monitor.live_measure import (
    Coverage,
    Finding,
    Measure,
    SwitchState,
    last_row,
    plain_number,
)
from backtests.statistics.drift_tests import FeatureDrift
from core.notebook_html import notebook_card, small_lines

__all__ = [
    "EXIT_CODES",
    "MIN_LIVE",
    "MonitoredVersion",
    "Verdict",
]

Verdict = Literal["HOLDING", "TOO EARLY", "WATCH", "BROKEN"]
EXIT_CODES: Mapping[Verdict, int] = {"HOLDING": 0, "TOO EARLY": 0, "WATCH": 4, "BROKEN": 5}
MIN_LIVE = 20  # sessions with a rank IC before anything is said of performance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonitoredVersion:
    """A frozen version on the sessions that came after it.

    Parameters
    ----------
    version, lock, kind : str
        Its name and number, the hash of its lock, the kind of its model.
    bars : str
        What was read, in words, and ``fingerprint`` of it.
    seen_until : Timestamp
        Last session that the version was frozen on.
    sessions : DatetimeIndex
        Unseen sessions.
    measures : mapping of str to Measure
        ``rank_ic`` first.
    coverage : Coverage
        Names scored.
    switches : SwitchState
        Risk overlays.
    drift : FeatureDrift or None
        Features; None where they were not compared, and ``drift_words`` says why.
    quantiles : mapping of str to DataFrame
        ``QuantileReturns.summary`` of the test span and since, where there are enough sessions.
    findings : tuple of Finding
        The gravest first.
    remarks : tuple of str
        What else a reader must know.
    command : str
        What was typed.
    """

    version: str
    lock: str
    kind: str
    bars: str
    fingerprint: str
    synthetic: bool
    seen_until: pd.Timestamp
    sessions: pd.DatetimeIndex
    measures: Mapping[str, Measure]
    coverage: Coverage
    switches: SwitchState
    drift: FeatureDrift | None
    drift_words: str
    quantiles: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    command: str = ""

    @property
    def n_judged(self) -> int:
        """Unseen sessions with a rank IC: those whose returns have ended."""
        return self.measures["rank_ic"].n

    @property
    def verdict(self) -> Verdict:
        """HOLDING, TOO EARLY, WATCH or BROKEN."""
        grades = {finding.grade for finding in self.findings}
        if "BROKEN" in grades:
            return "BROKEN"
        if "WATCH" in grades:
            return "WATCH"
        return "TOO EARLY" if self.n_judged < MIN_LIVE else "HOLDING"

    @property
    def exit_code(self) -> int:
        """0 for HOLDING and TOO EARLY, 4 for WATCH, 5 for BROKEN."""
        return EXIT_CODES[self.verdict]

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        span = self.span
        if self.verdict == "TOO EARLY":
            return (
                f"TOO EARLY, NOT EVIDENCE: {self.n_judged} judged sessions ({span}), {MIN_LIVE} are needed before "
                "anything is said"
            )
        if self.verdict == "HOLDING":
            return f"HOLDING: nothing in {self.n_judged} judged sessions ({span}) contradicts the test span"
        return f"{self.verdict}: {next(each.words for each in self.findings if each.grade == self.verdict)}"

    @property
    def evidence(self) -> str:
        """Whether the live rank IC alone is evidence of any skill."""
        low = last_row(self.measures["rank_ic"].sequence)["lower"]
        if low > 0.0:
            return "The always-valid range of the live rank IC lies above 0: evidence of skill by itself."
        return "The always-valid range of the live rank IC does not lie above 0: by itself NOT EVIDENCE of skill."

    @property
    def span(self) -> str:
        """The unseen sessions in words."""
        return f"{self.sessions[0]:%Y-%m-%d} to {self.sessions[-1]:%Y-%m-%d}" if len(self.sessions) else "none"

    def __str__(self) -> str:
        rows = [
            ("", "live", "always-valid range", "test span", "n", "rule"),
            *(each.row() for each in self.measures.values()),
        ]
        widths = [max(len(row[place]) for row in rows) for place in range(6)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        found = [f"{each.grade}  {each.about}: {each.words}" for each in self.findings]
        return "\n".join(
            [self.sentence, self.evidence, *table, *self.facts(), *found, *(f"note: {each}" for each in self.remarks)]
        )

    def _repr_html_(self) -> str:
        running = self.measures["rank_ic"].sequence[["mean", "lower", "upper"]].dropna()
        picture = small_lines(
            {name: running[name].tolist() for name in ("mean", "lower", "upper")}, title="Rank IC since the freeze"
        )
        rows = [
            (each.label, f"{each.row()[1]} ({each.row()[2]}), test {each.row()[3]}") for each in self.measures.values()
        ]
        return notebook_card(self.sentence, rows, picture)

    def facts(self) -> list[str]:
        """Coverage, overlays and drift, a line each."""
        return [
            f"coverage: {self.coverage}",
            f"risk overlays: {self.switches}",
            f"features: {self.drift_words}",
        ]

    def as_record(self) -> dict[str, Any]:
        """Everything as plain values for one line of JSON."""
        drift = self.drift
        features = {} if drift is None else {str(name): row for name, row in drift.features.iterrows()}
        return {
            "version": self.version,
            "lock": self.lock,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "sentence": self.sentence,
            "evidence": self.evidence,
            "bars": self.bars,
            "fingerprint": self.fingerprint,
            "synthetic": self.synthetic,
            "seen_until": f"{self.seen_until:%Y-%m-%d}",
            "sessions": [f"{each:%Y-%m-%d}" for each in (self.sessions[:1].append(self.sessions[-1:]))],
            "n_sessions": len(self.sessions),
            "n_judged": self.n_judged,
            "measures": {name: each.as_record() for name, each in self.measures.items()},
            "coverage": {
                "test_scored": plain_number(self.coverage.test_scored),
                "live_scored": plain_number(self.coverage.live_scored),
                "unscored": [f"{each:%Y-%m-%d}" for each in self.coverage.unscored],
            },
            "switches": {
                "out": self.switches.is_out,
                "sessions_out": self.switches.sessions_out,
                "scale": self.switches.scale,
            },
            "drift": None
            if drift is None
            else {
                "p_value": plain_number(drift.p_value),
                "windows": drift.n_windows,
                "features": {
                    name: {str(key): plain_number(value) for key, value in row.items()}
                    for name, row in features.items()
                },
            },
            "findings": [{"grade": each.grade, "about": each.about, "words": each.words} for each in self.findings],
            "remarks": list(self.remarks),
        }
