"""Weights folder: a pretrained model that the user keeps on disk, read as safetensors and JSON and never unpickled."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from core.errors import CheckpointError, SourceError
from core.files import read_json

__all__ = ["WeightsFolder", "quiet"]

CONFIG = "config.json"
ARGUMENTS = (TypeError, ValueError)
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFolder:
    """A folder with weights in ``*.safetensors``, and ``config.json`` where the model has sizes.

    Parameters
    ----------
    path : Path
        The folder, absolute.
    config : mapping of str to object
        What its ``config.json`` says; nothing without one.
    shapes : mapping of str to tuple of int
        Of every tensor of its files, by name.
    stamp : tuple
        Name, size and time of every file: another folder's is another.
    """

    path: Path
    config: Mapping[str, Any] = field(hash=False)
    shapes: Mapping[str, tuple[int, ...]] = field(hash=False)
    stamp: tuple[tuple[str, int, int], ...]

    @classmethod
    def opened(cls, path: Path, *, what: str) -> Self:
        """Look at a folder; no weight is read yet.

        Parameters
        ----------
        path : Path
            The folder.
        what : str
            What should lie there, for messages.

        Raises
        ------
        CheckpointError
            If it is missing, holds pickles or no weights, or a file of it cannot be read.
        """
        folder = path.expanduser().resolve()
        if not folder.is_dir():
            raise CheckpointError(
                f"no folder {folder}: name the one that holds {what}; its path has no colon and no comma"
            )
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise CheckpointError(_without_weights(folder, what))
        config = folder / CONFIG
        return cls(
            path=folder,
            config=_config(config) if config.is_file() else {},
            shapes={name: shape for file in files for name, shape in _shapes(file)},
            stamp=tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files),
        )

    def read(self, load: Callable[[], Loaded]) -> Loaded:
        """What a library makes of the folder, without what it prints.

        Raises
        ------
        CheckpointError
            If the library cannot, which says that the weights are another architecture's.
        """
        from safetensors import SafetensorError

        try:
            with quiet():
                return load()
        except (
            SafetensorError,
            AttributeError,
            AssertionError,
            KeyError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as e:
            reason = " ".join(str(e).split())[:200]
            raise CheckpointError(
                f"{self.path} holds weights of another architecture, or damaged ones ({type(e).__name__}: {reason}): "
                "download the folder whole"
            ) from e

    def require_all(self, state: Mapping[str, Any]) -> None:
        """Refuse a folder that lacks one of a model's tensors, which its library would have filled with noise.

        Parameters
        ----------
        state : mapping of str to Tensor
            The model's; tensors that share their memory with one that is there are there.

        Raises
        ------
        CheckpointError
            If one is missing or has another shape.
        """
        there = {name for name, tensor in state.items() if self.shapes.get(name) == tuple(tensor.shape)}
        shared = {state[name].data_ptr() for name in there}
        missing = [name for name, tensor in state.items() if name not in there and tensor.data_ptr() not in shared]
        if missing:
            raise CheckpointError(
                f"{self.path} holds weights of another architecture: {len(missing)} of the model's {len(state)} "
                f"tensors are not there, the first {missing[0]}: name the folder of this model, downloaded whole"
            )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what a library prints, logs and warns of: its deprecations are nothing that a user can mend."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _without_weights(folder: Path, what: str) -> str:
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in PICKLED)
    if pickled:
        return f"{folder} holds pickled weights ({pickled[0]}), which can run any code: give those in *.safetensors"
    return f"{folder} holds no *.safetensors: name the folder that holds {what}"


def _config(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, dict[str, Any])
    except SourceError as error:
        raise CheckpointError(f"{error}, or download it again") from error


def _shapes(file: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            yield from [(name, tuple(opened.get_slice(name).get_shape())) for name in opened.keys()]  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{file} is no readable safetensors file ({error}): download it again") from error
