"""Baseline comparison: one book beside those of simple ideas and of random ranks."""
