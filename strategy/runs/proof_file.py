"""Proof file: the findings of all checks as a value that prints, is written to ``proof.json`` and read back.

The file is not signed: whoever can write it can write anything. What a cut or a damage leaves is no proof.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from core.errors import RunError
from core.files import read_json, write_json
from core.notebook_html import notebook_text

__all__ = [
    "ASIDE",
    "DEEP_CHECKS",
    "EVERY_CHECK",
    "PROOF_FILE",
    "CheckResult",
    "Finding",
    "Proof",
    "read_proof",
    "write_proof",
]

PROOF_FILE = "proof.json"
FORMAT = "quintile proof 1"
EVERY_CHECK = (
    "record",
    "truncation",
    "future corruption",
    "future shuffle",
    "decision",
    "start shift",
    "ticker permutation",
    "price scale",
    "clock",
    "purge and embargo",
    "scaler",
    "training",
    "carried state",
    "hold-out",
    "survivorship",
)
DEEP_CHECKS = ("label permutation",)
ASIDE = ("record", "carried state", "hold-out", "survivorship")  # may find nothing to ask, or only caution

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
    def is_whole(self) -> bool:
        """Whether every check of a trained strategy is among them, and each that can always be asked was."""
        asked = {check.check for check in self.checks if check.status in ("PASS", "FAIL")}
        named = {check.check for check in self.checks}
        every = {*EVERY_CHECK, *(DEEP_CHECKS if self.deep else ())}
        return named >= every and asked >= every - set(ASIDE)

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
    """The proof in a folder, or None where there is none.

    Raises
    ------
    RunError, SourceError
        If the file is no proof.
    """
    path = folder / PROOF_FILE
    if not path.is_file():
        return None
    written = read_json(path)
    try:
        if not isinstance(written, dict) or written.get("format") != FORMAT:
            raise ValueError(f"it does not begin as one, {FORMAT!r}")
        return _PROOF.validate_python(written)
    except ValueError as error:
        reason = _reason(error) if isinstance(error, ValidationError) else str(error)
        raise RunError(f"{path} is no proof ({reason}): remove it, or prove the run again") from error


_PROOF = TypeAdapter(Proof)


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
