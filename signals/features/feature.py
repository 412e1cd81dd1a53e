"""Feature: a named number per session and ticker, with its group, definition and warm-up.

``@feature`` turns a function from a panel to an array into a ``Feature``; the docstring's first line is the definition
that reports and feature tables print.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.user_file import docstring_of, named_failures
from market.panel import Panel, aligned_frame
from signals.rows import FloatArray

__all__ = ["Feature", "feature"]

OURS = "signals."  # package of the shipped features


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature that can be computed on a panel by calling it.

    Parameters
    ----------
    name : str
        Name of the feature, the key of its frame.
    group : str
        What it measures: return, volatility, range, volume or market.
    definition : str
        The formula in words, row *t* from rows ≤ *t* only.
    warm_up : int
        Sessions before the first one in which it can have a value.
    same_as : str or None
        Name of the feature that it repeats, number for number.
    formula : callable
        Panel in, array of shape (n_sessions, n_tickers) out.
    cross_sectional : bool
        A ticker's number depends on the other tickers of the panel. Others are computed for some tickers at a time;
        this one for some sessions at a time, after the ``warm_up`` sessions before them, and must read no earlier one.
    """

    name: str
    group: str
    definition: str
    warm_up: int
    same_as: str | None
    formula: Callable[[Panel], FloatArray]
    cross_sectional: bool = False

    def __reduce__(self) -> tuple[Callable[[str, str], "Feature"], tuple[str, str]]:
        """Travel to another process by name."""
        return _named, (self.formula.__module__, self.name)

    def __call__(self, panel: Panel) -> pd.DataFrame:
        """Compute the feature, shape (n_sessions, n_tickers), row *t* known at the close of *t*; NaN: not available."""
        return aligned_frame(self.numbers(panel), panel.sessions, panel.tickers)

    def numbers(self, panel: Panel) -> FloatArray:
        """Compute the feature as an array, shape (n_sessions, n_tickers).

        Raises
        ------
        ValueError
            If the formula fails, or what it computes has another shape or is no number.
        """
        if self.formula.__module__.startswith(OURS):
            return self.formula(panel)
        with named_failures(f"feature {self.name}"):
            computed = self.formula(panel)
            given = np.asarray(computed)
        shape = (len(panel.sessions), len(panel.tickers))
        if given.shape != shape or given.dtype.kind not in "fiub":
            seen = f"{given.dtype} of shape {given.shape}" if given.shape else repr(computed)[:40]
            raise ValueError(
                f"feature {self.name} must compute numbers of shape {shape}, sessions × tickers: was {seen}"
            )
        return given.astype(float) if given.dtype.kind != "f" else given


def feature(
    *, group: str, warm_up: int, same_as: Feature | None = None, cross_sectional: bool = False
) -> Callable[[Callable[[Panel], FloatArray]], Feature]:
    """Make a ``Feature`` of the decorated function, named as the function, defined by its docstring.

    Parameters
    ----------
    group : str
        Such as ``"momentum"``; features are listed by it.
    warm_up : int
        Sessions before the first one that can have a value.
    same_as : Feature, optional
        A feature with the same numbers, which is then computed once.
    cross_sectional : bool
        The formula compares tickers with each other, so it needs all of them at once.

    Raises
    ------
    ValueError
        If the function has no docstring.
    """

    def register(formula: Callable[[Panel], FloatArray]) -> Feature:
        written = docstring_of(formula)
        if not written:
            raise ValueError(f"feature {formula.__name__} has no docstring: its first line is the definition")
        return Feature(
            name=formula.__name__,
            group=group,
            definition=written.splitlines()[0].rstrip("."),
            warm_up=warm_up,
            same_as=None if same_as is None else same_as.name,
            formula=formula,
            cross_sectional=cross_sectional,
        )

    return register


def _named(module: str, name: str) -> Feature:
    """Find a feature of a module by name, among its values and in its tuples and lists."""
    for value in vars(importlib.import_module(module)).values():
        for candidate in value if isinstance(value, tuple | list) else (value,):
            if isinstance(candidate, Feature) and candidate.name == name:
                return candidate
    raise ValueError(f"{module} holds no feature {name}: name it in the module, or compute it in threads")
