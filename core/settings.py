"""Settings: the base of every section that a strategy file may hold.

A section is frozen, compares by value and refuses keys it does not know.
"""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Later", "Settings"]

_LATER: Final = "added after a version was frozen"
Value = TypeVar("Value")
Later = Annotated[Value, _LATER]
"""A field that came after the first frozen version: while it keeps its default it decides nothing."""


class Settings(BaseModel):
    """A named group of numbers read from a strategy file; frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def deciding(self) -> dict[str, Any]:
        """Dump the numbers that decide, ready for JSON; a ``Later`` field is left out while it keeps its default.

        So a specification keeps its fingerprint when the next release learns something new.
        """
        dumped, sections = self.model_dump(mode="json"), type(self).model_fields
        idle = {name for name, field in sections.items() if _LATER in field.metadata and self._is_default(name)}
        inner = {name: value.deciding() for name in sections if isinstance(value := getattr(self, name), Settings)}
        return {name: inner.get(name, value) for name, value in dumped.items() if name not in idle}

    def _is_default(self, name: str) -> bool:
        same: bool = getattr(self, name) == type(self).model_fields[name].get_default(call_default_factory=True)
        return same
