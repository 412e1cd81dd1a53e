"""Proofs: tests for look-ahead. On bars with another future, a pipeline must decide as if nothing had happened."""

from strategy.proofs.checks import ProveOptions, prove
from strategy.proofs.pipeline_under_test import CarriedState, PipelineUnderTest, SpanPair
from strategy.runs.proof_file import CheckResult, Finding, Proof, read_proof, write_proof

__all__ = [
    "CarriedState",
    "CheckResult",
    "Finding",
    "PipelineUnderTest",
    "Proof",
    "ProveOptions",
    "SpanPair",
    "prove",
    "read_proof",
    "write_proof",
]
