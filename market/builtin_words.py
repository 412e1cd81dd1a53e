"""Built-in words: whether bars are named as a built-in market, ``builtin`` or ``builtin:seed=2,planted_ic=0``.

Imports nothing: requests are read before it is known whether any bars are. ``market.sources.builtin_bars`` makes them.
"""

__all__ = ["BUILTIN", "is_builtin"]

BUILTIN = "builtin"


def is_builtin(source: object) -> bool:
    """Whether a source of bars is a built-in market.

    Examples
    --------
    >>> from market.builtin_words import is_builtin
    >>> is_builtin("builtin"), is_builtin("builtin:seed=2"), is_builtin("bars.parquet")
    (True, True, False)
    """
    return str(source).partition(":")[0] == BUILTIN
