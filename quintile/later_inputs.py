"""Later inputs: the bars of today for a frozen version, as words name them: latest, a stored data set, a file, or more
of the built-in market.
"""

from dataclasses import replace
from typing import Any

from live.continued_market import Continuation, continued_market
from live.latest_bars import LATEST, latest_data_set
from market.builtin_words import BUILTIN, is_builtin
from market.holdout import HoldoutSettings, readable
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.synthetic.synthetic_settings import SyntheticSettings
from market.universe import choose_universe
from quintile.bar_requests import told_fields
from strategy.frozen.own_request import own_universe, version_request
from strategy.frozen.versions import VersionFolder

__all__ = ["later_inputs"]


def later_inputs(folder: VersionFolder, bars: str, *, holdout: HoldoutSettings | None = None, **beside: Any) -> Inputs:
    """Bars of today for a version, cut at their beginning as its own were and not at their end.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    bars : str
        ``"latest"`` for the data set that was stored last; ``"builtin+250"`` for the version's own built-in market and
        250 sessions after it; otherwise as every command takes bars.
    holdout : HoldoutSettings, optional
        A sealed hold-out, which is left out.
    **beside
        ``universe``, ``hedge``, ``exchange`` and ``outside``, as the options of a command; None for the version's.

    Raises
    ------
    SourceError
        If nothing is stored.
    RunError
        If the version's universe is a file and none was named.
    ValueError
        If the built-in market is to be continued for a version that is not of it.

    Examples
    --------
    >>> from quintile.later_inputs import later_inputs
    >>> from strategy.frozen.versions import find_version
    >>> later_inputs(find_version("filter_negative@1.1.0"), "builtin+20").panel.sessions[-1]
    Timestamp('2020-10-29 00:00:00')
    """
    more = Continuation.parse(bars)
    if more is not None:
        told = {name: value for name, value in beside.items() if value is not None}
        return _continued(folder, more, told, holdout)
    named = latest_data_set() if bars == LATEST else bars
    request = version_request(folder, told_fields({"bars": named, **beside}))
    return load_inputs(replace(request, end=None), holdout=holdout)


def _continued(
    folder: VersionFolder, more: Continuation, beside: dict[str, Any], holdout: HoldoutSettings | None
) -> Inputs:
    recorded = folder.body["request"]
    if folder.body["bars"] != BUILTIN or not is_builtin(recorded["bars"]):
        raise ValueError(f"builtin+N continues the built-in market, {folder.version} is not of it: name its bars")
    if other := sorted(beside.keys() - {"universe"}):
        raise ValueError(f"--{other[0]} does not go with builtin+N: the built-in market has none")
    told = [part.partition("=") for part in recorded["bars"].partition(":")[2].split(",") if part.strip()]
    settings = SyntheticSettings.model_validate({name.strip(): value.strip() for name, _, value in told})
    inputs, universe = continued_market(settings, more), beside.get("universe") or own_universe(folder)
    end = readable(BarsRequest(bars=BUILTIN), holdout).end
    panel = inputs.panel.between(recorded.get("start"), end)
    panel = panel if universe == "all" else choose_universe(panel, universe)
    return replace(inputs, panel=panel)
