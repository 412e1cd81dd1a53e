"""Run files: what a run wrote down, ``run.json``, ``metrics.json`` and its frames, read back or named as damaged.

Every value that is read from them has the type that was written; a key of a newer release is left alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import RunError, SourceError
from core.files import read_json

if TYPE_CHECKING:  # the list of runs answers before pandas is there
    import pandas as pd

__all__ = [
    "RANGE_FRAMES",
    "UNREADABLE",
    "check_metrics",
    "check_run_record",
    "read_metrics",
    "read_run_frame",
    "read_run_record",
    "recorded_number",
]

RANGE_FRAMES = {"low": "range_low", "high": "range_high"}  # by the end of a return's 90 % range
BY_SESSION = ("scores", "weights", "returns", "ic", *RANGE_FRAMES.values())
# what reading a damaged parquet file raises, beside pyarrow's own
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError)
MAX_NUMBER = 10**9  # of a run in its store; beyond it the file was edited
REMEDY = "restore it, or remove its folder"


class _Written(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Walk(_Written):
    runs: list[str]
    settings: dict[str, Any] = {}


class _Identity(_Written):
    __pydantic_extra__: dict[str, str]
    spec: str
    panel: str
    code: str


class _Record(_Written):
    strategy: str
    request: dict[str, Any]
    identity: _Identity
    finished: str | None
    command: str = ""
    started: str = ""
    environment: dict[str, str] = {}
    libraries: dict[str, str] = {}
    beside: str = ""
    walk: _Walk | None = None
    version: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    scores: str | None = None


class _Headline(_Written):
    verdict: str = ""
    sentence: str = ""
    period: list[str] = []
    stamps: list[str] = []
    source: str = ""
    universe: str = ""
    survivorship: str = ""
    execution: str = ""
    costs: str = ""
    engine: str | None = None
    sessions: int = 0
    trials: int = 0
    comparable_trials: int = 0
    horizon: int = 1
    decision_interval: int | float | None = None
    sessions_per_year: float = 0.0
    trade_bps: float | None = None
    sharpe_net: float | None = None
    sharpe_standard_error: float | None = None
    sharpe_gross: float | None = None
    annual_return: float | None = None
    volatility: float | None = None
    max_drawdown: float | None = None
    turnover: float | None = None
    rank_ic: float | None = None
    rank_ic_standard_error: float | None = None
    rank_ic_until_next: float | None = None
    rank_ic_until_next_standard_error: float | None = None
    probabilistic_sharpe: float | None = None
    deflated_sharpe: float | None = None
    sessions_needed: float | None = None
    overfitting_probability: float | None = None
    parity: float | None = None
    holdout_openings: list[str] = []


class _Judged(_Written):
    words: list[str] = []


class _Recovery(_Written):
    pearson: float | None = None


class _Metrics(_Written):
    headline: _Headline
    strategy: str = ""
    synthetic: bool = False
    judged: _Judged = _Judged()
    missing: list[str] = []
    notes: list[str] = []
    left_out: list[str] = []
    recovery: dict[str, _Recovery] = {}
    books: dict[str, dict[str, Any]] = {}


class _Table(dict[str, Any]):
    """A table of a file: a key that it lacks is one line that names the file."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        super().__init__({key: _tables(value, path) for key, value in values.items()})
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise RunError(f"{self.path} has no {key}: restore it, or make the run again")


Kind = TypeVar("Kind", bound=BaseModel)


def read_run_record(path: Path) -> dict[str, Any]:
    """Content of a ``run.json``.

    Raises
    ------
    RunError, SourceError
        If the file is no record of a run.
    """
    record = read_json(path)
    check_run_record(record, path)
    return dict(record)


def read_metrics(path: Path) -> dict[str, Any]:
    """Content of a ``metrics.json``; whoever asks it for a key that it lacks gets a ``RunError``.

    Raises
    ------
    RunError, SourceError
        If the file holds no metrics of a run.
    """
    metrics = read_json(path)
    check_metrics(metrics, path)
    return _Table(metrics, path)


def check_run_record(value: Any, path: Path) -> None:
    """Refuse what was read of a ``run.json`` and is no record of a run, by a ``RunError``."""
    _check(value, _Record, path, "record of a run")


def check_metrics(value: Any, path: Path) -> None:
    """Refuse what was read of a ``metrics.json`` and is no metrics of a run, by a ``RunError``."""
    _check(value, _Metrics, path, "metrics of a run")


def read_run_frame(path: Path) -> "pd.DataFrame":
    """A frame of a run; scores, weights, returns and ICs are numbers by session.

    Raises
    ------
    RunError
        If the file is not there, cannot be read, or is no such frame.
    """
    import pandas as pd
    from pyarrow.lib import ArrowException

    if not path.is_file():
        raise RunError(f"{path} is gone: restore it, or make the run again")
    try:
        frame = pd.read_parquet(path)
        if path.stem.partition("-")[0] in BY_SESSION:
            _check_by_session(frame)
    except (*UNREADABLE, ArrowException) as error:
        reason = str(error).partition("\n")[0][:120]
        raise RunError(f"{path} cannot be read ({reason}): restore it, or make the run again") from error
    return frame


def recorded_number(path: Path, key: str) -> int:
    """A positive whole number of a JSON file; 0 where there is none."""
    try:
        value = read_json(path)[key]
    except (OSError, SourceError, LookupError, TypeError):
        return 0
    return value if isinstance(value, int) and value is not True and 0 < value < MAX_NUMBER else 0


def _check(value: Any, model: type[Kind], path: Path, what: str) -> None:
    try:
        model.model_validate(value)
    except ValidationError as error:
        raise RunError(f"{path} is no {what} ({_reason(error)}): {REMEDY}") from error


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False)[0]
    place = ".".join(str(part)[:40] for part in first["loc"]) or "fields"
    return f"no {place}" if first["type"] == "missing" or not first["loc"] else f"no right {place}"


def _check_by_session(frame: "pd.DataFrame") -> None:
    import numpy as np
    import pandas as pd

    index, columns = frame.index, frame.columns
    if not isinstance(index, pd.DatetimeIndex) or not index.is_monotonic_increasing or not index.is_unique:
        raise ValueError("its rows are no sessions in order")
    if not columns.is_unique or not all(isinstance(name, str) for name in columns):
        raise ValueError("its columns are no different names")
    if not all(kind.kind in "fiub" for kind in frame.dtypes):
        raise ValueError("it holds more than numbers")
    if np.isinf(frame.to_numpy(dtype=float)).any():
        raise ValueError("it holds infinite numbers")


def _tables(value: Any, path: Path) -> Any:
    return _Table(value, path) if isinstance(value, dict) else value
