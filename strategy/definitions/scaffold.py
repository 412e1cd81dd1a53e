"""Scaffold: a new strategy file with every key, its value, its choices and what it means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.errors import RunError
from core.files import write_text
from strategy.definitions.spec import DEFAULT_STRATEGY, StrategySpec, load_spec, override

__all__ = ["new_strategy", "strategy_text"]

HEAD = """\
# A strategy of Quintile: what is not written here keeps its default, an unknown key is an error.
# Run it:    quintile run {name}.toml
# Change it: edit a value; the sha256 of all values is the strategy's identity, title and summary aside.
"""


def new_strategy(name: str, *, folder: str | Path = ".", like: str = DEFAULT_STRATEGY) -> Path:
    """Write ``<name>.toml``, a commented copy of a strategy, and give its path.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores, a letter first.
    folder : str or Path
        Made if it does not exist.
    like : str
        Strategy whose numbers it starts from.

    Raises
    ------
    ValueError
        If the name is not allowed or there is no such strategy.
    RunError
        If the file exists: nothing is overwritten.
    """
    spec = override(load_spec(like), {"name": name, "title": name.replace("_", " ").capitalize()})
    path = Path(folder) / f"{name}.toml"
    if path.exists():
        raise RunError(f"{path} exists and is not overwritten: choose another name, or remove it first")
    write_text(path, strategy_text(spec))
    return path


def strategy_text(spec: StrategySpec) -> str:
    """Write out a spec as commented TOML, every key of every section; keys without a value are commented out."""
    lines = [HEAD.format(name=spec.name)]
    lines += [
        f"{_assignment('name', spec.name)}  # names its folder of runs",
        f"{_assignment('title', spec.title)}  # for people",
        f"{_assignment('summary', spec.summary)}  # for people",
    ]
    for section, value in _sections("", spec):
        lines += ["", f"[{section}]", *_section_lines(value)]
    return "\n".join(lines) + "\n"


def _sections(prefix: str, settings: BaseModel) -> Iterator[tuple[str, BaseModel]]:
    for name, value in settings:
        if isinstance(value, BaseModel):
            yield prefix + name, value
            yield from _sections(f"{prefix}{name}.", value)


def _section_lines(settings: BaseModel) -> Iterator[str]:
    for key, field in type(settings).model_fields.items():
        if isinstance(getattr(settings, key), BaseModel):
            continue
        value = settings.model_dump(mode="json")[key]
        comment = "; ".join(part for part in (field.description, _choices(field)) if part)
        if value is None or value == {}:
            yield f"# {key} =  # {comment}"
        else:
            yield f"{_assignment(key, value)}  # {comment}"


def _choices(field: FieldInfo) -> str:
    """Name the values of a key that takes one of a closed list."""
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return f"one of {', '.join(choices)}" if choices else ""


def _assignment(key: str, value: Any) -> str:
    return f"{key} = {_inline(value)}"


def _inline(value: Any) -> str:
    """A value as TOML on one line, so that its comment can follow."""
    if isinstance(value, dict):
        return f"{{ {', '.join(_assignment(name, each) for name, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(each) for each in value)}]"
    return tomli_w.dumps({"value": value}).strip().removeprefix("value = ")
