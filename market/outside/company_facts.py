"""Company facts: one figure of one company out of an EDGAR ``companyfacts`` file, each with the day it was filed.

A filing repeats figures of earlier periods: the comparatives. ``fy`` and ``fp`` of such an entry name the filing, not
the period, so that a reader who goes by them takes last year's figure for this year's. Here a period is its own first
and last day. An entry counts from its filing on; one of an earlier period is a revision of that period and of no other.
"""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from core.errors import SourceError
from core.files import read_json

__all__ = ["company_facts"]

Period = Literal["quarter", "year", "instant"]
SPANS = {"quarter": (70, 120), "year": (330, 390)}  # days from first to last: fiscal weeks move by some
COLUMNS = ("date", "ticker", "value", "known_at")


def company_facts(
    source: str | Path,
    *,
    ticker: str,
    tag: str,
    unit: str = "USD",
    period: Period = "quarter",
) -> pd.DataFrame:
    """Read one figure of a company, one row for each period and filing.

    Parameters
    ----------
    source : str or Path
        A JSON file as EDGAR's ``api/xbrl/companyfacts`` gives it.
    ticker : str
        What the bars call the company.
    tag : str
        Name of the figure, such as ``"NetIncomeLoss"``; with a taxonomy other than ``us-gaap`` in front, such as
        ``"dei:EntityCommonStockSharesOutstanding"``.
    unit : str
        Such as ``"USD"``, ``"shares"`` or ``"USD/shares"``.
    period : {"quarter", "year", "instant"}
        Flows over a quarter or a year, told by their first and last day, or stocks at a day. Half a year and nine
        months, which end on the days that quarters do, are left out. Many companies file no fourth quarter by itself.

    Returns
    -------
    DataFrame
        ``date`` (the period's last day), ``ticker``, ``value`` and ``known_at`` (the day of filing), sorted by filing;
        to be written to a file for ``--outside``.

    Raises
    ------
    SourceError
        If the file is of another form, or has no such figure, unit or period.

    Examples
    --------
    >>> import json
    >>> first = {"start": "2020-01-01", "end": "2020-03-31", "val": 12.0, "filed": "2020-05-01", "form": "10-Q"}
    >>> figures = {"us-gaap": {"NetIncomeLoss": {"units": {"USD": [first]}}}}
    >>> _ = facts_path.write_text(json.dumps({"facts": figures}))
    >>> company_facts(facts_path, ticker="ABC", tag="NetIncomeLoss")
            date ticker  value   known_at
    0 2020-03-31    ABC   12.0 2020-05-01
    """
    if period not in (*SPANS, "instant"):
        raise ValueError(f"period must be quarter, year or instant, was {period!r}")
    entries = pd.DataFrame(_entries(Path(source), tag, unit))
    origin = Path(source).name
    missing = [column for column in ("end", "val", "filed") if column not in entries]
    if missing:
        raise SourceError(f"{origin} has entries of {tag} without {missing[0]}: take a companyfacts file of EDGAR")
    rows = pd.DataFrame(
        {
            "date": _days(entries["end"], origin),
            "ticker": ticker,
            "value": _numbers(entries["val"]),
            "known_at": _days(entries["filed"], origin),
            "form": entries.get("form", pd.Series("", index=entries.index)).astype("str"),
        }
    )
    kept = rows[_of_period(entries, rows["date"], period, origin) & rows["value"].notna()]
    if kept.empty:
        raise SourceError(f"{origin} has no {tag} of a {period}: choose another period of quarter, year, instant")
    amended = kept["form"].str.endswith("/A")
    kept = kept.assign(amended=amended).sort_values(["known_at", "date", "amended"], kind="stable")
    return kept.drop_duplicates(["date", "known_at"], keep="last")[list(COLUMNS)].reset_index(drop=True)


def _entries(path: Path, tag: str, unit: str) -> list[dict[str, Any]]:
    taxonomy, separator, name = tag.rpartition(":")
    if not path.is_file():
        raise SourceError(f"there is no file {path}: give a companyfacts file of EDGAR")
    try:
        facts = read_json(path)
    except SourceError as error:
        if error.__cause__ is None:  # too large, or no file
            raise
        raise SourceError(f"{path.name} is not JSON ({error.__cause__}): take a companyfacts file of EDGAR") from error
    figures = facts.get("facts", {}) if isinstance(facts, dict) else {}
    found = figures.get(taxonomy if separator else "us-gaap", {}) if isinstance(figures, dict) else {}
    if not isinstance(found, dict) or name not in found:
        raise SourceError(f"{path.name} has no figure {tag}: {_some(found)}")
    units = found[name].get("units", {}) if isinstance(found[name], dict) else {}
    if not isinstance(units, dict) or not units.get(unit):
        raise SourceError(f"{path.name} has {tag} in no {unit}: {_some(units)}")
    return [entry for entry in units[unit] if isinstance(entry, dict)]


def _some(found: Any) -> str:
    names = sorted(found)[:6] if isinstance(found, dict) else []
    return f"it has {', '.join(names)}, …" if names else "take a companyfacts file of EDGAR"


def _numbers(column: pd.Series) -> pd.Series:
    """The numbers of a column as float64; NaN for whatever else a file may hold."""
    known = [float(each) if type(each) in (int, float) else math.nan for each in column]
    return pd.Series(known, column.index, dtype="float64")


def _days(column: pd.Series, origin: str) -> pd.Series:
    texts = pd.Series([each if isinstance(each, str) else None for each in column], column.index, dtype="object")
    days = pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce").astype("datetime64[ns]")
    if days.isna().any():
        first = str(column[days.isna()].iloc[0])
        raise SourceError(f"{origin} has the {column.name} {first!r}, which is no date: repair it")
    return days


def _of_period(entries: pd.DataFrame, ends: pd.Series, period: str, origin: str) -> np.ndarray:
    """Which entries are of the wanted length."""
    starts = entries["start"] if "start" in entries else pd.Series(np.nan, index=entries.index)
    if period == "instant":
        return starts.isna().to_numpy()
    flows = starts.notna()
    days = pd.Series(0, index=entries.index)
    days[flows] = (ends[flows] - _days(starts[flows], origin)).dt.days + 1
    shortest, longest = SPANS[period]
    return days.between(shortest, longest).to_numpy()
