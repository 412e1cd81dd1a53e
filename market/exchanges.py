"""Exchanges: codes, hours and sessions of every calendar of exchange-calendars, from a table that is quick to read.

Beside their codes stand ``"24/7"``, ``"24/5"`` and ``"none"``: bars that follow no calendar but their own. The table,
``exchanges.json``, is written from the library by ``python -m tests.exchange_table``.
"""

import datetime as dt
import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

__all__ = [
    "LOTS",
    "NO_EXCHANGE",
    "Exchange",
    "exchange_code",
    "exchange_of",
    "exchange_of_tickers",
    "known_exchanges",
    "table_library",
    "zone_of",
]

NO_EXCHANGE = "none"
TABLE = Path(__file__).with_name("exchanges.json")
OWN_ALIASES = {"XNSE": "XBOM", "NSE": "XBOM", "XTKX": "XTKS", "TSE": "XTKS", "XSHE": "XSHG", "XKOS": "XKRX"}
MEAN_OF_YEARS = range(2005, 2025)
MIN_SHARE = 0.8  # of the tickers that carry one exchange's suffix
# in Yahoo's spelling; where two boards of a country keep the same holidays they share the library's calendar
SUFFIXES = {
    ".T": "XTKS", ".NS": "XBOM", ".BO": "XBOM", ".L": "XLON", ".IL": "XLON", ".TO": "XTSE", ".V": "XTSE",
    ".CN": "XTSE", ".NE": "XTSE", ".HK": "XHKG", ".DE": "XETR", ".F": "XFRA", ".DU": "XDUS", ".HM": "XHAM",
    ".SG": "XSTU", ".BE": "XFRA", ".MU": "XFRA", ".PA": "XPAR", ".AS": "XAMS", ".BR": "XBRU", ".LS": "XLIS",
    ".IR": "XDUB", ".MI": "XMIL", ".MC": "XMAD", ".SW": "XSWX", ".ST": "XSTO", ".HE": "XHEL", ".CO": "XCSE",
    ".OL": "XOSL", ".IC": "XICE", ".VI": "XWBO", ".WA": "XWAR", ".PR": "XPRA", ".BD": "XBUD", ".AT": "ASEX",
    ".IS": "XIST", ".JO": "XJSE", ".SA": "BVMF", ".MX": "XMEX", ".BA": "XBUE", ".SN": "XSGO", ".CL": "XBOG",
    ".LM": "XLIM", ".AX": "XASX", ".XA": "XASX", ".NZ": "XNZE", ".SS": "XSHG", ".SZ": "XSHG", ".TW": "XTAI",
    ".TWO": "XTAI", ".KS": "XKRX", ".KQ": "XKRX", ".SI": "XSES", ".KL": "XKLS", ".JK": "XIDX", ".BK": "XBKK",
    ".PS": "XPHS", ".KA": "XKAR", ".TA": "XTAE", ".SR": "XSAU", ".ME": "XMOS", ".RO": "XBSE", ".TL": "XTAL",
    ".RG": "XRIS", ".VS": "XLIT", "=X": "24/5", "-USD": "24/7", "-USDT": "24/7", "/USD": "24/7", "/USDT": "24/7",
    "USDT": "24/7", "USDC": "24/7", "-PERP": "24/7",
}  # fmt: skip
CURRENCIES = {
    "XNYS": "USD", "CMES": "USD", "IEPA": "USD", "XCBF": "USD", "us_futures": "USD", "XTSE": "CAD", "XMEX": "MXN",
    "BVMF": "BRL", "XBUE": "ARS", "XSGO": "CLP", "XBOG": "COP", "XLIM": "PEN", "XBDA": "BMD", "XTKS": "JPY",
    "XBOM": "INR", "XHKG": "HKD", "XSHG": "CNY", "XTAI": "TWD", "XKRX": "KRW", "XSES": "SGD", "XKLS": "MYR",
    "XIDX": "IDR", "XBKK": "THB", "XPHS": "PHP", "XKAR": "PKR", "XASX": "AUD", "XNZE": "NZD", "XTAE": "ILS",
    "XSAU": "SAR", "XMOS": "RUB", "AIXK": "KZT", "XIST": "TRY", "XJSE": "ZAR", "XLON": "GBP or pence",
    "XSWX": "CHF", "XSTO": "SEK", "XCSE": "DKK", "XOSL": "NOK", "XICE": "ISK", "XWAR": "PLN", "XPRA": "CZK",
    "XBUD": "HUF", "XBSE": "RON", "XBEL": "RSD",
} | dict.fromkeys(
    ("XPAR", "XAMS", "XBRU", "XLIS", "XLUX", "XDUB", "XMIL", "XMAD", "XETR", "XFRA", "XDUS", "XHAM", "XSTU", "XEUR",
     "XEEE", "XHEL", "XWBO", "ASEX", "XCYS", "XTAL", "XRIS", "XLIT", "XLJU", "XBRA", "XZAG"), "EUR"
)  # fmt: skip
# exchanges whose shares trade in lots: how many to one where the volumes do not tell
LOTS = {"XTKS": 100, "XSHG": 100, "XSES": 100, "XKLS": 100, "XIDX": 100, "XBKK": 100, "XHKG": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A calendar of exchange-calendars.

    Parameters
    ----------
    code : str
        Market identifier code, e.g. ``"XNYS"``, or ``"24/7"``.
    zone : str
        Its time zone.
    opens, closes : time
        Of a session, local.
    opens_on, closes_on : int
        Days from the session's date to those times: a future's session opens on the evening before.
    first, last : datetime64[D]
        Between which its holidays are known.
    week : str
        A 1 for each weekday from Monday on that is usually a session.
    changed : array of int
        Days from ``first`` on which the week does not tell: holidays, and sessions held at a weekend.
    """

    code: str
    zone: str
    opens: dt.time
    opens_on: int
    closes: dt.time
    closes_on: int
    first: np.datetime64
    last: np.datetime64
    week: str
    changed: np.ndarray

    @property
    def sessions_per_year(self) -> int:
        """Mean sessions of the years 2005 to 2024, as many of them as are known, to a whole number."""
        days = self.sessions(np.datetime64("2005-01-01"), np.datetime64("2024-12-31"))
        years = days.astype("datetime64[Y]").astype(int) + 1970
        whole = [int((years == year).sum()) for year in MEAN_OF_YEARS if f"{year}-01-10" > str(self.first)]
        return round(sum(whole) / len(whole))

    @property
    def currency(self) -> str | None:
        """In which shares are quoted there; None where the code does not tell."""
        return CURRENCIES.get(self.code)

    def sessions(self, start: np.datetime64, end: np.datetime64) -> np.ndarray:
        """Sessions from ``start`` to ``end``, both included, as datetime64[D].

        Outside ``first`` and ``last`` holidays are not known, and every day of the week that is usually a session is
        taken for one.
        """
        days = np.arange(start.astype("datetime64[D]"), end.astype("datetime64[D]") + 1)
        usual = np.array([each == "1" for each in self.week])
        held = usual[(days.astype(np.int64) + 3) % 7]  # 1970-01-01 was a Thursday
        places = (self.first - days[:1]).astype(np.int64) + self.changed if len(days) else self.changed
        inside = places[(places >= 0) & (places < len(days))]
        held[inside] = ~held[inside]
        sessions: np.ndarray = days[held]
        return sessions

    def opening(self, session: dt.date) -> dt.datetime:
        """When a session opens, in the exchange's zone."""
        day = session + dt.timedelta(days=self.opens_on)
        return dt.datetime.combine(day, self.opens, tzinfo=ZoneInfo(self.zone))

    def closing(self, session: dt.date) -> dt.datetime:
        """When a session closes by the usual hours, in the exchange's zone."""
        day = session + dt.timedelta(days=self.closes_on)
        return dt.datetime.combine(day, self.closes, tzinfo=ZoneInfo(self.zone))


def exchange_code(text: str) -> str:
    """The code that a word names: a code of exchange-calendars in any case, another name of one, 24/7, 24/5 or none.

    Raises
    ------
    ValueError
        If it names none; the message gives close matches.

    Examples
    --------
    >>> from market.exchanges import exchange_code
    >>> exchange_code("nasdaq"), exchange_code("XTKS"), exchange_code("None")
    ('XNYS', 'XTKS', 'none')
    """
    word = str(text).strip()
    names = _names()
    if word.casefold() in names:
        return names[word.casefold()]
    alike = difflib.get_close_matches(word.casefold(), names, n=3, cutoff=0.6)
    close = " or ".join(dict.fromkeys(names[each] for each in alike))
    raise ValueError(
        f"no calendar for exchange {word!r}: give a market identifier code like XNYS, 24/7, or none for bars that "
        f"follow no calendar{f'; did you mean {close}?' if close else ''}"
    )


@cache
def exchange_of(code: str) -> Exchange:
    """The exchange of a code that ``exchange_code`` gave; ``"none"`` has none."""
    row = _table()["calendars"][code]
    return Exchange(
        code=code,
        zone=row["zone"],
        opens=dt.time.fromisoformat(row["opens"]),
        opens_on=row["opens_on"],
        closes=dt.time.fromisoformat(row["closes"]),
        closes_on=row["closes_on"],
        first=np.datetime64(row["first"], "D"),
        last=np.datetime64(row["last"], "D"),
        week=row["week"],
        changed=np.cumsum(np.array(row["changed"], dtype=np.int64)),
    )


def zone_of(code: str | None) -> str | None:
    """The time zone of an exchange's code; None for none."""
    return None if code is None or code == NO_EXCHANGE else exchange_of(code).zone


def known_exchanges() -> tuple[str, ...]:
    """Codes of all exchanges, those that most bars come from first."""
    first = (
        "XNYS",
        "XTKS",
        "XLON",
        "XHKG",
        "XBOM",
        "XSHG",
        "XTSE",
        "XETR",
        "XPAR",
        "XASX",
        "XKRX",
        "XTAI",
        "24/7",
        "24/5",
    )
    codes = _table()["calendars"]
    return (*first, *sorted(set(codes) - set(first)))


def exchange_of_tickers(tickers: Iterable[str]) -> str | None:
    """The exchange whose suffix at least four in five tickers carry, in Yahoo's spelling; None without one.

    Examples
    --------
    >>> from market.exchanges import exchange_of_tickers
    >>> exchange_of_tickers(["7203.T", "9984.T"]), exchange_of_tickers(["AAPL", "BRK.B"])
    ('XTKS', None)
    """
    named = [_suffixed(str(ticker)) for ticker in tickers]
    counts = {code: named.count(code) for code in set(named) if code is not None}
    likely = max(sorted(counts), key=lambda code: counts[code], default=None)
    return likely if likely is not None and counts[likely] >= MIN_SHARE * len(named) else None


def _suffixed(ticker: str) -> str | None:
    for length in range(5, 1, -1):
        code = SUFFIXES.get(ticker[-length:].upper()) if len(ticker) > length else None
        if code is not None:
            return code
    return None


def table_library() -> str:
    """The version of exchange-calendars that the table was written from."""
    written: str = _table()["library"]
    return written


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


@cache
def _names() -> dict[str, str]:
    """Every spelling, without case, and the code that it stands for."""
    table = _table()
    spelled = {**OWN_ALIASES, **table["aliases"], **{code: code for code in table["calendars"]}}
    return {name.casefold(): code for name, code in spelled.items()} | {NO_EXCHANGE: NO_EXCHANGE}
