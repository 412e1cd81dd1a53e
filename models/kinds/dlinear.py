"""DLinear: linear in the window's trend and in what is left of it."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_settings import KIND_MEANING, ModelSettings, NetworkSettings

if TYPE_CHECKING:
    from models.architectures.trend_linear import TrendLinear
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "DlinearSettings", "model", "network", "restored"]


class DlinearSettings(NetworkSettings):
    """One weight for each feature and session of the window's trend, and one for what is left of it."""

    kind: Literal["dlinear"] = Field(default="dlinear", description=KIND_MEANING)
    smooth: int = Field(default=25, ge=1, description="sessions of the moving average that is the trend")


SETTINGS = DlinearSettings


def network(n_features: int, settings: DlinearSettings) -> "TrendLinear":
    """The untrained network."""
    from models.architectures.trend_linear import TrendLinear

    return TrendLinear(n_features, lookback=settings.lookback, smooth=settings.smooth, n_outputs=len(settings.heads))


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
