"""Next words: forecasts of the coming sessions as rows, records and a page with a fan a symbol."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.forecasts.said_forecasts import SaidForecast
from backtests.report.formats import percent, ratio
from models.forecasters.forecasts import ONE_SIGMA

if TYPE_CHECKING:
    from backtests.report.content import Picture
    from market.panel import Panel

__all__ = ["NEXT_CONVENTIONS", "next_page", "next_record", "next_rows"]

NEXT_COLUMNS = (
    "symbol",
    "ahead",
    "session",
    "expected",
    "68 % range",
    "90 % range",
    "price",
    "68 % of prices",
    "90 % of prices",
    "from",
    "forecaster",
)
RANGES = {"68": ONE_SIGMA, "90": (0.05, 0.95)}
DRAWN = 12  # fans of one page
PAST = (20, 60)  # sessions before a fan, at least and at most, else eight times those ahead
NEXT_CONVENTIONS = (
    "Each forecaster learned from the oldest four fifths of the sessions and stopped and chose on the newest; what is "
    "expected is a simple return, and a price is the close at the origin times one plus it.",
    "Ranges are the forecaster's own, or conformal: from its errors on the newest fifth of the sessions, in units of "
    "the volatility at the origin. They hold what they promise as far as errors to come are like those.",
    "What is said is kept and never changed; `quintile forecast check` holds it against what came.",
)


def next_rows(said: Iterable[SaidForecast]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and a row a symbol and horizon."""
    rows = []
    for each in said:
        ranges = [each.quantile(level) for bounds in RANGES.values() for level in bounds]
        for place, horizon in enumerate(each.horizons):
            low68, high68, low90, high90 = (bound[place] for bound in ranges)
            rows.append(
                [
                    each.symbol,
                    str(horizon),
                    each.sessions[place] or "–",
                    percent(each.mean[place], 2),
                    _returns(low68, high68),
                    _returns(low90, high90),
                    _price(each.close, each.mean[place]),
                    f"{_price(each.close, low68)} to {_price(each.close, high68)}",
                    f"{_price(each.close, low90)} to {_price(each.close, high90)}",
                    f"{each.origin}, {ratio(each.close)}",
                    each.forecaster,
                ]
            )
    return NEXT_COLUMNS, rows


def next_record(said: Iterable[SaidForecast]) -> list[dict[str, Any]]:
    """The same as JSON values, a record a symbol; returns are fractions."""
    records = []
    for each in said:
        ahead = []
        for place, horizon in enumerate(each.horizons):
            row: dict[str, Any] = {"horizon": horizon, "session": each.sessions[place], "return": each.mean[place]}
            row["price"] = each.close * (1.0 + each.mean[place])
            for name, (low, high) in RANGES.items():
                bounds = each.quantile(low)[place], each.quantile(high)[place]
                row[f"return_{name}"] = list(bounds)
                row[f"price_{name}"] = [None if bound is None else each.close * (1.0 + bound) for bound in bounds]
            ahead.append(row)
        facts = ("symbol", "forecaster", "study", "clock", "origin", "close", "said", "late")
        records.append({**{name: getattr(each, name) for name in facts}, "ahead": ahead})
    return records


def next_page(said: Sequence[SaidForecast], panel: "Panel", notes: Mapping[str, str], *, command: str) -> str:
    """Forecasts as one self-contained page.

    Parameters
    ----------
    said : sequence of SaidForecast
        At least one.
    panel : Panel
        Closes before the fans.
    notes : mapping of str to str
        What is to be said of a symbol, such as that its bars end early.
    command : str
        What made the page.
    """
    from backtests.report.content import Part, Section, Table
    from backtests.report.html_page import HtmlPage, render_page
    from backtests.report.stamps import SYNTHETIC

    columns, rows = next_rows(said)
    more = f" The first {DRAWN} of {len(said)} are drawn." if len(said) > DRAWN else ""
    newest = max(each.origin for each in said)
    page = HtmlPage(
        title="The coming sessions",
        strategy="forecasts",
        verdict=f"{len(said)} symbol{'s' if len(said) > 1 else ''}, from the close of {newest}.{more}",
        sections=(
            Section(
                slug="fans",
                title="What is expected",
                lead="A forecast is no more than its ranges: they show how little of a return is expected.",
                parts=(
                    Part(pictures=tuple(_fan(each, panel) for each in said[:DRAWN])),
                    Part(
                        sentences=tuple(f"{symbol}: {note}" for symbol, note in notes.items()),
                        tables=(Table(caption="All of them", columns=columns, rows=tuple(map(tuple, rows))),),
                    ),
                ),
            ),
            Section(
                slug="conventions",
                title="Conventions",
                lead=NEXT_CONVENTIONS[0],
                parts=(Part(sentences=NEXT_CONVENTIONS[1:]),),
            ),
        ),
        stamps=(SYNTHETIC,) if panel.facts.synthetic else (),
        command=command,
    )
    return render_page(page)


def _fan(each: SaidForecast, panel: "Panel") -> "Picture":
    from backtests.report.content import Picture
    from backtests.report.figures.forecast_figures import fan_figure

    longest = each.horizons[-1]
    shown = min(max(PAST[0], 8 * longest), PAST[1])
    past = panel.close[each.symbol].loc[: each.origin].dropna().iloc[-shown:]
    bounds = {"low90": 0.05, "low68": ONE_SIGMA[0], "high68": ONE_SIGMA[1], "high90": 0.95}
    ahead = pd.DataFrame({name: each.quantile(level) for name, level in bounds.items()}, each.horizons, dtype="float64")
    ahead["middle"] = each.mean
    low, high = (bound[-1] for bound in (each.quantile(0.05), each.quantile(0.95)))
    over = f"{longest} session{'' if longest == 1 else 's'}"
    return Picture(
        title=f"{each.symbol} from {each.origin}",
        summary=(
            f"{each.forecaster} expects {percent(each.mean[-1], 2)} over {over}, 90 % range {_returns(low, high)}."
        ),
        figure=fan_figure(past, (1.0 + ahead) * each.close),
    )


def _returns(low: float | None, high: float | None) -> str:
    return f"{percent(low, 2)} to {percent(high, 2)}"


def _price(close: float, expected: float | None) -> str:
    return ratio(None if expected is None else close * (1.0 + expected))
