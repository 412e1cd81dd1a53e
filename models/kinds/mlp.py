"""MLP: a multilayer perceptron on the whole window."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from models.model_settings import KIND_MEANING, ModelSettings, NetworkSettings

if TYPE_CHECKING:
    from models.architectures.window_mlp import WindowMLP
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "MlpSettings", "model", "network", "restored"]


class MlpSettings(NetworkSettings):
    """Dense layers on all features of all sessions of the window, and one linear head.

    Examples
    --------
    >>> qt.load_strategy("filter_negative", {"model.kind": "mlp"}).model.hidden
    (64, 32)
    """

    kind: Literal["mlp"] = Field(default="mlp", description=KIND_MEANING)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(64, 32), min_length=1, description="width of each dense layer"
    )
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="dropout after each dense layer")

    def quick(self) -> Self:
        """One layer of 16 units."""
        return self.model_copy(update={"hidden": (16,)})


SETTINGS = MlpSettings


def network(n_features: int, settings: MlpSettings) -> "WindowMLP":
    """The untrained network."""
    from models.architectures.window_mlp import WindowMLP

    return WindowMLP(
        settings.lookback * n_features, hidden=settings.hidden, dropout=settings.dropout, n_outputs=len(settings.heads)
    )


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
