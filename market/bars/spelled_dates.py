"""Spelled dates: columns of dates with the day or the month first, or the month in letters, written again in ISO form.

A column is read as a whole: ``31/01/2020`` shows that the day comes first in all of it, ``01/31/2020`` the month. Where
no date of a column shows it, or two contradict each other, it stays as it is, for the reader of ISO dates to refuse.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from market.bars.cell_numbers import NO_VALUE

__all__ = ["SpelledDates", "in_iso_form", "looks_dated", "unread_date"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK = r"(?:[T ]+(?P<hour>\d{1,2})(?P<minutes>:\d\d(?::\d\d(?:\.\d+)?)?)\s*(?P<half>[ap]m)?(?P<zone>.*))?"
_NUMBERS = re.compile(
    r"(?P<first>\d{1,2})(?P<by>[-/.])(?P<second>\d{1,2})(?P=by)(?P<year>\d{4})" + _CLOCK, re.IGNORECASE
)
_LETTERS = re.compile(
    r"(?:[a-z]{3,9},? )?(?:(?P<day>\d{1,2})[- /](?P<month>[a-z]{3,9})\.?|(?P<name>[a-z]{3,9})\.?[- ](?P<date>\d{1,2}))"
    r",?[- /](?P<year>\d{4})" + _CLOCK,
    re.IGNORECASE,
)
_ISO = re.compile(r"\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2}|\d{9,}$")
_MONTH = re.compile(r"(1[6-9]|2[0-2])\d\d[-/.]?(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpelledDates:
    """Dates in ISO form as far as they could be told, and a note where they were written in another way."""

    texts: Sequence[str]
    notes: tuple[str, ...] = ()


def in_iso_form(texts: Sequence[str]) -> SpelledDates:
    """Write distinct dates in ISO form, if all of them are spelled in one other way.

    Examples
    --------
    >>> from market.bars.spelled_dates import in_iso_form
    >>> in_iso_form(["01/31/2020", "02/03/2020"]).texts
    ['2020-01-31', '2020-02-03']
    >>> in_iso_form(["01/02/2020"]).texts
    ['01/02/2020']
    """
    places = [place for place, text in enumerate(texts) if text.lower() not in NO_VALUE]
    if not places:
        return SpelledDates(texts=texts)
    for pattern, spell in ((_NUMBERS, _of_numbers), (_LETTERS, _of_letters)):
        if pattern.fullmatch(texts[places[0]]) is None:
            continue
        found = [match for place in places if (match := pattern.fullmatch(texts[place])) is not None]
        if len(found) < len(places):
            continue
        days, order = spell(found)
        if not order:
            return SpelledDates(texts=texts)
        written = list(texts)
        for place, match, day in zip(places, found, days, strict=True):
            written[place] = day + _clock(match)
        note = (f"dates like {texts[places[0]]} read with the {order} first",) if order != "name" else ()
        return SpelledDates(texts=written, notes=note)
    return SpelledDates(texts=texts)


def looks_dated(cell: str) -> bool:
    """Whether a cell begins as a date does, in any spelling, months without a day included."""
    text = cell.strip()
    matches = (_ISO.match(text), _MONTH.fullmatch(text), _NUMBERS.fullmatch(text), _LETTERS.fullmatch(text))
    return any(match is not None for match in matches)


def unread_date(text: str) -> str:
    """What is wrong with a text that is no date."""
    if _MONTH.fullmatch(text):
        return f"a month without a day, where daily rows are needed: {text!r}"
    match = _NUMBERS.fullmatch(text)
    if match is not None and max(int(match["first"]), int(match["second"])) <= 12:
        return f"a date that is not in ISO form, whose day and month cannot be told apart: {text!r}"
    return f"a date that is not in ISO form: {text!r}"


def _of_numbers(found: Sequence[re.Match[str]]) -> tuple[list[str], str]:
    """Days of dates in numbers, and whether day or month comes first; neither where no date, or two of them, tell."""
    pairs = [(int(match["first"]), int(match["second"])) for match in found]
    day_first, month_first = any(first > 12 for first, _ in pairs), any(second > 12 for _, second in pairs)
    if day_first == month_first:
        return [], ""
    days = [
        _day(match["year"], second if day_first else first, first if day_first else second)
        for match, (first, second) in zip(found, pairs, strict=True)
    ]
    return days, "day" if day_first else "month"


def _of_letters(found: Sequence[re.Match[str]]) -> tuple[list[str], str]:
    days = []
    for match in found:
        name = (match["month"] or match["name"]).lower()
        if name[:3] not in MONTHS:
            return [], ""
        days.append(_day(match["year"], MONTHS.index(name[:3]) + 1, int(match["day"] or match["date"])))
    return days, "name"


def _day(year: str, month: int, day: int) -> str:
    return f"{year}-{month:02d}-{day:02d}"


def _clock(match: re.Match[str]) -> str:
    """The time of day of a date, by 24 hours, with its zone."""
    if match["hour"] is None:
        return ""
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "pm")
    return f" {hour:02d}{match['minutes']}{match['zone']}"
