"""Shared series: what several features of a block read, computed once per block."""

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

_series: ContextVar[dict[tuple[Any, ...], FloatArray] | None] = ContextVar("series", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Share series until the end of the ``with`` block, in this thread."""
    before = _series.set({})
    try:
        yield
    finally:
        _series.reset(before)


def shared(series: Series[Arguments]) -> Series[Arguments]:
    """Compute a panel's series once per set of arguments within ``sharing``, anew elsewhere; read-only."""

    @wraps(series)
    def once(panel: Panel, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> FloatArray:
        shared_now = _series.get()
        computed: dict[tuple[Any, ...], FloatArray] = {} if shared_now is None else shared_now
        key = (series, panel, arguments, tuple(named.items()))
        if key not in computed:
            computed[key] = series(panel, *arguments, **named)
            computed[key].flags.writeable = False
        return computed[key]

    return once
