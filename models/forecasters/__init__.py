"""Forecasters: what says, at every close, the returns of single series over the sessions to come, with their ranges."""
