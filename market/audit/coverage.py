"""Coverage: how much of its life each ticker printed, how many tickers each session has, and the years."""

import pandas as pd

from market.panel import Panel

__all__ = ["history_summary", "session_table", "ticker_table"]


def ticker_table(panel: Panel, findings: pd.DataFrame) -> pd.DataFrame:
    """One row for each ticker: first and last print, prints, years, coverage of its own span, findings."""
    printed = panel.printed
    first = pd.DatetimeIndex(printed.idxmax())
    last = pd.DatetimeIndex(printed[::-1].idxmax())
    prints = printed.sum()
    places = (panel.sessions.searchsorted(last) - panel.sessions.searchsorted(first)) + 1
    return pd.DataFrame(
        {
            "first": first,
            "last": last,
            "prints": prints,
            "years": (prints / panel.facts.sessions_per_year).round(2),
            "coverage": (prints / places).round(4),
            "findings": findings["ticker"].value_counts().reindex(panel.tickers, fill_value=0),
        }
    )


def session_table(panel: Panel, findings: pd.DataFrame) -> pd.DataFrame:
    """One row for each session: tickers within their span, prints, coverage, findings that begin there."""
    printed = panel.printed
    alive = printed.cummax() & printed[::-1].cummax()[::-1]
    return pd.DataFrame(
        {
            "listed": alive.sum(axis=1),
            "printed": printed.sum(axis=1),
            "coverage": (printed.sum(axis=1) / alive.sum(axis=1)).round(4),
            "findings": findings["first"].value_counts().reindex(panel.sessions, fill_value=0),
        }
    )


def history_summary(panel: Panel, n_findings: int) -> pd.Series:
    """Summarise the history as the reference does: stocks, with 20+ years, data points, average days, status."""
    prints = panel.printed.sum()
    return pd.Series(
        {
            "stocks": len(panel.tickers),
            "with 20+ years": int((prints >= 20 * panel.facts.sessions_per_year).sum()),
            "data points": int(prints.sum()),
            "average days": round(float(prints.mean()), 1),
            "status": "clean" if n_findings == 0 else f"{n_findings:,} finding{'' if n_findings == 1 else 's'}",
        }
    )
