"""Sweep keys: which keys of a strategy a sweep may set, which of them a kind of model has, and the specs they make."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tomli_w

from strategy.definitions.spec import StrategySpec, override

__all__ = ["applicable", "check_key", "flattened", "settings_words", "spec_with", "toml_word"]

KIND = "model.kind"
REFUSED: Mapping[str, str] = {
    "split": "would move the test span, which no point of a sweep may touch: give it for all points, with --split",
    "holdout": "would move the sealed span, which no point of a sweep may touch: say it in the strategy",
    "name": "names the strategy and decides no number: leave it out",
    "title": "is for people and decides no number: leave it out",
    "summary": "is for people and decides no number: leave it out",
    "gates": "decides no number of a book: leave it out",
    "training.refit": "would train on what the points are judged on: give --refit, which refits the winner alone",
    "training.start": "is set by `quintile run --from` alone: leave it out",
}


def flattened(table: Mapping[str, Any], is_leaf: Callable[[Any], bool], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a TOML table's leaves by dotted key, in the order of the file.

    Examples
    --------
    >>> from strategy.sweeps.sweep_keys import flattened
    >>> dict(flattened({"model": {"hidden": [64, 128]}, "portfolio.k": [0.1]}, lambda value: isinstance(value, list)))
    {'model.hidden': [64, 128], 'portfolio.k': [0.1]}
    """
    for key, value in table.items():
        if isinstance(value, Mapping) and not is_leaf(value):
            yield from flattened(value, is_leaf, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check_key(key: str, *, seeds: bool = False) -> None:
    """Refuse a key that no point of a sweep may set.

    Parameters
    ----------
    key : str
        Dotted.
    seeds : bool
        The seeds of every point are given apart.

    Raises
    ------
    ValueError
        With the reason and the remedy.
    """
    for refused, why in REFUSED.items():
        if key == refused or key.startswith(f"{refused}."):
            raise ValueError(f"{key} {why}")
    if seeds and key == "training.seed":
        raise ValueError("training.seed does not go with --seeds, which trains every point with each of them")


def applicable(key: str, spec: StrategySpec) -> bool:
    """Whether a strategy's kind of model has the key; keys of other sections always apply.

    Examples
    --------
    >>> from strategy.sweeps.sweep_keys import applicable
    >>> applicable("model.hidden", spec), applicable("model.penalties", spec)
    (True, False)
    """
    section, _, rest = key.partition(".")
    if section == "model":
        return rest.partition(".")[0] in type(spec.model).model_fields
    if section in ("loss", "training") and key != "training.seed":
        return spec.model.learns_by_epochs
    return True


def spec_with(base: StrategySpec, settings: Mapping[str, Any]) -> tuple[dict[str, Any], StrategySpec]:
    """The settings that the point's kind of model has, and the strategy with them.

    Raises
    ------
    ValueError
        If a key is unknown or a value is not allowed.
    """
    of_kind = override(base, {KIND: settings[KIND]}) if KIND in settings else base
    kept = {key: value for key, value in settings.items() if applicable(key, of_kind)}
    try:
        return kept, override(base, kept)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("overrides: ")) from error


def settings_words(settings: Mapping[str, Any]) -> str:
    """Settings in one line, for people; the end of a key says enough."""
    return ", ".join(f"{key.rpartition('.')[2]} {_shown(value)}" for key, value in settings.items()) or "as it is"


def toml_word(value: Any) -> str:
    """A value as the right side of ``--set KEY=VALUE``, which reads TOML.

    Examples
    --------
    >>> from strategy.sweeps.sweep_keys import toml_word
    >>> toml_word([64, 32]), toml_word("ridge"), toml_word({"mse": 1.0})
    ('[64, 32]', '"ridge"', '{mse = 1.0}')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {toml_word(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(toml_word, value)) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).partition(" = ")[0]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
