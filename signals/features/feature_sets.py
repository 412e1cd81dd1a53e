"""Feature sets by name: those that come with Quintile and those that a user registers in this process."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from core.user_file import source_sha256
from signals.features.bars60 import BARS60
from signals.features.compact import COMPACT7, COMPACT12
from signals.features.core14 import CORE11, CORE14
from signals.features.feature import Feature
from signals.features.wide import WIDE95

__all__ = ["FEATURE_SETS", "SHIPPED_SETS", "own_sources", "register_feature_set"]

SHIPPED_SETS: Mapping[str, tuple[Feature, ...]] = MappingProxyType(
    {
        "core14": CORE14,
        "core11": CORE11,
        "compact7": COMPACT7,
        "compact12": COMPACT12,
        "wide95": WIDE95,
        "bars60": BARS60,
    }
)

_sets: dict[str, tuple[Feature, ...]] = dict(SHIPPED_SETS)
_sources: dict[str, dict[str, str]] = {}

FEATURE_SETS: Mapping[str, tuple[Feature, ...]] = MappingProxyType(_sets)  # follows what is registered


def register_feature_set(name: str, features: Sequence[Feature]) -> None:
    """Register a feature set of your own by name, in this process.

    The sources of the functions, as they are now, become part of the code fingerprint of runs. Registering a name again
    replaces its set.

    Parameters
    ----------
    name : str
        Lower-case words joined by underscores; not one of ``SHIPPED_SETS``.
    features : sequence of Feature
        Functions decorated with ``signals.feature``, shipped ones among them if you like; names are distinct.

    Raises
    ------
    ValueError
        If the name is taken or not a word, a member is not a feature, names repeat, or a function has no source.
    """
    if name in SHIPPED_SETS or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        shipped = ", ".join(SHIPPED_SETS)
        raise ValueError(f"{name!r} cannot name your feature set: choose a lower-case word other than {shipped}")
    _check_members(name, features)
    own = [feature for feature in features if _is_own(feature)]
    sources = {
        f"{name}/{feature.name}": source_sha256(feature.formula, what=f"feature {feature.name}") for feature in own
    }
    _sets[name], _sources[name] = tuple(features), sources


def own_sources() -> dict[str, str]:
    """Sha256 of the source of every registered feature that is not Quintile's, by ``set/feature``."""
    return {place: digest for sources in _sources.values() for place, digest in sources.items()}


def _check_members(name: str, features: Sequence[Feature]) -> None:
    strangers = [member for member in features if not isinstance(member, Feature)]
    if strangers or not features:
        kind = type(strangers[0]).__name__ if strangers else "nothing"
        raise ValueError(f"feature set {name} must hold features, was given {kind}: decorate functions with @feature")
    names = [member.name for member in features]
    repeated = sorted({each for each in names if names.count(each) > 1})
    if repeated:
        raise ValueError(f"feature set {name} holds {repeated} more than once: give each function its own name")


def _is_own(feature: Feature) -> bool:
    return not any(feature in members for members in SHIPPED_SETS.values())
