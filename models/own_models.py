"""Own models: a class of the user's, decorated, becomes a kind of model.

What the class is decides how it learns. A torch network is trained by the one loop, from ``__init__(n_features,
settings)`` and ``forward``. A class with ``fit(x, y)`` and ``predict(x)`` is given samples. A class with
``fit(windows, split)`` alone stands for the whole seam and is trusted with all rows: the look-ahead proof is what
catches one that reads later ones.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import pandas as pd
import torch
from pydantic import Field, create_model
from torch import nn

from core.settings import Later
from core.user_file import named_failures, source_sha256
from models.estimators.estimator_model import EstimatorModel, restored_estimator
from models.estimators.library_form import library_form
from models.model import FitContext, ModelCard, ScoreContext, StoredModel
from models.model_kinds import Kind, register
from models.model_settings import KIND_MEANING, SCORING_MEANING, KindSettings, ModelSettings, Scoring
from models.networks.fitted_network import restored_network
from models.networks.network_model import NetworkModel
from models.sample_splits import Split
from models.windows import Scaler, Windows, check_scaled

__all__ = ["model"]

Class = TypeVar("Class", bound=type)


def model(name: str, *, settings: type[KindSettings] = KindSettings) -> Callable[[Class], Class]:
    """Make the decorated class a kind of model, ``[model] kind = name``, in this process.

    Parameters
    ----------
    name : str
        Lower-case words joined by underscores; not a shipped kind. Registering a name again replaces its class.
    settings : type of KindSettings
        Keys of ``[model]`` beside ``kind``; ``lookback`` alone by default. A network with a method ``step`` has the key
        ``scoring`` besides.

    Returns
    -------
    callable
        Gives the class back as it was. A torch network scores (names,) for windows (sessions, names, features), or with
        ``reads = "sequences"`` every session, (sessions, names). Another class is made with those of ``settings``,
        ``seed`` and ``random_state`` that its ``__init__`` names, and has ``fit(x, y)`` and ``predict(x)``; or
        ``fit(windows, split)``, ``scores(windows, sessions)``, ``tensors()`` and ``restored(tensors)``.

    Raises
    ------
    ValueError
        If the name is taken or not a word, or the class is none of these.

    Examples
    --------
    >>> @qt.model("last_session")
    ... class LastSession:
    ...     def fit(self, x, y):
    ...         self.weights = x.T @ y / len(y)
    ...
    ...     def predict(self, x):
    ...         return x @ self.weights
    >>> qt.load_strategy("filter_negative", {"model.kind": "last_session"}).model.kind
    'last_session'
    """
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"{name!r} cannot name a model: choose lower-case letters, digits and underscores")

    def registered(cls: Class) -> Class:
        source = source_sha256(cls, what=f"model {name}")
        kind = Field(default=name, description=KIND_MEANING)
        chosen: Any = Literal[name]
        made: Any = create_model  # which checks its keys at run time, and knows a single base before
        own = made(f"{cls.__name__}Settings", __base__=_keys(cls, settings), kind=(chosen, kind))
        own.learns_by_epochs = issubclass(cls, nn.Module)
        register(name, Kind(settings=own, source=source, **_ways(name, cls)))
        return cls

    return registered


class _ScoredTwoWays(KindSettings):
    """The key of a network with a method ``step``."""

    scoring: Later[Scoring] = Field(default="exact", description=SCORING_MEANING)


def _keys(cls: type, settings: type[KindSettings]) -> tuple[type[KindSettings], ...]:
    """Classes that hold a kind's keys: its user's, and the way of scoring where there are two."""
    has_step = issubclass(cls, nn.Module) and callable(getattr(cls, "step", None))
    return (_ScoredTwoWays, settings) if has_step and "scoring" not in settings.model_fields else (settings,)


def _ways(name: str, cls: type) -> dict[str, Any]:
    """How a class becomes a model, by what it has."""
    if issubclass(cls, nn.Module):
        return {"model": NetworkModel, "restored": restored_network, "network": partial(_network, cls)}
    if callable(getattr(cls, "fit", None)) and callable(getattr(cls, "predict", None)):
        form = library_form(cls)
        return {
            "model": lambda settings: EstimatorModel(settings=settings, build=partial(_made, cls), form=form),
            "restored": partial(restored_estimator, form=form),
        }
    wanted = ("fit", "scores", "tensors", "restored")
    if all(callable(getattr(cls, each, None)) for each in wanted):
        return {"model": partial(_WholeModel, cls), "restored": partial(_whole_restored, cls)}
    raise ValueError(f"model {name} must be a torch.nn.Module, or have fit and predict, or {', '.join(wanted)}")


def _network(cls: type, n_features: int, settings: KindSettings) -> nn.Module:
    wanted = list(inspect.signature(cls).parameters.values())[1:2]
    takes_settings = bool(wanted) and (wanted[0].name == "settings" or wanted[0].default is inspect.Parameter.empty)
    network: nn.Module = cls(n_features, settings) if takes_settings else cls(n_features)
    network.register_forward_pre_hook(_copied)
    return network


def _copied(_network: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """A copy of what a network is given, which it may change: windows overlap, and share their cells."""
    return tuple(x.clone() for x in given)


def _made(cls: type, settings: ModelSettings) -> Any:
    """The class made with what its ``__init__`` asks for by name."""
    seed = settings.training.seed
    offered = {"settings": settings.model, "seed": seed, "random_state": seed}
    wanted = inspect.signature(cls).parameters
    return cls(**{key: value for key, value in offered.items() if key in wanted})


@dataclass(frozen=True, slots=True)
class _WholeModel:
    """A class of the user's that stands for the whole seam."""

    cls: type
    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> "_WholeFitted":  # noqa: ARG002
        """Let the class fit itself."""
        with named_failures(f"model {self.settings.model.kind}"):
            fitted = _made(self.cls, self.settings)
            fitted.fit(windows, split)
        return _WholeFitted(settings=self.settings, scaler=windows.scaler, fitted=fitted)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _WholeFitted:
    """A fitted model that the class itself is."""

    settings: ModelSettings
    scaler: Scaler
    fitted: Any

    @property
    def card(self) -> ModelCard:
        """Size and seed."""
        tensors = self.stored().tensors.values()
        return ModelCard(
            kind=self.settings.model.kind,
            settings=self.settings,
            n_parameters=sum(tensor.numel() for tensor in tensors),
            n_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
            seed=self.settings.training.seed,
        )

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Scores of the class, NaN where the windows' mask is False."""
        check_scaled(windows, sessions, scaler=self.scaler, lookback=self.settings.model.lookback)
        rows = windows.sessions.get_indexer(sessions)
        mask = pd.DataFrame(windows.mask.cpu().numpy()[rows], index=sessions, columns=windows.tickers)
        with named_failures(f"model {self.settings.model.kind}"):
            scores: pd.DataFrame = self.fitted.scores(windows, sessions)
            same_axes = scores.index.equals(mask.index) and scores.columns.equals(mask.columns)
        if not same_axes:
            raise ValueError(
                f"scores of model {self.settings.model.kind} must be a frame of the {mask.shape[0]} sessions asked for "
                f"× the {mask.shape[1]} tickers of the windows, in their order"
            )
        if context is not None and context.progress is not None:
            context.progress(len(rows), len(rows))
        return scores.where(mask.to_numpy())

    def window_scores(self) -> None:
        """It is asked for sessions only."""

    def stored(self) -> StoredModel:
        """Copies of its tensors, each by itself, as a file holds them."""
        with named_failures(f"model {self.settings.model.kind}"):
            tensors = {
                str(name): tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
                for name, tensor in self.fitted.tensors().items()
            }
        return StoredModel(scaler=self.scaler, tensors=tensors)


def _whole_restored(cls: type, settings: ModelSettings, stored: StoredModel) -> _WholeFitted:
    """Let the class restore itself."""
    with named_failures(f"model {settings.model.kind}"):
        fitted = _made(cls, settings)
        fitted.restored(dict(stored.tensors))
    return _WholeFitted(settings=settings, scaler=stored.scaler, fitted=fitted)
