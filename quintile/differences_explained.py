"""Differences explained: why two results differ, by stage."""

from pathlib import Path

import pandas as pd

from live.differences.differences_page import write_page
from live.differences.explanation import Explanation
from live.differences.gap_division import explain as divide
from live.differences.recipe_sources import Told, Word, recipes
from quintile.bar_frames import Bars, as_inputs
from quintile.frozen_version import FrozenVersion
from quintile.progress_display import shown_progress
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE, RunStore

__all__ = ["Result", "explain"]

Result = Run | FrozenVersion | pd.DataFrame | str | Path


def explain(
    first: Result,
    second: Result,
    *,
    bars: Bars | None = None,
    capital: float | None = None,
    store: str | Path = DEFAULT_STORE,
    page: str | Path | None = None,
) -> Explanation:
    """Divide the gap between two results among bars, universe, features, scores, book, fills and costs.

    Every stage in which the two differ is swapped, each mix is replayed, and a part is the mean of what a swap adds
    over all orders (Shapley): parts sum to the gap, and a stage that is the same is exactly 0.

    Parameters
    ----------
    first, second : Run, FrozenVersion, DataFrame, str or Path
        Figures are those of the second less those of the first. A DataFrame holds fills: ``session``, ``ticker``,
        ``shares`` (negative for a sale), ``price`` and perhaps ``fee``, or what a file of another tool's trades has. A
        text is a run's id, ``"latest"``, a shipped version by ``name@number``, ``"paper:name@number"`` for what it
        decided on paper and ``"fills:name@number"`` for what a broker filled of it.
    bars : Panel, Inputs or DataFrame, optional
        Bars for sides whose own are nowhere: runs on bars in memory, paper logs, fills.
    capital : float, optional
        Cash before the first of given fills; of books that never sell short the least that pays their purchases.
    store : str or Path
        Folder of runs.
    page : str or Path, optional
        Where a page of it is written.

    Returns
    -------
    Explanation
        Prints; ``parts``, ``places`` and ``paths`` are its values.

    Raises
    ------
    RunError
        If a side is not found, has not finished, or the two share fewer than 20 sessions.
    DataError
        If trades do not fit the bars.

    Examples
    --------
    >>> qt.explain(run, run, bars=bars).same
    True
    """
    told = Told(store=RunStore(Path(store)), bars=None if bars is None else as_inputs(bars), capital=capital)
    with shown_progress() as progress:
        found = divide(*recipes(_word(first), _word(second), told), progress=progress)
    return found if page is None else write_page(found, Path(page))


def _word(result: Result) -> Word:
    if isinstance(result, Run | FrozenVersion):
        return result.folder
    return str(result) if isinstance(result, Path) else result
