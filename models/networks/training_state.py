"""Training state: what a killed training needs to go on, in one file that is replaced whole after every epoch.

Tensors (weights, best weights, Adam's moments) and, in the same safetensors file's header, JSON (history, identity):
one rename moves both, so that no kill leaves halves of two epochs. The header holds the sha256 of everything else: a
flipped bit is refused, not trained on. No pickle.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from core.errors import RunError
from core.files import write_bytes
from models.networks.trained import EpochRecord

__all__ = [
    "FILE_NAME",
    "ResumePoint",
    "TrainingState",
    "adam_moments",
    "load_state",
    "restore_moments",
    "save_state",
]

FILE_NAME = "training.safetensors"
DIGEST = "sha256"  # of tensors, identity and history
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """Where training keeps its state, and what must be the same to go on from it.

    Parameters
    ----------
    folder : Path
        Holds one state file; created when missing.
    identity : mapping of str to str
        Fingerprints of whatever decides the result, such as spec, panel and code.
    """

    folder: Path
    identity: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / FILE_NAME

    def extended(self, identity: Mapping[str, str]) -> Self:
        """Add what else must be the same to resume."""
        return replace(self, identity={**self.identity, **identity})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingState:
    """Training after its last finished epoch; every tensor on the CPU.

    Parameters
    ----------
    weights, best_weights : dict of str to Tensor
        Of the last and of the best epoch.
    moments : dict of str to Tensor
        Adam's state, keyed ``"<parameter number>.<name>"``.
    history : tuple of EpochRecord
        Every finished epoch that was judged on validation.
    refitted : int
        Finished epochs of a refit, to which weights and moments then belong.
    """

    weights: dict[str, torch.Tensor]
    best_weights: dict[str, torch.Tensor]
    moments: dict[str, torch.Tensor]
    history: tuple[EpochRecord, ...]
    refitted: int = 0


def save_state(point: ResumePoint, state: TrainingState) -> None:
    """Replace the state file; a kill leaves the old one or the new one."""
    tensors = {f"{group}/{name}": tensor for group, part in _groups(state).items() for name, tensor in part.items()}
    header = {
        "identity": json.dumps(dict(point.identity), sort_keys=True),
        "history": json.dumps([asdict(record) for record in state.history]),
        "refitted": json.dumps(state.refitted),
    }
    write_bytes(point.path, save(tensors, header | {DIGEST: _digest(tensors, header)}))


def load_state(point: ResumePoint) -> TrainingState | None:
    """Read the saved state; None where there is none.

    Raises
    ------
    RunError
        If the file cannot be read, is not as it was written, or belongs to another identity.
    """
    if not point.path.exists():
        return None
    try:
        with safe_open(point.path, framework="pt") as stored:
            header = stored.metadata() or {}
            names = stored.keys()
            tensors = {name: stored.get_tensor(name) for name in names}
        if header.pop(DIGEST, None) != _digest(tensors, header):
            raise ValueError("it is not as it was written")
        identity = json.loads(header["identity"])
        history = tuple(EpochRecord(**record) for record in json.loads(header["history"]))
        refitted = int(header["refitted"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"training state {point.path} cannot be read ({error}): delete it to train from the first epoch again"
        ) from error
    _check_identity(identity, point.identity)
    return TrainingState(
        weights=_group(tensors, "weights"),
        best_weights=_group(tensors, "best"),
        moments=_group(tensors, "moments"),
        history=history,
        refitted=refitted,
    )


def adam_moments(optimizer: torch.optim.Adam) -> dict[str, torch.Tensor]:
    """Copies of Adam's state on the CPU, keyed by parameter number and name."""
    numbered = optimizer.state_dict()["state"]
    form = torch.contiguous_format
    return {
        f"{number}.{name}": state[name].cpu().clone(memory_format=form)
        for number, state in numbered.items()
        for name in MOMENTS
    }


def restore_moments(optimizer: torch.optim.Adam, moments: dict[str, torch.Tensor]) -> None:
    """Put Adam's state back, onto the devices of its parameters."""
    numbers = sorted({int(key.split(".")[0]) for key in moments})
    stored = {number: {name: moments[f"{number}.{name}"] for name in MOMENTS} for number in numbers}
    optimizer.load_state_dict({"state": stored, "param_groups": optimizer.state_dict()["param_groups"]})


def _digest(tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> str:
    """Sha256 of every tensor with its name, type and shape, and of the header."""
    digest = hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _groups(state: TrainingState) -> dict[str, dict[str, torch.Tensor]]:
    return {"weights": state.weights, "best": state.best_weights, "moments": state.moments}


def _group(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")}


def _check_identity(stored: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    changed = sorted(key for key in {*stored, *wanted} if stored.get(key) != wanted.get(key))
    if changed:
        raise RunError(f"cannot resume: {', '.join(changed)} changed since training began; start a new run")
