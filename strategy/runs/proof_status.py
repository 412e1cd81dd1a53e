"""Proof status: what the proof of a run lets its report say. Reads ``proof.json`` and nothing heavier."""

from typing import TYPE_CHECKING

from strategy.runs.proof_file import CheckResult, Proof, read_proof
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from backtests.report.run_provenance import ProofReport

__all__ = ["find_proof", "proof_report"]


def find_proof(folder: RunFolder) -> Proof | None:
    """The proof of a run: its own, or that of the same spec, bars and code beside it."""
    identity = folder.record["identity"]
    for path in (folder.path, *sorted(folder.path.parent.glob("*/"), reverse=True)):
        proof = read_proof(path)
        if proof is not None and dict(proof.identity) == identity:
            return proof
    return None


def proof_report(folder: RunFolder) -> "ProofReport | None":
    """What the run's report says of its proof; None where there is none."""
    from backtests.report.run_provenance import ProofReport

    proof = find_proof(folder)
    if proof is None:
        return None
    return ProofReport(
        verdict=proof.verdict,
        checks=tuple((check.check, check.status, _found(check)) for check in proof.checks),
        offence="" if proof.first_finding is None else str(proof.first_finding),
        is_deep=proof.deep,
        seconds=proof.seconds,
    )


def _found(check: CheckResult) -> str:
    return check.note if check.finding is None else str(check.finding)
