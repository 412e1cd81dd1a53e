"""Eligibility: a universe as text, ``SOURCE[,age=N][,price=X]``: members, minimum age in sessions, minimum price.

A price floor reads the level of prices, and an adjusted price contains splits and dividends that came later. So the
floor needs prices as quoted: unadjusted bars that are declared point in time, because a file does not say what its
vendor did to it.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from core.errors import UniverseError
from market.panel import Panel

__all__ = ["FRESH_SESSIONS", "Eligibility"]

FRESH_SESSIONS = 5
_SUFFIX = re.compile(r"(.+),(age|price)=([^,]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """The source of a universe, and minimum age and price of its names.

    Parameters
    ----------
    source : str
        ``all``, ``topN`` or a member file.
    age : int
        Minimum sessions since the name's first print in the bars.
    price : float
        Minimum last close of the five sessions that end with the decision, in the currency of the bars.
    """

    source: str
    age: int = 0
    price: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a text such as ``top400,age=252,price=5``.

        Raises
        ------
        ValueError
            If a number is not one, or a condition is given twice.
        """
        conditions: dict[str, str] = {}
        while match := _SUFFIX.fullmatch(text):
            text, name, number = match.groups()
            if name in conditions or re.fullmatch(r"\d+" if name == "age" else r"\d+(\.\d+)?", number) is None:
                raise ValueError(f"universe takes {name} once, as a number like {name}=20, was {match[0]!r}")
            conditions[name] = number
        return cls(source=text, age=int(conditions.get("age", 0)), price=float(conditions.get("price", 0.0)))

    @property
    def description(self) -> str:
        """The conditions as text; empty without any."""
        age = f", {self.age:,} sessions or more after their first print" if self.age else ""
        return age + (f", at {self.price:g} or more a share" if self.price else "")

    def holds(self, panel: Panel) -> np.ndarray:
        """Names that meet the conditions after each close, bool (n_sessions, n_tickers); row *t* reads rows ≤ *t*.

        Raises
        ------
        UniverseError
            If a price floor is set and prices are adjusted, or not declared point in time.
        """
        quoted = panel.facts.point_in_time and not panel.facts.adjusted
        if self.price and not quoted:
            raise UniverseError(
                f"universe price={self.price:g} needs prices as they were quoted, adjusted ones know later splits: "
                f"give unadjusted bars and declare them (--point-in-time); these are {panel.facts.adjustment}"
            )
        printed = panel.printed.to_numpy()
        rows = np.arange(len(printed))[:, None]
        old = rows - np.where(printed.any(axis=0), printed.argmax(axis=0), len(printed)) >= self.age
        dear = panel.close.ffill(limit=FRESH_SESSIONS - 1).to_numpy() >= self.price if self.price else True
        met: np.ndarray = old & dear
        return met
