"""Definitions: what a strategy is, in numbers and in words."""
