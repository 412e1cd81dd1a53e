"""Eligibility: a universe in words, ``SOURCE[,age=N][,price=X]``: who is on the list, how long listed and how dear.

A floor on prices reads their level, and an adjusted price knows splits and dividends that came later. So the floor asks
for prices as they were quoted: bars that nothing adjusted, from a source whose reader declares that it holds things as
they were, because a file does not tell what its vendor did to it.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from core.errors import UniverseError
from market.panel import Panel

__all__ = ["FRESH_SESSIONS", "Eligibility"]

FRESH_SESSIONS = 5
QUOTED = ("as given", "none needed")  # how facts begin to describe bars that we did not adjust
_SUFFIX = re.compile(r"(.+),(age|price)=([^,]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Where a universe comes from, and what its names must have besides.

    Parameters
    ----------
    source : str
        ``all``, ``topN`` or a member file.
    age : int
        Sessions since the name's first print in the bars, at least.
    price : float
        Last close of the five sessions that end with the decision, at least; in the currency of the bars.
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
            If a number is none, or a condition stands twice.
        """
        found: dict[str, str] = {}
        while match := _SUFFIX.fullmatch(text):
            text, name, number = match.groups()
            if name in found or re.fullmatch(r"\d+" if name == "age" else r"\d+(\.\d+)?", number) is None:
                raise ValueError(f"universe takes {name} once, as a number like {name}=20, was {match[0]!r}")
            found[name] = number
        return cls(source=text, age=int(found.get("age", 0)), price=float(found.get("price", 0.0)))

    @property
    def words(self) -> str:
        """The conditions in words; empty without any."""
        age = f", {self.age:,} sessions or more after their first print" if self.age else ""
        return age + (f", at {self.price:g} or more a share" if self.price else "")

    def holds(self, panel: Panel) -> np.ndarray:
        """Names that meet the conditions after each close, bool (n_sessions, n_tickers); row *t* reads rows ≤ *t*.

        Raises
        ------
        UniverseError
            If a floor is asked of prices that are adjusted, or not declared to be as they were.
        """
        quoted = panel.facts.adjustment.startswith(QUOTED) and panel.facts.point_in_time
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
