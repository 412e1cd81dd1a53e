"""Sections on the books: drawdowns, exposures, turnover and costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.breakdown.book_study import BookStudy
from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.books_figures import (
    drawdown_distribution_figure,
    drawdown_figure,
    exposure_figure,
    largest_weight_figure,
    names_figure,
    paid_costs_figure,
    turnover_figure,
)
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.holdings_figures import beta_figure, effective_names_figure
from backtests.report.formats import count, date, percent, ranged, ratio
from backtests.report.sections.book.returns_parts import months_part, rolling_part, sides_part
from backtests.report.sections.common_rows import Metric, by_book, range_frame, sharpe_words
from backtests.statistics.metrics import drawdown_table, drawdowns, exposures
from portfolio.costs import Costs

__all__ = ["exposure_section", "performance_section", "trading_section"]

N_DEEPEST = 5
DEPTHS = (0.05, 0.25, 0.5, 0.75, 0.95)
SHAPE = (
    Metric(label="Total return", printed=lambda book: percent(book.net.total_return)),
    Metric(label="Sortino", printed=lambda book: ratio(book.net.sortino)),
    Metric(label="Calmar", printed=lambda book: ratio(book.net.calmar)),
    Metric(label="Profit factor", printed=lambda book: ratio(book.net.profit_factor)),
    Metric(label="Longest drawdown, sessions", printed=lambda book: count(book.net.longest_drawdown_sessions)),
    Metric(label="Value at risk 95 %, per session", printed=lambda book: percent(book.net.value_at_risk, 2)),
    Metric(label="Expected shortfall 95 %, per session", printed=lambda book: percent(book.net.expected_shortfall, 2)),
    Metric(label="Worst session", printed=lambda book: percent(book.net.worst_session, 2)),
    Metric(label="Best session", printed=lambda book: percent(book.net.best_session, 2)),
    Metric(label="Skewness", printed=lambda book: ratio(book.net.skewness)),
    Metric(label="Kurtosis (normal is 3)", printed=lambda book: ratio(book.net.kurtosis)),
    Metric(label="Beta to the market", printed=lambda book: ratio(book.net.beta)),
    Metric(label="Beta, 95 % range", printed=lambda book: ranged(book.beta_range)),
    Metric(label="Alpha, annualised", printed=lambda book: percent(book.net.alpha)),
    Metric(label="R² to the market", printed=lambda book: ratio(book.net.r_squared)),
    Metric(label="Risk-free return, annualised", printed=lambda book: percent(book.net.risk_free, 2)),
)
SHAPE_CONVENTION = (
    "Value at risk and expected shortfall are historical. Alpha, beta and R² by least squares on the "
    "equal-weighted universe."
)


def performance_section(books: Mapping[str, BookReport], market: pd.Series) -> Section:
    """Months, drawdowns, rolling figures, and the rest of the performance metrics."""
    deep = pd.DataFrame({name: drawdowns(book.result.net_returns) for name, book in books.items()})
    deepest = ", ".join(f"{name} {percent(book.net.max_drawdown)}" for name, book in books.items())
    picture = Picture(
        title="Drawdown, net of costs",
        summary=f"Deepest point: {deepest}.",
        figure=drawdown_figure(deep),
    )
    anatomy = tuple(
        _drawdown_table(name, drawdown_table(book.result.net_returns, n_deepest=N_DEEPEST))
        for name, book in books.items()
    )
    return Section(
        slug="performance",
        title="Returns and drawdowns",
        lead="Monthly returns, rolling Sharpe ratio, volatility and beta, drawdowns, and the distribution of returns.",
        parts=(
            months_part(books),
            rolling_part(books, market),
            *sides_part(books),
            Part(heading="Drawdowns", pictures=(picture,), tables=anatomy, beside=True),
            *_resampled_part(books),
            Part(
                heading="Sharpe ratio and distribution",
                pictures=(_sharpe_picture(books),),
                tables=(_shape_table(books),),
            ),
        ),
    )


def exposure_section(books: Mapping[str, BookReport]) -> Section:
    """Holdings of each book: exposures, names per side, thin legs, largest weight."""
    parts = [_exposure_part(name, book) for name, book in books.items()]
    return Section(
        slug="exposures",
        title="Exposures",
        lead="What the books held after fills, as fractions of equity.",
        parts=(*parts, *_market_part(books), _concentration(books)),
    )


def trading_section(books: Mapping[str, BookReport], costs: Costs) -> Section:
    """Turnover and what it cost."""
    turnover, cost = by_book(books, "turnover"), by_book(books, "cost")
    means = ", ".join(f"{name} {percent(books[name].trading.mean_turnover)}" for name in books)
    paid = ", ".join(f"{name} {percent(cost[name].sum(), 2)}" for name in books)
    pictures = (
        Picture(
            title="Turnover per session, one way",
            summary=f"Mean of 21 sessions, as a fraction of equity. Over the span: {means}.",
            figure=turnover_figure(turnover),
        ),
        Picture(
            title="Trading costs paid so far",
            summary=f"Running sum as a fraction of equity, {costs}. Total: {paid}.",
            figure=paid_costs_figure(cost),
        ),
    )
    return Section(
        slug="trading",
        title="Turnover and costs",
        lead="How much these books trade, and what it costs.",
        parts=(Part(pictures=pictures, tables=(_trading_table(books), *_holding_tables(books))),),
    )


def _resampled_part(books: Mapping[str, BookReport]) -> tuple[Part, ...]:
    known = {name: book for name, book in books.items() if np.isfinite(book.resampled_drawdowns).all()}
    if not known:
        return ()
    pictures = tuple(_resampled_picture(name, book) for name, book in known.items())
    tables = (_resampled_table(known),)
    return (Part(heading="Drawdowns of resampled paths", pictures=pictures, tables=tables),)


def _resampled_picture(name: str, book: BookReport) -> Picture:
    depths, observed = book.resampled_drawdowns, book.net.max_drawdown
    return Picture(
        title=f"Maximum drawdown of {name} over {count(len(depths))} resampled paths",
        summary=f"Half of the paths fell by {percent(-np.median(depths))} or more, one in twenty by "
        f"{percent(-np.quantile(depths, 0.05))} or more. The observed {percent(-observed)} is deeper than "
        f"{percent((depths > observed).mean(), 0)} of them.",
        figure=drawdown_distribution_figure(depths, observed),
    )


def _resampled_table(books: Mapping[str, BookReport]) -> Table:
    rows = tuple(
        (
            name,
            percent(book.net.max_drawdown),
            *(percent(depth) for depth in np.quantile(book.resampled_drawdowns, DEPTHS)),
        )
        for name, book in books.items()
    )
    note = (
        "A distribution, not a confidence interval: paths of the same length from blocks of the observed net returns, "
        "drawn with replacement (stationary bootstrap, seed 0); block length by Politis and White, the longer one "
        "of returns and squared returns. A path holds no loss that the observed span does not."
    )
    columns = ("Book", "Observed", "1 in 20 deeper", "1 in 4 deeper", "Median", "1 in 4 shallower", "1 in 20 shallower")
    return Table(caption="Quantiles of the resampled maximum drawdown", columns=columns, rows=rows, note=note)


def _sharpe_picture(books: Mapping[str, BookReport]) -> Picture:
    words = ", ".join(f"{name} {ratio(book.net.sharpe)} ({ranged(book.sharpe_range)})" for name, book in books.items())
    return Picture(
        title="Net Sharpe ratio by book, with 95 % ranges",
        summary=f"A range that includes zero is not significant: {words}.",
        figure=dots_figure(range_frame({name: book.sharpe_range for name, book in books.items()}), x_format=".1f"),
    )


def _beta_picture(books: Mapping[str, BookReport]) -> Picture:
    words = ", ".join(f"{name} {ratio(book.net.beta)} ({ranged(book.beta_range)})" for name, book in books.items())
    return Picture(
        title="Beta over the whole span, with 95 % ranges",
        summary=f"Net returns on those of the equal-weighted universe: {words}.",
        figure=dots_figure(range_frame({name: book.beta_range for name, book in books.items()}), x_format=".2f"),
    )


def _studies(books: Mapping[str, BookReport]) -> dict[str, BookStudy]:
    return {name: book.study for name, book in books.items() if book.study is not None}


def _market_part(books: Mapping[str, BookReport]) -> tuple[Part, ...]:
    studies = _studies(books)
    if not studies:
        return ()
    betas = pd.DataFrame({name: study.beta for name, study in studies.items()})
    if betas.isna().all(axis=None):
        too_few = "Beta of the last 63 sessions: n/a, the book was judged on fewer."
        return (Part(heading="Market beta", sentences=(too_few,), pictures=(_beta_picture(books),)),)
    words = ", ".join(
        f"{name} between {ratio(beta.min())} and {ratio(beta.max())}"
        for name, beta in betas.items()
        if beta.notna().any()
    )
    picture = Picture(
        title="Beta to the equal-weighted universe, last 63 sessions",
        summary=f"Net returns, known at each close: {words}.",
        figure=beta_figure(betas),
    )
    return (Part(heading="Market beta", pictures=(picture, _beta_picture(books))),)


def _concentration(books: Mapping[str, BookReport]) -> Part:
    largest = pd.DataFrame({name: book.result.held_weights.abs().max(axis=1) for name, book in books.items()})
    summary = ", ".join(f"{name} at most {percent(books[name].trading.largest_weight)}" for name in books)
    picture = Picture(
        title="Largest held weight of one name",
        summary=f"{summary} of equity, long or short.",
        figure=largest_weight_figure(largest),
    )
    studies = _studies(books)
    if not studies:
        return Part(heading="Concentration", pictures=(picture,))
    return Part(heading="Concentration", pictures=(picture, _effective(studies)), tables=(_few_names(studies),))


def _effective(studies: Mapping[str, BookStudy]) -> Picture:
    effective = pd.DataFrame({name: study.concentration["effective_names"] for name, study in studies.items()})
    words = ", ".join(f"{name} {ratio(mean, 0)}" for name, mean in effective.mean().items())
    return Picture(
        title="Effective number of names",
        summary=f"Number of equal positions with the same concentration, on average: {words}.",
        figure=effective_names_figure(effective),
    )


def _few_names(studies: Mapping[str, BookStudy]) -> Table:
    rows = tuple(
        (
            name,
            ratio(study.concentration["effective_names"].mean(), 1),
            ratio(study.concentration["effective_names"].min(), 1),
            ratio(study.concentration["herfindahl"].mean(), 4),
            ratio(study.concentration["herfindahl"].max(), 4),
        )
        for name, study in studies.items()
    )
    columns = ("Book", "Effective names, mean", "Fewest", "Herfindahl, mean", "Highest")
    note = "Herfindahl: sum of squared shares of gross exposure; effective names: its inverse."
    return Table(caption="Concentration by effective names", columns=columns, rows=rows, note=note)


def _holding_tables(books: Mapping[str, BookReport]) -> tuple[Table, ...]:
    studies = _studies(books)
    rows = tuple(
        (
            f"{name}, {side}",
            ratio(row["mean"], 1),
            ratio(row["median"], 0),
            ratio(row["p90"], 0),
            ratio(row["longest"], 0),
            count(row["count"]),
            ratio(study.implied_holding, 1),
        )
        for name, study in studies.items()
        for side, row in study.holding.iterrows()
    )
    columns = ("Book, side", "Mean", "Median", "90 % within", "Longest", "Spells", "From turnover")
    note = (
        "Consecutive sessions for which a name is selected, before smoothing, under which positions fade rather than "
        "end. From turnover: mean gross exposure ÷ mean one-way turnover of the whole book."
    )
    return (Table(caption="Holding periods, sessions", columns=columns, rows=rows, note=note),) if rows else ()


def _shape_table(books: Mapping[str, BookReport]) -> Table:
    rows = tuple((metric.label, *(metric.printed(book) for book in books.values())) for metric in SHAPE)
    return Table(
        caption="Distribution of the net returns", columns=("Measure", *books), rows=rows, note=SHAPE_CONVENTION
    )


def _drawdown_table(name: str, drawdowns: pd.DataFrame) -> Table:
    rows = tuple(
        (
            percent(row["depth"]),
            date(row["start"]),
            date(row["trough"]),
            date(row["recovery"]),
            count(row["length"]),
        )
        for _, row in drawdowns.iterrows()
    )
    columns = ("Depth", "Started", "Trough", "Recovered", "Sessions")
    return Table(caption=f"Deepest drawdowns of {name}", columns=columns, rows=rows)


def _exposure_part(name: str, book: BookReport) -> Part:
    held = exposures(book.result.held_weights)
    trading = book.trading
    means = (
        f"long {percent(trading.mean_long)}, short {percent(trading.mean_short)}, "
        f"gross {percent(trading.mean_gross)}, net {percent(trading.mean_net)}"
    )
    exposure = Picture(
        title=f"Exposure of {name}, held at each close",
        summary=f"Means over the span, as fractions of equity: {means}.",
        figure=exposure_figure(held),
    )
    pictures = (exposure, _names_picture(name, book.diagnostics))
    return Part(heading=name, sentences=(book.rule,) if book.rule else (), pictures=pictures)


def _names_picture(name: str, diagnostics: pd.DataFrame) -> Picture:
    names = diagnostics[["n_long", "n_short"]].rename(columns={"n_long": "long", "n_short": "short"})
    thin, empty = int(diagnostics["thin_leg"].sum()), int(diagnostics["empty_leg"].sum())
    return Picture(
        title=f"Names selected per side for {name}",
        summary=f"On average {ratio(names['long'].mean(), 1)} long and {ratio(names['short'].mean(), 1)} short; "
        f"sessions with an empty leg: {count(empty)}, with fewer than five names in a leg: {count(thin)}.",
        figure=names_figure(names),
    )


def _trading_table(books: Mapping[str, BookReport]) -> Table:
    rows = tuple(
        (
            name,
            percent(book.trading.mean_turnover),
            f"{ratio(book.trading.annual_turnover, 1)} ×",
            percent(book.trading.cost_drag, 2),
            ratio(book.gross.sharpe),
            sharpe_words(book),
        )
        for name, book in books.items()
    )
    return Table(
        caption="Turnover and trading costs",
        columns=(
            "Book",
            "Turnover per session",
            "Turnover, annualised",
            "Cost drag, annualised",
            "Sharpe gross",
            "Sharpe net ± SE",
        ),
        rows=rows,
        note="Turnover is one way: half of the traded notional as a fraction of equity. Costs are paid on all of it.",
    )
