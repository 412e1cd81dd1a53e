"""Comparison page: a comparison as the values of its page, and the name of its file."""

import re
import shlex
from hashlib import sha256
from typing import Final
from urllib.parse import quote

import pandas as pd

from backtests.report.boards.compare_page import Chart, ComparePage
from backtests.report.boards.comparison import ROLLING, Comparison, run_rows, settings_rows
from backtests.report.content import Table
from backtests.report.formats import percent, ratio
from backtests.statistics.metrics import drawdowns

__all__ = ["comparison_page", "page_name"]

CONVENTION: Final = (
    "Differences are paired by session, on the sessions that all runs have; ranges hold 95 % and come from a "
    "studentised stationary block bootstrap with HAC errors. Sharpe ratios are annual, net of costs, over a risk-free "
    "rate of 0."
)
SAFE: Final = re.compile(r"[A-Za-z0-9@._-]+")
MAX_NAME: Final = 120  # characters of a page's name


def page_name(comparison: Comparison) -> str:
    """File name of a comparison's page: the ids, or where they are long or strange, a hash of them."""
    names = [run.name for run in comparison.runs]
    joined = "_".join(names)
    if all(SAFE.fullmatch(name) for name in names) and len(joined) <= MAX_NAME and not joined.startswith("."):
        return f"{joined}.html"
    return f"{sha256(chr(0).join(names).encode(errors='surrogatepass')).hexdigest()[:16]}.html"


def comparison_page(comparison: Comparison, *, up: str | None = "..") -> ComparePage:
    """A comparison as the values of its page.

    Parameters
    ----------
    comparison : Comparison
        The runs.
    up : str or None
        The way from the page's folder to the store, for links to reports; None for a page that is elsewhere.
    """
    lettered = list(zip(comparison.names, comparison.runs, strict=True))
    named = tuple(f"{name} · {run.name}" for name, run in lettered)
    linked = () if up is None else tuple((name, f"{up}/{quote(run.report)}") for name, run in lettered if run.report)
    return ComparePage(
        title=f"{len(comparison.runs)} runs compared",
        remarks=comparison.remarks,
        sentences=comparison.sentences,
        convention=CONVENTION,
        runs=_table("Facts of each run", "fact", named, run_rows(comparison)),
        settings=_table("Keys of each spec", "setting", named, settings_rows(comparison)),
        charts=_charts(comparison),
        links=linked,
        command=shlex.join(["quintile", "compare", *(run.name for run in comparison.runs)]),
    )


def _table(caption: str, first: str, named: tuple[str, ...], rows: list[list[str]]) -> Table:
    return Table(caption=caption, columns=(first, *named), rows=tuple(tuple(row) for row in rows))


def _charts(comparison: Comparison) -> tuple[Chart, ...]:
    returns = comparison.returns
    if len(returns) < 2:
        return ()
    wealth = (1.0 + returns).cumprod()
    ends = ", ".join(f"{name} {wealth[name].iloc[-1]:.3f}" for name in wealth)
    depths = pd.DataFrame({name: drawdowns(returns[name]) for name in returns})
    deepest = ", ".join(f"{name} {percent(depths[name].min())}" for name in depths)
    found = [
        Chart(title="Growth of 1, net of costs", summary=f"At the end: {ends}.", lines=wealth, form="wealth"),
        Chart(title="Drawdown", summary=f"The deepest: {deepest}.", lines=depths, form="percent"),
    ]
    found += _kept_charts(comparison)
    return tuple(found)


def _kept_charts(comparison: Comparison) -> list[Chart]:
    """Charts of what not every run keeps."""
    found, ic, turnover = [], comparison.rolling_ic, comparison.turnover
    if ic.notna().any(axis=None):
        means = ", ".join(f"{name} {ratio(comparison.rank_ic[name].mean(), 4)}" for name in ic)
        title = f"Rank IC, mean of {ROLLING} sessions"
        found.append(Chart(title=title, summary=f"Over all common sessions: {means}.", lines=ic, form="ratio"))
    sides = comparison.exposures
    if not sides["gross"].empty and sides["gross"].notna().any(axis=None):
        both = pd.concat([frame.add_suffix(f" {side}") for side, frame in sides.items()], axis=1)
        means = ", ".join(f"{name} {percent(both[name].mean(), 0)}" for name in both)
        dashed = tuple(str(name) for name in both if str(name).endswith(" net"))
        title = "Exposure decided at each close, of equity"
        found.append(Chart(title=title, summary=f"Means: {means}.", lines=both, form="percent", dashed=dashed))
    if turnover.notna().any(axis=None):
        title = f"Turnover one way, mean of {ROLLING} sessions"
        means = ", ".join(f"{name} {percent(turnover[name].iloc[-1])}" for name in turnover)
        found.append(Chart(title=title, summary=f"At the end: {means}.", lines=turnover, form="percent"))
    return found
