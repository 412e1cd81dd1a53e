"""Write ``market/exchanges.json``: the sessions and hours of every calendar of exchange-calendars.

``python -m tests.exchange_table`` writes it again after an upgrade of the library.
"""

import json
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TABLE = Path(__file__).parents[1] / "market" / "exchanges.json"
SPANS = tuple((first, last) for last in ("2028-12-31", "2026-12-31") for first in ("1990-01-01", "1997-01-01"))
YOUNG = (("2017-01-01", "2028-12-31"), ("2021-01-01", "2028-12-31"))


def mend_orthodox_easter() -> None:
    """Let the library's own offset add itself to many dates at once, which pandas 3 asks of it."""
    from dateutil.easter import EASTER_ORTHODOX, easter
    from exchange_calendars.pandas_extensions.offsets import OrthodoxEaster

    def added(self: object, dates: np.ndarray) -> np.ndarray:  # to the first of January of each year
        years = dates.astype("datetime64[Y]").astype(int) + 1970
        return np.array([easter(year, EASTER_ORTHODOX) for year in years.tolist()], dtype=dates.dtype)

    OrthodoxEaster._add_datetime_ndarray = added


def calendar_of(code: str) -> Any:
    """The calendar over the longest span that the library knows it for."""
    import exchange_calendars as library

    kind = library.calendar_utils._default_calendar_factories[code]
    reason: ValueError = ValueError(code)
    for first, last in (*SPANS, *YOUNG):
        try:
            return kind(start=pd.Timestamp(first), end=pd.Timestamp(last))
        except ValueError as error:
            reason = error
    if "are not sessions" in str(reason):  # special weekmasks meet a newer pandas: the sessions are told by hand
        return type(f"Plain{code}", (kind,), {"special_closes": [], "special_closes_adhoc": []})(
            start=pd.Timestamp("1990-01-01"), end=pd.Timestamp("2026-12-31")
        )
    raise reason


def sessions_of(calendar: Any) -> np.ndarray:
    """Days of a calendar, as datetime64[D]."""
    sessions = calendar.sessions.to_numpy().astype("datetime64[D]")
    if not type(calendar).__name__.startswith("Plain"):
        return sessions
    first, last = calendar.sessions[0], calendar.sessions[-1]
    days = pd.date_range(first, last)
    closed = calendar.regular_holidays.holidays(first, last).tz_localize(None)
    closed = closed.union(pd.DatetimeIndex(calendar.adhoc_holidays).tz_localize(None))
    week = np.array([calendar.weekmask] * len(days))
    for begins, ends, mask in calendar.special_weekmasks:
        week[(days >= (begins or first)) & (days <= (ends or last))] = mask
    held = np.array([mask[day.weekday()] == "1" for mask, day in zip(week, days, strict=True)])
    return days[held].difference(closed).to_numpy().astype("datetime64[D]")


def row_of(code: str) -> dict[str, Any]:
    """The table's entry of a calendar."""
    calendar = calendar_of(code)
    held = sessions_of(calendar)
    days = np.arange(held[0], held[-1] + 1)
    weekdays = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    is_session = np.isin(days, held)
    usual = np.array([is_session[weekdays == day].mean() > 0.5 for day in range(7)])
    changed = np.flatnonzero(is_session != usual[weekdays])
    opens, closes = calendar.open_times[-1][1], calendar.close_times[-1][1]
    return {
        "name": calendar.name,
        "zone": str(calendar.tz),
        "opens": f"{opens:%H:%M}",
        "opens_on": int(calendar.open_offset),
        "closes": f"{closes:%H:%M}",
        "closes_on": int(calendar.close_offset),
        "first": str(held[0]),
        "last": str(held[-1]),
        "week": "".join("1" if day else "0" for day in usual),
        "changed": np.diff(changed, prepend=0).tolist(),
    }


def table() -> dict[str, Any]:
    """The whole table."""
    mend_orthodox_easter()
    import exchange_calendars as library

    codes = library.get_calendar_names(include_aliases=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = {code: row_of(code) for code in sorted(codes)}
    aliases = dict(sorted(library.calendar_utils._default_calendar_aliases.items()))
    return {"library": version("exchange-calendars"), "aliases": aliases, "calendars": rows}


def lines(content: dict[str, Any]) -> Iterator[str]:
    """JSON with one calendar a line, so that a difference names it."""
    yield "{"
    yield f'"library": {json.dumps(content["library"])},'
    yield f'"aliases": {json.dumps(content["aliases"])},'
    yield '"calendars": {'
    rows = [
        f"{json.dumps(code)}: {json.dumps(row, separators=(',', ':'))}" for code, row in content["calendars"].items()
    ]
    yield ",\n".join(rows)
    yield "}}"


if __name__ == "__main__":
    TABLE.write_text("\n".join(lines(table())) + "\n", encoding="utf-8")
