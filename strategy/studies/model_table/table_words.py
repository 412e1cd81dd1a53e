"""Table words: what a model table shows, as rows of text and sentences, the same on the console and on every page."""

import math
from typing import NamedTuple

from backtests.comparison.baseline_comparison import listed_names
from core.intervals import Interval
from strategy.studies.model_table.cell_verdicts import verdict_words
from strategy.studies.model_table.model_comparison import ModelRow, ModelTable
from strategy.studies.model_table.two_way_errors import Estimate

__all__ = ["CONVENTIONS", "ShownTable", "findings", "headline", "market_words", "shown_tables"]

CONVENTIONS = (
    "Every cell is a run of the store, made by the pipeline of `quintile run`: it can be proved, frozen and replayed, "
    "and the trial log counts it.",
    "A range is 95 % over seeds and sessions together: two-way clustered errors (Cameron, Gelbach and Miller, 2011), "
    "Newey and West's over sessions. With one seed it counts the sessions alone.",
    "Rank IC is with the return that fills earn: unless told otherwise from the first executable price, the open after "
    "the decision, to the open after that. "
    "Its parts are the session, open to close, and the night after. The night before the fill is shown because it is "
    "in the close-to-close IC that the field publishes, and nobody can trade it.",
    "The style-residual IC is the partial rank correlation with size (dollar volume), momentum, reversal, volatility, "
    "beta and illiquidity held fixed.",
    "Net Sharpe ratio: annual, after costs, of the quintile_long_short book on the scores.",
    "Lead: rank IC less ridge's, paired by seed and session; p by Holm's rule among the models of the market. Smallest "
    "seen: the lead that such a test finds four times in five.",
    "Recovery: rank IC ÷ the oracle's on the same names, Fieller's interval over seeds.",
    "Verdict: the word of docs/verdict.md's rule for each run among all trials now, a market's being synthetic set "
    "aside; on real bars the weaker of that word and the run's own.",
    "Leaks of published tables, each planted and caught by `quintile prove --self-test`: a test set cut by a future "
    "label, a sampler that repeats rows, factors selected on the test span, a late restatement that hides a newer "
    "period. docs/proofs.md says what each adds.",
    "Seconds are those of one processor from bars to a learned model; what is done once, such as a market's features, "
    "counts with the cell that came first. Parameters are the numbers that were fitted.",
)


class ShownTable(NamedTuple):
    """A table of text cells."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def shown_tables(table: ModelTable) -> list[ShownTable]:
    """Two tables a market: what each model came to, and where its IC lies in time."""
    return [shown for market in table.markets for shown in _of_market(table, market)]


def market_words(table: ModelTable, market: str) -> str:
    """What a market is, for people: given bars by their source, universe and size."""
    words = table.settings.words(market)
    return f"{words}: {table.facts[market].words}" if market == "bars" else words


def findings(table: ModelTable) -> list[str]:
    """What the table says, in sentences, also where nothing beats ridge."""
    return [sentence for market in table.markets for sentence in _on_market(table, market)] + [
        f"{cell} has no run: {why}" for cell, why in table.refused.items()
    ]


def headline(table: ModelTable) -> str:
    """What beats ridge, a sentence a market."""
    compared = {market: rows for market in table.markets if (rows := _compared(table, market))}
    said = [_against_ridge(market, rows) for market, rows in compared.items()]
    return " ".join(said) or "Nothing was compared with ridge."


def _of_market(table: ModelTable, market: str) -> list[ShownTable]:
    rows = table.on(market)
    columns = ["model", "rank IC", "lead over ridge", "p", "smallest seen", "net Sharpe", "style-residual IC"]
    if market == "planted":
        columns.append("recovery")
    columns += ["verdict", "parameters", "seconds"]
    parts = ["close_to_close", "night_before", "rank_ic", "open_to_close", "night_after"]
    timed = ["model", "close to close", "night before the fill", "executable", "open to close", "night after"]
    return [
        ShownTable(market_words(table, market), columns, [_result(row, market) for row in rows]),
        ShownTable(
            f"Where the IC lies in time: {market}",
            timed,
            [[row.contender, *(_range(row.estimates[part], 4) for part in parts)] for row in rows],
        ),
    ]


def _result(row: ModelRow, market: str) -> list[str]:
    cells = [row.contender, _range(row.estimates["rank_ic"], 4)]
    cells += (
        ["–", "–", "–"]
        if row.lead is None
        else [
            _range(row.lead, 4),
            _number(row.p_value, ".3f"),
            _number(row.smallest, ".4f"),
        ]
    )
    cells += [_range(row.estimates["sharpe"], 2), _range(row.estimates["style_ic"], 4)]
    if market == "planted":
        cells.append(_interval(row.recovery, 2))
    return [*cells, verdict_words(row.verdicts), _number(row.parameters, ",.0f"), _number(row.seconds, ",.1f")]


def _on_market(table: ModelTable, market: str) -> list[str]:
    rows = _compared(table, market)
    sentences = [_against_ridge(market, rows)] if rows else []
    smallest = [row.smallest for row in rows if math.isfinite(row.smallest)]
    if smallest:
        span = f"{min(smallest):.4f}" if len(smallest) == 1 else f"{min(smallest):.4f} to {max(smallest):.4f}"
        sentences.append(f"On {market}, the smallest lead in rank IC that this table can see is {span}, by model.")
    if market == "null":
        sentences.append(_null_sentence(table))
    if market == "planted":
        sentences.append(_recovery_sentence(table))
    if market == "bars":
        sentences += [f"{stamp.label}: {stamp.sentence}" for stamp in table.facts[market].stamps]
        sentences.append(_verdict_sentence(table))
    return sentences


def _compared(table: ModelTable, market: str) -> list[ModelRow]:
    return [row for row in table.on(market) if row.lead is not None]


def _against_ridge(market: str, rows: list[ModelRow]) -> str:
    better, worse = [row.contender for row in rows if row.beats], [row.contender for row in rows if row.loses]
    who = listed_names(better) if better else "nothing"
    said = f"On {market}, {who} beat{'s' if len(better) < 2 else ''} ridge"
    return said + (f"; ridge beats {listed_names(worse)}." if worse else ".")


def _null_sentence(table: ModelTable) -> str:
    rows = table.on("null")
    away = [row.contender for row in rows if not _holds_zero(row.estimates["rank_ic"].interval)]
    evidence, runs = sum(row.evidence for row in rows), sum(len(row.runs) for row in rows)
    told = f"{listed_names(away)} of {len(rows)} models" if away else f"none of {len(rows)} models"
    return f"On null, the range of the rank IC leaves out zero for {told}, and {evidence} of {runs} runs are EVIDENCE."


def _recovery_sentence(table: ModelTable) -> str:
    """Who found more than there is, in the estimate and beyond noise."""
    known = {row.contender: row.recovery for row in table.on("planted") if math.isfinite(row.recovery.estimate)}
    if not known:
        return "On planted, no recovery is known."
    above = [name for name, bounds in known.items() if bounds.estimate > 1.0]
    if not above:
        most = max(known, key=lambda name: known[name].estimate)
        return f"On planted, no model is above recovery 1; {most} has most, {known[most].estimate:.2f}."
    beyond = [name for name, bounds in known.items() if bounds.low > 1.0]
    unbounded = [name for name in above if not math.isfinite(known[name].low)]
    told = f"beyond noise {listed_names(beyond)}: look for a leak" if beyond else "none beyond noise"
    if unbounded and not beyond:
        told = "whether beyond noise takes more seeds to tell"
    return f"On planted, above recovery 1: {listed_names(above)}; {told}."


def _verdict_sentence(table: ModelTable) -> str:
    words = [word for row in table.on("bars") for word in row.verdicts]
    return f"On bars, the verdict on {len(words)} runs: {verdict_words(words)}."


def _holds_zero(bounds: Interval) -> bool:
    return not (bounds.low > 0.0 or bounds.high < 0.0)


def _range(estimate: Estimate, digits: int) -> str:
    return _interval(estimate.interval, digits)


def _interval(bounds: Interval, digits: int) -> str:
    if not math.isfinite(bounds.estimate):
        return "n/a"
    if not math.isfinite(bounds.low):
        return f"{bounds.estimate:+.{digits}f}"
    return f"{bounds.estimate:+.{digits}f} ({bounds.low:+.{digits}f} to {bounds.high:+.{digits}f})"


def _number(value: float, form: str) -> str:
    return "n/a" if not math.isfinite(value) else format(value, form)
