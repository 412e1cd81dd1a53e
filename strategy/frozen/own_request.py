"""Own request: the bars that a version may be run on: those that lie in it, the built-in market, or what a user names.

A lock comes from anyone. What it says of its bars cuts and describes bars; it opens no path of this machine, names no
stored data set, and asks no vendor.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.errors import RunError
from market.builtin_words import BUILTIN, is_builtin
from market.eligibility import Eligibility
from market.request import BarsRequest
from strategy.frozen.versions import VersionFolder, plain
from strategy.runs.context import IN_MEMORY

__all__ = ["described_bars", "embedded_request", "own_universe", "version_request"]

RULE = re.compile(r"all|top[1-9][0-9]{0,5}")


def version_request(folder: VersionFolder, told: Mapping[str, Any], *, purpose: str = "") -> BarsRequest:
    """A request for the bars that were told, or for the built-in market of a version that is of it; cut as its own.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    told : mapping of str to object
        Fields of a request that the user named; they replace the version's.
    purpose : str
        Begins the message where the bars have to be named.

    Raises
    ------
    RunError
        If no bars were told and the version is not of the built-in market, or no universe and its own is a file.
    """
    body = folder.body
    if "bars" not in told and body["bars"] != BUILTIN:
        whose = f"{folder.version} does not hold {'its' if body['bars'] == 'given' else 'later'} bars"
        raise RunError(f"{purpose}{whose} ({plain(body['request']['bars'])}): name them with --bars")
    recorded = str(body["request"]["bars"])
    bars = {} if "bars" in told else {"bars": recorded if is_builtin(recorded) else BUILTIN}
    universe = {} if "universe" in told else {"universe": own_universe(folder)}
    return replace(BarsRequest.for_bars(body["request"]), **(bars | universe | dict(told)))


def own_universe(folder: VersionFolder) -> str:
    """The universe of a version where it is a rule.

    Raises
    ------
    RunError
        If it is a file of members, which only the user can name.
    """
    universe = str(folder.body["request"]["universe"])
    if RULE.fullmatch(Eligibility.parse(universe).source) is None:
        raise RunError(f"the universe of {folder.version} is a file ({plain(universe)}): name it with --universe")
    return universe


def described_bars(folder: VersionFolder) -> dict[str, Any]:
    """Universe and exchange of a version, for bars that were loaded without a word on either.

    Raises
    ------
    RunError
        As ``own_universe``.
    """
    return {"universe": own_universe(folder), "exchange": folder.body["request"].get("exchange")}


def embedded_request(folder: VersionFolder) -> BarsRequest:
    """What a run on the bars that lie in a version records: nothing that a later command would go and load."""
    recorded = BarsRequest.for_bars(folder.body["request"])
    is_rule = RULE.fullmatch(Eligibility.parse(recorded.universe).source) is not None
    return replace(recorded, bars=IN_MEMORY, universe=recorded.universe if is_rule else "all")
