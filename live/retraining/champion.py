"""Champion: the newest version of a name, the bars that a challenger is trained and judged on, and what it has seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import RunError
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from strategy.frozen.archive import read_expected, read_panel
from strategy.frozen.own_request import version_request
from strategy.frozen.run_version import FrozenStrategy
from strategy.frozen.versions import Version, VersionFolder, find_version, list_versions, plain

__all__ = [
    "Newer",
    "champion_of",
    "check_universe",
    "load_newer",
    "own_sessions",
    "retraining_request",
    "version_above",
]

MIN_SHARED = 0.5  # of the champion's names that newer bars must hold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newer:
    """Bars that go on after a champion's own.

    Parameters
    ----------
    panel : Panel
        Until the close at which the judgement is made.
    request : BarsRequest
        What loaded them.
    """

    panel: Panel
    request: BarsRequest


def champion_of(text: str, versions: Path) -> VersionFolder:
    """The version that a text names: ``name@number``, or the newest of a name.

    Raises
    ------
    ValueError
        If the folder holds none.
    """
    if "@" in text:
        return find_version(text, versions)
    frozen = list_versions(versions, Version.parse(f"{text}@0.0.0").name)
    if not frozen:
        known = ", ".join(sorted({each.version.name for each in list_versions(versions)})) or "none"
        raise ValueError(f"no version of {text} in {versions.name} (there: {known}): freeze a run of it first")
    return frozen[-1]


def version_above(champion: VersionFolder) -> str | None:
    """The newest version of the champion's name where that is another; None where it is the champion."""
    newest = list_versions(champion.path.parents[1], champion.version.name)[-1]
    return None if newest.version == champion.version else str(newest.version)


def retraining_request(champion: VersionFolder, told: Mapping[str, Any]) -> BarsRequest:
    """What to load for a challenger: the bars that were told, from where the champion's own begin, without an end.

    Parameters
    ----------
    champion : VersionFolder
        The version.
    told : mapping
        Fields of a request, ``bars`` among them.

    Raises
    ------
    RunError
        If another universe was told than the champion's.
    """
    own = str(champion.body["request"]["universe"])
    given = told.get("universe")
    if given is not None and Path(str(given)).name != Path(own).name:
        raise RunError(
            f"{champion.version} was frozen on universe {plain(own)}, not {plain(given)}: a challenger is judged on "
            "the same one"
        )
    return replace(version_request(champion, told), end=None)


def own_sessions(champion: VersionFolder, newer: Newer) -> pd.DatetimeIndex:
    """Sessions that the champion's spans are counted in: of the bars it holds, else of the newer ones."""
    if champion.body["bars"] != "embedded":
        return newer.panel.sessions
    return read_panel(champion.path).sessions


def load_newer(request: BarsRequest, frozen: FrozenStrategy) -> Newer:
    """Load bars and hold them against the champion's names.

    Raises
    ------
    RunError
        If the champion's hold-out is sealed and nothing later can be read, or the bars hold other names.
    """
    holdout = frozen.spec.holdout
    if holdout is not None:
        raise RunError(
            f"the hold-out of {frozen.folder.version} is sealed from {holdout.start}, and a challenger would be judged "
            f"in it: open it with `quintile holdout open {frozen.folder.version}`"
        )
    newer = Newer(panel=load_inputs(request).panel, request=request)
    check_universe(frozen.folder, newer.panel)
    return newer


def check_universe(champion: VersionFolder, panel: Panel) -> None:
    """Refuse bars of another universe: less than half of the names that the champion was shown on.

    Names that are gone since count too, unlike for the monitor: a challenger is trained on these bars.

    Raises
    ------
    RunError
        If they are.
    """
    names = read_expected(champion.path)["bar_returns"].columns
    shared = names.isin(panel.tickers)
    if shared.mean() < MIN_SHARED:
        raise RunError(
            f"the bars hold {shared.sum():,} of the {len(names):,} names that {champion.version} was frozen on: give "
            "bars of its universe"
        )
