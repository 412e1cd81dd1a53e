"""Judged words: which sessions a page is about, which it leaves out, and how many names stood behind them."""

from collections.abc import Iterator

import pandas as pd

from backtests.breadth import COLLAPSED_BELOW, Breadth
from backtests.evaluation import Evaluation
from backtests.judged_span import Hole, JudgedSpan
from backtests.report.formats import count, date, percent
from backtests.report.pace_words import pace_words
from backtests.verdict_words import missing_ic

__all__ = ["breadth_words", "judged_words", "missing_words", "span_words_of"]


def judged_words(evaluation: Evaluation) -> tuple[str, ...]:
    """Sentences for page one and for the console: span, breadth, and companion books that could not be held."""
    span, breadth = evaluation.span, evaluation.breadth
    sentences = () if span is None else span_words_of(span)
    if span is not None:
        after = int((evaluation.inputs.panel.sessions > span.sessions[-1]).sum())
        sentences += (
            (f"The bars go on for {_sessions(after)} after the last decision's holding, not judged.",) if after else ()
        )
    sentences += pace_words(evaluation)
    sentences += () if breadth is None else breadth_words(breadth)
    sentences += _level_words(evaluation)
    sentences += (f"{why[:1].upper()}{why[1:]}.",) if (why := missing_ic(evaluation)) else ()
    return sentences + tuple(f"{name} has no book: {why}." for name, why in evaluation.refused.items())


def missing_words(evaluation: Evaluation) -> tuple[str, ...]:
    """What a report compares or measures besides, and cannot here: each as ``name: n/a, why``."""
    return tuple(f"{name}: n/a, {why}." for name, why in _missing(evaluation))


def _missing(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    compared, study, what_ifs = evaluation.baseline_comparison, evaluation.signal.study, evaluation.what_ifs
    if compared is not None:
        yield from compared.missing.items()
    if study is not None and study.by_size.empty:
        yield "rank IC by size", "no scored name has a known dollar volume"
    if study is not None and study.by_sector is not None and study.by_sector.empty:
        yield "rank IC by sector", "no scored name has a known sector"
    if evaluation.inputs.factors is not None and any(book.factors is None for book in evaluation.studies.values()):
        yield (
            "regression on the factors",
            "fewer than 60 sessions in common, no factor that moves, or one is a combination of others",
        )
    yield from _unhedged(evaluation)
    sold = {settings.hedge_ticker for settings in evaluation.rules.books.values()}
    for ticker in evaluation.inputs.panel.facts.beside:
        if ticker not in sold:
            rule = f"--set portfolio.builder=index_hedged --set portfolio.hedge={ticker}"
            yield f"hedge {ticker}", f"no book here sells it; {rule} does"
    if what_ifs is not None:
        if what_ifs.capacity.missing:
            yield "capacity", what_ifs.capacity.missing
        told = zip(what_ifs.stress.index.get_level_values("stress"), what_ifs.stress["refused"], strict=True)
        reasons = dict.fromkeys((str(stress), str(why)) for stress, why in told if why)
        yield from ((f"stress row {stress}", why) for stress, why in reasons)


def _unhedged(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Judged sessions in which the hedge of a book has no price, before its bars begin or after they end."""
    close = evaluation.inputs.panel.close
    for name, settings in evaluation.rules.books.items():
        ticker = settings.hedge_ticker
        if name in evaluation.results and ticker is not None:
            prints = close[ticker].reindex(evaluation.results[name].net_returns.index).notna()
            if not prints.all():
                yield f"hedge {ticker} of {name}", f"no print in {_sessions(int((~prints).sum()))} of those judged"


def span_words_of(span: JudgedSpan) -> tuple[str, ...]:
    """What the judged span leaves out; nothing where every session has a decision."""
    return (*_hole_words(span), *_stray_words(span), *_idle_words(span))


def breadth_words(breadth: Breadth) -> tuple[str, ...]:
    """Names scored of names eligible, the largest position, and whether the cross-section collapsed."""
    if breadth.worst_session is None:
        return ("No name of the universe is eligible at any decision.",)
    typical = f"{breadth.scored_median:,.0f} of {breadth.eligible_median:,.0f}"
    worst = f"{count(breadth.worst_scored)} of {count(breadth.worst_eligible)}"
    told = f"Names scored of names eligible: {typical} at the median decision, "
    told += (
        "never a smaller share."
        if breadth.worst_share == 1.0
        else (f"{worst} at the worst, {date(breadth.worst_session)}.")
    )
    if breadth.largest_session is not None:
        told += (
            f" Largest position: {percent(breadth.largest_weight)} of equity, {breadth.largest_name} on "
            f"{date(breadth.largest_session)}."
        )
    if not breadth.collapsed or breadth.thin_from is None:
        return (told,)
    return (
        told,
        f"The cross-section collapsed: in {count(breadth.thin_sessions)} sessions in a row, from "
        f"{date(breadth.thin_from)}, less than {percent(COLLAPSED_BELOW, 0)} of the eligible names were scored.",
    )


def _hole_words(span: JudgedSpan) -> tuple[str, ...]:
    if not span.holes:
        return ()
    longest = max(span.holes, key=lambda hole: hole.sessions)
    told = f"{_sessions(span.hole_sessions)} without a decision are in no figure: {_hole(longest)}"
    if len(span.holes) > 1:
        told = (
            f"{_sessions(span.hole_sessions)} without a decision, in {len(span.holes)} holes, are in no figure; the "
            f"longest, {_hole(longest)}"
        )
    return (f"{told}, in which the book was held and returned {percent(longest.net_return)} net.",)


def _hole(hole: Hole) -> str:
    return f"{date(hole.first)} to {date(hole.last)}"


def _stray_words(span: JudgedSpan) -> tuple[str, ...]:
    if not len(span.strays):
        return ()
    before = span.strays < span.decisions[0]
    when = " and ".join(_dates(part) for part in (span.strays[before], span.strays[~before]) if len(part))
    several = len(span.strays) > 1
    subject, verb = ("sessions lie", "are") if several else ("session lies", "is")
    return (f"{count(len(span.strays))} scored {subject} far from all others and {verb} left out: {when}.",)


def _idle_words(span: JudgedSpan) -> tuple[str, ...]:
    if not len(span.idle):
        return ()
    subject = "scored session decides" if len(span.idle) == 1 else "scored sessions decide"
    told = f"{count(len(span.idle))} {subject} nothing, for no listed name of the universe has a score then"
    return (f"{told}: {_dates(span.idle)}.",)


def _dates(sessions: pd.DatetimeIndex) -> str:
    first, last = date(sessions[0]), date(sessions[-1])
    return first if first == last else f"{first} to {last}"


def _level_words(evaluation: Evaluation) -> tuple[str, ...]:
    """That nothing is ranked in some sessions; ``missing_ic`` tells of all of them."""
    scores = evaluation.scores
    level = (scores.notna().sum(axis=1) > 1) & (scores.max(axis=1) == scores.min(axis=1))
    if not level.any() or missing_ic(evaluation):
        return ()
    first = date(scores.index[level.to_numpy()][0])
    return (f"All scores are the same in {_sessions(int(level.sum()))}, the first {first}: nothing is ranked there.",)


def _sessions(number: int) -> str:
    return f"{count(number)} session{'' if number == 1 else 's'}"
