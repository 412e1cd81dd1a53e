"""Panel: aligned daily bars, sessions × tickers, and what is known about where they came from.

Row *t* is known at the close of *t*. Prices are adjusted for splits and dividends by one factor. NaN means that the
name did not print in that session; ``universe`` False means that it is not eligible for a decision at that close.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from core.conventions import CLOCK_DAYS, SESSIONS_PER_YEAR, clock_day
from core.errors import BarsError, DataError
from core.notebook_html import notebook_card, small_lines
from market.exchanges import NO_EXCHANGE
from market.outside.outside_table import OutsideTable
from market.request import BarsRequest

__all__ = ["BAR_FIELDS", "Panel", "PanelFacts", "aligned_frame", "no_delistings"]

BAR_FIELDS = ("open", "high", "low", "close", "volume", "dollar_volume")
PRICE_FIELDS = BAR_FIELDS[:4]


def no_delistings() -> pd.DataFrame:
    """Empty table of delistings: index ``ticker``, columns ``session`` and ``delisting_return``."""
    columns = {"session": pd.Series(dtype="datetime64[ns]"), "delisting_return": pd.Series(dtype="float64")}
    return pd.DataFrame(columns, index=pd.Index([], name="ticker", dtype="str"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFacts:
    """Where bars came from and on what basis their numbers stand; printed on every report.

    Parameters
    ----------
    source : str
        File, vendor or generator, without any path of the machine.
    adjustment : str
        How prices were adjusted, e.g. ``"splits and dividends (adj_close / close)"``.
    volume_basis : str
        Split basis of ``volume`` and ``dollar_volume``.
    point_in_time : bool
        The source says that it holds the names as they were, dead ones included.
    synthetic : bool
        Bars of the built-in market, never of a real one.
    universe : str
        How ``universe`` was chosen.
    exchange : str
        Whose sessions these are: a code of exchange-calendars, ``"24/7"``, or ``"none"``: the bars' own.
    exchange_reason : str
        Why these are its sessions: as given, by the tickers, or how well its calendar fits.
    sessions_per_year : float
        By which every figure a year is annualised.
    adjusted : bool
        Prices were multiplied by a factor here, so that they are not those at which shares are counted.
    currency : str or None
        Of the prices, where the exchange tells.
    tick : float or None
        The step in which most names' latest prices are written, before any adjustment.
    lot : float or None
        Shares that orders come in: a step of the volumes where the exchange trades in lots, else 1; None for fractions.
    left_out : tuple of str
        Dates whose bars the loader left out, for they were no session; ISO.
    beside : tuple of str
        Tickers that are no name to choose from, such as a hedge.
    notes : tuple of str
        Findings of the loader and the calendar check, for the report's data page.
    """

    source: str
    adjustment: str
    volume_basis: str
    point_in_time: bool = False
    synthetic: bool = False
    universe: str = "all names with a print"
    exchange: str = NO_EXCHANGE
    exchange_reason: str = ""
    sessions_per_year: float = SESSIONS_PER_YEAR
    adjusted: bool = False
    currency: str | None = None
    tick: float | None = None
    lot: float | None = None
    left_out: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def session_words(self) -> str:
        """Whose sessions these are, why, and how many make a year, in one line."""
        whose = "the bars themselves" if self.exchange == NO_EXCHANGE else self.exchange
        why = f" ({self.exchange_reason})" if self.exchange_reason else ""
        money = f", prices in {self.currency}" if self.currency else ""
        return f"sessions of {whose}{why}, {self.sessions_per_year:g} a year{money}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Panel:
    """Daily bars of one market, all frames of shape (n_sessions, n_tickers) on one index.

    Parameters
    ----------
    open, high, low, close : DataFrame of float
        Prices, adjusted for splits and dividends by one factor per name and session; NaN without a print.
    volume : DataFrame of float
        Shares traded on one split basis; NaN without a print.
    dollar_volume : DataFrame of float
        Close × volume on one split basis before dividend adjustment, in the currency of the bars.
    universe : DataFrame of bool
        Names eligible for a decision at the close of each session.
    delistings : DataFrame
        Index ticker; columns ``session`` (the last tradable one, when it becomes known) and ``delisting_return``.
    facts : PanelFacts
        Source, adjustment and bases.
    outside : mapping of str to OutsideTable
        Tables from beside the bars by name, of rows that count by the last session; see :meth:`outside_values`.
    request : BarsRequest or None
        What loads these very bars again; None for bars given in Python and for any part or change of a panel.

    Raises
    ------
    BarsError
        If frames are misaligned, sessions unsorted, a price is not positive, or high < low.

    Examples
    --------
    >>> early = bars.until(bars.sessions[299])
    >>> len(early.sessions), early.close.shape == early.universe.shape
    (300, True)
    """

    open: pd.DataFrame
    high: pd.DataFrame
    low: pd.DataFrame
    close: pd.DataFrame
    volume: pd.DataFrame
    dollar_volume: pd.DataFrame
    universe: pd.DataFrame
    facts: PanelFacts
    delistings: pd.DataFrame = field(default_factory=no_delistings)
    outside: Mapping[str, OutsideTable] = field(default_factory=dict)
    request: BarsRequest | None = field(default=None, init=False)  # a changed panel is not what the request loads

    def __post_init__(self) -> None:
        _check_axes(self.close.index, self.close.columns)
        for name, frame in self._frames():
            if not (frame.index.equals(self.close.index) and frame.columns.equals(self.close.columns)):
                raise BarsError(f"{name} and close differ in sessions or tickers: align them before building a Panel")
        _check_prices(self)
        object.__setattr__(self, "delistings", _dated(self.delistings))
        _check_delistings(self)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Sessions, sorted and unique."""
        return pd.DatetimeIndex(self.close.index)

    @property
    def tickers(self) -> pd.Index:
        """Tickers, in column order."""
        return self.close.columns

    @property
    def printed(self) -> pd.DataFrame:
        """Bool frame: the name traded in that session."""
        return self.close.notna()

    def until(self, session: pd.Timestamp | str) -> Self:
        """Cut the panel to what was known at the close of ``session``: no later row, no later delisting."""
        return self.between(None, session)

    def between(self, start: pd.Timestamp | str | None, end: pd.Timestamp | str | None) -> Self:
        """Cut the panel to the sessions from ``start`` to ``end``, both included; None is an open side."""
        first = None if start is None else pd.Timestamp(clock_day(str(start)[:10]))
        last = None if end is None else pd.Timestamp(clock_day(str(end)[:10]))
        frames: dict[str, Any] = {name: frame.loc[first:last] for name, frame in self._frames()}
        if frames["close"].empty:
            raise BarsError(f"no session between {start} and {end}: the bars run from {_span(self.sessions)}")
        known = self.delistings["session"] <= frames["close"].index[-1]
        outside = {name: table.until(frames["close"].index[-1]) for name, table in self.outside.items()}
        return self._part(delistings=self.delistings[known], outside=outside, **frames)

    def of_columns(self, first: int, stop: int) -> Self:
        """Take the tickers in columns ``first`` to ``stop`` − 1; bars are shared, not copied."""
        frames: dict[str, Any] = {name: frame.iloc[:, first:stop] for name, frame in self._frames()}
        gone = self.delistings
        known = gone if gone.empty else gone[gone.index.isin(frames["close"].columns)]
        return self._part(delistings=known, **frames)

    def of_tickers(self, tickers: Iterable[str]) -> Self:
        """Take some tickers, in the order given; all must be of the panel."""
        wanted = list(tickers)
        frames: dict[str, Any] = {name: frame[wanted] for name, frame in self._frames()}
        return self._part(delistings=self.delistings[self.delistings.index.isin(wanted)], **frames)

    def with_universe(self, universe: pd.DataFrame, *, described: str) -> Self:
        """Replace the universe; ``described`` says for the report what it is."""
        return replace(self, universe=universe, facts=replace(self.facts, universe=described))

    def with_outside(self, tables: Mapping[str, OutsideTable]) -> Self:
        """Add tables from beside the bars, or put others in their place: rows of these names that count by the end.

        Raises
        ------
        DataError
            If a table has no row for any of the names.
        """
        added = {name: table.beside(self.sessions[-1], self.tickers, name=name) for name, table in tables.items()}
        return self._part(outside={**self.outside, **added})

    def outside_values(self, name: str, *, days: int) -> pd.DataFrame:
        """What an outside table says at each close, shape (n_sessions, n_tickers); see ``OutsideTable.values_at``.

        Raises
        ------
        DataError
            If the bars have no such table.
        """
        if name not in self.outside:
            raise DataError(f"the bars bring no outside table {name}: give it with --outside {name}=FILE")
        return self.outside[name].values_at(self.sessions, self.tickers, days=days)

    def with_notes(self, *notes: str) -> Self:
        """Add findings to the notes of the facts."""
        return self._part(facts=replace(self.facts, notes=(*self.facts.notes, *notes)))

    def without_sessions(self, left_out: pd.DatetimeIndex, note: str) -> Self:
        """Leave out dates that are no session, and names that print on no other; facts say which, ``note`` why."""
        kept = ~self.sessions.isin(left_out)
        frames = {name: frame.loc[kept] for name, frame in self._frames()}
        printing = frames["close"].notna().any(axis=0)
        rest: dict[str, Any] = {name: frame.loc[:, printing] for name, frame in frames.items()}
        days = tuple(f"{day:%Y-%m-%d}" for day in left_out)
        facts = replace(self.facts, left_out=(*self.facts.left_out, *days), notes=(*self.facts.notes, note))
        return replace(self, **rest, facts=facts)

    def loaded_by(self, request: BarsRequest) -> Self:
        """The panel with the request that loads it again, for the record of a run."""
        return self._part(request=request)

    def fingerprint(self) -> str:
        """Sha256 of every number, date, ticker, basis and delisting of the panel, in hexadecimal."""
        digest = hashlib.sha256(json.dumps(_header(self), sort_keys=True).encode())
        for name, frame in self._frames():
            digest.update(name.encode())
            digest.update(_canonical_bytes(frame))
        for name, table in sorted(self.outside.items()):
            digest.update(f"outside {name}".encode())
            table.add_to(digest)
        return digest.hexdigest()

    def __str__(self) -> str:
        rows = self._shown()
        return "\n".join(f"{name:<{max(len(each) for each, _ in rows)}}  {value}" for name, value in rows)

    def __repr__(self) -> str:
        n_sessions, n_tickers = self.close.shape
        return f"<Panel {self.facts.source}: {n_sessions:,} sessions × {n_tickers:,} tickers, {_span(self.sessions)}>"

    def _repr_html_(self) -> str:
        printed, eligible = self.printed.sum(axis=1), self.universe.sum(axis=1)
        picture = small_lines(
            {"eligible": eligible.tolist(), "with a print": printed.tolist()}, title="Names by session"
        )
        return notebook_card(f"Daily bars of {self.facts.source}", self._shown(), picture)

    def _shown(self) -> list[tuple[str, str]]:
        n_sessions, n_tickers = self.close.shape
        beside = [("Outside", ", ".join(sorted(self.outside)))] if self.outside else []
        return [
            ("Sessions", f"{n_sessions:,}, {_span(self.sessions)}"),
            ("Tickers", f"{n_tickers:,}, {len(self.delistings):,} delisted"),
            ("Universe", f"{self.facts.universe}; {int(self.universe.iloc[-1].sum()):,} at the last close"),
            ("Prices", self.facts.adjustment),
            ("Volume", self.facts.volume_basis),
            ("Calendar", self.facts.session_words),
            ("Market", "synthetic: never evidence" if self.facts.synthetic else self.facts.source),
            *beside,
        ]

    def _part(self, **held: Any) -> Self:
        """Panel of some rows or columns, or with other facts, unchecked: what holds for all of them holds for some."""
        part = object.__new__(type(self))
        for name in self.__dataclass_fields__:
            object.__setattr__(part, name, held.get(name, None if name == "request" else getattr(self, name)))
        return part

    def _frames(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for name in (*BAR_FIELDS, "universe"):
            yield name, getattr(self, name)


def aligned_frame(
    values: np.ndarray, sessions: pd.DatetimeIndex, tickers: pd.Index, *, copy: bool = True
) -> pd.DataFrame:
    """Frame ``values`` (n_sessions, n_tickers) with the project's axis names, one ticker contiguous.

    Without ``copy`` the caller gives the values away: nobody may write to them any more.
    """
    index = pd.DatetimeIndex(sessions, name="session").as_unit("ns")
    columns = pd.Index(tickers, name="ticker", dtype="str")
    return pd.DataFrame(np.asfortranarray(values), index=index, columns=columns, copy=copy)


def _check_axes(sessions: pd.Index, tickers: pd.Index) -> None:
    if not isinstance(sessions, pd.DatetimeIndex) or sessions.tz is not None:
        raise BarsError("sessions must be dates without a time zone: convert them to the exchange's local date")
    if not (sessions.is_monotonic_increasing and sessions.is_unique):
        raise BarsError("sessions must be sorted and unique: sort the bars by date and drop repeated keys")
    if not tickers.is_unique:
        repeated = sorted(tickers[tickers.duplicated()])[:5]
        raise BarsError(f"tickers must be unique, repeated: {repeated}")


def _check_prices(panel: Panel) -> None:
    for name in PRICE_FIELDS:
        prices = getattr(panel, name).to_numpy()
        wrong = (prices <= 0) | np.isinf(prices)
        if wrong.any():
            where = _first_key(panel, wrong)
            raise BarsError(f"{name} must be positive and finite, was not {where}: drop or repair those rows")
    crossed = panel.high.to_numpy() < panel.low.to_numpy()
    if crossed.any():
        raise BarsError(f"high is below low {_first_key(panel, crossed)}: drop or repair those rows")
    negative = panel.volume.to_numpy() < 0
    if negative.any():
        raise BarsError(f"volume is negative {_first_key(panel, negative)}: drop or repair those rows")


def _dated(delistings: pd.DataFrame) -> pd.DataFrame:
    """Delistings on the clock of the sessions; a date that it does not reach, such as 9999-12-31, is none yet."""
    if delistings["session"].dtype == "datetime64[ns]":
        return delistings
    sessions = pd.to_datetime(delistings["session"])
    known = delistings[~(sessions >= pd.Timestamp(CLOCK_DAYS[1]))]
    return known.assign(session=sessions.reindex(known.index).astype("datetime64[ns]"))


def _check_delistings(panel: Panel) -> None:
    strangers = panel.delistings.index.difference(panel.tickers)
    if len(strangers):
        raise BarsError(f"delistings name tickers without bars: {list(strangers[:5])}")
    impossible = panel.delistings.index[~(panel.delistings["delisting_return"] >= -1.0)]
    if len(impossible):
        raise BarsError(f"delisting_return must be at least -1, was not for {impossible[0]}: write 0 where unknown")
    for ticker, last in panel.delistings["session"].items():
        if panel.close[ticker].loc[last:].iloc[1:].notna().any():
            raise BarsError(f"{ticker} prints after its delisting on {last:%Y-%m-%d}: correct the delisting date")


def _first_key(panel: Panel, wrong: np.ndarray) -> str:
    row, column = np.argwhere(wrong)[0]
    return f"for {panel.tickers[column]} on {panel.sessions[row]:%Y-%m-%d} ({int(wrong.sum())} such rows)"


def _span(sessions: pd.DatetimeIndex) -> str:
    return f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"


def _header(panel: Panel) -> dict[str, object]:
    return {
        "sessions": [f"{session:%Y-%m-%d}" for session in panel.sessions],
        "tickers": list(panel.tickers),
        "delistings": [
            [ticker, f"{event['session']:%Y-%m-%d}", repr(float(event["delisting_return"]))]
            for ticker, event in panel.delistings.iterrows()
        ],
        "basis": {key: value for key, value in asdict(panel.facts).items() if key in ("adjustment", "volume_basis")},
    }


def _canonical_bytes(frame: pd.DataFrame) -> bytes:
    values = frame.to_numpy()
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values)  # one bit pattern for every NaN
    return np.asfortranarray(values).tobytes(order="F")
