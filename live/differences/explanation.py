"""Explanation: the gap between two results and its parts by stage, as a value that prints.

Figures are the compound annual return, the annual Sharpe ratio and the mean rank IC of the sessions that both results
have, second less first. A part is the Shapley value of its stages: what swapping them adds, averaged over every order
in which the stages that differ can be swapped.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from backtests.verdict import finite_or_none
from core.notebook_html import notebook_text
from live.differences.first_places import FirstPlace

__all__ = ["EXACT", "FIGURES", "NOT_REPLAYED", "Explanation", "SideFigures", "StagePart"]

FIGURES: Final = ("annual return", "Sharpe ratio", "rank IC")
NOT_REPLAYED: Final = "not replayed"
EXACT: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFigures:
    """One side's figures on the common sessions, and what they must not be read without.

    Parameters
    ----------
    name, kind : str
        Of the recipe.
    figures : mapping of str to float or None
        By ``FIGURES``; None where it is not defined.
    sharpe_error : float
        Standard error of the Sharpe ratio.
    universe, costs, trials : str
        As the side recorded them.
    """

    name: str
    kind: str
    figures: Mapping[str, float | None]
    sharpe_error: float
    universe: str
    costs: str
    trials: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePart:
    """What some stages are of the gap.

    Parameters
    ----------
    name : str
        The stage, or the stages that can only be swapped together.
    stages : tuple of str
        They; none for what could not be replayed.
    figures : mapping of str to float or None
        By ``FIGURES``: exactly 0 where the two sides are the same.
    differs : bool
        Whether the two sides differ in them.
    why : str
        What differs.
    """

    name: str
    stages: tuple[str, ...]
    figures: Mapping[str, float | None]
    differs: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """Why two results differ; print it.

    Parameters
    ----------
    first, second : SideFigures
        The sides.
    sessions : DatetimeIndex
        Common sessions.
    gap : mapping of str to float or None
        Second less first, by ``FIGURES``.
    parts : tuple of StagePart
        In the order of computation; they sum to the gap.
    paths : DataFrame of float
        Common sessions × parts: the difference of each session's net return, summed up to it.
    places : tuple of FirstPlace
        Where each stage differs for the first time.
    same : bool
        Whether every return of both sides is the same to the bit.
    remarks : tuple of str
        To be read with the figures.
    sessions_per_year : float
        By which figures are annual.
    synthetic : bool
        Whether the bars are of the built-in market.
    page : Path or None
        Where its page is; None where it was not written.
    """

    first: SideFigures
    second: SideFigures
    sessions: pd.DatetimeIndex
    gap: Mapping[str, float | None]
    parts: tuple[StagePart, ...]
    paths: pd.DataFrame
    places: tuple[FirstPlace, ...]
    same: bool
    remarks: tuple[str, ...]
    sessions_per_year: float
    synthetic: bool = False
    page: Path | None = None

    def ranked(self, figure: str = "annual return") -> tuple[StagePart, ...]:
        """Parts that are not 0, the largest first."""
        sized = [(part, part.figures[figure]) for part in self.parts]
        moved = [(part, value) for part, value in sized if value]
        return tuple(part for part, _ in sorted(moved, key=lambda each: -abs(each[1])))

    @property
    def sentence(self) -> str:
        """What most of the gap is."""
        if self.same:
            return f"{self.first.name} and {self.second.name} are the same to the bit on every common session."
        figure = next((name for name in FIGURES[:2] if self.gap[name] is not None), None)
        ranked = () if figure is None else self.ranked(figure)
        if figure is None or not ranked:
            return "The two differ, and no figure of their common sessions does."
        gap, most = self.gap[figure] or 0.0, ranked[0]
        value = most.figures[figure] or 0.0
        if abs(gap) <= EXACT:
            return f"No gap is left: parts cancel, the largest is {most.name} with {_shown(figure, value)}."
        share = value / gap
        how = "All" if len(ranked) == 1 else "Most" if 0.5 <= share <= 1.5 else "The largest part"
        aside = f" ({most.why})" if most.why else ""
        return f"{how} of the gap of {_shown(figure, gap)} is {most.name}: {_shown(figure, value)}{aside}."

    def __str__(self) -> str:
        first, last = self.sessions[0], self.sessions[-1]
        rows: list[tuple[str, ...]] = [("", *FIGURES)]
        rows += [(f"{letter}  {side.name}", *_cells(side.figures)) for letter, side in self.sides]
        rows += [(f"   {part.name}", *_cells(part.figures, sign=True)) for part in self.parts]
        rows += [("B less A", *_cells(self.gap, sign=True))]
        width = max(len(row[0]) for row in rows)
        table = [f"{row[0]:<{width}}  " + "  ".join(f"{cell:>14}" for cell in row[1:]) for row in rows]
        span = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, {len(self.sessions):,} common sessions, "
        conditions = [f"{letter}: {_conditions(side)}" for letter, side in self.sides]
        places = [
            f"first difference of {place.stage}{' (which only follows)' if place.follows else ''}: {place}"
            for place in self.places
        ]
        year = f"{self.sessions_per_year:g} sessions a year, risk-free 0, net of costs"
        stamp = ["SYNTHETIC: bars of the built-in market say nothing about a real one."] if self.synthetic else []
        return "\n".join([self.sentence, *stamp, span + year, *conditions, *table, *places, *self.remarks])

    def __repr__(self) -> str:
        return f"<Explanation: {self.sentence}>"

    def _repr_html_(self) -> str:
        return notebook_text(str(self))

    @property
    def sides(self) -> tuple[tuple[str, SideFigures], ...]:
        """Both with their letters."""
        return (("A", self.first), ("B", self.second))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "sentence": self.sentence,
            "same": self.same,
            "first": finite_or_none(asdict(self.first)),
            "second": finite_or_none(asdict(self.second)),
            "sessions": [f"{self.sessions[0]:%Y-%m-%d}", f"{self.sessions[-1]:%Y-%m-%d}", len(self.sessions)],
            "sessions_per_year": self.sessions_per_year,
            "gap": dict(self.gap),
            "parts": [finite_or_none(asdict(part)) for part in self.parts],
            "first_differences": [asdict(place) for place in self.places],
            "remarks": list(self.remarks),
            "synthetic": self.synthetic,
        }


def _conditions(side: SideFigures) -> str:
    value = side.figures["Sharpe ratio"]
    ratio = "n/a" if value is None else f"{value:.2f} ± {side.sharpe_error:.2f}"
    return (
        f"{side.kind} {side.name}, Sharpe ratio {ratio}; universe {side.universe}; costs {side.costs}; "
        f"trials {side.trials}"
    )


def _cells(figures: Mapping[str, float | None], *, sign: bool = False) -> tuple[str, ...]:
    return tuple("n/a" if figures[name] is None else _cell(name, figures[name] or 0.0, sign) for name in FIGURES)


def _cell(figure: str, value: float, sign: bool) -> str:
    plus = "+" if sign else ""
    if figure == "annual return":
        return f"{value:{plus}.2%}"
    return f"{value:{plus}.3f}" if figure == "Sharpe ratio" else f"{value:{plus}.4f}"


def _shown(figure: str, value: float) -> str:
    return f"{value:+.2%} a year" if figure == "annual return" else f"{value:+.3f} of the {figure}"
