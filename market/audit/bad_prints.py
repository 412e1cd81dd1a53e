"""Bad prints: bars that were not traded where they stand, detected from the bars alone.

Returns are logarithmic and less the session's median, so that a market-wide move flags nobody. These
detectors look at both sides of a bar and therefore ahead; :mod:`market.audit.mask` has the causal ones.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.audit.surroundings import BEFORE, against_usual, median_around
from market.panel import Panel

__all__ = ["Copies", "islands", "repeated_bars", "residual_returns", "runs", "stale_runs"]

SAME_VOLUME = 0.005  # relative; a copied bar mostly brings its volume along
MIN_TICKS = 10  # from low to high; bars of a few ticks repeat by themselves
POOLED_TICKS = 20  # of each, where several tickers repeat between the same two sessions
CLEAR_TICKS = 150  # a bar this wide repeats in four prices only if it is copied, whatever its volume
TICK_SESSIONS = 20  # up to a bar, whose prices tell its tick
SAME_PRICE = 1e-5  # relative; prices this close are one price with rounding
PAIRS_AT_ONCE = 20_000
MIN_POOLED_TICKERS = 3  # tickers that share both sessions before they are judged together
COPY_SCALE = 4.0  # times the usual move of the month before, into a copy that is known as such
ISLAND_SESSIONS = 3
ISLAND_GAP = 0.02
ISLAND_SCALE = 6.0  # times the ticker's usual overnight move, over its life and in the months around
ISLAND_RANGES = 2.0  # times the ticker's usual range of a session in the months around
MAX_MARKET_GAP = 0.02  # median log move of the session's opens; above it, everything gaps
NEWS_VOLUME = 2.0  # times the usual volume; above it many agreed on the price
AROUND = np.r_[-31:-1, 4:34]
STALE_SESSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Bars that repeat another session's four prices: rows of the likely copy and of its twin, by column.

    ``known`` says whether the copy could be known at its own close: its twin is earlier, volume or other tickers say
    the same, and the move into it is far above the usual and twice those into and out of its twin.
    """

    columns: np.ndarray
    copies: np.ndarray
    twins: np.ndarray
    known: np.ndarray


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
    early, late, columns, doubly = _equal_bars(panel, factor)
    into, out = _moves_about(residual_returns(panel.close.to_numpy()))
    by_late = into[early, columns] - into[late, columns]
    twins_moves = np.fmax(into[early, columns], out[early, columns])  # both known when the later one closes
    at_late = _pooled(2 * twins_moves - into[late, columns], early, late) < 0
    at_late &= into[late, columns] > COPY_SCALE * median_around(into, late, columns, BEFORE)
    later = np.isnan(out[late, columns])  # nothing came after the later one yet
    both = np.where(later, by_late, by_late + out[early, columns] - np.nan_to_num(out[late, columns]))
    worse = _pooled(both, early, late)
    copy, twin = np.where(worse >= 0, early, late), np.where(worse >= 0, late, early)
    return Copies(columns=columns, copies=copy, twins=twin, known=doubly & at_late & (copy == late))


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

    On ordinary volume: what many traded is news, even if the next news undid it.

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
    return _quiet(panel, overnight, runs_off)


def _quiet(
    panel: Panel, overnight: np.ndarray, found: list[tuple[int, int, int, float]]
) -> list[tuple[int, int, int, float]]:
    """Those on ordinary volume in a calm market, whose gap is far above the name's moves of these months."""
    if not found:
        return []
    columns, first, last, gaps = (np.array(each) for each in zip(*found, strict=True))
    volume = panel.volume.to_numpy()
    traded = [against_usual(volume, np.minimum(first + k, last), columns) for k in range(ISLAND_SESSIONS)]
    by_day = np.log(panel.high.to_numpy() / panel.low.to_numpy())
    usual = np.maximum(
        1.4826 * ISLAND_SCALE * median_around(np.abs(overnight), first, columns, AROUND),
        ISLAND_RANGES * median_around(by_day, first, columns, AROUND),
    )
    calm = np.fmax(_market_gap(panel, first), _market_gap(panel, last + 1)) < MAX_MARKET_GAP
    kept = (np.max(traded, axis=0) <= NEWS_VOLUME) & (np.abs(gaps) > usual) & calm
    return [run for run, keep in zip(found, kept.tolist(), strict=True) if keep]


def _market_gap(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Size of the median log move of the open, less the close before, at each row."""
    held, place = np.unique(rows, return_inverse=True)
    moves = np.log(panel.open.to_numpy()[held] / panel.close.to_numpy()[held - 1])
    gap: np.ndarray = pd.DataFrame(moves).median(axis=1).abs().to_numpy()[place]
    return gap


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


def _equal_bars(panel: Panel, factor: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of both bars and column, for bars that repeat with nothing equal between them, and whether volume does."""
    scale = 1.0 if factor is None else factor
    bars = [frame.to_numpy() / scale for frame in (panel.open, panel.high, panel.low, panel.close)]
    key = sum(weight * bar for weight, bar in zip((1.0, 2.718281828, 3.141592654, 1.618033989), bars, strict=True))
    order = np.argsort(key, axis=0, kind="stable")
    ranked = np.stack([np.take_along_axis(bar, order, axis=0) for bar in bars])
    tolerance = 1e-9 * ranked[3][1:]
    equal = (np.abs(np.diff(ranked, axis=1)) <= tolerance).all(axis=0)
    place, columns = np.nonzero(equal)
    early, late = order[place, columns], order[place + 1, columns]
    ticks = np.minimum(_ticks_wide(bars, early, columns), _ticks_wide(bars, late, columns))
    wide = ticks >= MIN_TICKS
    early, late, columns, ticks = early[wide], late[wide], columns[wide], ticks[wide]
    volume = panel.volume.to_numpy()
    one, other = volume[early, columns], volume[late, columns]
    same = (np.abs(one - other) <= SAME_VOLUME * np.maximum(one, other)) & (one > 0)
    together = pd.Series(ticks >= POOLED_TICKS).groupby([early, late]).transform("sum").to_numpy()
    pooled = (together >= MIN_POOLED_TICKERS) & (ticks >= POOLED_TICKS)
    copied = same | pooled | (ticks >= CLEAR_TICKS)
    return early[copied], late[copied], columns[copied], (same | pooled)[copied]


def _ticks_wide(bars: list[np.ndarray], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Range of each bar in ticks: in smallest steps between the prices of the sessions up to it."""
    parts = [slice(start, start + PAIRS_AT_ONCE) for start in range(0, len(rows), PAIRS_AT_ONCE)]
    return np.concatenate([np.zeros(0), *(_ticks_of(bars, rows[part], columns[part]) for part in parts)])


def _ticks_of(bars: list[np.ndarray], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    spread = bars[1][rows, columns] - bars[2][rows, columns]
    around = np.clip(rows[:, None] + np.arange(1 - TICK_SESSIONS, 1), 0, len(bars[0]) - 1)
    prices = np.sort(np.concatenate([bar[around, columns[:, None]] for bar in bars], axis=1), axis=1)
    steps = np.diff(prices, axis=1)
    ticks: np.ndarray = spread / np.where(steps > SAME_PRICE * prices[:, 1:], steps, np.inf).min(axis=1)
    return np.round(ticks, 6)


def _off(low: np.ndarray, high: np.ndarray, row: int, later: int) -> bool:
    """Whether bars from ``row`` to before ``later`` lie wholly above or below the bars on either side."""
    above = low[row:later].min() > max(high[row - 1], high[later])
    return bool(above or high[row:later].max() < min(low[row - 1], low[later]))


def _moves_about(residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size of the moves into each bar, and out of it to the next print; NaN where there is none yet."""
    size = np.abs(residual)
    out = np.full_like(size, np.nan)
    out[:-1] = pd.DataFrame(size).bfill().to_numpy()[1:]
    return np.nan_to_num(size), out


def _pooled(worse: np.ndarray, early: np.ndarray, late: np.ndarray) -> np.ndarray:
    """Each pair's number, or the sum over all tickers that repeat between the same two sessions."""
    pairs = pd.Series(worse).groupby([early, late])
    pooled: np.ndarray = np.where(pairs.transform("size") >= MIN_POOLED_TICKERS, pairs.transform("sum"), worse)
    return pooled
