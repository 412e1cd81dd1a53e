"""Tearsheet: quantstats draws our net returns, and our own numbers stand above its own, each with its conventions.

quantstats takes returns for prices when none is negative and one exceeds 1, fails on a flat series, would download a
benchmark given by name, and warns about its dependencies. None of that reaches the caller.
"""

import html
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.statistics.metrics import (
    MIN_SESSIONS,
    max_drawdown,
    sharpe_ratio,
    sharpe_standard_error,
    sortino_ratio,
    volatility,
)
from core.conventions import SESSIONS_PER_YEAR
from core.files import write_text

__all__ = ["render_tearsheet", "write_tearsheet"]

OURS = (
    ("Sharpe", sharpe_ratio, "{:.2f}"),
    ("Standard error of Sharpe", sharpe_standard_error, "{:.2f}"),
    ("Sortino", sortino_ratio, "{:.2f}"),
    ("Annualised volatility", volatility, "{:.1%}"),
    ("Maximum drawdown", max_drawdown, "{:.1%}"),
)
CONVENTIONS = (
    "Computed by Quintile from simple net returns: 252 sessions per year, standard deviations with ddof 1, drawdown "
    "from the starting wealth. Below, quantstats: its value at risk and expected shortfall assume normal returns, and "
    "its information ratio is not annualised."
)
# quantstats' page asks for an icon from the network, calls a function that it does not define, and stamps the time
NOT_OURS = re.compile(r'\s*<link rel="shortcut icon"[^>]*>| onload="save\(\)"|<dc:date>[^<]*</dc:date>')


def render_tearsheet(returns: pd.Series, *, market: pd.Series | None = None, title: str) -> str:
    """Render quantstats' tearsheet of net returns as one HTML page that works offline.

    Parameters
    ----------
    returns : Series of float, shape (n_sessions,)
        Simple net return of each session, indexed by session; NaN sessions are left out.
    market : Series of float, optional
        Simple return of what to compare with, for the same sessions. Never a name: quantstats would download it.
    title : str
        Headline; any text.

    Raises
    ------
    ValueError
        If fewer than 20 sessions are left, the returns are flat, or no return is negative while one exceeds 1, which
        quantstats would read as prices; or if the market lacks a session of the returns.
    """
    observed = returns.dropna().astype(float)
    _check(observed)
    against = None if market is None else _matched(market, observed)
    page = _quantstats_page(observed, against, html.escape(title))
    return re.sub(r"(<body[^>]*>)", lambda body: body[0] + _own_numbers(observed), NOT_OURS.sub("", page), count=1)


def write_tearsheet(returns: pd.Series, path: str | Path, *, market: pd.Series | None = None, title: str) -> Path:
    """Write ``render_tearsheet`` into ``path``, whole or not at all, and return the path."""
    write_text(path, render_tearsheet(returns, market=market, title=title))
    return Path(path)


def _check(observed: pd.Series) -> None:
    if len(observed) < MIN_SESSIONS:
        raise ValueError(f"returns must hold at least {MIN_SESSIONS} sessions, had {len(observed)}: test a longer span")
    if observed.min() == observed.max():
        raise ValueError(f"returns are {observed.iloc[0]:g} in every session: a book that never moved has no tearsheet")
    if observed.min() >= 0 and observed.max() > 1:
        raise ValueError(f"returns reach {observed.max():g} and are never negative: give returns, not prices or wealth")


def _matched(market: pd.Series, observed: pd.Series) -> pd.Series:
    matched = market.reindex(observed.index)
    if matched.isna().any():
        missing = matched.index[matched.isna()]
        raise ValueError(
            f"market lacks {len(missing)} sessions of the returns, first {missing[0]:%Y-%m-%d}: align them"
        )
    return matched.astype(float)


def _quantstats_page(observed: pd.Series, market: pd.Series | None, title: str) -> str:
    import matplotlib

    # quantstats restyles matplotlib when imported: the caller's style comes back
    with _hushed(), matplotlib.rc_context({"svg.hashsalt": "quintile"}), tempfile.TemporaryDirectory() as folder:
        import quantstats

        reports: Any = quantstats.reports
        target = Path(folder) / "tearsheet.html"
        reports.html(
            observed,
            benchmark=market,
            title=title,
            output=str(target),
            periods_per_year=SESSIONS_PER_YEAR,
            strategy_title="Book, net",
            benchmark_title=None if market is None else "Market",
        )
        return target.read_text(encoding="utf-8")


@contextmanager
def _hushed() -> Iterator[None]:
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        fonts.setLevel(level)


def _own_numbers(observed: pd.Series) -> str:
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left;padding-right:2em'>{label}</th>"
        f"<td style='text-align:right'>{spelling.format(metric(observed))}</td></tr>"
        for label, metric, spelling in OURS
    )
    return (
        f"<div class='container' style='margin-bottom:30px'><h3>Quintile's numbers</h3>"
        f"<table style='width:auto'>{cells}</table><p>{CONVENTIONS}</p></div>"
    )
