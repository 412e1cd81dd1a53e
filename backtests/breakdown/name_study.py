"""Name study: what each name of a book contributed to its return, and which names made its worst sessions."""

from dataclasses import dataclass

import pandas as pd

from backtests.breakdown.attribution import UNKNOWN, name_returns
from backtests.engine.backtest_result import BacktestResult
from market import Panel

__all__ = ["NameMove", "NameStudy", "WorstSession", "name_study"]

N_WORST = 10  # sessions
N_MOVERS = 3  # names of each


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMove:
    """What one name did to a book in one session.

    Parameters
    ----------
    ticker, sector : str
        The sector is ``"unknown"`` where it is not known.
    weight : float
        Held at the close before, as a fraction of equity; NaN before the first close.
    contribution : float
        To the gross return of the session, as a fraction of equity at its start.
    """

    ticker: str
    sector: str
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstSession:
    """One of the worst sessions of a book.

    Parameters
    ----------
    session : Timestamp
        Its date.
    net, gross : float
        Simple returns of the session after and before costs.
    market : float
        Simple return of the market in it; NaN where there is none.
    movers : tuple of NameMove
        The names that lost most, the worst first.
    rest : float
        Contribution of all other names: with the movers it adds up to ``gross``.
    """

    session: pd.Timestamp
    net: float
    gross: float
    market: float
    movers: tuple[NameMove, ...]
    rest: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NameStudy:
    """Names of one book over its judged sessions.

    Parameters
    ----------
    table : DataFrame, index ticker
        Of every name that was held or that earned: ``contribution``, the sum over sessions of its contribution to the
        gross return, ``long`` and ``short`` weight at the close (means over all sessions, short ones negative),
        ``largest`` absolute weight, ``sessions`` with a position at the close, ``last`` weight, and ``sector``. Sorted
        by mean gross weight, the largest first.
    gross : float
        Sum of the gross returns of the sessions, which the contributions add up to.
    worst : tuple of WorstSession
        The worst net returns, the worst first.
    """

    table: pd.DataFrame
    gross: float
    worst: tuple[WorstSession, ...]


def name_study(
    result: BacktestResult,
    panel: Panel,
    *,
    market: pd.Series,
    sectors: pd.Series | None = None,
    sessions: pd.DatetimeIndex | None = None,
) -> NameStudy:
    """Measure what each name contributed, and what made the worst sessions.

    Parameters
    ----------
    result : BacktestResult
        Of these bars, all sessions.
    panel : Panel
        Bars that the book traded on.
    market : Series of float
        Simple market return of each session.
    sectors : Series of str, optional
        Sector by ticker, one for the whole history.
    sessions : DatetimeIndex, optional
        Sessions of the result that are judged; all by default.
    """
    judged = pd.DatetimeIndex(result.equity.index) if sessions is None else sessions
    tickers = result.held_weights.columns
    known = pd.Series(dtype="str") if sectors is None else sectors.astype("str")
    sector = known.reindex(tickers).fillna(UNKNOWN)
    earned = name_returns(result, panel).loc[judged]
    table = _table(earned, result.held_weights.fillna(0.0).loc[judged], sector)
    before = result.held_weights.shift(1).loc[judged]
    losses = result.net_returns.loc[judged].nsmallest(N_WORST)
    worst = tuple(_worst(result, pd.Timestamp(each), earned, before, sector, market) for each in losses.index)
    return NameStudy(table=table, gross=float(result.gross_returns.loc[judged].sum()), worst=worst)


def _table(earned: pd.DataFrame, held: pd.DataFrame, sector: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "contribution": earned.sum(),
            "long": held.clip(lower=0.0).mean(),
            "short": held.clip(upper=0.0).mean(),
            "largest": held.abs().max(),
            "sessions": (held != 0.0).sum(),
            "last": held.iloc[-1],
            "sector": sector,
        }
    )
    traded = (table["sessions"] > 0) | (table["contribution"] != 0.0)
    size = table["long"] - table["short"]
    return table[traded].loc[size[traded].sort_values(ascending=False, kind="stable").index].rename_axis("ticker")


def _worst(
    result: BacktestResult,
    session: pd.Timestamp,
    earned: pd.DataFrame,
    before: pd.DataFrame,
    sector: pd.Series,
    market: pd.Series,
) -> WorstSession:
    row = earned.T[session]
    lost = row[row < 0.0].nsmallest(N_MOVERS)
    movers = tuple(
        NameMove(
            ticker=str(ticker),
            sector=str(sector[ticker]),
            weight=float(before.loc[session, ticker]),
            contribution=float(lost[ticker]),
        )
        for ticker in lost.index
    )
    gross = float(result.gross_returns[session])
    return WorstSession(
        session=session,
        net=float(result.net_returns[session]),
        gross=gross,
        market=float(market.get(session, float("nan"))),
        movers=movers,
        rest=gross - sum(mover.contribution for mover in movers),
    )
