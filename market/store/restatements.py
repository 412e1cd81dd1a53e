"""Restatements: how new rows differ from the stored rows of the same sessions.

Two numbers agree if they differ by no more than rounding. Where they do not, history was restated: by a split or a
dividend (one factor over many sessions, ending where it took effect) or by a correction of single sessions.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from core.errors import SourceError
from market.bars.adjustment import nearest_simple_ratio
from market.bars.long_form import LongBars, join_bars
from market.store.data_versions import Change
from market.store.parts import in_key_order

__all__ = ["ROUNDING", "Comparison", "compare", "merged"]

ROUNDING = 5e-6  # relative; vendors write six or seven digits
SPLIT_TOLERANCE = 1e-3  # relative distance at which a factor is called a split
PRICES = ("open", "high", "low", "close", "adj_close")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """How new rows differ from stored ones.

    Parameters
    ----------
    changes : tuple of Change
        Restated fields by ticker, withdrawn rows by ticker, and tickers whose new rows meet no stored one.
    added : int
        Keys that only the new rows have.
    common : int
        Keys that both have.
    rebased : tuple of str
        Tickers that were restated at the first common session though the stored rows begin earlier: their stored
        history and the new rows stand on different bases.
    """

    changes: tuple[Change, ...]
    added: int
    common: int
    rebased: tuple[str, ...]

    @property
    def restated(self) -> tuple[Change, ...]:
        """The changes that alter a stored number."""
        return tuple(change for change in self.changes if change.what == "restated")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Aligned:
    """Both sets of rows on shared ticker codes, and the positions of their common keys."""

    old: LongBars
    new: LongBars
    tickers: tuple[str, ...]
    old_keys: np.ndarray
    new_keys: np.ndarray
    old_rows: np.ndarray
    new_rows: np.ndarray

    @classmethod
    def of(cls, old: LongBars, new: LongBars) -> Self:
        tickers = tuple(sorted({*old.tickers, *new.tickers}))
        old_keys, new_keys = _keys(old, tickers), _keys(new, tickers)
        _, old_rows, new_rows = np.intersect1d(old_keys, new_keys, assume_unique=True, return_indices=True)
        return cls(
            old=old,
            new=new,
            tickers=tickers,
            old_keys=old_keys,
            new_keys=new_keys,
            old_rows=old_rows,
            new_rows=new_rows,
        )


def compare(old: LongBars, new: LongBars) -> Comparison:
    """Compare new rows with stored ones.

    Parameters
    ----------
    old, new : LongBars
        Each in key order.

    Raises
    ------
    SourceError
        If one has an adj_close, or another field, that the other lacks.
    """
    _check_fields(old, new)
    both = _Aligned.of(old, new)
    frames = [_differences(name, both) for name in old.numbers]
    differences = pd.concat([frame for frame in frames if len(frame)] or frames[:1])
    changes = (*_restated(differences), *_withdrawn(both), *_unmet(both))
    return Comparison(
        changes=changes,
        added=len(new.dates) - len(both.new_rows),
        common=len(both.new_rows),
        rebased=_rebased(differences, both),
    )


def merged(old: LongBars, new: LongBars) -> LongBars:
    """Merge both by key; where both have a row, the new one stays."""
    both = _Aligned.of(old, new)
    unmatched = np.ones(len(old.dates), dtype=bool)
    unmatched[both.old_rows] = False
    return in_key_order(join_bars([new, old.select(unmatched)]) if unmatched.any() else new)


def _keys(bars: LongBars, tickers: tuple[str, ...]) -> np.ndarray:
    """One sortable integer for each row: ticker, then day."""
    position = {ticker: code for code, ticker in enumerate(tickers)}
    codes = np.array([position[ticker] for ticker in bars.tickers], dtype=np.int64)[bars.codes]
    keys: np.ndarray = codes * 1_000_000 + bars.dates.astype("datetime64[D]").astype(np.int64) + 100_000
    return keys


def _check_fields(old: LongBars, new: LongBars) -> None:
    strange = set(old.numbers) ^ set(new.numbers)
    if strange:
        raise SourceError(
            f"stored and new rows differ in {', '.join(sorted(strange))}: prices adjusted and not adjusted do not mix; "
            "give the same columns, or import under another name"
        )


def _differences(name: str, both: _Aligned) -> pd.DataFrame:
    """Common keys whose numbers differ by more than rounding."""
    before, after = both.old.numbers[name][both.old_rows], both.new.numbers[name][both.new_rows]
    apart = np.abs(after - before) > ROUNDING * np.abs(before)
    apart |= np.isnan(before) != np.isnan(after)
    rows = both.old_rows[apart]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = after[apart] / before[apart]
    ticker = np.array(both.old.tickers, dtype=object)[both.old.codes[rows]]
    return pd.DataFrame(
        {"ticker": ticker, "field": name, "date": both.old.dates[rows], "factor": factor, "key": both.old_keys[rows]}
    )


def _restated(differences: pd.DataFrame) -> list[Change]:
    changes = []
    for (ticker, field), rows in differences.groupby(["ticker", "field"], sort=True):
        days, factor = rows["date"].sort_values(), float(rows["factor"].median())
        changes.append(
            Change(
                what="restated",
                ticker=str(ticker),
                field=str(field),
                first=f"{days.iloc[0]:%Y-%m-%d}",
                last=f"{days.iloc[-1]:%Y-%m-%d}",
                sessions=len(rows),
                factor=factor if np.isfinite(factor) else None,
                likely=_likely(str(field), rows["factor"].to_numpy()),
            )
        )
    return changes


def _likely(field: str, factors: np.ndarray) -> str:
    """What one factor over several sessions most likely is: a split, a dividend or corrections."""
    middle = float(np.median(factors))
    steady = len(factors) > 1 and np.isfinite(factors).all() and float(np.ptp(factors)) <= SPLIT_TOLERANCE * abs(middle)
    if field not in (*PRICES, "volume") or not steady:
        return "corrected prints"
    ratio = float(nearest_simple_ratio(np.array([middle]))[0])
    if abs(middle / ratio - 1) <= SPLIT_TOLERANCE:
        new, old = (1 / ratio, 1.0) if ratio < 1 else (1.0, ratio)
        return f"split {new:g}:{old:g}" if field != "volume" else f"split {old:g}:{new:g}"
    return "dividend" if field == "adj_close" and 0.8 < middle < 1 else "rebased"


def _withdrawn(both: _Aligned) -> list[Change]:
    """Stored rows inside the new rows' span of a ticker that the new rows lack."""
    old, new = both.old_keys // 1_000_000, both.new_keys // 1_000_000
    starts, ends = np.searchsorted(new, old, side="left"), np.searchsorted(new, old, side="right")
    known = ends > starts
    first = both.new_keys[np.minimum(starts, len(new) - 1)]
    last = both.new_keys[ends - 1]
    inside = known & (both.old_keys > first) & (both.old_keys < last)
    inside[both.old_rows] = False
    return _spans("withdrawn by the source, kept", both.old, inside)


def _unmet(both: _Aligned) -> list[Change]:
    """New rows of stored tickers that share no session with the stored ones, so that bases cannot be compared."""
    met = np.isin(both.new_keys // 1_000_000, both.new_keys[both.new_rows] // 1_000_000)
    stored = np.isin(both.new_keys // 1_000_000, both.old_keys // 1_000_000)
    return _spans("added without a common session, basis unchecked", both.new, stored & ~met)


def _spans(what: str, bars: LongBars, chosen: np.ndarray) -> list[Change]:
    rows = pd.DataFrame({"code": bars.codes[chosen], "date": bars.dates[chosen]})
    return [
        Change(
            what=what,
            ticker=bars.tickers[int(str(code))],
            first=f"{days.min():%Y-%m-%d}",
            last=f"{days.max():%Y-%m-%d}",
            sessions=len(days),
        )
        for code, days in rows.groupby("code")["date"]
    ]


def _rebased(differences: pd.DataFrame, both: _Aligned) -> tuple[str, ...]:
    """Tickers whose first common session was restated in a price, with stored rows before it that stay as they were."""
    common = both.old_keys[both.old_rows]
    codes, first = np.unique(common // 1_000_000, return_index=True)
    moved = set(differences.loc[differences["field"].isin(PRICES), "key"].tolist())
    oldest = dict(zip(*np.unique(both.old_keys // 1_000_000, return_index=True), strict=True))
    return tuple(
        both.tickers[code]
        for code, row in zip(codes.tolist(), first.tolist(), strict=True)
        if common[row] in moved and both.old_keys[oldest[code]] < common[row]
    )
