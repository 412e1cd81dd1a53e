"""User file: a Python file of features, models or book rules, run because its user named it, and never otherwise."""

import ast
import errno
import hashlib
import importlib.util
import inspect
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NoReturn

from core.errors import QuintileError

__all__ = ["docstring_of", "is_in_user_code", "loaded_files", "named_failures", "run_user_file", "source_sha256"]

DROPS_DOCSTRINGS = 2  # level of optimisation

_in_user_code: ContextVar[bool] = ContextVar("in_user_code", default=False)
_loaded: list[Path] = []


def run_user_file(path: str | Path, *, holds: str) -> ModuleType:
    """Run a Python file as a module named as the file; what it registers is known in this process from then on.

    Parameters
    ----------
    path : str or Path
        A file such as ``my_models.py``.
    holds : str
        What is expected in it, for an error.

    Raises
    ------
    ValueError
        If there is no such file, it fails, or its name is taken.
    """
    file = Path(os.path.realpath(path))  # a link to itself too is no file
    if not file.is_file():
        raise ValueError(f"there is no Python file {path}: write your {holds} into one, such as my_{holds}.py")
    if file.suffix != ".py":
        raise ValueError(f"{path} is no Python file: write your {holds} into one, such as my_{holds}.py")
    spec = importlib.util.spec_from_file_location(file.stem, file, loader=_AsItStands(file.stem, str(file)))
    if spec is None or spec.loader is None or file.stem in sys.builtin_module_names:
        raise ValueError(f"{file.name} cannot be a module: rename it")
    if _place_of(file.stem) not in (None, str(file)):
        raise ValueError(f"{file.name} has the name of a module that is loaded already or can be imported: rename it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        with named_failures(file.name, file=file), _without_leaving():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    if file not in _loaded:
        _loaded.append(file)
    return module


class _AsItStands(SourceFileLoader):
    """Compiles a file anew: kept bytecode tells an edited file by its second and its size alone."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _place_of(name: str) -> str | None:
    """Where the module of a name comes from, loaded or not; None if there is none."""
    if name in sys.modules:
        return str(getattr(sys.modules[name], "__file__", None))
    found = importlib.util.find_spec(name)
    return None if found is None else str(found.origin)


def loaded_files() -> tuple[Path, ...]:
    """The files that ran, in order: a worker process runs them again."""
    return tuple(_loaded)


class named_failures:  # noqa: N801  it is used like the functions of contextlib
    """Say what failed, and in which line, where a block that calls a user's code does; the cause stays attached.

    Whatever the code raises is a failure, ``sys.exit(0)`` and exceptions of its own too: the block then raises a
    ValueError. Only Ctrl-C, a full disk and what Quintile itself refuses pass as they are. What the code prints is not
    part of a command's answer.

    Parameters
    ----------
    what : str
        What is called, such as ``feature gap``.
    file : Path, optional
        A file that is run for the first time; the line is looked for in it and in those that ran.
    """

    def __init__(self, what: str, *, file: Path | None = None) -> None:
        self._what, self._file = what, file

    def __enter__(self) -> None:
        """The user's code begins."""
        self._token = _in_user_code.set(True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """The user's code ended, or failed."""
        _in_user_code.reset(self._token)
        if error is None or isinstance(error, KeyboardInterrupt | QuintileError):
            return
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return
        raise ValueError(f"{self._what} failed{_place(error, self._what, self._file)}: {_said(error)}") from error


def is_in_user_code() -> bool:
    """Whether a user's own code runs now, in this thread."""
    return _in_user_code.get()


def _place(error: BaseException, what: str, file: Path | None) -> str:
    """The user's line that raised, or that called what did; nothing where a library's file alone is at fault."""
    files = {str(each) for each in (*_loaded, *([file] if file else ()))}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not frames:
        return ""
    name = Path(frames[-1].filename).name
    return f" in line {frames[-1].lineno}" if name == what else f" in line {frames[-1].lineno} of {name}"


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r}), which ends no command of yours: raise ValueError, or return"
    try:
        words = str(error)
    except BaseException:  # a user's own class may fail at that too
        words = "what it says cannot be told"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


@contextmanager
def _without_leaving() -> Iterator[None]:
    """``os._exit`` in this process, which would end a command as if it had succeeded, raises instead."""
    leave, process = os._exit, os.getpid()

    def refused(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that the file forked
            leave(status)
        raise SystemExit(status)

    os._exit = refused
    try:
        yield
    finally:
        os._exit = leave


def docstring_of(function: Callable[..., object]) -> str:
    """What the author wrote of a function; where ``python -OO`` dropped it, it is read from the source.

    Examples
    --------
    >>> docstring_of(docstring_of).splitlines()[0]
    'What the author wrote of a function; where ``python -OO`` dropped it, it is read from the source.'
    """
    if function.__doc__ or sys.flags.optimize < DROPS_DOCSTRINGS:
        return (function.__doc__ or "").strip()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return ""
    first = tree.body[0] if tree.body else None
    return (ast.get_docstring(first) or "").strip() if isinstance(first, ast.FunctionDef) else ""


def source_sha256(written: Any, *, what: str) -> str:
    """Sha256 of the file that defines a function or class, or of its own source where it was typed into a notebook.

    Raises
    ------
    ValueError
        If there is no source.
    """
    try:
        source = _source(written)
    except (OSError, TypeError) as error:
        raise ValueError(f"{what} has no source: write it into a file") from error
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()


def _source(written: Any) -> bytes:
    """Source of the file, or of what was typed: a typed class is the functions that it holds."""
    pieces = [each for each in vars(written).values() if inspect.isfunction(each)] if isinstance(written, type) else []
    pieces = pieces or [written]
    path = Path(inspect.getsourcefile(pieces[0]) or "")
    return path.read_bytes() if path.is_file() else "".join(map(inspect.getsource, pieces)).encode()
