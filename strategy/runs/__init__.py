"""Runs: the folder of a run, what it records and what it writes."""
