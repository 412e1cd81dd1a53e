"""Number grid: prices and volumes as whole numbers, exactly where they are decimals, else to so many binary digits.

A price that is a multiple of a decimal tick is its count of ticks and comes back bit for bit. Any other, such as one
adjusted for dividends, keeps the leading ``bits`` binary digits after the first: it is off by 2^−(bits + 1) of itself
at most, whatever its size, and its whole number grows with it, so that moves are small numbers.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["NumberGrid", "grid_of"]

COARSER = 2
PER_UNIT = (1, 10, 100, 1000, 10_000)  # ticks in one unit of currency


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberGrid:
    """How the numbers of each name are rounded.

    Parameters
    ----------
    per_unit : ndarray of int, shape (n_names,)
        Ticks in one unit; 0 where the numbers have none.
    bits : int
        Binary digits kept of those.
    """

    per_unit: np.ndarray
    bits: int

    @property
    def coarser(self) -> np.ndarray:
        """Digits that a close lacks beside a fill, by name: its rounding is gone a session later, the other stays."""
        return np.where(self.per_unit > 0, 0, COARSER)

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Whole numbers of positive values, shape (n_sessions, n_names); 0 for NaN."""
        fraction, exponent = np.frexp(values)  # fraction in [1/2, 1)
        digits = np.round((fraction - 0.5) * 2.0 ** (self.bits + 1)) + exponent * 2.0**self.bits
        counted = np.where(self.per_unit > 0, np.round(values * self.per_unit), digits)
        whole: np.ndarray = np.nan_to_num(counted).astype(np.int64)
        return whole

    def values(self, whole: np.ndarray) -> np.ndarray:
        """What whole numbers stand for."""
        rounded = np.where(self.per_unit > 0, 0, whole)  # counts of ticks have no exponent
        exponent = rounded >> self.bits
        rest = rounded - (exponent << self.bits)
        digits = np.ldexp(0.5 + rest / 2.0 ** (self.bits + 1), exponent)
        return np.asarray(np.where(self.per_unit > 0, whole / np.maximum(self.per_unit, 1), digits))


def grid_of(tables: tuple[np.ndarray, ...], bits: int) -> NumberGrid:
    """Find each name's tick in its prices, shape (n_sessions, n_names) each, NaN for none."""
    per_unit = np.zeros(tables[0].shape[1], dtype=np.int64)
    for ticks in reversed(PER_UNIT):
        exact = np.ones(len(per_unit), dtype=bool)
        for prices in tables:
            told = np.round(prices * ticks)
            exact &= ((told / ticks == prices) & (told < 2**31) | np.isnan(prices)).all(axis=0)
        per_unit[exact] = ticks
    return NumberGrid(per_unit=per_unit, bits=bits)
