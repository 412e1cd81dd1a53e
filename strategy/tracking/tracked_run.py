"""Tracked run: a finished run as params, metrics, curves, tags and artefacts, which is what trackers know."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core.files import file_sha256
from models.networks.watched_epoch import WatchedEpoch
from strategy.runs.log.log_lines import LOG_FILE, LogLine, epochs_of, read_log
from strategy.runs.result import Run
from strategy.runs.store import RunFolder

__all__ = ["CurvePoint", "TrackedRun", "cut_text", "tracked_run"]

ARTEFACTS = ("report.html", "spec.toml", "metrics.json", "run.json", LOG_FILE, "proof.json", "walk.json")
NOT_CURVES = ("epoch", "epochs", "part")
TRIALS = ("trials", "comparable_trials")
WORDS = ("universe", "survivorship", "execution", "costs", "source")  # of the headline


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One value of a curve.

    Parameters
    ----------
    step : int
        Epoch or session, from 1.
    time : float
        Seconds since 1970: when the epoch ended, or the session's date.
    value : float
        Finite.
    """

    step: int
    time: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """A finished run in a tracker's words.

    Parameters
    ----------
    run, strategy : str
        Its id, and what it ran.
    started, ended : datetime
        UTC.
    params : mapping of str to str
        Every key of the spec, dotted; lists and tables as JSON.
    metrics : mapping of str to float
        Numbers of the headline and of the training; those that are not available are left out.
    curves : mapping of str to sequence of CurvePoint
        ``epoch/…`` of a network's training, ``session/…`` of the test.
    tags : mapping of str to str
        Run id, verdict, hashes of data, spec and code, commit, seeds, hardware, trials, span and costs.
    artefacts : tuple of Path
        Files of the run folder.
    sentence : str
        The verdict's.
    """

    run: str
    strategy: str
    started: datetime
    ended: datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[CurvePoint]]
    tags: Mapping[str, str]
    artefacts: tuple[Path, ...] = field(default=())
    sentence: str = ""

    @property
    def digest(self) -> str:
        """The sha256 of all of it: an export of the same digest need not be made again."""
        curves = {name: [asdict(point) for point in points] for name, points in self.curves.items()}
        files = {path.name: file_sha256(path) for path in self.artefacts}
        whole = [self.run, dict(self.params), dict(self.metrics), dict(self.tags), curves, files]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def tracked_run(folder: RunFolder) -> TrackedRun:
    """Read a finished run for a tracker; nothing is measured here and nothing written.

    Raises
    ------
    RunError
        If the run has not finished, or its files cannot be read.
    """
    folder.check_complete()
    record, metrics, lines = folder.record, folder.metrics, read_log(folder.path / LOG_FILE)
    headline = metrics["headline"]
    ended = datetime.fromisoformat(record["finished"]).astimezone(UTC)
    numbers = {f"headline/{name}": value for name, value in headline.items()}
    numbers |= {f"training/{name}": value for name, value in metrics.get("training", {}).items()}
    return TrackedRun(
        run=folder.run_id,
        strategy=str(record["strategy"]),
        started=folder.started,
        ended=ended,
        params=dict(_flat(folder.spec.model_dump(mode="json"))),
        metrics={name: float(value) for name, value in numbers.items() if _is_number(value)},
        curves=_curves(folder, lines),
        tags=_tags(folder, record, headline, lines),
        artefacts=tuple(path for name in ARTEFACTS if (path := folder.path / name).is_file()),
        sentence=str(headline["sentence"]),
    )


def cut_text(text: str, limit: int) -> str:
    """A text within a tracker's limit; a longer one says how long it is."""
    more = f" … ({len(text):,} characters, whole in spec.toml or run.json)"
    return text if len(text) <= limit else text[: limit - len(more)] + more


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested tables by their dotted key."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        return
    yield prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tags(folder: RunFolder, record: Mapping[str, Any], headline: Mapping[str, Any], lines: Sequence[LogLine]) -> Any:
    identity, walk = record["identity"], record.get("walk") or {}
    seeds = (walk.get("settings") or {}).get("seeds") or [folder.spec.training.seed]
    machine = [line.message for line in lines if line.stage == "machine"]
    environment = record.get("environment", {})
    told = {
        "run": folder.run_id,
        "strategy": record["strategy"],
        "verdict": headline["verdict"],
        "stamps": ", ".join(Run(folder).stamps),
        "data": identity["panel"],
        "spec": identity["spec"],
        "code": identity["code"],
        "commit": record.get("commit") or "unknown",
        "seeds": ",".join(map(str, seeds)),
        "hardware": machine[-1]
        if machine
        else f"{environment.get('machine', '')}, {environment.get('processors', '')}",
        "environment": json.dumps(environment, sort_keys=True),
        "bars": str(record["request"].get("bars", "")),
        "command": record.get("command", ""),
        "period": " to ".join(headline["period"]),
        **{name: headline[name] for name in (*TRIALS, *WORDS) if name in headline},
    }
    return {f"quintile.{name}": str(value) for name, value in told.items() if value != ""}


def _curves(folder: RunFolder, lines: Sequence[LogLine]) -> dict[str, list[CurvePoint]]:
    """Curves of the training, of each fold of a walk, and of the test's sessions."""
    began = folder.started.timestamp()
    found = _epoch_curves(epochs_of(lines), "epoch", began)
    for path in sorted(folder.path.glob(f"folds/*/{LOG_FILE}")):
        fold = read_log(path)
        since = fold[0].time.timestamp() if fold else began
        found |= _epoch_curves(epochs_of(fold), f"fold {path.parent.name}", since)
    return found | _session_curves(Run(folder))


def _epoch_curves(epochs: Sequence[WatchedEpoch], prefix: str, began: float) -> dict[str, list[CurvePoint]]:
    curves: dict[str, list[CurvePoint]] = {}
    clock = began
    for seen in epochs:
        clock += seen.seconds
        place = f"{prefix}/{seen.part}/" if seen.part else f"{prefix}/"
        for name, value in asdict(seen).items():
            if name not in NOT_CURVES and math.isfinite(value):
                point = CurvePoint(step=seen.epoch, time=clock, value=float(value))
                curves.setdefault(f"{place}{name}", []).append(point)
    return curves


def _session_curves(run: Run) -> dict[str, list[CurvePoint]]:
    net = f"{run.strategy} net"
    series = {"rank_ic": run.ic["model"], "net_return": run.returns[net], "equity": run.equity}
    return {f"session/{name}": _points(values) for name, values in series.items()}


def _points(values: pd.Series) -> list[CurvePoint]:
    rows = enumerate(zip(pd.DatetimeIndex(values.index), values.tolist(), strict=True), start=1)
    return [
        CurvePoint(step=step, time=session.timestamp(), value=value)
        for step, (session, value) in rows
        if math.isfinite(value)
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
