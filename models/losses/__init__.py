"""Losses: terms, a function each, from a batch of sessions to the loss of each session; and their weighted sum."""
