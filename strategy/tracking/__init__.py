"""Tracking: finished runs as records of other trackers; the run folder stays the record and is not touched."""
