"""Column names: the spellings under which files hold a date, a ticker and a bar, and how they are recognised.

Letters and digits count, case and punctuation do not: ``Adj Close``, ``adj_close`` and ``adjclose`` are one name.
"""

import re
from collections.abc import Iterable, Sequence

from core.errors import BarsError

__all__ = ["BAR_COLUMNS", "NAMELESS", "SPELLINGS", "bar_field", "match_columns", "plain_name", "require_columns"]

BAR_COLUMNS = ("open", "high", "low", "close", "volume")

# what pandas calls an index without a name
NAMELESS = ("indexlevel0", "unnamed0", "index", "")
# plain spellings in order of preference
SPELLINGS = {
    "date": (
        *("date", "session", "timestamp", "datetime", "dates", "datum", "fecha", "tradedate", "tradingdate"),
        *("tradingday", "pricedate", "quotedate", "asofdate", "observationdate", "time", *NAMELESS),
    ),
    "ticker": ("ticker", "symbol", "name"),
    **{column: (column,) for column in BAR_COLUMNS},
    "adj_close": ("adjclose", "adjustedclose"),
}

SHOWN = 6  # of the spellings of a column, in messages
_FIELD_OF = {spelling: column for column in (*BAR_COLUMNS, "adj_close") for spelling in SPELLINGS[column]}
# fields that vendors ship beside the bars; recognised in wide headers and left out
_OTHER_FIELDS = {"dividends": "dividends", "stocksplits": "splits", "splits": "splits", "capitalgains": "gains"}


def plain_name(name: str) -> str:
    """Lower-case a name and drop all but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def bar_field(name: str) -> str | None:
    """Field of a bar that a name spells, dividends and splits included; None for anything else."""
    plain = plain_name(name)
    return _FIELD_OF.get(plain) or _OTHER_FIELDS.get(plain)


def match_columns(names: Sequence[str], *, origin: str) -> dict[str, str]:
    """Match the file's column names to ours: the file's name by our name.

    Raises
    ------
    BarsError
        If two columns spell the same name.
    """
    matched = {}
    for column, spellings in SPELLINGS.items():
        for spelling in spellings:
            hits = [name for name in names if plain_name(name) == spelling]
            if len(hits) > 1:
                raise BarsError(f"{origin} has more than one column for {column}: {hits}; keep one of them")
            if hits:
                matched[column] = hits[0]
                break
    return matched


def require_columns(wanted: Iterable[str], names: Sequence[str], *, origin: str) -> dict[str, str]:
    """Match column names as :func:`match_columns` does, and insist on the wanted ones.

    Raises
    ------
    BarsError
        If one is missing; the message says what was looked for and what was found.
    """
    matched = match_columns(names, origin=origin)
    missing = [column for column in wanted if column not in matched]
    if missing:
        looked_for = "; ".join("/".join(s for s in SPELLINGS[column][:SHOWN] if s) for column in missing)
        raise BarsError(
            f"{origin} has no column for {', '.join(missing)}: looked for {looked_for} in any case, "
            f"found {list(names[:12])}; rename or add them"
        )
    return matched
