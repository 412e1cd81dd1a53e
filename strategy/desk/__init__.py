"""Desk: what a researcher looks at between runs: the list of runs, runs side by side, and a board of everything."""
