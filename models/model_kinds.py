"""Model kinds: by name; a kind is a file of ``models/kinds``, or a class that a user decorates.

A file of ``models/kinds`` is imported when its kind is named, and no list names them all: a new kind changes no source
that the others depend on. Nothing here imports torch until a model is made.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import MissingExtraError
from core.user_file import named_failures
from models import kinds
from models.model_settings import KindSettings, ModelSettings

if TYPE_CHECKING:
    from torch import nn

    from models.model import FittedModel, Model, StoredModel

__all__ = [
    "DEFAULT_KIND",
    "Kind",
    "build_network",
    "is_own",
    "kind_of",
    "known_kinds",
    "make_model",
    "own_failures",
    "own_sources",
    "register",
    "restored_model",
    "settings_of",
]

DEFAULT_KIND = "lstm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of model.

    Parameters
    ----------
    settings : type of KindSettings
        Keys of ``[model]``.
    model : callable
        Model settings to the model that they describe, not fitted.
    restored : callable
        Model settings and a stored state to the fitted model; all that a frozen version needs of its kind.
    network : callable, optional
        Number of features and the kind's settings to an untrained network, of a kind that the training loop trains.
    source : str
        sha256 of a user's source; empty for Quintile's own.
    """

    settings: type[KindSettings]
    model: "Callable[[ModelSettings], Model]"
    restored: "Callable[[ModelSettings, StoredModel], FittedModel]"
    network: "Callable[[int, Any], nn.Module] | None" = None
    source: str = ""


_own: dict[str, Kind] = {}


def known_kinds() -> list[str]:
    """The names of all kinds, those of Quintile first."""
    shipped = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return [*shipped, *sorted(_own)]


def kind_of(name: str) -> Kind:
    """A kind by name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name in _own:
        return _own[name]
    if name not in known_kinds():
        raise ValueError(
            f"kind must be one of {', '.join(known_kinds())}, was {name!r}: a model of your own is known once its "
            "file is loaded (`quintile --models FILE …`)"
        )
    file = importlib.import_module(f"{kinds.__name__}.{name}")
    network = getattr(file, "network", None)
    return Kind(settings=file.SETTINGS, model=file.model, restored=file.restored, network=network)


def settings_of(numbers: Mapping[str, Any], *, recorded: bool = False) -> KindSettings:
    """The settings that a section ``[model]`` holds, of the kind that it names; keys it is older than as recorded.

    Raises
    ------
    ValueError
        If there is no such kind, or a key or value is not allowed.
    """
    if not isinstance(numbers, Mapping):
        raise ValueError(f"must be a section of keys such as kind, was {numbers!r}")
    settings = kind_of(str(numbers.get("kind", DEFAULT_KIND))).settings
    return settings.recorded(numbers) if recorded else settings.model_validate(numbers)


def make_model(settings: ModelSettings) -> "Model":
    """The model that settings describe, not fitted.

    Raises
    ------
    MissingExtraError
        If its library is an extra that is not installed.
    """
    with _extras():
        return kind_of(settings.model.kind).model(settings)


def restored_model(settings: ModelSettings, stored: "StoredModel") -> "FittedModel":
    """The fitted model that a checkpoint keeps.

    Raises
    ------
    CheckpointError, ValueError
        If the state is not one of this kind and these settings.
    MissingExtraError
        If its library is an extra that is not installed.
    """
    with _extras():
        return kind_of(settings.model.kind).restored(settings, stored)


@contextmanager
def _extras() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed: `pip install 'quintile[{error.name}]'`, or choose another model.kind"
        ) from error


def build_network(settings: KindSettings, n_features: int) -> "nn.Module":
    """An untrained network of a kind that has one, weights drawn from torch's generator."""
    build = kind_of(settings.kind).network
    if build is None:
        raise ValueError(f"model.kind {settings.kind} has no network: it is fitted otherwise")
    return build(n_features, settings)


def register(name: str, kind: Kind) -> None:
    """Make a user's kind known in this process; a name that a shipped kind has is refused.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if name in (module.name for module in pkgutil.iter_modules(kinds.__path__)):
        raise ValueError(f"{name!r} is a kind of Quintile's own: give your model another name")
    _own[name] = kind


def is_own(name: str) -> bool:
    """Whether a kind comes from a user's file."""
    return name in _own


def own_failures(name: str) -> AbstractContextManager[None]:
    """Name what fails where a network of a user's file runs; a shipped one runs as it is."""
    return named_failures(f"network {name}") if is_own(name) else nullcontext()


def own_sources() -> dict[str, str]:
    """Sha256 of the source of every registered model, by ``model/kind``."""
    return {f"model/{name}": kind.source for name, kind in _own.items()}
