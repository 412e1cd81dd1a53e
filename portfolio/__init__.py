"""Scores to decided target weights: builders, smoothing and constraints; pure functions over frames."""
