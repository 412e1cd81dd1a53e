"""Estimators: models fitted on single sessions' features, adapters of whatever has ``fit`` and ``predict``."""
