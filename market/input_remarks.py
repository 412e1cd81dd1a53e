"""Input remarks: what bars, benchmark, VIX and factors were worth; nothing suspected or unused goes unsaid."""

import numpy as np
import pandas as pd

from market.audit.suspicions import suspicions
from market.exchange_fit import frequency_of
from market.inputs import Inputs
from market.panel import Panel
from market.sources.factor_returns import RISK_FREE

__all__ = ["frequency_remark", "input_remarks"]

MIN_REGRESSED = 60  # sessions that a regression on factors needs


def input_remarks(inputs: Inputs, sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    """Sentences on benchmark, VIX, factors and sectors, for page one.

    Parameters
    ----------
    inputs : Inputs
        Bars and what stands beside them.
    sessions : DatetimeIndex
        The judged sessions.

    Returns
    -------
    tuple of str
        What an audit suspects of the bars, what the readers found, how many judged sessions a file lacks, and what is
        unused for it.

    Examples
    --------
    >>> from market.input_remarks import input_remarks
    >>> input_remarks(qt.Inputs(panel=bars), bars.sessions)
    ()
    """
    beside = (*_benchmark(inputs, sessions), *_vix(inputs, sessions), *_factors(inputs, sessions))
    beside += _outside(inputs.panel, sessions)
    return (*suspicions(inputs.panel), *inputs.notes, *beside)


def frequency_remark(panel: Panel) -> tuple[str, ...]:
    """A sentence on bars that are not daily, where no page is stamped with it; none on daily ones."""
    per_year = panel.facts.sessions_per_year
    kind = frequency_of(per_year)
    if kind == "daily":
        return ()
    return (f"These bars are not daily but {kind}, {per_year:g} a year: what is called a session is one of them.",)


def _benchmark(inputs: Inputs, sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    if inputs.benchmark is None:
        return ()
    known = inputs.benchmark.reindex(sessions).notna().to_numpy()
    held = known & sessions.isin(inputs.absent)
    told = []
    if held.any():
        told.append(
            f"The benchmark has no close in {_of(held, sessions)}: its last level stands there, and the return after "
            "the hole spans it."
        )
    if not known.any():
        told.append("The benchmark has no return in any judged session: it is unused.")
    elif not known.all():
        told.append(f"The benchmark has no return in {_of(~known, sessions)}: it is compared over the others.")
    return tuple(told)


def _vix(inputs: Inputs, sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    if inputs.vix is None:
        return ()
    known = inputs.vix.reindex(sessions).notna().to_numpy()
    if not known.any():
        return ("The VIX has no close in any judged session: it is unused.",)
    return () if known.all() else (f"The VIX has no close in {_of(~known, sessions)}: they are in no regime of it.",)


def _factors(inputs: Inputs, sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    if inputs.factors is None:
        return ()
    placed = inputs.factors.reindex(sessions)
    moving = placed.drop(columns=RISK_FREE, errors="ignore")
    if not len(moving.columns):
        return ()
    known = placed.notna().all(axis=1).to_numpy()
    told = []
    if not known.all():
        told.append(f"The factors lack {_of(~known, sessions)}: the regression on them leaves those out.")
    x = np.column_stack([np.ones(known.sum()), moving[known].to_numpy(dtype=float)])
    if known.sum() < MIN_REGRESSED:
        told.append(
            f"There is no regression on factors: {known.sum():,} judged sessions have them all, it needs "
            f"{MIN_REGRESSED}."
        )
    elif np.linalg.matrix_rank(x) < x.shape[1]:
        told.append(
            "There is no regression on factors: in the judged sessions some are constant, or a combination of others."
        )
    return tuple(told)


def _outside(panel: Panel, sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    """What the readers of outside tables found, and tables that end before the judged sessions."""
    told = [f"Outside table {name}: {note}." for name, table in panel.outside.items() for note in table.notes]
    for name, table in panel.outside.items():
        last = table.rows["since"].max()
        if not last >= sessions[0]:
            when = "no row" if pd.isna(last) else f"its last row counts from {last:%Y-%m-%d}"
            told.append(f"Outside table {name} tells nothing new in the judged sessions: {when}.")
    return tuple(told)


def _of(marked: np.ndarray, sessions: pd.DatetimeIndex) -> str:
    first = sessions[int(np.flatnonzero(marked)[0])]
    return f"{marked.sum():,} of the {len(sessions):,} judged sessions, the first {first:%Y-%m-%d}"
