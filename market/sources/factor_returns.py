"""Factor returns: returns of factor portfolios from a file, such as those of Fama and French, as fractions a session.

The risk-free return may be called rf, RF, Rf, risk_free or risk-free; it is ``rf`` from here on. A rate hardly moves,
so that its unit is judged by its size: a few basis points a day at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.conventions import SESSIONS_PER_YEAR
from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import plain_name
from market.bars.csv import has_prose
from market.bars.dated_columns import DatedColumns, date_name, dated_columns, is_row_numbers
from market.bars.defects import Defect
from market.ticker_names import few_words

__all__ = ["Factors", "checked_factors", "load_factors", "read_factors"]

RISK_FREE = "rf"
RISK_FREE_NAMES = frozenset(["rf", "riskfree", "riskfreerate", "rfr"])  # letters alone, in lower case
MAX_VOLATILITY = 0.1  # standard deviation a session; published files in percent have about 1
MAX_RATE_A_YEAR = 0.252  # the sum of a year's sessions: more are rates of a year or a month, or percent
MISSING_CODES = (-99.99, -999.0, -999.99, -9999.0)  # how published files write a missing return
MIN_OWN_SHARE = 0.5  # of the sessions in its own span that a daily series has a number for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Factor returns on the sessions of a panel, and what a report should say of them."""

    values: pd.DataFrame
    notes: tuple[str, ...] = ()


def load_factors(source: str | Path, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Read the simple returns of factors.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with a date and one column for each factor, returns a session as fractions; a column
        ``rf`` or ``risk_free`` holds the risk-free return.
    sessions : DatetimeIndex
        Sessions wanted.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_factors)
        Columns by the file's names in lower case; NaN where the file has no number.

    Raises
    ------
    SourceError
        If the file cannot be read, or none of its sessions is wanted.
    BarsError
        If there is no date, a date repeats, a column holds text, or its numbers are no returns of a session.
    """
    return read_factors(source, sessions).values


def read_factors(
    source: str | Path,
    sessions: pd.DatetimeIndex,
    *,
    zone: str | None = None,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> Factors:
    """Read factor returns with what a report should say of them.

    Parameters
    ----------
    source, sessions
        Those of ``load_factors``.
    zone : str, optional
        The exchange's time zone, for times in UTC.
    sessions_per_year : float
        Of the bars, by which the size of a risk-free return is judged.
    """
    path = Path(source)
    table = read_whole_table(path, what="factors")
    date, columns = _columns(table, path.name)
    read = dated_columns(table, columns, date=date, origin=path.name, zone=zone)
    frame, coded = _without_codes(read.frame)
    read.checked(*_infinite(read))
    frame, scaled = _as_fractions(frame, path.name) if has_prose(table) else (frame, ())
    placed = frame.reindex(sessions)
    if placed.isna().all(axis=None):
        raise SourceError(
            f"{path.name} has no factors between {sessions[0]:%Y-%m-%d} and {sessions[-1]:%Y-%m-%d}"
            + (f": it runs from {frame.index[0]:%Y-%m-%d} to {frame.index[-1]:%Y-%m-%d}" if len(frame) else "")
        )
    found = checked_factors(placed, origin=path.name, sessions_per_year=sessions_per_year)
    return Factors(values=found.values, notes=(*read.notes, *coded, *scaled, *found.notes))


def checked_factors(frame: pd.DataFrame, *, origin: str, sessions_per_year: float = SESSIONS_PER_YEAR) -> Factors:
    """Check the units of factor returns, wherever they came from, and give the risk-free return its one name.

    Parameters
    ----------
    frame : DataFrame of float, shape (n_sessions, n_factors)
        Returns on the sessions of a panel.
    origin : str
        Name of their source, for messages.
    sessions_per_year : float
        Of the panel: 52 of weekly bars.

    Returns
    -------
    Factors
        Constant factors and those without a number left out, a monthly risk-free return carried; notes say so.

    Raises
    ------
    BarsError
        If returns are in percent, levels, rates of a year, or of a month.

    Examples
    --------
    >>> from market.sources.factor_returns import checked_factors
    >>> checked_factors(pd.DataFrame({"Mkt": [0.01, -0.02], "RF": [1e-4, 1e-4]}), origin="mine").values.columns.tolist()
    ['Mkt', 'rf']
    """
    frame = frame.rename(columns=_risk_free_names(frame.columns, origin))
    factors = [name for name in frame.columns if name != RISK_FREE]
    for name in factors:
        _check_returns(frame[name].dropna(), str(name), origin)
        _check_daily(frame[name], str(name), origin)
    notes = []
    if RISK_FREE in frame:
        _check_rate(frame[RISK_FREE].dropna(), origin, sessions_per_year)
        frame, carried = _carried_rate(frame)
        notes += carried
    idle = [name for name in factors if frame[name].dropna().nunique() < 2]
    if idle:
        told = few_words([str(name) for name in idle])
        still = "never move, so that they tell" if len(idle) > 1 else "never moves, so that it tells"
        notes.append(f"factors of {origin} left out: {told} {still} nothing beside the intercept")
    if len(idle) == len(factors):
        notes.append("no given factor moves: there is no regression on factors")
    return Factors(values=frame.drop(columns=idle), notes=tuple(notes))


def _columns(table: pa.Table, origin: str) -> tuple[str, dict[str, str]]:
    """The file's name of the date, and of each factor by its name in lower case; a column of row numbers is none."""
    date = date_name(table)
    if date is None or table.num_columns < 2:
        raise BarsError(f"{origin} needs a date and one column for each factor, found {table.schema.names[:8]}")
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs a date and returns on each")
    names = [name for name in table.schema.names if name != date and not is_row_numbers(name, table[name])]
    lower = [name.strip().lower() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        raise BarsError(f"{origin} has more than one column for {few_words(twice)}: keep one of them")
    return date, dict(zip(lower, names, strict=True))


def _without_codes(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    coded = frame.isin(MISSING_CODES)
    if not coded.any(axis=None):
        return frame, ()
    word = float(frame.to_numpy()[coded.to_numpy()][0])
    return frame.mask(coded), (f"{int(coded.sum().sum()):,} factor returns of {word:g} read as missing",)


def _as_fractions(frame: pd.DataFrame, origin: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Returns of a file as its publisher wrote it, prose and all, which are in percent if those of each factor are."""
    factors = frame[[name for name in frame.columns if plain_name(str(name)) not in RISK_FREE_NAMES]]
    spread = factors.std()
    if spread.empty or not (spread > MAX_VOLATILITY).all() or not (factors < 0).any().all():
        return frame, ()
    return frame / 100, (f"returns of {origin} read as percent: {spread.index[0]} moves by {spread.iloc[0]:.2g} a row",)


def _infinite(read: DatedColumns) -> tuple[Defect, ...]:
    found = [
        read.defect(name, np.isinf(read.frame[name].to_numpy()), f"{name} must be finite", ": repair those rows")
        for name in read.frame.columns
    ]
    return tuple(defect for defects in found for defect in defects)


def _risk_free_names(names: Iterable[object], origin: str) -> dict[object, str]:
    spelled = [name for name in names if plain_name(str(name)) in RISK_FREE_NAMES]
    if len(spelled) > 1:
        raise BarsError(f"{origin} has more than one risk-free return: {[str(n) for n in spelled]}; keep one of them")
    return dict.fromkeys(spelled, RISK_FREE)


def _check_returns(returns: pd.Series, name: str, origin: str) -> None:
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    size = float(returns.abs().median()) if len(returns) else 0.0
    if len(returns) > 1 and (returns > 0).all() and size > MAX_VOLATILITY and spread > 0:
        raise BarsError(
            f"{origin} holds {name} of about {size:.4g}, never below zero: these look like levels, give returns, "
            "level.pct_change()"
        )
    if spread > MAX_VOLATILITY:
        raise BarsError(f"{origin} moves by {spread:.2g} per session in {name}: it looks like percent, divide by 100")
    if len(returns) and (returns <= -1).any():
        place = int(np.flatnonzero(returns <= -1)[0])
        raise BarsError(
            f"{name} must be a return above -1, was {returns.iloc[place]:g} on {_day(returns.index[place])} in {origin}"
            ": repair it, or leave it empty"
        )


def _check_rate(rates: pd.Series, origin: str, per_year: float) -> None:
    """Refuse a risk-free return by its size; the remedy names the likely unit."""
    if rates.empty or rates.abs().max() * per_year <= MAX_RATE_A_YEAR:
        return
    place = int(np.argmax(rates.abs().to_numpy()))
    rate, day = float(rates.iloc[place]), rates.index[place]
    size, monthly = abs(rate), round(per_year / 12)
    if size >= 0.3:
        likely = f"percent a year, divide by 100 and by {per_year:g}"
    elif size >= 0.007 or monthly < 2:
        likely = f"a rate of a year, divide by {per_year:g}, or percent a session, divide by 100"
    else:
        likely = f"a rate of a month, divide by {monthly}, or of a year, divide by {per_year:g}"
    raise BarsError(
        f"{origin} has a risk-free return of {rate:.4g} a session on {_day(day)}, {size * per_year:.0%} a year: it "
        f"looks like {likely}; give the return of one session as a fraction"
    )


def _check_daily(returns: pd.Series, name: str, origin: str) -> None:
    own = returns.loc[returns.first_valid_index() : returns.last_valid_index()] if returns.notna().any() else returns
    if len(own) > 2 and own.notna().any() and own.notna().mean() < MIN_OWN_SHARE:
        raise BarsError(
            f"{origin} has {name} for {own.notna().sum():,} of the {len(own):,} sessions from {_day(own.index[0])} to "
            f"{_day(own.index[-1])}: it looks like weekly or monthly returns, give daily ones or leave the column out"
        )


def _carried_rate(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A risk-free return of every month or week stands until the next one."""
    rate, beside = frame[RISK_FREE], frame.drop(columns=RISK_FREE)
    wanted = beside.notna().any(axis=1) if len(beside.columns) else rate.index <= rate.last_valid_index()
    carried = rate.where(rate.notna() | ~wanted, rate.ffill())
    filled = int((carried.notna() & rate.isna()).sum())
    if not filled:
        return frame, []
    told = f"the risk-free return is missing in {filled:,} of {len(rate):,} sessions: the last one known stands there"
    return frame.assign(**{RISK_FREE: carried}), [told]


def _day(session: object) -> str:
    return f"{session:%Y-%m-%d}" if isinstance(session, pd.Timestamp) else str(session)
