"""Weights to verdicts: two engines, costs, the only home of performance metrics, regimes and reports."""
