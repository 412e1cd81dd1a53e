"""Card subject: a trained model with what its run or version says of it, and the bars that it was trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backtests.report.model_facts import ModelOrigin
from core.errors import CheckpointError
from core.files import file_sha256
from market.inputs import load_inputs
from market.panel import Panel
from models.checkpoint import Checkpoint, load_checkpoint
from models.networks.training_time import epoch_seconds
from strategy.definitions.spec import StrategySpec
from strategy.frozen.replay import frozen_spec, intact_body, version_bars
from strategy.frozen.versions import VersionFolder
from strategy.learning.given_model import SUFFIXES
from strategy.runs.own_bars import same_request
from strategy.runs.store import RunFolder

__all__ = ["CardSubject", "run_subject", "version_subject"]

STEM = "model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardSubject:
    """A trained model and where it comes from.

    Parameters
    ----------
    origin : ModelOrigin
        What its run or version says of it.
    path : Path
        Weights and card, without suffix.
    spec : StrategySpec
        The strategy.
    checkpoint : Checkpoint
        Read from ``path``.
    bars : callable
        Loads the bars that it was trained on.
    state : Path or None
        Where its training left its state; None where none is kept.
    """

    origin: ModelOrigin
    path: Path
    spec: StrategySpec
    checkpoint: Checkpoint
    bars: Callable[[], Panel]
    state: Path | None = None

    @property
    def n_disk_bytes(self) -> int:
        """Of weights and card."""
        return sum(self.path.with_suffix(suffix).stat().st_size for suffix in SUFFIXES)

    def training_seconds(self, place: str) -> float | None:
        """Wall clock of the epochs of one fit, of an ensemble by its place; None where no state of it is left."""
        seconds = () if self.state is None else epoch_seconds(self.state / place)
        return sum(seconds) if seconds else None


def run_subject(folder: RunFolder) -> CardSubject:
    """The model of a finished run.

    Raises
    ------
    RunError
        If the run has not finished, or a file of it cannot be read.
    CheckpointError
        If it has no model, or one that cannot be read.
    """
    folder.check_complete()
    record, path = folder.record, folder.path / STEM
    if not all(path.with_suffix(suffix).is_file() for suffix in SUFFIXES):
        raise CheckpointError(
            f"run {folder.run_id} has no trained model (model.safetensors and model.json): name a run that does"
        )
    metrics, spec = folder.metrics, folder.spec
    finished = datetime.fromisoformat(record["finished"]).astimezone(UTC)
    prints = {
        key: record["identity"][name] for key, name in (("strategy", "spec"), ("bars", "panel"), ("code", "code"))
    }
    origin = ModelOrigin(
        name=folder.run_id,
        strategy=spec.name,
        title=spec.title,
        headline=metrics["headline"],
        ridge=metrics.get("baselines", {}).get("ridge"),
        is_synthetic=bool(metrics["synthetic"]),
        fingerprints=prints | _weights(path),
        command=record["command"],
        run_seconds=(finished - folder.started).total_seconds(),
    )
    return CardSubject(
        origin=origin,
        path=path,
        spec=spec,
        checkpoint=load_checkpoint(path),
        bars=lambda: load_inputs(same_request(folder), holdout=spec.holdout).panel,
        state=folder.path / "training",
    )


def version_subject(folder: VersionFolder) -> CardSubject:
    """The model of a frozen version, on the version's own bars.

    Raises
    ------
    RunError
        If the version is not intact.
    """
    body, path, spec = intact_body(folder), folder.path / STEM, frozen_spec(folder)
    prints = {"strategy": body["spec"]["run"], "bars": body["panel"], "code": body["closure_sha256"]}
    origin = ModelOrigin(
        name=str(folder.version),
        strategy=spec.name,
        title=spec.title,
        headline=body["headline"],
        is_synthetic=body["bars"] == "builtin",
        fingerprints=prints | _weights(path) | {"lock": folder.sha256},
        command=f"quintile run {folder.version}",
    )
    return CardSubject(
        origin=origin,
        path=path,
        spec=spec,
        checkpoint=load_checkpoint(path),
        bars=lambda: version_bars(folder, body),
    )


def _weights(path: Path) -> dict[str, str]:
    return {"weights": file_sha256(path.with_suffix(SUFFIXES[0]))}
