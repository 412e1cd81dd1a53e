"""Prove: look-ahead proofs. On bars with another future, a pipeline must decide as if nothing had happened."""

from strategy.prove.checks import ProveOptions, prove
from strategy.prove.pipeline_under_test import Carry, PipelineUnderTest, SpanPair
from strategy.prove.proof import CheckResult, Finding, Proof, read_proof, write_proof

__all__ = [
    "Carry",
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
