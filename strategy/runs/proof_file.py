"""Proof file: the findings of all checks as a value that prints, is written to ``proof.json`` and read back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.files import read_json, write_json
from core.notebook_html import notebook_text

__all__ = ["PROOF_FILE", "CheckResult", "Finding", "Proof", "read_proof", "write_proof"]

PROOF_FILE = "proof.json"
FORMAT = "quintile proof 1"

Status = Literal["PASS", "FAIL", "WARN", "NOT RUN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The first number that another future changed, or that breaks a rule of the clock.

    Parameters
    ----------
    stage : str
        universe, features, scaler, scores, weights, overlays, fills, labels, spans, learning or record.
    column : str
        Feature, artefact or span; the stage's own name where it has one column.
    session, ticker : str
        ISO date and name; empty where there is none.
    expected, found : str
        Both values, with every digit.
    because : str
        What was done to the bars.
    """

    stage: str
    column: str
    session: str
    ticker: str
    expected: str
    found: str
    because: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.session, self.ticker) if part)
        place = f"{self.stage} · {self.column}" + (f" · {where}" if where else "")
        return f"{place}: {self.expected} became {self.found} ({self.because})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check.

    Parameters
    ----------
    check : str
        Its name.
    status : {"PASS", "FAIL", "WARN", "NOT RUN"}
        WARN is a caution that no code can mend; NOT RUN says in ``note`` what is missing.
    note : str
        What was compared.
    finding : Finding or None
        Only of a failure.
    """

    check: str
    status: Status
    note: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Every check of one pipeline on one panel.

    Parameters
    ----------
    subject : str
        Pipeline.
    checks : tuple of CheckResult
        In the order in which they ran.
    identity : mapping of str to str
        Fingerprints of spec, panel and code, where there are such.
    deep : bool
        Whether the slow checks ran too.
    seconds : float
        Wall clock.
    """

    subject: str
    checks: tuple[CheckResult, ...]
    identity: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["PASS", "FAIL"]:
        """PASS where no check failed and at least one passed."""
        statuses = [check.status for check in self.checks]
        return "PASS" if "FAIL" not in statuses and "PASS" in statuses else "FAIL"

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "FAIL")

    @property
    def first_finding(self) -> Finding | None:
        """The first offence of the first check that failed."""
        return next((check.finding for check in self.failures), None)

    def __str__(self) -> str:
        width = max(len(check.check) for check in self.checks)
        lines = [f"{check.check:<{width}}  {check.status:<7}  {check.note}" for check in self.checks]
        worst = self.first_finding
        return "\n".join([*lines, "", f"{self.verdict}  {self.subject}", *([] if worst is None else [f"  {worst}"])])

    def _repr_html_(self) -> str:
        return notebook_text(str(self))

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``proof.json``."""
        return {"format": FORMAT, "verdict": self.verdict} | asdict(self) | {"identity": dict(self.identity)}


def write_proof(folder: Path, proof: Proof) -> Path:
    """Write ``proof.json`` into a folder and return its path."""
    path = folder / PROOF_FILE
    write_json(path, proof.as_json())
    return path


def read_proof(folder: Path) -> Proof | None:
    """The proof in a folder, or None where there is none."""
    path = folder / PROOF_FILE
    if not path.is_file():
        return None
    written = read_json(path)
    checks = tuple(_check(check) for check in written["checks"])
    return Proof(
        subject=written["subject"],
        checks=checks,
        identity=written["identity"],
        deep=written["deep"],
        seconds=written["seconds"],
    )


def _check(written: Mapping[str, Any]) -> CheckResult:
    finding = written["finding"]
    return CheckResult(
        check=written["check"],
        status=written["status"],
        note=written["note"],
        finding=None if finding is None else Finding(**finding),
    )
