"""Refusal: why a model or a folder cannot be exported, in one line."""

from core.errors import QuintileError

__all__ = ["ExportError"]


class ExportError(QuintileError):
    """A model that cannot leave as a graph, or a graph that does not score as the model does."""
