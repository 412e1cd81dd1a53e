"""Section on names: what was held most, what it contributed, and what made the worst sessions."""

from collections.abc import Iterator, Mapping

import pandas as pd

from backtests.breakdown.attribution import UNKNOWN
from backtests.breakdown.name_study import NameStudy, WorstSession
from backtests.report.book_report import BookReport
from backtests.report.content import Part, Section, Table
from backtests.report.formats import count, date, percent
from backtests.report.sections.common_rows import TODAYS_SECTORS

__all__ = ["held_table", "names_section"]

N_HELD = 15
N_ENDS = 8  # best and worst names
SUMMED = (
    "Weights at the close, of equity, means over all sessions. Contribution is the sum over sessions of the name's "
    "part of the gross return, a fraction of equity at the start of each session, not compounded: over all names it "
    "adds up to the sum of the gross returns. Of the worst sessions, the losses named and those of all other names add "
    "up to the gross return; in brackets the weight at the close before, negative for a short. Universe: "
    "equal-weighted."
)


def names_section(books: Mapping[str, BookReport], *, is_synthetic: bool) -> Section | None:
    """Holdings by ticker and the worst sessions; None where no book was studied."""
    studies = {name: book.study.names for name, book in books.items() if book.study is not None}
    known = {name: study for name, study in studies.items() if study is not None and len(study.table)}
    if not known:
        return None
    first, study = next(iter(known.items()))
    has_sectors = bool((study.table["sector"] != UNKNOWN).any())
    told = (SUMMED, TODAYS_SECTORS) if has_sectors and not is_synthetic else (SUMMED,)
    parts = [Part(sentences=told), *(part for name, each in known.items() for part in _parts(name, each))]
    return Section(slug="names", title="Holdings and worst sessions", lead=_lead(first, study), parts=tuple(parts))


def _lead(name: str, study: NameStudy) -> str:
    ranked = study.table["contribution"].sort_values()
    worst = study.worst[0] if study.worst else None
    words = (
        f"{name} held {count(len(study.table))} names; the best contributed {_named(ranked.index[-1], ranked)}, the "
        f"worst {_named(ranked.index[0], ranked)}."
    )
    if worst is None:
        return words
    return f"{words} Its worst session was {date(worst.session)}: {percent(worst.net, 2)} net."


def _named(ticker: object, contributions: pd.Series) -> str:
    return f"{percent(contributions[str(ticker)], 2)} ({ticker})"


def _parts(name: str, study: NameStudy) -> Iterator[Part]:
    yield Part(heading=f"Names of {name}", tables=(held_table(name, study), *_ends(name, study)))
    if study.worst:
        yield Part(tables=(_worst_table(name, study),))


def held_table(name: str, study: NameStudy, n_names: int = N_HELD) -> Table:
    """The largest positions by mean gross weight, the rest in one row."""
    shown, rest = study.table.iloc[:n_names], study.table.iloc[n_names:]
    rows = [_row(ticker, row) for ticker, row in shown.iterrows()]
    if len(rest):
        sums = rest[["long", "short", "contribution"]].sum()
        weights = (percent(sums["long"], 2), percent(sums["short"], 2), "", "", "")
        rows.append((f"{count(len(rest))} other names", "", *weights, percent(sums["contribution"], 2)))
    total = study.table[["long", "short", "contribution"]].sum()
    all_weights = (percent(total["long"], 2), percent(total["short"], 2), "", "", "")
    rows.append(("All names", "", *all_weights, percent(total["contribution"], 2)))
    return Table(
        caption=f"Top holdings of {name} by mean gross weight",
        columns=("Ticker", "Sector", "Mean long", "Mean short", "Largest", "Sessions held", "Last", "Contribution"),
        rows=tuple(rows),
    )


def _row(ticker: object, row: pd.Series) -> tuple[str, ...]:
    return (
        str(ticker),
        "" if row["sector"] == UNKNOWN else str(row["sector"]),
        percent(row["long"], 2),
        percent(row["short"], 2),
        percent(row["largest"], 2),
        count(row["sessions"]),
        percent(row["last"], 2),
        percent(row["contribution"], 2),
    )


def _ends(name: str, study: NameStudy) -> tuple[Table, ...]:
    ranked = study.table.sort_values("contribution", ascending=False, kind="stable")
    if len(ranked) < 2 * N_ENDS:
        return ()
    rows = tuple(
        (*_end(best), *_end(worst))
        for best, worst in zip(ranked.iloc[:N_ENDS].iterrows(), ranked.iloc[::-1].iloc[:N_ENDS].iterrows(), strict=True)
    )
    columns = ("Best", "Sector", "Contribution", "Worst", "Sector", "Contribution")
    return (Table(caption=f"Best and worst names of {name}", columns=columns, rows=rows),)


def _end(found: tuple[object, pd.Series]) -> tuple[str, str, str]:
    ticker, row = found
    return str(ticker), "" if row["sector"] == UNKNOWN else str(row["sector"]), percent(row["contribution"], 2)


def _worst_table(name: str, study: NameStudy) -> Table:
    rows = tuple(
        (
            date(worst.session),
            percent(worst.net, 2),
            percent(worst.gross, 2),
            percent(worst.market, 2),
            _movers(worst),
            percent(worst.rest, 2),
        )
        for worst in study.worst
    )
    return Table(
        caption=f"Worst sessions of {name}, and what did it",
        columns=("Session", "Net", "Gross", "Universe", "Largest losses, by name", "All other names"),
        rows=rows,
    )


def _movers(worst: WorstSession) -> str:
    return "; ".join(
        f"{mover.ticker} {percent(mover.contribution, 2)} ({percent(mover.weight, 2)})" for mover in worst.movers
    )
