"""Portfolio: scores to decided target weights by builders, smoothing, constraints and overlays; pure functions."""
