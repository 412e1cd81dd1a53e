"""Section on the short leg: effect of the short filter, where the level of the scores is uncertain by basis points."""

import pandas as pd

from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.curves_figures import curves_figure
from backtests.report.formats import bps, count, percent, plus_minus, ratio
from backtests.report.page import Page
from backtests.report.sections.common_rows import horizon_words
from backtests.statistics.metrics import sharpe_ratio, sharpe_standard_error

__all__ = ["shorts_section"]


def shorts_section(page: Page) -> Section | None:
    """The filter-negative book at other levels and with the other filter; None without such a book."""
    shorts = page.evaluation.shorts
    if shorts is None:
        return None
    return Section(
        slug="shorts",
        title="The short leg",
        lead=_lead(shorts),
        parts=(Part(sentences=_sentences(page), pictures=_counterfactual(page), tables=(_table(shorts),)),),
    )


def _lead(shorts: pd.DataFrame) -> str:
    literal = shorts[shorts.index.str.startswith("below zero")]["short_share"]
    lowest, highest = percent(literal.min()), percent(literal.max())
    if len(literal) == 1:
        return f"The literal filter shorts {highest} of the bottom names."
    if lowest == highest:
        return f"All within one standard error of the level, the literal filter shorts {highest} of the bottom names."
    return (
        f"Within one standard error of the level, the literal filter shorts between {lowest} and {highest} of the "
        "bottom names: where that is wide, the short leg depends on a level that is not known that precisely."
    )


def _sentences(page: Page) -> tuple[str, ...]:
    study = page.evaluation.model
    if study is None:
        return ()
    held = horizon_words(page.rules.horizon).removeprefix("one ")
    return (f"The calibrated level a has a standard error of {bps(study.level_error)} per {held}.",)


def _counterfactual(page: Page) -> tuple[Picture, ...]:
    returns = page.evaluation.unfiltered
    if returns is None:
        return ()
    year = page.evaluation.result.sessions_per_year
    ratios = {
        name: (sharpe_ratio(path, sessions_per_year=year), sharpe_standard_error(path, sessions_per_year=year))
        for name, path in returns.items()
    }
    words = ", ".join(f"{name} {plus_minus(*measured)}" for name, measured in ratios.items())
    picture = Picture(
        title="The filter-negative book, and the same book without its filter",
        summary=f"Net of costs, same legs, clock and overlays. Sharpe ratio ± SE: {words}.",
        figure=curves_figure(returns, page.evaluation.market.reindex(returns.index)),
    )
    return (picture,)


def _table(shorts: pd.DataFrame) -> Table:
    rows = tuple(
        (
            str(name),
            percent(row["short_share"]),
            ratio(row["short_names"], 1),
            count(row["empty"]),
            count(row["thin"]),
            plus_minus(row["sharpe"], row["standard_error"]),
            percent(row["annual_return"]),
        )
        for name, row in shorts.iterrows()
    )
    columns = (
        "Filter and level",
        "Share of the bottom k shorted",
        "Short names",
        "Sessions, empty leg",
        "Sessions, thin leg",
        "Sharpe net ± SE",
        "Annual return",
    )
    return Table(
        caption="The filter-negative book at other levels and with the other filter",
        columns=columns,
        rows=rows,
        note="a: the calibrated level. below_zero shorts names of the bottom k with an expected return under zero; "
        "below_market those whose expected return lies under the session's mean by more than a round trip costs. Thin: "
        "a leg has fewer than five names. Same clock and costs; net of costs.",
    )
