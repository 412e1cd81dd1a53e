"""Assembly: rows of bars become a Panel, with every judgement made on the way written into its facts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from core.errors import SourceError
from core.parallel import cores, mapped
from market.bars.adjustment import find_splits, on_last_split_basis
from market.bars.dates import check_single_zone
from market.bars.defects import merged_defects, refuse
from market.bars.long_form import LongBars, join_bars
from market.bars.row_checks import checked_rows, repeated_keys, value_defects
from market.bars.ticks import usual_lot, usual_tick
from market.panel import Panel, PanelFacts, aligned_frame
from market.ticker_names import alike

__all__ = ["Origin", "panel_from_rows"]

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the caller knows about a source that its rows do not tell.

    Parameters
    ----------
    name : str
        File or vendor, without any path of the machine.
    point_in_time : bool
        The source holds names as they were, dead ones included.
    split_adjusted : bool
        Prices and volume are known to be on one split basis, so that none is inferred.
    notes : tuple of str
        Findings of the reader.
    """

    name: str
    point_in_time: bool = False
    split_adjusted: bool = False
    notes: tuple[str, ...] = ()


def panel_from_rows(*parts: LongBars, origin: Origin) -> Panel:
    """Assemble the panel of rows in any order: sessions and tickers sorted, prices adjusted by adj_close if given.

    Parameters
    ----------
    *parts : LongBars
        The rows, in one part or several with the same numbers.
    origin : Origin
        What is known about them.

    Raises
    ------
    SourceError
        If no row has a price.
    BarsError
        If a key repeats with other numbers, a price is not a positive number, time zones are mixed, or high is below
        low; one error names all that is wrong. Rows equal in every value count once.
    """
    check_single_zone(frozenset().union(*(part.zones for part in parts)), origin=origin.name)
    printed = [~np.isnan(part.numbers["close"]) for part in parts]
    _check_values(parts, origin.name)
    if not any(prints.any() for prints in printed):
        raise SourceError(f"{origin.name} holds no price: every close is missing")
    notes = (*(note for part in parts for note in part.notes), *_notes(parts, printed))
    rows = [part if prints.all() else part.select(prints) for part, prints in zip(parts, printed, strict=True)]
    grid = _Grid.of(rows)
    repeats: tuple[str, ...] = ()
    if grid.collides:
        rows, repeats = _once(rows, origin.name)
        grid = _Grid.of(rows)
    sessions, tickers = grid.sessions, grid.tickers
    fields, facts = _adjusted(grid.fields(rows), origin, (*origin.notes, *notes, *repeats, *_alike(tickers)))
    frames: dict[str, Any] = {
        name: aligned_frame(values, sessions, tickers, copy=False) for name, values in fields.items()
    }
    return Panel(**frames, universe=frames["close"].notna(), facts=facts)


def _notes(parts: Sequence[LongBars], printed: Sequence[np.ndarray]) -> tuple[str, ...]:
    """Notes on rows that are left out or look odd; nothing is repaired."""
    counts: Counter[str] = Counter()
    printing: set[str] = set()
    for odd in mapped(lambda pair: _odd_rows(*pair), zip(parts, printed, strict=True), workers=cores(), on="threads"):
        counts.update(odd)
    for part, prints in zip(parts, printed, strict=True):
        printing.update(part.tickers[code] for code in np.flatnonzero(np.bincount(part.codes[prints])))
    silent = sorted({ticker for part in parts for ticker in part.tickers} - printing)
    notes = [f"{count:,} rows {what}" for what, count in counts.items() if count]
    if silent:
        notes.append(f"{len(silent)} tickers without a single price left out: {_few(silent)}")
    return tuple(notes)


def _alike(tickers: pd.Index) -> tuple[str, ...]:
    """A note on tickers that a person may take for one."""
    groups = [" and ".join(group) for group in alike(tickers.tolist())]
    return (
        (f"tickers that differ by case or punctuation only, taken for different names: {_few(groups)}",)
        if groups
        else ()
    )


def _odd_rows(bars: LongBars, printed: np.ndarray) -> dict[str, int]:
    prices = {name: bars.numbers[name] for name in PRICES}
    some = np.zeros(len(printed), dtype=bool)
    for values in prices.values():
        some |= ~np.isnan(values)
    body_high, body_low = np.fmax(prices["open"], prices["close"]), np.fmin(prices["open"], prices["close"])
    odd = {
        "without any price left out: no print": ~some,
        "with prices but no close left out: no print": some & ~printed,
        "lack an open, high or low": printed & np.isnan(prices["open"] + prices["high"] + prices["low"]),
        "have an open or close outside low to high, kept as given": (prices["high"] < body_high)
        | (prices["low"] > body_low),
    }
    return {what: int(np.count_nonzero(rows)) for what, rows in odd.items()}


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _check_values(parts: Sequence[LongBars], origin: str) -> None:
    """Raise one error of all that is wrong; keys are looked at only if something is."""
    found = mapped(lambda part: value_defects(part, origin=origin), parts, workers=cores(), on="threads")
    wrong = merged_defects([*(part.unread for part in parts), *found])
    if wrong:
        refuse((*wrong, *repeated_keys(join_bars(parts), origin=origin)), origin=origin)


def _once(parts: Sequence[LongBars], origin: str) -> tuple[list[LongBars], tuple[str, ...]]:
    """Rows without those that are equal in every value, and a note on them.

    Raises
    ------
    BarsError
        If rows of one key differ.
    """
    rows = checked_rows(replace(join_bars(parts), notes=()), origin=origin)
    return [rows], rows.notes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """Sessions and tickers of rows, and the place of each row in a frame (n_tickers, n_sessions), one array a part."""

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    cells: list[np.ndarray]

    @classmethod
    def of(cls, parts: Sequence[LongBars]) -> Self:
        tickers = sorted({part.tickers[code] for part in parts for code in np.flatnonzero(np.bincount(part.codes))})
        columns = dict(zip(tickers, range(len(tickers)), strict=True))
        days = [_days(part) for part in parts]
        first, places = _places(days)
        dates = (np.flatnonzero(np.diff(places, prepend=-1)) + first).astype("datetime64[D]")
        sessions = pd.DatetimeIndex(dates.astype("datetime64[ns]"))
        cells = [
            _cells(part, columns, places[day - first], len(sessions)) for part, day in zip(parts, days, strict=True)
        ]
        return cls(sessions=sessions, tickers=pd.Index(tickers, dtype="str"), cells=cells)

    @property
    def collides(self) -> bool:
        """Whether two rows have one place."""
        filled = np.zeros(len(self.tickers) * len(self.sessions), dtype=bool)
        for cell in self.cells:
            filled[cell] = True
        return bool(np.count_nonzero(filled) < sum(map(len, self.cells)))

    def fields(self, parts: Sequence[LongBars]) -> dict[str, np.ndarray]:
        """Frames of the rows, each (n_sessions, n_tickers) with one ticker contiguous."""

        def frame(name: str) -> np.ndarray:
            values = np.full((len(self.tickers), len(self.sessions)), np.nan)
            for part, cell in zip(parts, self.cells, strict=True):
                values.ravel()[cell] = part.numbers[name]
            return values.T

        names = list(parts[0].numbers)
        return dict(zip(names, mapped(frame, names, workers=cores(), on="threads"), strict=True))


def _cells(part: LongBars, columns: Mapping[str, int], places: np.ndarray, n_sessions: int) -> np.ndarray:
    """Position of each row in a frame, one ticker after the other."""
    column = np.array([columns.get(ticker, -1) for ticker in part.tickers])
    cells: np.ndarray = column[part.codes] * n_sessions + places
    return cells


def _days(part: LongBars) -> np.ndarray:
    days: np.ndarray = part.dates.astype("datetime64[D]").astype(np.int64)
    return days


def _places(days: Sequence[np.ndarray]) -> tuple[int, np.ndarray]:
    """The first day, and for it and each later one its place among the sessions: ticked off, not sorted."""
    filled = [each for each in days if len(each)]
    first = min(int(each.min()) for each in filled)
    held = np.zeros(max(int(each.max()) for each in filled) - first + 1, dtype=bool)
    for each in filled:
        held[each - first] = True
    return first, np.cumsum(held) - 1


def _adjusted(
    fields: dict[str, np.ndarray], origin: Origin, notes: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], PanelFacts]:
    """Bar fields on one basis, and the facts that say which."""
    bars = {name: values for name, values in fields.items() if name != "adj_close"}
    bars["dollar_volume"] = bars["close"] * bars["volume"]
    tick, lot = usual_tick(bars["close"]), usual_lot(bars["volume"])
    if "adj_close" not in fields:
        adjustment = "as given by the file (no adj_close)"
        basis = "volume as given; dollar volume = close × volume as given, on the file's own price basis"
    else:
        adjustment = "splits and dividends: open, high, low and close × (adj_close / close)"
        factor = fields["adj_close"] / bars["close"]
        bars["volume"], basis = _volume_on_one_basis(bars["volume"], factor, origin)
        for name in PRICES:
            bars[name] = bars[name] * factor
    facts = PanelFacts(
        source=origin.name,
        adjustment=adjustment,
        volume_basis=basis,
        point_in_time=origin.point_in_time,
        adjusted="adj_close" in fields,
        tick=tick,
        lot=lot,
        notes=notes,
    )
    return bars, facts


def _volume_on_one_basis(volume: np.ndarray, factor: np.ndarray, origin: Origin) -> tuple[np.ndarray, str]:
    dollars = "dollar volume = close × volume before dividend adjustment"
    if origin.split_adjusted:
        return volume, f"{dollars}; volume split adjusted by the vendor"
    splits = find_splits(factor)
    if len(splits) == 0:
        return volume, f"{dollars}; volume as given, adj_close / close shows no split"
    basis = f"{dollars}; volume in shares of the last session, {len(splits)} splits inferred from adj_close / close"
    return on_last_split_basis(volume, splits), basis
