"""Quintile: backtests and portfolio research, from daily bars to an honest report."""
