"""Sizing: whether an agent of reinforcement learning sizes a finished book better than a rule; a study, no default."""
