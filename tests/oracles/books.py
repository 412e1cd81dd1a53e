"""A slow twin of the book: one session and one name at a time."""

import math

import pandas as pd

from portfolio.book_settings import BookSettings


def slow_targets(scores: pd.DataFrame, settings: BookSettings, *, round_trip: float = 0.0) -> pd.DataFrame:
    rows = [_slow_row(row.dropna(), settings, round_trip) for _, row in scores.iterrows()]
    frame = pd.DataFrame(rows, index=scores.index, columns=scores.columns, dtype=float)
    return frame.fillna(0.0).where(scores.notna().any(axis=1), math.nan)


def _slow_row(row: pd.Series, settings: BookSettings, round_trip: float) -> dict[str, float]:
    ranked = sorted(row.index, key=lambda name: (row[name], name))
    wanted = math.floor(settings.k * len(ranked) + 0.5) if isinstance(settings.k, float) else settings.k
    count = min(max(wanted, 1), len(ranked) // 2)
    if count == 0:
        return {}
    longs, shorts = ranked[-count:], ranked[:count]
    level = 0.0 if settings.short_filter == "below_zero" else row.mean()
    hurdle = 0.0 if settings.short_filter == "below_zero" else -round_trip
    if settings.builder == "filter_negative":
        shorts = [name for name in shorts if row[name] - level < hurdle]
    sized_by = len(shorts) if settings.builder == "filter_negative" and settings.short_sizing == "fill_leg" else count
    weights = dict.fromkeys(longs, settings.long / count)
    return weights | dict.fromkeys(shorts, -settings.short / max(sized_by, 1))


def slow_smoothing(target: pd.DataFrame, listed: pd.DataFrame, weight: float) -> pd.DataFrame:
    smoothed = target.copy()
    for name in target.columns:
        state, column = None, []
        for wanted, alive in zip(target[name], listed[name], strict=True):
            if not math.isnan(wanted):
                state = wanted if state is None else weight * wanted + (1 - weight) * state
                state = state if alive else 0.0
            column.append(math.nan if math.isnan(wanted) else state)
        smoothed[name] = column
    return smoothed
