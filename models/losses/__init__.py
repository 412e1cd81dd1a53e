"""Losses: the rank loss and its soft ranks."""
