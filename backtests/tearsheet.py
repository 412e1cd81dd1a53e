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

from backtests.statistics.metrics import MIN_SESSIONS, PerformanceSummary, performance_summary
from core.conventions import SESSIONS_PER_YEAR
from core.files import write_text
from core.rounding_error import never_moves

__all__ = ["render_tearsheet", "write_tearsheet"]

OURS = (
    ("Sharpe", "sharpe", "{:.2f}"),
    ("Standard error of Sharpe", "sharpe_standard_error", "{:.2f}"),
    ("Sortino", "sortino", "{:.2f}"),
    ("Annualised volatility", "volatility", "{:.1%}"),
    ("Maximum drawdown", "max_drawdown", "{:.1%}"),
)
CONVENTIONS = (
    "Computed by Quintile from simple net returns: {year:.5g} sessions a year, standard deviations with ddof 1, "
    "drawdown from the starting wealth. Below, quantstats: its value at risk and expected shortfall assume normal "
    "returns, and its information ratio is not annualised."
)
# quantstats' page asks for an icon from the network, calls a function that it does not define, and stamps the time
NOT_OURS = re.compile(r'\s*<link rel="shortcut icon"[^>]*>| onload="save\(\)"|<dc:date>[^<]*</dc:date>')


def render_tearsheet(
    returns: pd.Series,
    *,
    market: pd.Series | None = None,
    title: str,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> str:
    """Render quantstats' tearsheet of net returns as one HTML page that works offline.

    Parameters
    ----------
    returns : Series of float, shape (n_sessions,)
        Simple net return of each session, indexed by session; NaN sessions are left out.
    market : Series of float, optional
        Simple return of what to compare with, for the same sessions. Never a name: quantstats would download it.
    title : str
        Headline; any text.
    sessions_per_year : float
        By which its figures are annual.

    Raises
    ------
    ValueError
        If fewer than 20 sessions are left, the returns are flat, or no return is negative while one exceeds 1, which
        quantstats would read as prices; or if the market lacks a session of the returns.
    """
    observed = returns.dropna().astype(float)
    _check(observed)
    against = None if market is None else _matched(market, observed)
    page = NOT_OURS.sub("", _quantstats_page(observed, against, html.escape(title), sessions_per_year))
    own = _own_numbers(performance_summary(observed, sessions_per_year=sessions_per_year))
    return re.sub(r"(<body[^>]*>)", lambda body: body[0] + own, page, count=1)


def write_tearsheet(
    returns: pd.Series,
    path: str | Path,
    *,
    market: pd.Series | None = None,
    title: str,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> Path:
    """Write ``render_tearsheet`` into ``path``, whole or not at all, and return the path."""
    page = render_tearsheet(returns, market=market, title=title, sessions_per_year=sessions_per_year)
    write_text(path, page)
    return Path(path)


def _check(observed: pd.Series) -> None:
    if len(observed) < MIN_SESSIONS:
        raise ValueError(f"returns must hold at least {MIN_SESSIONS} sessions, had {len(observed)}: test a longer span")
    if never_moves(observed.to_numpy()):
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


def _quantstats_page(observed: pd.Series, market: pd.Series | None, title: str, sessions_per_year: float) -> str:
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
            periods_per_year=sessions_per_year,
            strategy_title="Book, net",
            benchmark_title=None if market is None else str(market.name or "market").capitalize(),
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


def _own_numbers(summary: PerformanceSummary) -> str:
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left;padding-right:2em'>{label}</th>"
        f"<td style='text-align:right'>{spelling.format(getattr(summary, name))}</td></tr>"
        for label, name, spelling in OURS
    )
    return (
        f"<div class='container' style='margin-bottom:30px'><h3>Quintile's numbers</h3>"
        f"<table style='width:auto'>{cells}</table><p>"
        f"{CONVENTIONS.format(year=summary.sessions_per_year)}</p></div>"
    )
