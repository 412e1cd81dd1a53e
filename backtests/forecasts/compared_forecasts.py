"""Compared forecasts: two choices of forecasters side by side, symbol by symbol, on sessions that selected neither.

Losses are mean absolute errors of returns by session. Two of them are compared where persistence erred alike, to the
last bit that rounding leaves: then both were asked for the same returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtests.forecasts.skill import Skill, skill_of

__all__ = ["Compared", "ComparedSymbol", "Side", "SideSymbol", "compare_sides"]

MIN_SESSIONS = 30  # below which no test is made
ALIKE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SideSymbol:
    """What one side chose for one symbol.

    Parameters
    ----------
    forecaster : str
        Word or name.
    validation_error, test_error : float or None
        Percentage-return MAE; None where it is not known.
    facts : mapping of str to str
        What else it was chosen under, such as horizons, clock, study.
    losses : DataFrame, optional
        Columns ``loss`` and ``persistence``, by session of the test span; None where there are none.
    overlap : int
        Rows of ``losses`` that a target reaches over: 1 where none overlap.
    why : str
        Why there are no losses.
    """

    forecaster: str
    validation_error: float | None
    test_error: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    losses: pd.DataFrame | None = None
    overlap: int = 1
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One of the two: what it is called, and what it chose for each symbol."""

    name: str
    symbols: Mapping[str, SideSymbol]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparedSymbol:
    """One symbol of both sides; None where a side does not have it.

    Parameters
    ----------
    symbol : str
        Which.
    a, b : SideSymbol or None
        What each chose.
    skill : Skill or None
        Of b over a, on the sessions of both test spans: positive where b errs less.
    why : str
        Why there is no such test.
    """

    symbol: str
    a: SideSymbol | None
    b: SideSymbol | None
    skill: Skill | None
    why: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the sides chose differently."""
        return self.a is None or self.b is None or self.a.forecaster != self.b.forecaster

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs beside the forecaster, in words."""
        if self.a is None or self.b is None:
            return ()
        names = dict.fromkeys((*self.a.facts, *self.b.facts))
        pairs = ((name, self.a.facts.get(name, "–"), self.b.facts.get(name, "–")) for name in names)
        return tuple(f"{name} {a} → {b}" for name, a, b in pairs if a != b)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Both sides over all symbols.

    Parameters
    ----------
    a, b : str
        Names of the sides.
    symbols : tuple of ComparedSymbol
        In their order.
    overall : Skill or None
        Of b over a over all symbols that changed and can be tested: a session counts once, by its mean over symbols.
    """

    a: str
    b: str
    symbols: tuple[ComparedSymbol, ...]
    overall: Skill | None

    @property
    def tested(self) -> tuple[ComparedSymbol, ...]:
        """The symbols that changed and can be tested."""
        return tuple(each for each in self.symbols if each.is_changed and each.skill is not None)

    @property
    def better(self) -> tuple[str, ...]:
        """Those of them on which b erred less."""
        return tuple(each.symbol for each in self.tested if each.skill and each.skill.interval.estimate > 0.0)

    @property
    def regressed(self) -> tuple[str, ...]:
        """Those of them on which b erred more."""
        return tuple(each.symbol for each in self.tested if each.skill and each.skill.interval.estimate < 0.0)


def compare_sides(a: Side, b: Side) -> Compared:
    """Compare what two sides chose for every symbol that either has.

    Examples
    --------
    >>> from backtests.forecasts.compared_forecasts import Side, SideSymbol, compare_sides
    >>> a = Side(name="a", symbols={"AAPL": SideSymbol(forecaster="ar", validation_error=0.02, why="none are kept")})
    >>> compare_sides(a, a).symbols[0].is_changed
    False
    """
    rows, joined = [], []
    for symbol in sorted(a.symbols.keys() | b.symbols.keys()):
        left, right = a.symbols.get(symbol), b.symbols.get(symbol)
        losses, why = _joined(left, right)
        overlap = max((each.overlap for each in (left, right) if each is not None), default=1)
        skill = None if losses is None else skill_of(losses, horizon=overlap)
        row = ComparedSymbol(symbol=symbol, a=left, b=right, skill=skill, why=why)
        rows.append(row)
        if losses is not None and row.is_changed:
            joined.append((losses, overlap))
    return Compared(a=a.name, b=b.name, symbols=tuple(rows), overall=_overall(joined))


def _joined(a: SideSymbol | None, b: SideSymbol | None) -> tuple[pd.DataFrame | None, str]:
    """Losses of b as ``loss`` and of a as ``benchmark`` on the sessions of both; or why there are none."""
    if a is None or b is None:
        return None, "only one side has it"
    if a.losses is None or b.losses is None:
        return None, (a.why if a.losses is None else b.why) or "no losses on test"
    both = b.losses.add_suffix("_b").join(a.losses.add_suffix("_a"), how="inner")
    if len(both) < MIN_SESSIONS:
        return None, f"{len(both)} sessions selected neither, {MIN_SESSIONS} are the least"
    off = np.abs(both["persistence_a"] - both["persistence_b"])
    if bool((off > ALIKE).any()):
        return None, "the sides forecast other returns: horizons, clock or bars differ"
    return pd.DataFrame({"loss": both["loss_b"], "benchmark": both["loss_a"]}), ""


def _overall(joined: list[tuple[pd.DataFrame, int]]) -> Skill | None:
    if not joined:
        return None
    stacked = pd.concat([losses for losses, _ in joined])
    means = stacked.groupby(level=0).mean().sort_index()
    return skill_of(means, horizon=max(overlap for _, overlap in joined))
