"""Warm start: a training that begins with the weights of an earlier one, on the scale that these were learned on.

The purge holds across both: every label that the weights learned from is realised before the first session of the new
validation. A run keeps a copy of what it began with, and its strategy names the hash, so that it goes on, is counted
and is frozen as what it is.
"""

from typing import Any

from core.errors import CheckpointError, DataError, RunError
from core.files import file_sha256, write_bytes
from market.panel import Panel
from models.checkpoint import load_checkpoint
from models.model_kinds import kind_of
from models.model_settings import ModelSettings
from models.networks.trained import check_fits
from models.sample_splits import resolve_split
from strategy.definitions.spec import StrategySpec, override
from strategy.learning.given_model import SUFFIXES, GivenModel
from strategy.runs.kept_files import KeptFiles
from strategy.runs.store import RunFolder

__all__ = ["begins_with", "check_start", "keep_start", "kept_start", "start_notes", "start_record"]

STEM = "start"
START_FILES = tuple(f"{STEM}{suffix}" for suffix in SUFFIXES)
FREE = ("dropout", "scoring")  # keys of [model] that no weight depends on


def begins_with(spec: StrategySpec, given: GivenModel) -> StrategySpec:
    """The strategy whose training begins with the weights of a given model.

    Raises
    ------
    CheckpointError
        If one of them is no network.
    """
    for kind in (spec.model.kind, given.checkpoint.model.settings.model.kind):
        if kind_of(kind).network is None:
            raise CheckpointError(f"model.kind {kind} is no network: only a network begins with weights of another")
    return override(spec, {"training.start": file_sha256(given.path.with_suffix(SUFFIXES[0]))})


def check_start(spec: StrategySpec, panel: Panel, given: GivenModel | None) -> None:
    """Refuse weights that the strategy cannot begin with, and ones that saw what it is to be judged on.

    Raises
    ------
    RunError
        If the strategy names weights and none are given.
    CheckpointError
        If they are of another network than the strategy's.
    DataError
        If they learned from a session of the validation or test span.
    """
    if given is None:
        if spec.training.start:
            raise RunError(
                f"training.start names the weights {spec.training.start[:12]}, which are not given: name their run "
                "with --from, or unset the key"
            )
        return
    _check_network(spec, given)
    split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    first = panel.sessions[split.validation.start]
    if given.checkpoint.learned_until >= first:
        raise DataError(
            f"the model of {given.origin} learned until {given.learned_until}, and validation begins {first:%Y-%m-%d}: "
            "begin with a model that learned before it, or move the spans with --split"
        )


def keep_start(folder: RunFolder, given: GivenModel) -> None:
    """Keep a copy of what a run begins with, so that it goes on without the other run."""
    for suffix in SUFFIXES:
        write_bytes(folder.path / f"{STEM}{suffix}", given.path.with_suffix(suffix).read_bytes())
    KeptFiles(folder.path).note(*START_FILES)


def kept_start(folder: RunFolder) -> GivenModel | None:
    """What a run began with; None for one that began anew.

    Raises
    ------
    RunError
        If the copy is not as the run left it.
    """
    origin = folder.record.get(STEM, {}).get("origin")
    if origin is None:
        return None
    if not KeptFiles(folder.path).hold(*START_FILES):
        raise RunError(
            f"run {folder.run_id} lost {START_FILES[0]}, the weights that it began with: begin it again with "
            f"`{folder.record['command']}`"
        )
    path = folder.path / STEM
    return GivenModel(path=path, origin=origin, checkpoint=load_checkpoint(path))


def start_record(given: GivenModel) -> dict[str, Any]:
    """What ``run.json`` says of the weights that a training begins with."""
    return {
        STEM: {
            "origin": given.origin,
            "sha256": file_sha256(given.path.with_suffix(SUFFIXES[0])),
            "bars": given.checkpoint.provenance.data_fingerprint,
            "learned_until": given.learned_until,
        }
    }


def start_notes(given: GivenModel | None) -> tuple[str, ...]:
    """Note of the report on where the weights came from; none for a training that began anew."""
    if given is None:
        return ()
    return (
        f"Training began with the weights of {given.origin}, which learned until {given.learned_until} on bars "
        f"{given.checkpoint.provenance.data_fingerprint[:12]}; features are on the scale of that training.",
    )


def _check_network(spec: StrategySpec, given: GivenModel) -> None:
    """Refuse a network of other keys, features or weights than the strategy's."""
    model = given.checkpoint.model
    if changes := _other_keys(spec, given):
        raise CheckpointError(
            f"the model of {given.origin} is another network than the strategy's: begin with the same, "
            + " ".join(f"--set {change}" for change in changes)
        )
    settings = ModelSettings(model=spec.model, loss=spec.loss, training=spec.training)
    try:
        check_fits(settings, model.scaler.names, model.stored().tensors)
    except CheckpointError as error:
        raise CheckpointError(f"the model of {given.origin} {error}") from error


def _other_keys(spec: StrategySpec, given: GivenModel) -> list[str]:
    """Assignments that make the strategy's network and features those of a given model."""
    wanted, own = given.checkpoint.model.settings.model.model_dump(mode="json"), spec.model.model_dump(mode="json")
    keys = [key for key in wanted if key not in FREE and own.get(key) != wanted[key]]
    changes = [f"model.{key}={wanted[key]}" for key in sorted(keys, key=lambda key: key != "kind")]
    features = given.checkpoint.provenance.spec.get("features", {}).get("set", spec.features.set)
    return changes + ([] if features == spec.features.set else [f"features.set={features}"])
