"""Siblings: Quintile's packages have plain names, and a user's ``strategy.py`` or ``models/`` must not hide them.

Python looks beside the script first. Once ``quintile`` is imported, its own packages are found beside it whatever lies
beside the script, and one line says what they hide. Standard library only.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__all__ = ["SIBLINGS", "keep_siblings"]

SIBLINGS = ("backtests", "core", "live", "market", "models", "portfolio", "signals", "strategy")
HOME = Path(__file__).resolve().parent.parent


class SiblingFinder:
    """Finds Quintile's packages beside ``quintile``, before any other place is asked."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Say where a top-level sibling is; None for every other module."""
        return PathFinder.find_spec(name, [str(HOME)], target) if path is None and name in SIBLINGS else None


def keep_siblings() -> None:
    """Find the siblings beside ``quintile`` from now on, and warn of modules that this hides.

    Raises
    ------
    ImportError
        If a module of such a name from elsewhere is imported already.
    """
    for name in SIBLINGS:
        taken = _elsewhere(getattr(sys.modules.get(name), "__spec__", None))
        if taken is not None:
            raise ImportError(
                f"{taken} was imported as {name!r}, which is the name of one of Quintile's packages: "
                "rename it, then import quintile"
            )
    if SiblingFinder in sys.meta_path:
        return
    places = [_elsewhere(PathFinder.find_spec(name)) for name in SIBLINGS]
    sys.meta_path.insert(0, SiblingFinder)
    hidden = [str(place) for place in places if place not in (None, _running())]
    if hidden and sys.argv[:1] != ["-m"]:  # the command line imports nothing of the user's
        warnings.warn(
            f"Quintile's packages of the same name hide {', '.join(hidden)}: rename those that you import yourself",
            stacklevel=3,
        )


def _elsewhere(spec: ModuleSpec | None) -> Path | None:
    """Where a module is that does not lie beside ``quintile``; None for one that does, and for bare folders."""
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    origin = Path(spec.origin).resolve()
    place = origin.parent if origin.name == "__init__.py" else origin
    return None if place.parent == HOME else place


def _running() -> Path | None:
    """The script that runs, which nobody has to import."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return None if file is None else Path(file).resolve()
