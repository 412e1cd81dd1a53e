"""Proofs: tests for look-ahead. On bars with another future, a pipeline must decide as if nothing had happened."""

from strategy.proofs.checks import ProveOptions, prove
from strategy.proofs.pipeline_under_test import PipelineUnderTest

__all__ = ["PipelineUnderTest", "ProveOptions", "prove"]
