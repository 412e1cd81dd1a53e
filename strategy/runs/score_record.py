"""Score record: says beside a file of scores what they were made of, so that a later process can take them as they are.

The scores of a session follow from the bars until then, the fitted model and the code. Where bars, model, settings,
sources, libraries and processor are those of the record, scoring again would give the same bits; where one differs, or
a file is damaged, there are no scores to take. Sources count byte by byte here, comments too: it is quick to tell, and
costs one scoring. Scores of a graphics card are not recorded.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import SourceError
from core.files import file_sha256, read_json, write_bytes, write_json
from market.panel import Panel, aligned_frame
from strategy.definitions.spec import StrategySpec
from strategy.runs.closure import ROOT, STARTED
from strategy.runs.provenance import dependencies, machine

__all__ = ["ScoreRecord"]

FORMAT = 1
DECIDING_SCORES = ("core", "market", "signals", "models", "strategy/definitions", "strategy/learning")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """A file of scores and its record.

    Parameters
    ----------
    path : Path
        The scores, ``.parquet``; the record lies beside them as ``.json``.
    spec : StrategySpec
        The strategy.
    model : Path
        Weights and card of the model, without suffix.
    """

    path: Path
    spec: StrategySpec
    model: Path

    def read(self, panel: Panel) -> pd.DataFrame | None:
        """Take the scores where they are those of these bars, or of their beginning; None where they may not be.

        The end of other bars than the record's is only looked past where nothing reads a later row for sure: own
        features and models are not proved not to.
        """
        try:
            recorded = read_json(self.path.with_suffix(".json"))
            content = self.path.read_bytes()
        except (OSError, SourceError):
            return None
        facts = self._facts()
        if facts is None or not isinstance(recorded, dict) or not recorded.items() >= facts.items():
            return None
        if hashlib.sha256(content).hexdigest() != recorded.get("sha256"):
            return None
        scores = pd.read_parquet(io.BytesIO(content))
        if not len(scores) or scores.index[-1] not in panel.sessions or not scores.columns.equals(panel.tickers):
            return None
        if scores.index[-1] < panel.sessions[-1] and self._is_own:
            return None
        if panel.until(scores.index[-1]).fingerprint() != recorded.get("panel"):
            return None
        return aligned_frame(scores.to_numpy(), pd.DatetimeIndex(scores.index), scores.columns)

    def vouch(self, panel: str) -> None:
        """Record the file of scores, made just now by this process of the bars with this fingerprint."""
        facts = self._facts()
        if facts is not None and _on_the_processor():
            write_json(self.path.with_suffix(".json"), facts | {"panel": panel, "sha256": file_sha256(self.path)})

    def leave(self, scores: pd.DataFrame, panel: Panel) -> None:
        """Write scores of these bars and their record; a folder that cannot be written is left as it is."""
        sink = io.BytesIO()
        scores.to_parquet(sink, compression="zstd")
        with suppress(OSError):
            write_bytes(self.path, sink.getvalue())
            self.vouch(panel.fingerprint())

    @property
    def _is_own(self) -> bool:
        from models.model_kinds import is_own
        from signals.features.feature_sets import SHIPPED_SETS

        return self.spec.features.set not in SHIPPED_SETS or any(map(is_own, self.spec.model.kinds))

    def _facts(self) -> dict[str, Any] | None:
        """What must agree; None where it is not known, as where a source is newer than this process."""
        sources, files = _sources(), [self.model.with_suffix(suffix) for suffix in (".safetensors", ".json")]
        if sources is None or not all(path.is_file() for path in files):
            return None
        return {
            "format": FORMAT,
            "spec": self.spec.fingerprint(),
            "model": [file_sha256(path) for path in files],
            "sources": sources,
            "libraries": dependencies("+".join(self.spec.model.kinds)),
            "machine": machine(),
        }


def _sources() -> str | None:
    """The sha256 of every source that scores may depend on; None if one is newer than this process."""
    from models.model_kinds import own_sources as own_models
    from signals.features.feature_sets import own_sources as own_features

    digest = hashlib.sha256()
    for path in _files():
        if path.stat().st_mtime > STARTED:
            return None
        digest.update(f"{path.relative_to(ROOT)} {file_sha256(path)}\n".encode())
    for place, source in sorted({**own_features(), **own_models()}.items()):
        digest.update(f"{place} {source}\n".encode())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for room in DECIDING_SCORES:
        yield from sorted((ROOT / room).rglob("*.py"))


def _on_the_processor() -> bool:
    """Whether a model that chooses its device would choose the processor."""
    from models.networks.trained import resolve_device

    return resolve_device("auto").type == "cpu"
