"""Checkpoint: weights in safetensors beside a JSON card that says what they are and where they come from.

The card holds the sha256 of the weights file and every number needed to score new bars; floats round-trip exactly.
Nothing is unpickled. The optimiser's state lives in the training state, not here.
"""

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from core.bounded_text import json_value
from core.errors import CheckpointError
from core.files import write_bytes
from models.calibrate import Calibration
from models.model import FittedModel, StoredModel
from models.model_kinds import DEFAULT_KIND, kind_of, known_kinds, restored_model, settings_of
from models.model_settings import ModelSettings
from models.uncertainty.fitted_uncertainty import FittedUncertainty
from models.windows import Scaler

__all__ = ["Checkpoint", "Provenance", "load_checkpoint", "save_checkpoint"]

FORMAT = "quintile checkpoint 2"
FIRST_FORMAT = "quintile checkpoint 1"  # of the LSTM alone
MAX_FEATURES = 10_000


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
    model : FittedModel
        Weights, scaler, settings (seed included) and card.
    calibration : Calibration
        From raw scores to expected returns.
    provenance : Provenance
        Spec, data and code.
    uncertainty : FittedUncertainty or None
        What turns a spread into a range; None where expected returns have none.
    """

    model: FittedModel
    calibration: Calibration
    provenance: Provenance = field(default_factory=Provenance)
    uncertainty: FittedUncertainty | None = None

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
        try:
            return pd.Timestamp(dt.date.fromisoformat(split["validation_end"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError("the model's card names no last validation day: restore it, or retrain") from error


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path`` with the suffixes .safetensors and .json, weights first; the card's hash ties them together.

    A kill in between leaves a pair that ``load_checkpoint`` refuses. Equal checkpoints give equal bytes.
    """
    stored = checkpoint.model.stored()
    weights = save(dict(stored.tensors))
    card = json.dumps(_card(checkpoint, stored, weights), indent=2, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path.with_suffix(".safetensors"), weights)
    write_bytes(path.with_suffix(".json"), f"{card}\n".encode())


def load_checkpoint(path: Path) -> Checkpoint:
    """Load the checkpoint that ``save_checkpoint`` wrote under ``path``.

    A card holds no wall clock. A kind of a user's own must be registered before.

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
        return _from_card(card, load(content))
    except CheckpointError as error:
        raise CheckpointError(f"{path.stem} {error}") from error
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path.stem}.json does not describe a checkpoint ({reason}): retrain") from error


def _card(checkpoint: Checkpoint, stored: StoredModel, weights: bytes) -> dict[str, Any]:
    card = checkpoint.model.card
    source = kind_of(card.kind).source
    own: dict[str, Any] = {"source": source} if source else {}
    if checkpoint.uncertainty is not None:
        own["uncertainty"] = checkpoint.uncertainty.as_card()
    return own | {
        "format": FORMAT,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "kind": card.kind,
        "parameters": card.n_parameters,
        "validation_ic": card.validation_ic if math.isfinite(card.validation_ic) else None,
        "seed": card.seed,
        "torch": torch.__version__,
        "settings": card.settings.model_dump(mode="json"),
        "scaler": stored.scaler.as_card(),
        "fitted": dict(stored.record),
        "calibration": checkpoint.calibration.as_card(),
        "provenance": asdict(checkpoint.provenance),
    }


def _from_card(card: Mapping[str, Any], weights: dict[str, torch.Tensor]) -> Checkpoint:
    first = card["format"] == FIRST_FORMAT
    sections = dict(card["settings"])
    numbers = sections.pop("network" if first else "model")
    if (kind := numbers.get("kind", DEFAULT_KIND)) not in known_kinds():
        raise CheckpointError(
            f"is of kind {str(kind)[:60]!r}, which is not known here: a model of your own is known once its file is "
            "loaded (`quintile --models FILE …`)"
        )
    source = kind_of(kind).source
    if card.get("source", source) != source:
        raise CheckpointError(
            f"was learned by another source of {kind!r} than is loaded now: load the file as it was then, or retrain"
        )
    settings = ModelSettings(model=settings_of({"kind": DEFAULT_KIND, **numbers}), **sections)
    fitted = {"best_epoch": card["epoch"], "history": card["history"]} if first else card["fitted"]
    stored = StoredModel(scaler=_scaler(card["scaler"]), tensors=weights, record=fitted)
    return Checkpoint(
        model=restored_model(settings, stored),
        calibration=Calibration(**card["calibration"]),
        provenance=_provenance(card["provenance"]),
        uncertainty=FittedUncertainty.from_card(card["uncertainty"]) if "uncertainty" in card else None,
    )


def _scaler(card: Mapping[str, Any]) -> Scaler:
    """The scaler of a card: the network is built for its names before a weight is compared, so that they are few."""
    names = card["names"]
    if not isinstance(names, list) or len(names) > MAX_FEATURES or not all(isinstance(name, str) for name in names):
        raise ValueError(f"its scaler must name at most {MAX_FEATURES} features")
    return Scaler.from_card(card)


def _provenance(card: Mapping[str, Any]) -> Provenance:
    made = Provenance(**card)
    words = (made.data_fingerprint, made.code_fingerprint, made.commit)
    if not isinstance(made.spec, dict) or not all(isinstance(word, str) for word in words):
        raise ValueError("its provenance must be a spec and three texts")
    if not isinstance(made.spec.get("split", {}), dict):
        raise ValueError("its provenance must name spans in a table")
    return made


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json_value(_read(path))
    except ValueError as error:
        raise CheckpointError(f"{path.name} is not a checkpoint card ({error}): retrain") from error
    if not isinstance(card, dict) or card.get("format") not in (FORMAT, FIRST_FORMAT):
        raise CheckpointError(f"{path.name} is not a checkpoint card of this version ({FORMAT}): retrain")
    return card


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"no checkpoint file {path.name}: train first, or name the right folder")
    return path.read_bytes()
