"""Numbers as words: one spelling per unit. NaN, None and infinity print "n/a"; a minus is a true minus."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a page of many runs is drawn without pandas
    from core.intervals import Interval

__all__ = ["MISSING", "a_year", "bps", "count", "date", "percent", "plus_minus", "ranged", "ratio", "scientific"]

MISSING = "n/a"
TIE = "\u00a0"  # a number and its unit stay on one line


def a_year(sessions_per_year: float) -> str:
    """By what figures are annual, as ``252 sessions a year``."""
    return f"{sessions_per_year:.5g} sessions a year"


def ratio(number: float | None, digits: int = 2) -> str:
    """Plain number with ``digits`` decimals."""
    if number is None or not math.isfinite(number):
        return MISSING
    return _true_minus(f"{number:,.{digits}f}")


def percent(number: float | None, digits: int = 1) -> str:
    """Fraction as a percentage."""
    shown = ratio(None if number is None else 100.0 * number, digits)
    return shown if shown == MISSING else f"{shown}{TIE}%"


def bps(number: float | None, digits: int = 1) -> str:
    """Fraction in basis points."""
    shown = ratio(None if number is None else 1e4 * number, digits)
    return shown if shown == MISSING else f"{shown}{TIE}bps"


def count(number: float | None) -> str:
    """Whole number with groups of three."""
    return ratio(number, 0).replace(",", TIE)


def scientific(number: float | None) -> str:
    """Number of any size with one decimal, as 3.1e−12."""
    if number is None or not math.isfinite(number):
        return MISSING
    return "0" if number == 0 else _true_minus(f"{number:.1e}")


def plus_minus(number: float | None, error: float | None, digits: int = 2) -> str:
    """Estimate and its standard error; the estimate alone where the error is not known."""
    shown, spread = ratio(number, digits), ratio(error, digits)
    return shown if MISSING in (shown, spread) else f"{shown}{TIE}±{TIE}{spread}"


def ranged(bounds: "Interval", digits: int = 2, *, scale: float = 1.0) -> str:
    """Bounds of an estimate, as 0.20 to 1.30, each times ``scale``."""
    low, high = ratio(scale * bounds.low, digits), ratio(scale * bounds.high, digits)
    return MISSING if MISSING in (low, high) else f"{low}{TIE}to{TIE}{high}"


def date(moment: object) -> str:
    """Date as 2018-02-07; ``"open"`` for one that has not come."""
    import pandas as pd

    stamp = pd.Timestamp(moment)  # type: ignore[arg-type]
    return "open" if pd.isna(stamp) else f"{stamp:%Y-%m-%d}"


def _true_minus(shown: str) -> str:
    bare = shown.lstrip("-")
    is_zero = not any(figure in bare for figure in "123456789")
    return bare if is_zero else shown.replace("-", "−")
