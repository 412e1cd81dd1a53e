"""Bad prints: bars that were not traded where they stand, detected from the bars alone.

Returns are logarithmic and less the session's median, so that a market-wide move flags nobody. These
detectors look at both sides of a bar and therefore ahead; :mod:`market.audit.mask` has the causal ones.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.panel import Panel

__all__ = ["Copies", "islands", "repeated_bars", "residual_returns", "runs", "stale_runs"]

MIN_RANGE = 0.002  # of the close; bars of a few ticks repeat by themselves
SAME_VOLUME = 0.02  # relative; a copied bar mostly brings its volume along
CLEAR_RANGE = 0.01  # of the close; a bar this wide and
CLEAR_TICKS = 0.20  # in money, repeats in four prices only if it is copied
MIN_POOLED_TICKERS = 3  # tickers that share both sessions before they are judged together
ISLAND_SESSIONS = 3
ISLAND_GAP = 0.02
ISLAND_SCALE = 6.0  # times the ticker's usual overnight move
STALE_SESSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Bars that repeat another session's four prices: rows of the likely copy and of its twin, by column."""

    columns: np.ndarray
    copies: np.ndarray
    twins: np.ndarray


def repeated_bars(panel: Panel, *, factor: np.ndarray | None = None) -> Copies:
    """Find the bars whose open, high, low and close are those of another session of the same ticker.

    Which of two is the copy: the one that fits its neighbours worse, judged together for all tickers that repeat
    between the same two sessions.

    Parameters
    ----------
    panel : Panel
        Adjusted bars.
    factor : array of float, shape (n_sessions, n_tickers), optional
        adj_close / close: bars are compared as they were before adjustment.
    """
    early, late, columns = _equal_bars(panel, factor)
    misfit = _misfit(residual_returns(panel.close.to_numpy()))
    worse = misfit[early, columns] - misfit[late, columns]
    pairs = pd.Series(worse).groupby([early, late])
    verdict = np.where(pairs.transform("size") >= MIN_POOLED_TICKERS, pairs.transform("sum"), worse)
    copy, twin = np.where(verdict >= 0, early, late), np.where(verdict >= 0, late, early)
    return Copies(columns=columns, copies=copy, twins=twin)


def residual_returns(prices: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Log returns from one print to the next, less the median of the session; NaN without a print.

    Parameters
    ----------
    prices : array of float, shape (n_sessions, n_tickers)
    before : array of float, optional
        Prices of the session before to start from, ``prices`` by default; with opens and closes, overnight returns.
    """
    last = pd.DataFrame(prices if before is None else before).ffill().shift(1).to_numpy()
    moves = np.log(prices / last)
    middle = pd.DataFrame(moves).median(axis=1).fillna(0.0).to_numpy()
    residual: np.ndarray = moves - middle[:, None]
    return residual


def islands(panel: Panel) -> list[tuple[int, int, int, float]]:
    """Find runs of at most three bars between two opposite gaps, wholly off the range of the bars on either side.

    Returns
    -------
    list of (column, first row, last row, gap)
        Gap is the log move into the run, less the market's.
    """
    overnight = residual_returns(panel.open.to_numpy(), panel.close.to_numpy())
    usual = 1.4826 * pd.DataFrame(np.abs(overnight)).median().to_numpy()
    wide = np.abs(overnight) > np.maximum(ISLAND_GAP, ISLAND_SCALE * usual)
    low, high = panel.low.ffill().to_numpy(), panel.high.ffill().to_numpy()
    runs_off = []
    for column in np.flatnonzero(wide.sum(axis=0) >= 2):
        rows = np.flatnonzero(wide[:, column])
        for row, later in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True):
            gap, back = overnight[row, column], overnight[later, column]
            opposite = later - row <= ISLAND_SESSIONS and abs(gap + back) < 0.5 * abs(gap)
            if opposite and _off(low[:, column], high[:, column], row, later):
                runs_off.append((int(column), row, later - 1, float(gap)))
    return runs_off


def stale_runs(panel: Panel) -> list[tuple[int, int, int]]:
    """Find runs of at least three identical bars, volume included: (column, first, last)."""
    same = np.ones(panel.close.shape, dtype=bool)
    for frame in (panel.open, panel.high, panel.low, panel.close, panel.volume):
        values = frame.to_numpy()
        same[1:] &= values[1:] == values[:-1]
    same[0] = False
    return runs(same, least=STALE_SESSIONS - 1, lead=1)


def runs(marked: np.ndarray, *, least: int = 1, lead: int = 0) -> list[tuple[int, int, int]]:
    """Find runs of at least ``least`` marked rows, begun ``lead`` rows earlier: (column, first, last)."""
    edges = np.diff(np.pad(marked.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    columns, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    long = ends - starts >= least
    return list(zip(columns[long].tolist(), (starts[long] - lead).tolist(), (ends[long] - 1).tolist(), strict=True))


def _equal_bars(panel: Panel, factor: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of both bars and column, for bars that repeat with nothing equal between them."""
    scale = 1.0 if factor is None else factor
    bars = [frame.to_numpy() / scale for frame in (panel.open, panel.high, panel.low, panel.close)]
    key = sum(weight * bar for weight, bar in zip((1.0, 2.718281828, 3.141592654, 1.618033989), bars, strict=True))
    order = np.argsort(key, axis=0, kind="stable")
    ranked = np.stack([np.take_along_axis(bar, order, axis=0) for bar in bars])
    tolerance = 1e-9 * ranked[3][1:]
    equal = (np.abs(np.diff(ranked, axis=1)) <= tolerance).all(axis=0)
    place, columns = np.nonzero(equal)
    early, late = order[place, columns], order[place + 1, columns]
    copied = _too_wide_for_chance(panel, early, late, columns)
    return early[copied], late[copied], columns[copied]


def _too_wide_for_chance(panel: Panel, early: np.ndarray, late: np.ndarray, columns: np.ndarray) -> np.ndarray:
    high, low, close = (frame.to_numpy()[early, columns] for frame in (panel.high, panel.low, panel.close))
    volume = panel.volume.to_numpy()
    one, other = volume[early, columns], volume[late, columns]
    spread = (high - low) / close
    same_volume = np.abs(one - other) <= SAME_VOLUME * np.maximum(one, other)
    many_ticks = (spread > CLEAR_RANGE) & (high - low > CLEAR_TICKS)
    too_wide: np.ndarray = many_ticks | ((spread > MIN_RANGE) & same_volume)
    return too_wide


def _off(low: np.ndarray, high: np.ndarray, row: int, later: int) -> bool:
    """Whether bars from ``row`` to before ``later`` lie wholly above or below the bars on either side."""
    above = low[row:later].min() > max(high[row - 1], high[later])
    return bool(above or high[row:later].max() < min(low[row - 1], low[later]))


def _misfit(residual: np.ndarray) -> np.ndarray:
    """Size of the moves into and out of each bar."""
    into = np.nan_to_num(np.abs(residual))
    out = np.zeros_like(into)
    out[:-1] = into[1:]
    misfit: np.ndarray = into + out
    return misfit
