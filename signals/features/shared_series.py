"""Sharing: series that several features of a block read, computed once while the block is in work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from market.panel import Panel
from signals.rows import FloatArray

__all__ = ["shared", "sharing"]

Arguments = ParamSpec("Arguments")
Series = Callable[Concatenate[Panel, Arguments], FloatArray]

_kept: ContextVar[dict[tuple[Any, ...], FloatArray] | None] = ContextVar("kept", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Keep shared series until the end of the block of code, in this thread."""
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


def shared(series: Series[Arguments]) -> Series[Arguments]:
    """Compute a panel's series once for each of its arguments within ``sharing``, anew everywhere else; read-only."""

    @wraps(series)
    def once(panel: Panel, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> FloatArray:
        shared_now = _kept.get()
        kept: dict[tuple[Any, ...], FloatArray] = {} if shared_now is None else shared_now
        key = (series, panel, arguments, tuple(named.items()))
        if key not in kept:
            kept[key] = series(panel, *arguments, **named)
            kept[key].flags.writeable = False
        return kept[key]

    return once
