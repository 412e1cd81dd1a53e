"""Tuning: a search a symbol and forecaster, on validation alone, that goes on where it was killed."""
