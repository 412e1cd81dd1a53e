"""Proof status: what the proof of a run lets its report say. Reads ``proof.json`` and nothing heavier.

A report says PROVEN where every check is in the proof and none failed, of this spec, these bars, this code and these
weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import RunError, SourceError
from core.files import file_sha256
from strategy.runs.proof_file import CheckResult, Proof, read_proof
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from backtests.report.run_provenance import ProofReport

__all__ = ["find_proof", "proof_identity", "proof_report"]

IDENTITY = ("spec", "panel", "code")
WEIGHTS = "weights"  # the sha256 of the model that was proven, in its identity


def proof_identity(identity: Mapping[str, str], model: Path) -> dict[str, str]:
    """What a proof is of: spec, bars and code, and the weights beside ``model``."""
    return {part: identity[part] for part in IDENTITY} | {WEIGHTS: file_sha256(model.with_suffix(".safetensors"))}


def find_proof(folder: RunFolder) -> Proof | None:
    """The proof of a run: its own, or that of the same spec, bars, code and weights beside it.

    One that cannot be read is left out.
    """
    for path in (folder.path, *sorted(folder.home.glob("*/"), reverse=True)):
        proof = _readable(path)
        if proof is not None and _is_of(proof, folder, own=path == folder.path):
            return proof
    return None


def proof_report(folder: RunFolder) -> "ProofReport | None":
    """What the run's report says of its proof; None where there is none, or one that passed and lacks a check."""
    from backtests.report.run_provenance import ProofReport

    proof = find_proof(folder)
    if proof is None or (proof.verdict == "PASS" and not proof.is_whole):
        return None
    return ProofReport(
        verdict=proof.verdict,
        checks=tuple((check.check, check.status, _found(check)) for check in proof.checks),
        offence="" if proof.first_finding is None else str(proof.first_finding),
        is_deep=proof.deep,
        seconds=proof.seconds,
    )


def _readable(folder: Path) -> Proof | None:
    try:
        return read_proof(folder)
    except (RunError, SourceError):
        return None


def _is_of(proof: Proof, folder: RunFolder, *, own: bool) -> bool:
    """Whether a proof is of the run; one of before, that names no weights, is so in the run's own folder alone."""
    identity, known = folder.record["identity"], dict(proof.identity)
    weights = known.pop(WEIGHTS, None)
    if known != {part: value for part, value in identity.items() if part != "model"}:
        return False
    model = folder.path / "model.safetensors"
    return own if weights is None else model.is_file() and file_sha256(model) == weights


def _found(check: CheckResult) -> str:
    return check.note if check.finding is None else str(check.finding)
