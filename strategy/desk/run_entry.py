"""Run entry: what a list of runs knows of one run: its record, headline numbers and settings, read as JSON and TOML.

Neither pandas nor a frame is touched. What cannot be read is an entry too, which says why.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from backtests.report.boards.flat_settings import FlatSpecs
from core.bounded_text import MAX_JSON_BYTES, MAX_TOML_BYTES
from core.errors import RunError, SourceError
from core.files import read_bounded

__all__ = ["KINDS", "STATUSES", "RunEntry", "entry_of"]

STATUSES: Final = ("complete", "quick", "unfinished", "damaged", "pruned")
KINDS: Final = ("run", "walk", "version", "model", "scores")  # what a run was made of
OF_REQUEST: Final = ("bars", "universe", "start", "end")
RECORD, METRICS, SPEC, CLAIM, PRUNED = "run.json", "metrics.json", "spec.toml", "trials.json", "pruned.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """One run of a store.

    Parameters
    ----------
    run, strategy : str
        Its id, which is its folder's name, and the name of its strategy.
    home : str
        Name of the folder of its strategy's runs.
    status : {"complete", "quick", "unfinished", "damaged", "pruned"}
        ``quick`` has finished and wrote no report.
    kind : {"run", "walk", "version", "model", "scores"}
        What it was made of; ``run`` trained a model of its own.
    problem : str
        Why it is damaged; empty else.
    started, panel, origin : str
        When it was begun, fingerprint of its bars, and what it was made of in words.
    number, place : int
        Its number in the store and its place in the trial log; 0 where it has none.
    headline : mapping
        As in ``metrics.json``; empty where it has not finished.
    settings : mapping of str to str
        Its spec and its bars by dotted key, as words.
    synthetic, reported : bool
        Whether its market is synthetic, and whether it has a report.
    walk : tuple of str
        The runs of its walk.
    curve : str or None
        Of its equity, see :mod:`backtests.report.boards.equity_curve`; None where nobody has read it.
    """

    run: str
    strategy: str
    home: str
    status: str
    kind: str = "run"
    problem: str = ""
    started: str = ""
    panel: str = ""
    origin: str = ""
    number: int = 0
    place: int = 0
    headline: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    reported: bool = False
    walk: tuple[str, ...] = ()
    curve: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it has numbers."""
        return bool(self.headline)

    def number_of(self, key: str) -> float | None:
        """A headline number; None where it is missing."""
        value = self.headline.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def words_of(self, key: str) -> str:
        """A word of the headline; empty where it is missing."""
        value = self.headline.get(key)
        return value if isinstance(value, str) else ""

    @property
    def period(self) -> tuple[str, ...]:
        """First and last session that was judged; empty where it is not known."""
        return _words(self.headline.get("period"))

    @property
    def stamps(self) -> tuple[str, ...]:
        """What nobody may read past, beside the verdict."""
        bias = self.words_of("survivorship")
        dead = f"SURVIVORSHIP {bias}" if bias == "UNKNOWN" else bias
        kind = {"quick": "QUICK", "unfinished": "UNFINISHED", "damaged": "DAMAGED", "pruned": "PRUNED"}.get(self.status)
        found = [kind, "SYNTHETIC" if self.synthetic else None, dead, *_words(self.headline.get("stamps"))]
        return tuple(each for each in found if each)

    def as_kept(self) -> dict[str, Any]:
        """Plain values of JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def kept(cls, value: Any) -> Self | None:
        """The entry that ``as_kept`` gave; None for anything else."""
        with suppress(TypeError, ValueError, AttributeError, LookupError):
            entry = cls(**{**value, "walk": tuple(value["walk"])})
            if _is_plain(entry):
                return entry
        return None


def entry_of(folder: Path, specs: FlatSpecs) -> RunEntry:
    """Read a run's folder, with ``run.json`` or, of a pruned run, ``pruned.json``."""
    pruned = not (folder / RECORD).is_file() and (folder / PRUNED).is_file()
    known: dict[str, Any] = {"run": folder.name, "strategy": folder.parent.name, "home": folder.parent.name}
    try:
        known |= {"place": _place(folder)} | _recorded(_record(folder / (PRUNED if pruned else RECORD)))
        known["settings"] = known["settings"] | _spec(folder, specs)
        known |= _judged(folder, known, pruned=pruned)
    except (RunError, SourceError, OSError, ValueError) as error:
        known |= {"status": "damaged", "problem": str(error)}
    return RunEntry(**known)


def _recorded(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a run says."""
    request, identity, walk = record["request"], record["identity"], record.get("walk") or {}
    number = record.get("number")
    return {
        "strategy": record["strategy"],
        "status": ("quick" if "quick" in record else "complete") if record["finished"] else "unfinished",
        "kind": next((kind for kind in ("walk", "version", "model", "scores") if record.get(kind)), "run"),
        "started": record.get("started", ""),
        "panel": identity["panel"],
        "origin": _origin(record),
        "number": number if isinstance(number, int) else 0,
        "settings": {key: _last(request[key]) for key in OF_REQUEST if request.get(key)},
        "walk": tuple(walk.get("runs", ())),
    }


def _origin(record: Mapping[str, Any]) -> str:
    version, model = record.get("version") or {}, record.get("model") or {}
    if version:
        return f"{version.get('name', record['strategy'])}@{version.get('version', '')}".rstrip("@")
    return str(model.get("origin", record.get("scores") or ""))


def _judged(folder: Path, known: Mapping[str, Any], *, pruned: bool) -> dict[str, Any]:
    """What its metrics say, once it has finished."""
    reported = (folder / "report.html").is_file()
    if known["status"] == "unfinished":
        return {"status": "pruned" if pruned else "unfinished", "reported": reported}
    if pruned and not (folder / METRICS).is_file():
        return {"status": "pruned"}
    metrics = _metrics(folder / METRICS)
    found = {"headline": metrics["headline"], "synthetic": bool(metrics.get("synthetic")), "reported": reported}
    return found | ({"status": "pruned"} if pruned else {})


def _record(path: Path) -> dict[str, Any]:
    from strategy.runs.run_files import read_run_record

    return read_run_record(path)


def _metrics(path: Path) -> dict[str, Any]:
    """The metrics, read in haste; whatever is wrong is said by the careful reader."""
    from pydantic_core import from_json

    from strategy.runs.run_files import check_metrics, read_metrics

    if not path.is_file():
        raise RunError(f"{path} is gone: restore it, or make the run again")
    try:
        metrics: dict[str, Any] = from_json(read_bounded(path, MAX_JSON_BYTES), allow_inf_nan=False)
        check_metrics(metrics, path)
        if all(map(_is_sound, metrics["headline"].values())):
            return metrics
    except (ValueError, RunError):
        pass
    return dict(read_metrics(path))


def _spec(folder: Path, specs: FlatSpecs) -> dict[str, str]:
    """Its settings; nothing where they cannot be read, which whoever opens the run is told."""
    with suppress(OSError, ValueError, SourceError):
        return specs.read(read_bounded(folder / SPEC, MAX_TOML_BYTES).decode())
    return {}


def _place(folder: Path) -> int:
    from strategy.runs.run_files import recorded_number

    return recorded_number(folder / CLAIM, "length")


def _last(word: Any) -> str:
    """The last part of a path; any other word as it is."""
    text = str(word)
    return Path(text).name or text if "/" in text else text


def _words(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()


def _is_sound(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _is_plain(entry: RunEntry) -> bool:
    """Whether every field of an entry that was read back is of its type."""
    texts = (entry.run, entry.strategy, entry.home, entry.status, entry.kind, entry.problem, entry.started, entry.panel)
    return (
        all(isinstance(each, str) for each in (*texts, entry.origin, *entry.walk, entry.curve or ""))
        and entry.status in STATUSES
        and entry.kind in KINDS
        and all(type(each) is int for each in (entry.number, entry.place))
        and all(type(each) is bool for each in (entry.synthetic, entry.reported))
        and isinstance(entry.headline, dict)
        and isinstance(entry.settings, dict)
        and all(isinstance(each, str) for each in entry.settings.values())
    )
