"""Monthly returns: simple returns compounded over calendar months and years."""

import pandas as pd

__all__ = ["MONTHS", "monthly_returns"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly_returns(returns: pd.Series) -> pd.DataFrame:
    """Compound the returns of each calendar month and of each calendar year.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session, on a DatetimeIndex; NaN counts as not invested.

    Returns
    -------
    DataFrame of float, index the years, columns ``Jan`` to ``Dec`` and ``Year``
        NaN for a month without an observed session. The months of a year compound to ``Year``, and the years to the
        return of the whole span; the first and the last month may be partial.
    """
    observed = returns.dropna()
    sessions = pd.DatetimeIndex(observed.index)
    growth = 1.0 + observed
    by_month = {
        name: growth[sessions.month == place].groupby(sessions.year[sessions.month == place]).prod()
        for place, name in enumerate(MONTHS, start=1)
    }
    table = pd.DataFrame(by_month | {"Year": growth.groupby(sessions.year).prod()}) - 1.0
    return table.rename_axis("year")
