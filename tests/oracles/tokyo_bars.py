"""Bars like Tokyo's, with what is real and odd there, and defects planted where they are known.

Whole-yen ticks on prices from 90 yen, so that four prices repeat by chance; limit moves locked all day on few shares;
earnings that gap on many shares and are undone by the next; a session on which the whole market opens 14 % higher.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from market.calendar import exchange_sessions

__all__ = ["Planted", "tokyo_bars"]

NAMES, SESSIONS = 60, 600
MARKET_ROW = 300
PRICES = ("open", "high", "low", "close")


@dataclass(slots=True)
class Planted:
    """Bars in long form as a vendor would write them, and what is wrong with them: (kind, ticker, session)."""

    rows: pd.DataFrame
    truth: set[tuple[str, str, str]] = field(default_factory=set)

    def of(self, kind: str) -> set[tuple[str, str]]:
        """Places of one kind: ticker, empty for whole sessions, and ISO date."""
        return {(ticker, day) for each, ticker, day in self.truth if each == kind}


def tokyo_bars(seed: int = 0) -> Planted:
    """Genuine bars, then defects of eight kinds, no two of them within forty sessions of a name."""
    rng = np.random.default_rng(seed)
    days = exchange_sessions("XTKS", start=pd.Timestamp("2016-01-04"), end=pd.Timestamp("2018-12-28"))[:SESSIONS]
    bars = _genuine(rng)
    names = [str(1300 + 7 * k) for k in range(NAMES)]
    truth: set[tuple[str, str, str]] = set()
    places = _places(rng, bars["close"])
    for kind, times, plant in (
        ("repeated bar", 24, _repeat),
        ("island", 24, _island),
        ("unadjusted split", 16, _split),
        ("jump", 6, _level),
    ):
        for _ in range(times):
            row, column = next(places[plant is _repeat])
            plant(bars, row, column, rng)
            truth.add((kind, names[column], f"{days[row]:%Y-%m-%d}"))
    for row in (150, 410):  # holidays that the vendor filled in
        for name in PRICES:
            bars[name][row] = bars["close"][row - 1]
        bars["volume"][row] = 0
        truth.add(("untraded session", "", f"{days[row]:%Y-%m-%d}"))
    rows = _long(bars, names, days)
    lost = (rows["date"] == days[220]) & (rows["ticker"] != names[0])
    truth.add(("thin session", "", f"{days[220]:%Y-%m-%d}"))
    rows = rows[~lost].reset_index(drop=True)
    return Planted(*_spoilt(rows, truth, rng))


def _genuine(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shape = SESSIONS, NAMES
    market, own = rng.normal(0, 0.008, SESSIONS), rng.normal(0, 0.016, shape)
    gaps = rng.normal(0, 0.006, shape)
    shares = np.exp(rng.normal(0, 0.4, shape) + 8 * np.abs(own))
    market[MARKET_ROW] = 0.0
    gaps[MARKET_ROW] += 0.14 * rng.uniform(0.6, 2.0, NAMES)  # some to their limit, a quarter and a third higher
    shares[MARKET_ROW] *= 1.5
    locked = np.zeros(shape, dtype=bool)
    for row, column in zip(rng.integers(30, SESSIONS - 30, 60), rng.integers(0, NAMES, 60), strict=True):
        size = rng.choice([-1, 1]) * rng.uniform(0.07, 0.18)
        gaps[row, column] += size
        shares[row, column] *= rng.uniform(3, 8)
        if rng.uniform() < 0.5:  # the next news undo it
            later = row + int(rng.integers(1, 4))
            gaps[later, column] -= size
            shares[later, column] *= rng.uniform(2, 5)
    for row, column in zip(rng.integers(30, SESSIONS - 30, 40), rng.integers(0, NAMES, 40), strict=True):
        gaps[row, column] += rng.choice([-0.25, 0.2, 0.288])
        own[row, column], market_free = 0.0, -market[row]
        gaps[row, column] += market_free
        shares[row, column] *= 0.6
        locked[row, column] = True
    close = rng.uniform(np.log(90), np.log(6000), NAMES) + np.cumsum(market[:, None] + own + gaps, axis=0)
    close = np.round(np.exp(close))
    before = np.vstack([close[:1], close[:-1]])
    opened = np.where(locked, close, np.round(before * np.exp(gaps)))
    wide = np.where(locked[None], 0.0, np.abs(rng.normal(0, 0.008, (2, *shape))))
    high = np.round(np.maximum(opened, close) * (1 + wide[0]))
    low = np.maximum(np.round(np.minimum(opened, close) * (1 - wide[1])), 1.0)
    volume = np.round(rng.uniform(200, 8000, NAMES) * shares) * 100
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def _places(rng: np.random.Generator, close: np.ndarray) -> tuple[Iterator[tuple[int, int]], Iterator[tuple[int, int]]]:
    """Places anywhere, and places where prices have many ticks, each far from the others of its name."""
    odd = (150, 220, MARKET_ROW, 410)
    spots = [(45 * block + int(rng.integers(0, 20)), column) for block in range(1, 12) for column in range(NAMES)]
    spots = [(r, c) for r, c in spots if min(abs(r - each) for each in odd) > 25]
    spots = [spots[k] for k in rng.permutation(len(spots))]
    wide = [(r, c) for r, c in spots if close[:, c].min() > 900]
    return iter([spot for spot in spots if spot not in wide]), iter(wide)


def _repeat(bars: dict[str, np.ndarray], row: int, column: int, rng: np.random.Generator) -> None:
    """Two of three copies are of a later bar; they bring the volume along, and lie where the price was not."""
    twin = row + int(rng.choice([-9, 5, 12]))
    for name in (*PRICES, "volume"):
        bars[name][row, column] = bars[name][twin, column]


def _island(bars: dict[str, np.ndarray], row: int, column: int, rng: np.random.Generator) -> None:
    factor = float(rng.choice([0.85, 1.2, 1.3]))
    for name in PRICES:
        bars[name][row, column] = np.round(bars[name][row - 1, column] * factor)
    bars["volume"][row, column] = np.median(bars["volume"][row - 20 : row, column])


def _split(bars: dict[str, np.ndarray], row: int, column: int, rng: np.random.Generator) -> None:
    ratio = float(rng.choice([2, 3, 5, 10]))
    for name in PRICES:  # what stood before was ratio times as much
        bars[name][:row, column] = np.round(bars[name][:row, column] * ratio)
    bars["volume"][:row, column] = np.round(bars["volume"][:row, column] / ratio)


def _level(bars: dict[str, np.ndarray], row: int, column: int, rng: np.random.Generator) -> None:
    """A decimal point that moved: another price level for good, on the same shares."""
    for name in PRICES:
        bars[name][:row, column] = np.round(bars[name][:row, column] * 100)


def _long(bars: dict[str, np.ndarray], names: list[str], days: pd.DatetimeIndex) -> pd.DataFrame:
    columns = {name: values.T.ravel() for name, values in bars.items()}
    return pd.DataFrame({"date": np.tile(days, NAMES), "ticker": np.repeat(names, len(days)), **columns})


def _spoilt(
    rows: pd.DataFrame, truth: set[tuple[str, str, str]], rng: np.random.Generator
) -> tuple[pd.DataFrame, set[tuple[str, str, str]]]:
    """Rows that no bar can be, and rows that come twice."""
    chosen = rng.choice(len(rows), 10, replace=False)
    for place, row in enumerate(chosen.tolist()):
        if place < 3:
            rows.loc[row, "open"] = 0.0
        elif place < 6:
            rows.loc[row, "high"] = rows.loc[row, "low"] - 1
        kind = "impossible row" if place < 6 else "repeated row"
        truth.add((kind, str(rows.loc[row, "ticker"]), f"{rows.loc[row, 'date']:%Y-%m-%d}"))
    again = rows.loc[chosen[6:]].copy()
    again.iloc[2:, again.columns.get_loc("close")] += 1.0
    again.iloc[2:, again.columns.get_loc("high")] += 1.0
    return pd.concat([rows, again], ignore_index=True), truth
