"""Trials: every test result that was shown, counted in a chained log."""
