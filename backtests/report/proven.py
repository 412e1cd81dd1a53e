"""What the report says of a look-ahead proof, as somebody else has found it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["ProofReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """A proof of the pipeline behind a report.

    Parameters
    ----------
    verdict : {"PASS", "FAIL"}
        Of all checks together.
    checks : tuple of (str, str, str)
        Name, status (PASS, FAIL, WARN or NOT RUN) and, of a failure, the first offence, else what was compared.
    offence : str
        The first offence of all, empty for none.
    is_deep : bool
        Whether the slow checks ran too.
    seconds : float
        Wall clock of the proof.
    """

    verdict: Literal["PASS", "FAIL"]
    checks: tuple[tuple[str, str, str], ...]
    offence: str = ""
    is_deep: bool = False
    seconds: float = 0.0

    def tally(self, status: str) -> int:
        """Return how many checks have a status."""
        return sum(found == status for _, found, _ in self.checks)
