"""Inferred rules: the clock, the costs and the wanted books that fills of another tool tell, where nobody tells them.

The clock is read off the prices: whether they lie at the open or at the close of their session. A close does not say
whether the decision was made there or a session before; the books that the other side wanted do. A wanted book is what
was held after a session's fills, at the price of that moment, as fractions of equity.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.conventions import BASIS_POINTS
from core.errors import DataError
from live.differences.given_shares import GivenFills, KeptShares, keep_fills, rows_of
from market.panel import Panel, aligned_frame
from market.returns import Execution, fill_prices
from market.ticker_names import likely_meant
from portfolio.costs import Costs

__all__ = ["InferredRules", "check_fills", "inferred_rules", "least_capital"]

OTHER_BASIS = 0.2  # of a price; fills that are further off are of other prices
ROUNDING = 1e-9  # of a fee
GEARED = 5.0  # gross exposure over equity beyond which a capital is doubted
FULLY = 1.02  # net exposure that is rounding and slippage of a full book, and is taken as 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferredRules:
    """What fills tell of how they came about.

    Parameters
    ----------
    execution : Execution
        Clock.
    costs : Costs
        Fees as basis points of notional.
    weights : DataFrame of float
        Wanted books by the session of their decision.
    kept : KeptShares
        The books of the fills, with their own fees.
    words : tuple of str
        What was inferred, in sentences.
    """

    execution: Execution
    costs: Costs
    weights: pd.DataFrame
    kept: KeptShares
    words: tuple[str, ...]


def check_fills(table: pd.DataFrame, panel: Panel, *, origin: str) -> None:
    """Refuse fills of names or sessions that the bars do not have, or at prices on another basis.

    Raises
    ------
    DataError
        Naming the first.
    """
    strange = sorted(set(table["ticker"]) - set(panel.tickers))
    if strange:
        raise DataError(
            f"{origin} trades {strange[0][:40]}{likely_meant(strange, panel.tickers)}, of which there are no bars "
            f"({len(strange)} such names): give the bars that were traded with --bars"
        )
    rows, columns = rows_of(table, panel)
    odd = np.flatnonzero(rows < 0)
    if len(odd):
        first, last = panel.sessions[0], panel.sessions[-1]
        raise DataError(
            f"{origin} trades on {table['session'].iloc[odd[0]]:%Y-%m-%d}, which is no session of the bars "
            f"({first:%Y-%m-%d} to {last:%Y-%m-%d}; {len(odd)} such fills): give the bars that were traded with --bars"
        )
    closes = panel.close.ffill().to_numpy()[rows, columns]
    ratio = table["price"].to_numpy() / closes
    if not np.nanmedian(np.abs(ratio - 1.0)) < OTHER_BASIS:
        raise DataError(
            f"prices of {origin} are {np.nanmedian(ratio):.3g} times the closes of the bars (median): they are on "
            "another basis, such as before splits and dividends, or in another currency; write both on one"
        )


def least_capital(table: pd.DataFrame, *, origin: str) -> float:
    """The least cash with which every purchase could be paid: what a book that is fully invested began with.

    Raises
    ------
    DataError
        If a name was sold before it was held: proceeds of shorts hide what there was.
    """
    held = table["shares"].groupby(table["ticker"], sort=False).cumsum()
    if (held < -1e-6 * table["shares"].abs()).any():
        raise DataError(f"{origin} sells short, so that its fills do not tell the equity: say it with --capital")
    cash = -(table["shares"] * table["price"] + table["fee"]).groupby(table["session"]).sum().cumsum()
    return float(max(-cash.min(), (table["shares"] * table["price"]).abs().iloc[0]))


def inferred_rules(
    given: GivenFills, panel: Panel, *, wanted: pd.DataFrame | None = None, name: str = "the file"
) -> InferredRules:
    """Clock, costs and wanted books of fills.

    Parameters
    ----------
    given : GivenFills
        Of sessions and names of the bars.
    panel : Panel
        Bars.
    wanted : DataFrame of float, optional
        Weights that the other side decided at each close, by which the lag of fills at a close is told.
    name : str
        Whose fills they are, for the sentences.

    Raises
    ------
    DataError
        If the capital is lost with these fills.
    """
    field, distance = _price_field(given.table, panel)
    fills = ("next_open",) if field == "open" else ("close", "next_close")
    clocks = [Execution(fill=fill, no_volume="fills") for fill in fills]
    found = [(clock, *_wanted_books(given, panel, clock)) for clock in clocks]
    if wanted is None:
        execution, weights, kept = found[-1]
    else:
        execution, weights, kept = min(found, key=lambda each: _distance(each[1], wanted, panel))
    _check_solvent(kept.net_returns, given.capital, origin=name)
    costs = _costs(given)
    lag = "of the very session of the decision" if execution.delay == 0 else "of the session after the decision"
    told = "by the books that the other side wanted" if wanted is not None and field == "close" else "by their prices"
    fee = f"fees of {costs.trade_bps:.4g} bps of notional" if given.told_fees else "no fees told, taken as 0"
    dates = given.table["session"]
    words: tuple[str, ...] = (
        f"{name} fills at the {field} {lag}, {told} (median distance {distance * BASIS_POINTS:.2g} bps), "
        f"{'whole shares' if given.is_whole else 'fractions of a share'}, {fee}, capital {given.capital:,.0f}.",
        f"{name} trades from {dates.iloc[0]:%Y-%m-%d} to {dates.iloc[-1]:%Y-%m-%d}; what it held then is kept to the "
        "end of the bars.",
    )
    gross = float(weights.abs().sum(axis=1).max())
    if gross > GEARED:
        words += (f"{name} holds up to {gross:,.0f} times its equity: see whether --capital is right.",)
    return InferredRules(execution=execution, costs=costs, weights=weights, kept=kept, words=words)


def _check_solvent(net: pd.Series, capital: float, *, origin: str) -> None:
    lost = net <= -1.0
    if lost.any():
        raise DataError(
            f"{origin} loses its capital of {capital:,.0f} on {lost.idxmax():%Y-%m-%d}: no return is defined from "
            "there on, say with --capital what it began with"
        )


def _price_field(table: pd.DataFrame, panel: Panel) -> tuple[str, float]:
    """The bar field that the fills lie nearest to, and the median distance as a fraction."""
    rows, columns = rows_of(table, panel)
    price, distances = table["price"].to_numpy(), {}
    for field in ("open", "close"):
        bars = getattr(panel, field).to_numpy()[rows, columns]
        distances[field] = float(np.nanmedian(np.abs(price / bars - 1.0)))
    field = min(distances, key=lambda each: distances[each])
    return field, distances[field]


def _wanted_books(given: GivenFills, panel: Panel, execution: Execution) -> tuple[pd.DataFrame, KeptShares]:
    kept = keep_fills(panel, given, execution=execution, costs=None if given.told_fees else Costs(trade_bps=0.0))
    prices = fill_prices(panel, execution).fillna(panel.close.ffill().shift(1))
    sessions = kept.shares_after.index
    held = kept.shares_after.to_numpy(dtype=float)
    value = np.where(held == 0.0, 0.0, held * prices.loc[sessions].to_numpy())
    weights = value / kept.equity_at_fill.to_numpy()[:, None]
    net = weights.sum(axis=1)
    full = (net > 1.0) & (net <= FULLY)
    weights[full] /= net[full][:, None]
    rows = panel.sessions.get_indexer(sessions) - execution.delay
    decided = rows >= 0
    return aligned_frame(weights[decided], panel.sessions[rows[decided]], panel.tickers), kept


def _distance(weights: pd.DataFrame, wanted: pd.DataFrame, panel: Panel) -> float:
    """Mean half of the summed absolute difference of two books on the sessions in which both decide."""
    sessions = weights.index.intersection(wanted.dropna(how="all").index)
    if not len(sessions):
        return np.inf
    other = wanted.loc[sessions].reindex(columns=panel.tickers).fillna(0.0).to_numpy()
    gap = np.abs(weights.loc[sessions].to_numpy() - other).sum(axis=1) / 2.0
    return float(gap.mean())


def _costs(given: GivenFills) -> Costs:
    """Fees as one rate of notional."""
    table = given.table
    notional = float((table["shares"] * table["price"]).abs().sum())
    rate = float(table["fee"].sum()) / notional
    return Costs(trade_bps=min(max(round(rate * BASIS_POINTS, 9), 0.0), BASIS_POINTS - 1.0))
