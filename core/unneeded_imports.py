"""Unneeded imports: libraries that another library imports, does without, and nobody here asked it for."""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder

__all__ = ["without_docstrings", "without_imports"]


class _Refusal(MetaPathFinder):
    """Says that a library is not there to imports of one thread."""

    def __init__(self, libraries: tuple[str, ...]) -> None:
        self.libraries, self.thread = libraries, threading.get_ident()

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] in self.libraries and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{fullname} is not imported here", name=fullname)


@contextmanager
def without_imports(*libraries: str) -> Iterator[None]:
    """Let imports of the block, in this thread, miss libraries that are not imported yet.

    Afterwards, in other threads, and where they were imported before, they are there as ever.

    Parameters
    ----------
    libraries : str
        Top-level names. What the block imports must answer their absence, as that of an extra that is not installed.
    """
    refusal = _Refusal(libraries)
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)


@contextmanager
def without_docstrings() -> Iterator[None]:
    """Let imports of the block bear ``python -OO``: a docstring that it dropped is an empty one."""
    cleandoc = inspect.cleandoc
    if sys.flags.optimize > 1:
        inspect.cleandoc = lambda doc: cleandoc(doc or "")
    try:
        yield
    finally:
        inspect.cleandoc = cleandoc
