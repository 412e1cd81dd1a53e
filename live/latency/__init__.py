"""Latency: how long a version takes to load and to score, in each form that it is exported to."""
