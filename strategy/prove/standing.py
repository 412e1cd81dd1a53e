"""Standing: what a proof allows page one of a report to say. Reads ``proof.json`` and nothing heavier."""

from typing import TYPE_CHECKING

from strategy.prove.proof import Proof, read_proof
from strategy.runs import RunFolder

if TYPE_CHECKING:
    from backtests.report import Stamp

__all__ = ["find_proof", "proof_notes", "proof_stamp"]


def find_proof(folder: RunFolder) -> Proof | None:
    """Return the proof of a run: its own, or that of another run of the same spec, bars and code beside it."""
    identity = folder.record["identity"]
    for path in (folder.path, *sorted(folder.path.parent.glob("*/"), reverse=True)):
        proof = read_proof(path)
        if proof is not None and dict(proof.identity) == identity:
            return proof
    return None


def proof_stamp(folder: RunFolder) -> "Stamp":
    """Return UNPROVEN, LEAK FOUND or NO LEAK FOUND."""
    from backtests.report import Stamp

    proof = find_proof(folder)
    if proof is None:
        sentence = "No look-ahead proof has been run on this pipeline."
        return Stamp(label="UNPROVEN", severity="caution", sentence=sentence)
    if proof.verdict == "FAIL":
        return Stamp(label="LEAK FOUND", severity="alarm", sentence=f"{proof.first_finding}.")
    passed = sum(check.status == "PASS" for check in proof.checks)
    sentence = f"{passed} look-ahead checks passed in the sampled sessions; that is no guarantee for the others."
    return Stamp(label="NO LEAK FOUND", severity="note", sentence=sentence)


def proof_notes(folder: RunFolder) -> tuple[str, ...]:
    """Return a line for each check of the run's proof, for the report's notes."""
    proof = find_proof(folder)
    if proof is None:
        return ()
    return tuple(f"Look-ahead proof, {check.check}: {check.status}, {check.note}." for check in proof.checks)
