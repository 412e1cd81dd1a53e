"""Given model: a trained model and where it comes from, a run of the store or a file."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import CheckpointError
from models.checkpoint import Checkpoint, load_checkpoint
from strategy.runs.store import RunFolder, RunStore

__all__ = ["SUFFIXES", "GivenModel", "find_model"]

SUFFIXES = (".safetensors", ".json")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenModel:
    """A trained model and where it comes from.

    Parameters
    ----------
    path : Path
        Path of weights and card, without suffix.
    origin : str
        The run that trained it, or its file.
    checkpoint : Checkpoint
        Read from there.
    """

    path: Path
    origin: str
    checkpoint: Checkpoint

    @property
    def learned_until(self) -> str:
        """Last session of its validation span, an ISO date."""
        return f"{self.checkpoint.learned_until:%Y-%m-%d}"

    @property
    def folder(self) -> RunFolder | None:
        """The run that it is the model of; None where weights and card lie alone."""
        folder = RunFolder(self.path.parent)
        return folder if (folder.path / "run.json").is_file() else None


def find_model(text: str, store: RunStore) -> GivenModel:
    """Find the model of a run, by its id or ``latest``, or of a ``.safetensors`` file with its card beside it.

    Raises
    ------
    RunError
        If the text names no run, or several.
    CheckpointError
        If there is no such model, it cannot be read, or its card names no spans.
    """
    if Path(text).suffix == SUFFIXES[0]:
        if not Path(text).is_file():
            raise CheckpointError(f"there is no file {text}, the weights of a model: check its path, or name a run")
        path, origin = Path(text).resolve().with_suffix(""), Path(text).name
    else:
        folder = store.find(text)
        path, origin = folder.path / "model", f"run {folder.run_id}"
    if not all(path.with_suffix(suffix).is_file() for suffix in SUFFIXES):
        raise CheckpointError(f"{origin} has no trained model (model.safetensors and model.json): name a run that does")
    given = GivenModel(path=path, origin=origin, checkpoint=load_checkpoint(path))
    if "split" not in given.checkpoint.provenance.spec:
        raise CheckpointError(f"the model of {origin} does not say until when it learned: take one that a run trained")
    return given
