"""Futures: the same bars up to a session with another course after it, and the same bars in another form.

Everything up to and with row *t* stays bit for bit; row *t* + 1 is the first that differs, because a leak of one bar
reads no further.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from market.outside.outside_table import OutsideTable
from market.panel import BAR_FIELDS, Panel, aligned_frame

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "corrupted",
    "older_periods_restated",
    "permuted",
    "rescaled",
    "restated",
    "shuffled",
    "without_first",
]

Corruption = Literal["everything", "values", "volumes", "membership", "delistings"]
CORRUPTIONS: tuple[Corruption, ...] = ("everything", "values", "volumes", "membership", "delistings")

MOVE, GAP, RANGE = 0.08, 0.02, 0.01  # standard deviations of log prices that replace the future
VOLUME_MOVE, BASIS_MOVE = 1.0, 0.05
PRINT_SHARE, MEMBER_SHARE, DEATH_SHARE = 0.97, 0.7, 0.15
KEPT_SHARE, RESTATED_SHARE = 0.7, 0.5  # of outside rows
MAX_DEATH_LAG = 3  # sessions after t within which invented deaths begin

Arrays = dict[str, np.ndarray]


def corrupted(panel: Panel, row: int, *, rng: np.random.Generator, kind: Corruption = "everything") -> Panel:
    """The panel with noise instead of everything, or one kind of thing, after a row.

    Parameters
    ----------
    panel : Panel
        True bars.
    row : int
        Last row that stays as it is; noise begins at ``row`` + 1.
    rng : Generator
        Draws the noise.
    kind : {"everything", "values", "volumes", "membership", "delistings"}
        ``"values"`` are prices and prints, ``"volumes"`` shares and dollar volumes.
    """
    frames = {name: getattr(panel, name).to_numpy(copy=True) for name in (*BAR_FIELDS, "universe")}
    after = slice(row + 1, None)
    if kind in ("everything", "values"):
        _invent_prices(frames, after, _alive(panel, row), rng)
    if kind in ("everything", "volumes"):
        _invent_volumes(frames, after, rng)
    if kind in ("everything", "membership"):
        drawn = rng.random(frames["universe"][after].shape) < MEMBER_SHARE
        frames["universe"][after] = drawn & ~np.isnan(frames["close"][after])
    delistings = panel.delistings
    if kind in ("everything", "delistings"):
        delistings = _invent_deaths(panel, frames, row, rng)
    _blank_after(panel, frames, delistings, row)
    changed = _rebuilt(panel, frames, delistings)
    return restated(changed, row, rng=rng) if kind == "everything" and panel.outside else changed


def restated(panel: Panel, row: int, *, rng: np.random.Generator) -> Panel:
    """The panel with other outside rows after a row: values altered, rows left out, and known periods restated.

    Parameters
    ----------
    panel : Panel
        True bars with their outside tables.
    row : int
        Last row that stays as it is; what becomes known afterwards is another.
    rng : Generator
        Draws the noise.
    """
    session, last = panel.sessions[row], panel.sessions[-1]
    tables = {name: _restated(table, session, last, rng) for name, table in panel.outside.items()}
    return replace(panel, outside=tables)


def older_periods_restated(panel: Panel, *, rng: np.random.Generator) -> Panel:
    """The panel with a restatement of the period before, the day after each later period becomes known.

    A table that says the latest period alone says the same.
    """
    tables = {}
    for name, table in panel.outside.items():
        rows = table.rows
        order = rows.groupby("ticker", sort=False)["date"].cummax()
        newest = rows[rows["date"] >= order]
        older = newest.groupby("ticker", sort=False)["date"].shift()
        late = newest.assign(date=older, value=_noise(rows["value"], len(newest), rng))
        late["since"] += pd.Timedelta(days=1)
        late = late[late["date"].notna() & (late["date"] < newest["date"])]
        joined = pd.concat([rows, late]).drop_duplicates(["ticker", "date", "since"])
        tables[name] = OutsideTable.of(joined, notes=table.notes)
    return replace(panel, outside=tables)


def _restated(table: OutsideTable, session: pd.Timestamp, last: pd.Timestamp, rng: np.random.Generator) -> OutsideTable:
    rows = table.rows
    known = rows[rows["since"] <= session]
    later = rows[rows["since"] > session]
    later = later[rng.random(len(later)) < KEPT_SHARE]
    later = later.assign(value=_noise(rows["value"], len(later), rng))
    again = known.drop_duplicates(["ticker", "date"])
    again = again[rng.random(len(again)) < RESTATED_SHARE] if session < last else again.iloc[:0]
    again = again.assign(since=session + pd.Timedelta(days=1), value=_noise(rows["value"], len(again), rng))
    joined = pd.concat([known, again, later]).drop_duplicates(["ticker", "date", "since"])
    return OutsideTable.of(joined, notes=table.notes)


def _noise(values: pd.Series, count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers far from any of these, of their order of size."""
    if not count:
        return np.zeros(0)
    spread = float(np.ptp(values.to_numpy())) or max(abs(float(values.max())), 1.0)
    return float(values.mean()) + spread * (1.0 + rng.standard_normal(count))


def shuffled(panel: Panel, row: int, *, rng: np.random.Generator) -> Panel:
    """The panel with the sessions after a row in another order, and no delisting among them."""
    count = len(panel.sessions)
    order = np.r_[np.arange(row + 1), row + 1 + rng.permutation(count - row - 1)]
    frames = {name: getattr(panel, name).to_numpy()[order] for name in (*BAR_FIELDS, "universe")}
    return _rebuilt(panel, frames, _known_deaths(panel, row))


def permuted(panel: Panel, order: np.ndarray) -> Panel:
    """The panel with its tickers in another order."""
    frames = {name: getattr(panel, name).iloc[:, order] for name in (*BAR_FIELDS, "universe")}
    return replace(panel, **frames)


def rescaled(panel: Panel, *, rng: np.random.Generator, split: bool) -> Panel:
    """The panel with each ticker's prices times its own power of two, as a later adjustment would leave them.

    Parameters
    ----------
    panel : Panel
        True bars.
    rng : Generator
        Draws the powers, from 1/8 to 8.
    split : bool
        True divides the volumes by the factor, as a split does; False leaves them, as a dividend does. Dollar volume
        stands on its own basis and stays either way.
    """
    factor = 2.0 ** rng.integers(-3, 4, len(panel.tickers))
    frames = {name: getattr(panel, name).to_numpy() * factor for name in BAR_FIELDS[:4]}
    frames["volume"] = panel.volume.to_numpy() / (factor if split else 1.0)
    frames |= {name: getattr(panel, name).to_numpy() for name in ("dollar_volume", "universe")}
    return _rebuilt(panel, frames, panel.delistings)


def without_first(panel: Panel, count: int) -> Panel:
    """The panel without its first ``count`` sessions."""
    return panel.between(panel.sessions[count], None)


def _alive(panel: Panel, row: int) -> np.ndarray:
    """Which tickers may print after a row: those not delisted by then."""
    gone = panel.delistings.index[panel.delistings["session"] <= panel.sessions[row]]
    return ~panel.tickers.isin(gone)


def _invent_prices(frames: Arrays, after: slice, alive: np.ndarray, rng: np.random.Generator) -> None:
    level = _carried(frames["close"])[after]
    shape = level.shape
    printed = alive & ~np.isnan(level) & (rng.random(shape) < PRINT_SHARE)
    close = level * np.exp(MOVE * rng.standard_normal(shape))
    opened = close * np.exp(GAP * rng.standard_normal(shape))
    reach = np.exp(RANGE * np.abs(rng.standard_normal((2, *shape))))
    invented = {
        "open": opened,
        "high": np.fmax(opened, close) * reach[0],
        "low": np.fmin(opened, close) / reach[1],
        "close": close,
    }
    for name, values in invented.items():
        frames[name][after] = np.where(printed, values, np.nan)
    for name in ("volume", "dollar_volume"):
        frames[name][after] = np.where(printed, _carried(frames[name])[after], np.nan)


def _invent_volumes(frames: Arrays, after: slice, rng: np.random.Generator) -> None:
    shape = frames["volume"][after].shape
    shares = np.rint(frames["volume"][after] * np.exp(VOLUME_MOVE * rng.standard_normal(shape))) + 100.0
    basis = np.exp(BASIS_MOVE * rng.standard_normal(shape))
    frames["volume"][after] = shares
    frames["dollar_volume"][after] = shares * frames["close"][after] * basis


def _invent_deaths(panel: Panel, frames: Arrays, row: int, rng: np.random.Generator) -> pd.DataFrame:
    """The deaths known by ``row``, and those of some names in the sessions right after it."""
    known = _known_deaths(panel, row)
    candidates = np.flatnonzero(_alive(panel, row) & ~np.isnan(_carried(frames["close"])[row]))
    last_row = len(panel.sessions) - 1
    if row >= last_row or not len(candidates):
        return known
    doomed = rng.choice(candidates, size=max(1, int(DEATH_SHARE * len(candidates))), replace=False)
    last = np.minimum(row + 1 + rng.integers(0, MAX_DEATH_LAG, len(doomed)), last_row)
    columns = {"session": panel.sessions[last].as_unit("ns"), "delisting_return": rng.uniform(-0.5, 0.0, len(doomed))}
    invented = pd.DataFrame(columns, index=pd.Index(panel.tickers[doomed], name="ticker", dtype="str"))
    return invented if known.empty else pd.concat([known, invented])


def _blank_after(panel: Panel, frames: Arrays, delistings: pd.DataFrame, row: int) -> None:
    """Take away what a name would print after ``row`` and its delisting."""
    last = delistings["session"].reindex(panel.tickers).to_numpy()
    gone = panel.sessions.to_numpy()[:, None] > last[None, :]  # NaT compares False
    gone[: row + 1] = False
    for name in BAR_FIELDS:
        frames[name][gone] = np.nan
    frames["universe"] &= ~gone


def _known_deaths(panel: Panel, row: int) -> pd.DataFrame:
    return panel.delistings[panel.delistings["session"] <= panel.sessions[row]]


def _carried(values: np.ndarray) -> np.ndarray:
    """The last value known at each row, then, before a name's first, the first one to come."""
    return pd.DataFrame(values).ffill().bfill().to_numpy()


def _rebuilt(panel: Panel, frames: Arrays, delistings: pd.DataFrame) -> Panel:
    aligned: dict[str, Any] = {
        name: aligned_frame(values, panel.sessions, panel.tickers) for name, values in frames.items()
    }
    return replace(panel, **aligned, delistings=delistings)
