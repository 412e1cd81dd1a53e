"""Checkpoint: weights in safetensors beside a JSON card that says what they are and where they come from.

The card holds the sha256 of the weights file and every number needed to score new bars; floats round-trip exactly.
Nothing is unpickled. The optimiser's state lives in the training state, not here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from core.errors import CheckpointError
from models.calibrate import Calibration
from models.model_settings import ModelSettings
from models.trained import EpochRecord, TrainedModel
from models.training_state import write_atomically
from models.windows import Scaler

__all__ = ["Checkpoint", "Provenance", "load_checkpoint", "save_checkpoint"]

FORMAT = "quintile checkpoint 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where weights come from.

    Parameters
    ----------
    spec : mapping of str to object
        The strategy's settings, as plain JSON values.
    data_fingerprint : str
        sha256 of the panel.
    code_fingerprint : str
        sha256 of the code that decides.
    commit : str
        Revision of the code; empty outside a checkout.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    code_fingerprint: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained model with its calibration and provenance.

    Parameters
    ----------
    model : TrainedModel
        Weights, scaler, settings (seed included) and history.
    calibration : Calibration
        From raw scores to expected returns.
    provenance : Provenance
        Spec, data and code.
    """

    model: TrainedModel
    calibration: Calibration
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def learned_until(self) -> pd.Timestamp:
        """Last session of the validation span: later sessions are out of sample.

        Raises
        ------
        CheckpointError
            If the card names no spans.
        """
        split = self.provenance.spec.get("split")
        if split is None:
            raise CheckpointError("the model's card names no spans: take a model that a run trained")
        return pd.Timestamp(split["validation_end"])


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path`` with the suffixes .safetensors and .json, weights first; the card's hash ties them together.

    A kill in between leaves a pair that ``load_checkpoint`` refuses. Equal checkpoints give equal bytes.
    """
    weights = save(checkpoint.model.weights)
    card = json.dumps(_card(checkpoint, weights), indent=2, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.with_suffix(".safetensors"), weights)
    write_atomically(path.with_suffix(".json"), f"{card}\n".encode())


def load_checkpoint(path: Path) -> Checkpoint:
    """Load the checkpoint that ``save_checkpoint`` wrote under ``path``.

    Epoch records come back with 0 seconds: a card holds no wall clock.

    Raises
    ------
    CheckpointError
        If a file is missing, cannot be read, was changed, or holds other weights than its card describes.
    """
    card = _read_card(path.with_suffix(".json"))
    content = _read(path.with_suffix(".safetensors"))
    if hashlib.sha256(content).hexdigest() != card.get("weights_sha256"):
        raise CheckpointError(f"{path.stem}.safetensors is not the file its card describes: copy both again or retrain")
    try:
        checkpoint = _from_card(card, load(content))
    except (SafetensorError, KeyError, TypeError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path.stem}.json does not describe a checkpoint ({reason}): retrain") from error
    _check_weights(path.stem, checkpoint.model)
    return checkpoint


def _card(checkpoint: Checkpoint, weights: bytes) -> dict[str, Any]:
    model, best = checkpoint.model, checkpoint.model.best
    return {
        "format": FORMAT,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "epoch": best.epoch,
        "train_loss": best.train_loss,
        "validation_loss": best.validation_loss,
        "validation_ic": best.validation_ic,
        "seed": model.settings.training.seed,
        "torch": torch.__version__,
        "settings": model.settings.model_dump(mode="json"),
        "scaler": model.scaler.as_card(),
        "calibration": checkpoint.calibration.as_card(),
        "history": [record.as_card() for record in model.history],
        "provenance": asdict(checkpoint.provenance),
    }


def _from_card(card: Mapping[str, Any], weights: dict[str, torch.Tensor]) -> Checkpoint:
    history = tuple(EpochRecord(**record, seconds=0.0) for record in card["history"])
    if not 1 <= card["epoch"] <= len(history):
        raise ValueError(f"epoch {card['epoch']} is not among its {len(history)} epochs")
    model = TrainedModel(
        weights=weights,
        settings=ModelSettings.model_validate(card["settings"]),
        scaler=Scaler.from_card(card["scaler"]),
        best_epoch=card["epoch"],
        history=history,
    )
    return Checkpoint(
        model=model, calibration=Calibration(**card["calibration"]), provenance=Provenance(**card["provenance"])
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_read(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path.name} is not a checkpoint card ({error}): retrain") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise CheckpointError(f"{path.name} is not a checkpoint card of this version ({FORMAT}): retrain")
    return card


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"no checkpoint file {path.name}: train first, or name the right folder")
    return path.read_bytes()


def _check_weights(name: str, model: TrainedModel) -> None:
    """Refuse weights of another network, and numbers that are not finite."""
    shapes = {key: tuple(tensor.shape) for key, tensor in model.outline().state_dict().items()}
    given = {key: tuple(tensor.shape) for key, tensor in model.weights.items()}
    if shapes != given:
        wrong = sorted(key for key in {*shapes, *given} if shapes.get(key) != given.get(key))
        raise CheckpointError(f"{name} holds weights of another network ({', '.join(wrong[:3])}): retrain")
    infinite = [key for key, tensor in model.weights.items() if not torch.isfinite(tensor).all()]
    if infinite:
        raise CheckpointError(f"{name} holds weights that are not finite ({infinite[0]}): retrain")
