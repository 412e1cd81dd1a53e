"""Uncertainty: how far a return may lie from the expected one, by a spread that is conformalised on validation."""
