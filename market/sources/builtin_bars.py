"""Built-in bars: the built-in market that words name, made again from its words alone.

So a run on any of them can be frozen and replayed.
"""

from typing import TYPE_CHECKING

from market.builtin_words import BUILTIN

if TYPE_CHECKING:
    from market.synthetic import SyntheticMarket, SyntheticSettings

__all__ = ["builtin_market", "builtin_source"]


def builtin_source(settings: "SyntheticSettings") -> str:
    """The words for a built-in market; settings at their default are left out.

    Examples
    --------
    >>> from market.sources.builtin_bars import builtin_source
    >>> builtin_source(qt.SyntheticSettings(seed=2, planted_ic=0.0))
    'builtin:seed=2,planted_ic=0.0'
    """
    told = settings.model_dump(mode="json", exclude_defaults=True)
    return BUILTIN + "".join(f"{':' if place == 0 else ','}{name}={told[name]}" for place, name in enumerate(told))


def builtin_market(source: str) -> "SyntheticMarket":
    """The market that words name.

    Raises
    ------
    ValueError
        If a word is no setting of a built-in market, or its value is not allowed.

    Examples
    --------
    >>> from market.sources.builtin_bars import builtin_market
    >>> builtin_market("builtin:n_tickers=20,n_sessions=150").panel
    <Panel built-in synthetic market, seed 1, planted IC 0.045: 150 sessions × 20 tickers, 2015-01-02 to 2015-07-30>
    """
    from market.synthetic import synthetic_market

    return synthetic_market() if source == BUILTIN else synthetic_market(_settings(source))


def _settings(source: str) -> "SyntheticSettings":
    from pydantic import ValidationError

    from market.synthetic import SyntheticSettings

    parts = [part.partition("=") for part in source.partition(":")[2].split(",") if part.strip()]
    told = {name.strip(): value.strip() for name, _, value in parts}
    try:
        return SyntheticSettings.model_validate(told)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        known = ", ".join(SyntheticSettings.model_fields)
        raise ValueError(
            f"{source} names no built-in market: {key} {problem['msg'].lower()}, was {problem['input']!r}; settings "
            f"are {known}, as in builtin:seed=2,planted_ic=0"
        ) from error
