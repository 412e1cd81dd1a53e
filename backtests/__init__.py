"""Backtests: weights to results, scores to evaluations and verdicts; the only home of performance metrics.

``backtests.evaluation`` puts these parts together; ``backtests.verdict`` weighs the evidence.
"""
