"""Lookup: strategies and runs by name."""

from collections.abc import Mapping
from pathlib import Path

from strategy.definitions.spec import DEFAULT_STRATEGY, StrategySpec, load_spec, override
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE, RunStore

__all__ = ["load_run", "load_strategy", "require"]


def load_strategy(
    strategy: str | Path = DEFAULT_STRATEGY, overrides: Mapping[str, object] | None = None
) -> StrategySpec:
    """Read a shipped strategy or a TOML file, some of its numbers replaced.

    Parameters
    ----------
    strategy : str or Path
        ``"filter_negative"``, ``"quintile_long_short"``, or a file that ``quintile new`` wrote.
    overrides : mapping of str to object, optional
        Values by dotted key; None unsets an optional key.

    Raises
    ------
    ValueError
        If there is no such strategy or key, or a value is not allowed.

    Examples
    --------
    >>> qt.load_strategy("filter_negative", {"portfolio.k": 0.1}).portfolio.k
    0.1
    """
    return override(load_spec(strategy), overrides or {})


def load_run(run: str = "latest", *, store: str | Path = DEFAULT_STORE) -> Run:
    """Open a run that was made before.

    Parameters
    ----------
    run : str
        Its id, the beginning of it, or ``"latest"``.
    store : str or Path
        Folder of runs.

    Raises
    ------
    RunError
        If none or several are called so.

    Examples
    --------
    >>> qt.load_run(run.folder.run_id, store=store).strategy
    'filter_negative'
    """
    return Run(RunStore(Path(store)).find(run))


def require(value: object, kind: type, *, name: str, made_by: str) -> None:
    """Refuse an argument of another kind, such as a name where the value itself is needed.

    Raises
    ------
    TypeError
        If it is no ``kind``; the message says which function makes one.
    """
    if not isinstance(value, kind):
        seen = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
        raise TypeError(f"{name} must be a {kind.__name__}, was {seen}: {made_by} gives one")
