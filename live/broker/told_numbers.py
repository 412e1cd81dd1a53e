"""Told numbers: settings out of one option's words, like ``names=500,gross=1``."""

from collections import Counter
from typing import TypeVar

from pydantic import ValidationError

from core.settings import Settings, first_problem

__all__ = ["told_numbers"]

Numbers = TypeVar("Numbers", bound=Settings)


def told_numbers(kind: type[Numbers], text: str | None, *, option: str) -> Numbers:
    """Settings of a kind; what is not named keeps its default.

    Parameters
    ----------
    kind : type of Settings
        Whose fields may be named.
    text : str or None
        Words; None names nothing.
    option : str
        Where a user gave them, which errors name.

    Raises
    ------
    ValueError
        If a word is none of the fields or is given twice, or a number is out of its range.

    Examples
    --------
    >>> from live.broker.told_numbers import told_numbers
    >>> from live.broker.trade_limits import TradeLimits
    >>> told_numbers(TradeLimits, "names=500,gross=1", option="--limits").names
    500
    """
    pairs = [each.partition("=") for each in (text or "").split(",") if each.strip()]
    told = [(name.strip(), value.strip()) for name, _, value in pairs]
    for name, count in Counter(name for name, _ in told).items():
        if count > 1:
            raise ValueError(f"{option} names {name[:48]} {count} times: give it once, was {text!r}")
    try:
        return kind.model_validate(dict(told))
    except ValidationError as error:
        known = f"use {', '.join(kind.model_fields)}"
        raise ValueError(f"{option}: {first_problem(error, keys=known)}") from error
