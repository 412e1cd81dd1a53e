"""Sizing: the page of a study of agents that size a finished book."""
