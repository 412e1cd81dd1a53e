"""Planted alpha, one session and one name at a time, with pandas on the printed bars only."""

import numpy as np
import pandas as pd

from market import Panel

__all__ = ["slow_oracle_row"]


def slow_oracle_row(panel: Panel, session: pd.Timestamp) -> pd.Series:
    """Scores of one session by the equations of docs/synthetic_market.md."""
    known = panel.until(session)
    observed = {ticker: _observables(known, ticker) for ticker in known.tickers}
    table = pd.DataFrame({ticker: row for ticker, row in observed.items() if row is not None}).T
    if len(table) < 10:
        return pd.Series(np.nan, index=known.tickers)
    z = table.apply(_cut_z)
    trend, attention = np.tanh(z["momentum"]), np.tanh(z["volume"])
    hinge = z["range"].where(z["range"] > 0, 0.0)
    score = trend + 0.7 * attention + 0.5 * trend * attention - 0.85 * hinge
    return _cut_z(score).reindex(known.tickers)


def _observables(known: Panel, ticker: str) -> dict[str, float] | None:
    close = known.close[ticker]
    age = len(close.loc[close.first_valid_index() :]) if close.notna().any() else 0
    if age < 90 or np.isnan(close.iloc[-1]):
        return None
    filled = close.ffill()
    spread = ((known.high[ticker] - known.low[ticker]) / close).iloc[-20:]
    volume = known.volume[ticker]
    return {
        "momentum": np.log(filled.iloc[-21]) - np.log(filled.iloc[-51]),
        "range": np.log(spread.dropna().mean()),
        "volume": np.log(volume.iloc[-20:].dropna().mean()) - np.log(volume.iloc[-60:].dropna().mean()),
    }


def _cut_z(values: pd.Series) -> pd.Series:
    return ((values - values.mean()) / values.std(ddof=0)).clip(-3.0, 3.0)
