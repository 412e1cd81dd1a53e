"""Settings: the base of every section that a strategy file may hold.

A section is frozen, compares by value and refuses keys it does not know. A key that came after a version was frozen is
``Later`` where its default does what was done before, and marked ``Formerly`` where its default does better: then a
record without the key keeps the former value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator

__all__ = ["RECORDED", "Formerly", "Later", "Settings", "first_problem", "is_record"]

_LATER: Final = "added after a version was frozen"
_RECORDED: Final = "recorded"
RECORDED: Final = {_RECORDED: True}  # the context in which a record is validated
Value = TypeVar("Value")
Later = Annotated[Value, _LATER]
"""A field that came after the first frozen version: while it keeps its default it decides nothing."""


@dataclass(frozen=True, slots=True)
class Formerly:
    """Mark of a field that came after a version was frozen and whose default is not what was done before.

    A record (:meth:`Settings.recorded`) without the key has ``value``, which is left out of the fingerprint; a user's
    file without the key has the default. So records keep their numbers and their fingerprint, and new strategies get
    the better rule.

    Parameters
    ----------
    value : object
        What was done before the field came.
    """

    value: Any


class Settings(BaseModel):
    """A named group of numbers read from a strategy file; frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def recorded(cls, numbers: Any) -> Self:
        """Validate what a run, a version or a checkpoint wrote down: keys younger than it have their former value.

        Raises
        ------
        ValidationError
            If a key or value is not allowed.
        """
        return cls.model_validate(numbers, context=RECORDED)

    @model_validator(mode="before")
    @classmethod
    def _fill_former(cls, numbers: Any, info: ValidationInfo) -> Any:
        if not is_record(info) or not isinstance(numbers, Mapping):
            return numbers
        fields = cls.model_fields.items()
        former = {name: mark.value for name, field in fields for mark in field.metadata if isinstance(mark, Formerly)}
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields if name not in numbers}
        sections: dict[str, Any] = {name: {} for name, value in defaults.items() if isinstance(value, Settings)}
        return former | sections | dict(numbers)

    def deciding(self) -> dict[str, Any]:
        """Dump the numbers that decide, ready for JSON, without those that came later and do as was done before.

        So a specification keeps its fingerprint when the next release learns something new.
        """
        dumped, sections = self.model_dump(mode="json"), type(self).model_fields
        inner = {name: value.deciding() for name in sections if isinstance(value := getattr(self, name), Settings)}
        return {name: inner.get(name, value) for name, value in dumped.items() if not self._is_idle(name)}

    def _is_idle(self, name: str) -> bool:
        """Whether a field came later and has the value that changes nothing."""
        field, value = type(self).model_fields[name], getattr(self, name)
        former = [mark.value for mark in field.metadata if isinstance(mark, Formerly)]
        if _LATER in field.metadata:
            former.append(field.get_default(call_default_factory=True))
        return value in former


def is_record(info: ValidationInfo) -> bool:
    """Whether what is validated was recorded by an earlier process."""
    return bool((info.context or {}).get(_RECORDED))


def first_problem(error: ValidationError, *, keys: str, within: tuple[str, ...] = ()) -> str:
    """The first thing that is wrong with settings, in one line: the key, what is wrong and the value seen.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    keys : str
        Where a user finds the keys there are, after "remove it, or".
    within : tuple of str
        The section that was read, outermost first.

    Examples
    --------
    >>> from pydantic import ValidationError
    >>> from core.settings import Settings, first_problem
    >>> class Costs(Settings):
    ...     bps: float = 5.0
    >>> try:
    ...     Costs(bps="much")
    ... except ValidationError as error:
    ...     first_problem(error, keys="see the README")
    "bps: input should be a valid number, unable to parse string as a number, was 'much'"
    """
    problem = error.errors()[0]
    place = (*within, *map(str, problem["loc"]))
    key, cause = ".".join(part for part in place if part != "[key]"), problem.get("ctx", {}).get("error")
    if isinstance(cause, ValidationError):  # of a section whose kind was known only once it was read
        return first_problem(cause, keys=keys, within=place)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}: remove it, or {keys}"
    if problem["type"] == "value_error":  # a section's own check says what it saw
        return f"{key}: {problem['ctx']['error']}" if key else f"{problem['ctx']['error']}"
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, was {problem['input']!r}"
