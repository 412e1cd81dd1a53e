"""Ticks: the steps in which prices and volumes are written, estimated from the bars themselves.

A step is the largest one of 1, 2, 2.5 or 5 times a power of ten, or of the eighths of old, that nearly all numbers of a
name are multiples of. Prices that were adjusted by a factor lie on no step, so that the factor is taken out where it is
known; of prices that no step fits, the latest are asked alone: an adjustment leaves them as they were quoted. Adjusted
prices that a vendor rounded show the step of its decimals, which is no tick: it is far below a ten-thousandth.
"""

import numpy as np
import pandas as pd

from market.panel import Panel

__all__ = ["price_ticks", "usual_lot", "usual_tick", "volume_lots"]

SHARE_ON_STEP = 0.98  # of a name's numbers; a few odd rows do not hide a step
ROUNDING = 1.5e-7  # relative to the number: single precision
MIN_DISTINCT = 8  # numbers; of fewer, all may lie on a coarser step by chance
MAX_ROWS = 1000  # of a name, evenly spread
MAX_NAMES = 60  # evenly spread, that tell what is usual
LATEST_ROWS = 63
PRICE_STEPS = np.array(
    sorted([m * 10.0**k for k in range(-8, 4) for m in (1.0, 2.0, 2.5, 5.0)] + [1 / 8, 1 / 16, 1 / 32])[::-1]
)
LOT_STEPS = np.array([1000.0, 500.0, 100.0, 50.0, 10.0, 5.0, 1.0])


def price_ticks(panel: Panel, *, factor: pd.DataFrame | None = None) -> pd.Series:
    """Estimate the tick of every name: the common step of its opens, highs, lows and closes.

    Parameters
    ----------
    panel : Panel
        The bars.
    factor : DataFrame of float, shape (n_sessions, n_tickers), optional
        adj_close / close, by which the panel's prices were multiplied: ticks are those of the prices as given.

    Returns
    -------
    Series of float, index ticker
        In the currency of the bars; NaN where fewer than eight distinct prices, or no step, tell.

    Examples
    --------
    >>> from market.bars.ticks import price_ticks
    >>> price_ticks(bars).index.equals(bars.tickers)
    True
    """
    scale = 1.0 if factor is None else factor.to_numpy()
    prices = [frame.to_numpy() / scale for frame in (panel.open, panel.high, panel.low, panel.close)]
    steps = [
        common_step(np.concatenate([_sample(each[:, column], MAX_ROWS) for each in prices]), PRICE_STEPS)
        for column in range(len(panel.tickers))
    ]
    for column in np.flatnonzero(np.isnan(steps)).tolist():
        latest = [each[:, column][~np.isnan(each[:, column])][-LATEST_ROWS:] for each in prices]
        steps[column] = common_step(np.concatenate(latest), PRICE_STEPS)
    return pd.Series(steps, index=panel.tickers, dtype="float64")


def volume_lots(panel: Panel) -> pd.Series:
    """Estimate the lot of every name: the common step of its volumes, from 1 to 1,000 shares.

    Volumes are those of the panel, on one split basis; zero volumes say nothing.

    Returns
    -------
    Series of float, index ticker
        Shares; NaN where volumes are fractions, missing or too few.
    """
    volume = panel.volume.to_numpy()[-4 * LATEST_ROWS :]
    steps = [common_step(column[column > 0], LOT_STEPS) for column in volume.T]
    return pd.Series(steps, index=panel.tickers, dtype="float64")


def usual_tick(close: np.ndarray) -> float | None:
    """The tick of most names' latest closes, unadjusted, of shape (n_sessions, n_tickers); None where none tells."""
    return _usual(close, PRICE_STEPS)


def usual_lot(volume: np.ndarray) -> float | None:
    """The lot of most names' latest volumes, as given, of shape (n_sessions, n_tickers); None where none tells."""
    return _usual(np.where(volume > 0, volume, np.nan), LOT_STEPS)


def common_step(numbers: np.ndarray, steps: np.ndarray) -> float:
    """The first of falling steps that nearly all numbers are multiples of; NaN for none, or too few numbers."""
    known = numbers[np.isfinite(numbers)]
    distinct = np.unique(known.astype(np.float32))
    if len(distinct) < MIN_DISTINCT:
        return float("nan")
    # a step coarser than the numbers are large fits nothing, one finer than their rounding fits everything
    largest, middle = float(distinct[-1]), float(np.median(distinct))
    for step in steps[(steps <= largest) & (steps > 4 * ROUNDING * middle)].tolist():
        multiple = np.round(known / step)
        on_step = (np.abs(known - multiple * step) <= ROUNDING * known) & (multiple > 0)
        if on_step.mean() >= SHARE_ON_STEP:
            return float(step)
    return float("nan")


def _usual(numbers: np.ndarray, steps: np.ndarray) -> float | None:
    columns = numbers[-2 * LATEST_ROWS :, :: max(1, -(-numbers.shape[1] // MAX_NAMES))].T
    told, counts = np.unique([common_step(column, steps) for column in columns], return_counts=True)
    most = float(told[counts.argmax()])
    return None if np.isnan(most) else most


def _sample(values: np.ndarray, most: int) -> np.ndarray:
    known = values[~np.isnan(values)]
    spread: np.ndarray = known[:: max(1, -(-len(known) // most))]
    return spread
