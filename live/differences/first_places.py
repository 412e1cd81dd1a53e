"""First places: the first session and name at which a stage of two results is not the same, and what is there.

Each stage is compared by what came out of it, so that a difference of the bars shows in the scores too; whether the
stage itself differs, or only what it reads, is said by its group.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from live.differences.mixed_replays import CAPITAL, MixedReplays, Outcome
from market.panel import BAR_FIELDS

__all__ = ["FirstPlace", "first_places"]

SAME_RATE = 1e-9  # of a trade's cost to its notional; rounding
SAME_SHARES = 1e-9  # of shares that were scaled to one capital
SAME_WEIGHT = 1e-9  # of equity
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPlace:
    """Where two results part for the first time in what one stage gives.

    Parameters
    ----------
    stage : str
        One of the seven.
    session, ticker : str
        Where; empty where the difference is of an axis alone.
    what : str
        Of what: a bar field, a feature, weight, shares, price, cost.
    first, second : str
        What either side has there.
    follows : bool
        Whether the stage itself is the same in both, and hands on what it read.
    """

    stage: str
    session: str
    ticker: str
    what: str
    first: str
    second: str
    follows: bool = False

    def __str__(self) -> str:
        where = " ".join(part for part in (self.session, self.ticker) if part)
        return f"{where}{': ' if where else ''}{self.what} {self.first} against {self.second}"


def first_places(replays: MixedReplays, common: pd.DatetimeIndex) -> tuple[FirstPlace, ...]:
    """The first difference of every stage that has one, in the order of computation.

    Parameters
    ----------
    replays : MixedReplays
        Both sides are replayed where they are not yet.
    common : DatetimeIndex
        Sessions that the results are compared on; fills and costs before the first are left out.
    """
    none, both = frozenset[str](), replays.differing
    found = [*_bars(replays), *_universe(replays), *_features(replays)]
    if replays.first.scores is not None and replays.second.scores is not None:
        found += _frames("scores", "score", replays.first.scores, replays.second.scores)
    found += _book(replays.weights(none), replays.weights(both), within=_rounding(replays))
    results = replays.outcome(none), replays.outcome(both)
    found += [*_fills(*results, common), *_costs(*results, common, apart="costs" in both)]
    return tuple(replace(place, follows=place.stage not in both) for place in found)


def _bars(replays: MixedReplays) -> Iterator[FirstPlace]:
    if "bars" not in replays.differing:
        return
    first, second = replays.first.panel, replays.second.panel
    places = [
        place
        for name in BAR_FIELDS
        for place in _frames("bars", name, getattr(first, name), getattr(second, name), axes=False)
    ]
    if places:
        yield min(places, key=lambda place: place.session)
        return
    yield from _axes("bars", first.close, second.close)
    gone = [f"{len(panel.delistings):,} delistings" for panel in (first, second)]
    if gone[0] != gone[1]:
        yield FirstPlace(stage="bars", session="", ticker="", what="", first=gone[0], second=gone[1])


def _universe(replays: MixedReplays) -> Iterator[FirstPlace]:
    if replays.first.absent | replays.second.absent >= {"universe"}:
        return
    first, second = (side.panel.universe.astype(float) for side in (replays.first, replays.second))
    words = {"1": "eligible", "0": "not eligible"}
    for place in _frames("universe", "is", first, second, axes=False):
        yield FirstPlace(
            stage="universe",
            session=place.session,
            ticker=place.ticker,
            what="is",
            first=words.get(place.first, place.first),
            second=words.get(place.second, place.second),
        )


def _features(replays: MixedReplays) -> Iterator[FirstPlace]:
    """The first feature that differs; they are computed only where they, or what they read, differ."""
    sides = (replays.first, replays.second)
    if not replays.differing & {"bars", "universe", "features"} or any("features" in side.absent for side in sides):
        return
    first, second = replays.features(frozenset()), replays.features(replays.differing)
    yield from _tables(first, second)


def _tables(first: Mapping[str, pd.DataFrame], second: Mapping[str, pd.DataFrame]) -> Iterator[FirstPlace]:
    places = [
        place
        for name in first
        if name in second
        for place in _frames("features", name, first[name], second[name], axes=False)
    ]
    if places:
        yield min(places, key=lambda place: place.session)
    elif list(first) != list(second):
        odd = sorted(set(first) ^ set(second)) or ["order"]
        has = ["has it" if odd[0] in side else NONE for side in (first, second)]
        yield FirstPlace(stage="features", session="", ticker="", what=f"feature {odd[0]}", first=has[0], second=has[1])


def _book(first: pd.DataFrame, second: pd.DataFrame, *, within: float) -> Iterator[FirstPlace]:
    """The first weight that differs; of books that are the same from then on, where the later one begins."""
    found = next(_frames("book", "weight", *_decided(first, second), within=within), None)
    spans = [each.dropna(how="all").index for each in (first, second)]
    begins, ends = [span.min() for span in spans], min(span.max() for span in spans)
    if begins[0] != begins[1] and (found is None or pd.Timestamp(found.session) > ends):
        told = ["begins" if day == max(begins) else f"held since {day:%Y-%m-%d}" for day in begins]
        session = f"{max(begins):%Y-%m-%d}"
        yield FirstPlace(stage="book", session=session, ticker="", what="book", first=told[0], second=told[1])
    elif found is not None:
        yield found


def _decided(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Weights on the names of either, 0 where a side does not know the name, from the first decision of both on."""
    names = first.columns.union(second.columns)
    begins = max(each.dropna(how="all").index.min() for each in (first, second))
    placed = [each.loc[begins:].dropna(how="all").reindex(columns=names, fill_value=0.0) for each in (first, second)]
    return placed[0], placed[1]


def _rounding(replays: MixedReplays) -> float:
    """Below what weights are the same: what is inferred of shares and prices is so up to rounding."""
    inferred = any(side.fills is not None for side in (replays.first, replays.second))
    return SAME_WEIGHT if inferred else 0.0


def _frames(
    stage: str, what: str, first: pd.DataFrame, second: pd.DataFrame, *, axes: bool = True, within: float = 0.0
) -> Iterator[FirstPlace]:
    """The first cell that is not the same number in both, on the sessions and names that both have; else other axes."""
    sessions, names = first.index.intersection(second.index), first.columns.intersection(second.columns)
    left, right = (each.loc[sessions, names].to_numpy(dtype=float) for each in (first, second))
    wrong = ~((left == right) | (np.isnan(left) & np.isnan(right)) | (np.abs(left - right) <= within))
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        column = int(np.argmax(wrong[row]))
        told = _numbers(left[row, column], right[row, column])
        yield FirstPlace(
            stage=stage,
            session=f"{sessions[row]:%Y-%m-%d}",
            ticker=str(names[column]),
            what=what,
            first=told[0],
            second=told[1],
        )
    elif axes:
        yield from _axes(stage, first, second)


def _axes(stage: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[FirstPlace]:
    """The first session or name that one side has and the other has not."""
    odd = first.index.symmetric_difference(second.index)
    if len(odd):
        has = ["there" if odd[0] in each.index else NONE for each in (first, second)]
        yield FirstPlace(
            stage=stage, session=f"{odd[0]:%Y-%m-%d}", ticker="", what="session", first=has[0], second=has[1]
        )
        return
    strange = first.columns.symmetric_difference(second.columns)
    if len(strange):
        has = ["there" if strange[0] in each.columns else NONE for each in (first, second)]
        yield FirstPlace(stage=stage, session="", ticker=str(strange[0]), what="name", first=has[0], second=has[1])


def _fills(first: Outcome, second: Outcome, common: pd.DatetimeIndex) -> Iterator[FirstPlace]:
    both = _paired(first, second, common)
    if not len(both):
        return
    scaled = first.capital != second.capital
    for end, capital in (("a", first.capital), ("b", second.capital)):
        both[f"shares_{end}"] *= CAPITAL / capital if scaled else 1.0
    shares, prices = both[["shares_a", "shares_b"]].to_numpy(), both[["price_a", "price_b"]].to_numpy()
    within = SAME_SHARES if scaled else 0.0
    wrong = ~np.isclose(shares[:, 0], shares[:, 1], rtol=within, atol=0.0)
    wrong |= ~np.isclose(prices[:, 0], prices[:, 1], rtol=within, atol=0.0)
    if wrong.any():
        row = both.iloc[int(np.argmax(wrong))]
        told = [
            NONE if np.isnan(row[f"shares_{end}"]) else f"{row[f'shares_{end}']:,.6g} at {row[f'price_{end}']:.6g}"
            for end in "ab"
        ]
        yield _of_row("fills", row, f"shares of a capital of {CAPITAL:,.0f}" if scaled else "shares", *told)


def _costs(first: Outcome, second: Outcome, common: pd.DatetimeIndex, *, apart: bool) -> Iterator[FirstPlace]:
    """The first trade of both that is charged at another rate, else the first session, where costs are apart."""
    both = _paired(first, second, common).dropna()
    if len(both):
        rates = [(both[f"cost_{end}"] / both[f"notional_{end}"].abs()).to_numpy() for end in "ab"]
        wrong = ~(np.abs(rates[0] - rates[1]) <= SAME_RATE)
        if wrong.any():
            place = int(np.argmax(wrong))
            told = [f"{rate[place] * 1e4:.6g} bps" for rate in rates]
            yield _of_row("costs", both.iloc[place], "of notional", *told)
            return
    sessions = common[common.isin(first.cost.index) & common.isin(second.cost.index)]
    left, right = first.cost.loc[sessions].to_numpy(), second.cost.loc[sessions].to_numpy()
    if apart and (left != right).any():
        place = int(np.argmax(left != right))
        yield FirstPlace(
            stage="costs",
            session=f"{sessions[place]:%Y-%m-%d}",
            ticker="",
            what="of equity",
            first=f"{left[place] * 1e4:.6g} bps",
            second=f"{right[place] * 1e4:.6g} bps",
        )


def _paired(first: Outcome, second: Outcome, common: pd.DatetimeIndex) -> pd.DataFrame:
    """Trades of both by session and name, a session's names in order; NaN where a side has none."""
    tables = []
    for end, outcome in (("a", first), ("b", second)):
        if outcome.trades.empty:
            return pd.DataFrame()
        trades = outcome.trades[outcome.trades["session"] >= common[0]]
        summed = trades.groupby(["session", "ticker"])[["shares", "notional", "cost"]].sum()
        tables.append(summed.assign(price=summed["notional"] / summed["shares"]).add_suffix(f"_{end}"))
    return tables[0].join(tables[1], how="outer").sort_index().reset_index()


def _of_row(stage: str, row: pd.Series, what: str, first: str, second: str) -> FirstPlace:
    session, ticker = f"{row['session']:%Y-%m-%d}", str(row["ticker"])
    return FirstPlace(stage=stage, session=session, ticker=ticker, what=what, first=first, second=second)


def _numbers(*values: float) -> list[str]:
    """In eight digits, or in all of them where eight do not tell the numbers apart."""
    short = [NONE if np.isnan(value) else f"{value:.8g}" for value in values]
    return short if len(set(short)) > 1 else [f"{value:.17g}" for value in values]
