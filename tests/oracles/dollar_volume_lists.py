"""Slow twin of the top-N universe: every list is made in plain Python from what was known that day."""

import pandas as pd

from market import Panel


def top_names(panel: Panel, session: pd.Timestamp, n_names: int) -> set[str]:
    """Names on the list of the month before a session; whether they still print in that session is left out."""
    before = [s for s in panel.sessions if (s.year, s.month) < (session.year, session.month)]
    if not before:
        return set()
    window = panel.dollar_volume.loc[: before[-1]].iloc[-63:]
    means = {}
    for ticker in panel.tickers:
        prints = [value for value in window[ticker] if value == value]
        if len(prints) >= 40 and panel.close[ticker].loc[: before[-1]].iloc[-5:].notna().any():
            means[ticker] = sum(prints) / len(prints)
    return set(sorted(means, key=lambda ticker: (-means[ticker], ticker))[:n_names])
