"""Clock: what the forks take for now. It stands still, so that a world is built and met to the same bits."""

import datetime
import sys
from itertools import count
from types import SimpleNamespace

from tests.house import PACKAGES

__all__ = ["DEFAULT", "number_runs", "stand_still"]

DEFAULT = "2016-10-20T23:00"  # after the close of the newest bars of the small world
REAL = datetime.datetime


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, REAL)


def stand_still(moment: str) -> None:
    """Let every module of the product that is imported take ``moment``, in UTC, for now."""

    class Clock(REAL, metaclass=_Kind):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            at = REAL.fromisoformat(moment).replace(tzinfo=datetime.UTC)
            return at.astimezone(tz) if tz else at.replace(tzinfo=None)

    library = SimpleNamespace(**{**vars(datetime), "datetime": Clock})
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in PACKAGES:
            for word in ("datetime", "dt"):
                held = vars(module).get(word)
                if getattr(held, "datetime", None) is not None:
                    setattr(module, word, library)
                elif isinstance(held, type) and issubclass(held, REAL):
                    setattr(module, word, Clock)


def number_runs() -> None:
    """End the ids of runs with 000001, 000002, … instead of chance."""
    import secrets

    numbers = count(1)
    secrets.token_hex = lambda n=None: f"{next(numbers):0{2 * (n or 3)}x}"  # type: ignore[assignment]
