"""Page one: stamps, the big numbers of the main book, wealth, the table of books, model against baselines."""

import math

import pandas as pd

from backtests.comparison.baseline_comparison import comparison_sentence
from backtests.report.book_report import BookReport
from backtests.report.content import Card, Part, Picture, Section, Table
from backtests.report.figures.books_figures import glance_figure
from backtests.report.formats import a_year, count, percent, ranged, ratio, scientific
from backtests.report.judged_words import judged_words
from backtests.report.page import Page
from backtests.report.sections.book.convention_words import conventions_part
from backtests.report.sections.common_rows import Metric, by_book, compared, facts_of, ic_words, sharpe_words
from backtests.report.signal_report import SignalReport
from backtests.statistics.metrics import drawdowns
from backtests.walk_study import walk_sentence
from core.intervals import Interval
from market.input_remarks import input_remarks
from signals.score_metrics import ICSummary

__all__ = ["books_table", "front_cards", "front_section", "parity_words", "signal_table"]

METRICS = (
    Metric(label="Sharpe, net ± SE", printed=sharpe_words),
    Metric(label="Sharpe, net, 95 % range", printed=lambda book: ranged(book.sharpe_range)),
    Metric(label="Sharpe, gross", printed=lambda book: ratio(book.gross.sharpe)),
    Metric(label="Annual return, net", printed=lambda book: percent(book.net.annual_return)),
    Metric(label="Volatility", printed=lambda book: percent(book.net.volatility)),
    Metric(label="Maximum drawdown", printed=lambda book: percent(book.net.max_drawdown)),
    Metric(label="Win rate, sessions", printed=lambda book: percent(book.net.win_rate)),
    Metric(label="Turnover, annualised, one way", printed=lambda book: f"{ratio(book.trading.annual_turnover, 1)} ×"),
    Metric(label="Cost drag, annualised", printed=lambda book: percent(book.trading.cost_drag, 2)),
    Metric(label="Sessions", printed=lambda book: count(book.net.sessions)),
    Metric(
        label="Orders filled, carried",
        printed=lambda book: f"{count(book.trading.n_trades)}, {count(book.trading.n_unfilled)}",
    ),
    Metric(label="Engine parity", printed=lambda book: parity_words(book.trading.parity)),
)


def parity_words(parity: float) -> str:
    """Parity of the two engines; words where only the ledger could run the book."""
    return "ledger only" if math.isnan(parity) else scientific(parity)


def front_cards(page: Page) -> tuple[Card, ...]:
    """The big numbers: the strategy's own book and the signal under it."""
    name, book = next(iter(page.books.items()))
    return (*_book_cards(name, book), *_signal_cards(page.signal))


def front_section(page: Page) -> Section:
    """Page one: wealth, the table of books, and the model against its baselines."""
    picture = Part(pictures=(_wealth(page),))
    books = Part(
        sentences=(facts_of(page), _calendar_words(page), *judged_words(page.evaluation), *_input_words(page)),
    )
    table = Part(heading="The books in numbers", tables=(books_table(page),), folded=True)
    compared = page.evaluation.baseline_comparison
    baselines = () if compared is None else (comparison_sentence(compared),)
    walk = () if page.walk is None else (walk_sentence(page.walk),)
    signal = Part(
        heading="Model beside baselines",
        sentences=(*walk, *baselines, *_comparisons(page.signal)),
        tables=(signal_table(page.signal),),
        folded=True,
    )
    parts = (picture, books, table, signal, conventions_part(page))
    return Section(slug="front", title="At a glance", lead="", parts=parts)


def _calendar_words(page: Page) -> str:
    return f"Calendar: {page.panel.facts.session_words}."


def _input_words(page: Page) -> tuple[str, ...]:
    judged = next(iter(page.books.values())).result.net_returns.index
    return input_remarks(page.evaluation.inputs, pd.DatetimeIndex(judged))


def _book_cards(name: str, book: BookReport) -> tuple[Card, ...]:
    net, compound = book.net, f"compound, {a_year(book.net.sessions_per_year)}"
    return (
        _estimate("Sharpe, net", net.sharpe, net.sharpe_standard_error, _range_words(book.sharpe_range, name, 2), 2),
        Card(label="Annual return, net", value=percent(net.annual_return), detail=compound),
        Card(label="Maximum drawdown", value=percent(net.max_drawdown), detail="net, from the running maximum"),
        Card(label="Cost drag", value=percent(book.trading.cost_drag, 2), detail="trading costs, of equity per year"),
    )


def _estimate(label: str, mean: float, error: float, detail: str, digits: int) -> Card:
    return Card(label=label, value=ratio(mean, digits), error=ratio(error, digits), detail=detail)


def _signal_cards(signal: SignalReport) -> tuple[Card, ...]:
    summary = signal.summaries[signal.model]
    cards = [
        _estimate("Rank IC", summary.mean, summary.standard_error, _range_words(summary.interval, signal.model), 4)
    ]
    for other, gap in list(signal.differences.items())[:1]:
        label = f"Rank IC above {other}"
        cards.append(_estimate(label, gap.mean, gap.standard_error, _range_words(gap.interval, "paired by session"), 4))
    cards.append(Card(label="ICIR", value=ratio(summary.icir, 3), detail=_annual_words(summary, signal)))
    cards.append(Card(label="IC hit rate", value=percent(summary.hit_rate), detail="sessions with a positive IC"))
    return tuple(cards)


def _annual_words(summary: ICSummary, signal: SignalReport) -> str:
    bets = signal.evaluation.pace.per_year / signal.evaluation.overlap
    return f"mean ÷ deviation of the IC; {ratio(summary.icir_annual)} a year, × √{bets:.5g}"


def _range_words(found: Interval, rest: str, digits: int = 4) -> str:
    return f"95 %: {ranged(found, digits)}; {rest}"


def _wealth(page: Page) -> Picture:
    net, gross = by_book(page.books, "net_returns"), by_book(page.books, "gross_returns")
    market = pd.DataFrame({"equal-weighted market": page.evaluation.market.reindex(net.index)})
    benchmark = page.evaluation.inputs.benchmark
    if benchmark is not None:
        market["benchmark"] = benchmark.reindex(net.index)
    return Picture(
        title="Growth of 1, with drawdown",
        summary=" ".join(_earned(name, book) for name, book in page.books.items())
        + f" Solid lines are net of costs ({page.rules.costs}), dotted lines gross.",
        figure=glance_figure(net, gross, market, pd.DataFrame({name: drawdowns(net[name].dropna()) for name in net})),
    )


def _earned(name: str, book: BookReport) -> str:
    total, deepest = percent(book.net.total_return), percent(book.net.max_drawdown)
    return f"{name} returned {total} net in all, with a maximum drawdown of {deepest}."


def books_table(page: Page) -> Table:
    """Every book in the measures of page one."""
    rows = tuple((metric.label, *(metric.printed(book) for book in page.books.values())) for metric in METRICS)
    return Table(
        caption="The books, net of costs unless said otherwise",
        columns=("Measure", *page.books),
        rows=rows,
        note="How each figure is taken: under Conventions.",
    )


def _comparisons(signal: SignalReport) -> tuple[str, ...]:
    return tuple(compared(gap, signal.model, other) for other, gap in signal.differences.items())


def signal_table(signal: SignalReport) -> Table:
    """Every set of scores by its rank IC, and the evaluated ones by their Pearson IC too."""
    columns = (
        "Scores",
        "Rank IC ± SE",
        "95 % range",
        "ICIR",
        "t, HAC",
        "Hit rate",
        "Model − baseline ± SE",
        "95 % range of it",
    )
    rows = tuple(_signal_row(signal, name) for name in signal.summaries)
    if signal.pearson is not None:
        rows = (rows[0], _pearson_row(signal.model, signal.pearson), *rows[1:])
    return Table(
        caption="Model beside baselines on the same features, labels and sessions",
        columns=columns,
        rows=rows,
        note="The difference is paired by session.",
    )


def _pearson_row(model: str, found: ICSummary) -> tuple[str, ...]:
    cells = (ic_words(found), ranged(found.interval, 4), ratio(found.icir, 3), ratio(found.t_hac, 1))
    return (f"{model}, Pearson IC", *cells, percent(found.hit_rate), "", "")


def _signal_row(signal: SignalReport, name: str) -> tuple[str, ...]:
    summary, gap = signal.summaries[name], signal.differences.get(name)
    return (
        name,
        ic_words(summary),
        ranged(summary.interval, 4),
        ratio(summary.icir, 3),
        ratio(summary.t_hac, 1),
        percent(summary.hit_rate),
        "" if gap is None else ic_words(gap),
        "" if gap is None else ranged(gap.interval, 4),
    )
