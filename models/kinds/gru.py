"""GRU: the rank GRU, a recurrent network with a single state."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_settings import KIND_MEANING, ModelSettings, RecurrentSettings

if TYPE_CHECKING:
    from models.architectures.rank_gru import RankGRU
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "GruSettings", "model", "network", "restored"]


class GruSettings(RecurrentSettings):
    """Stacked GRU layers and one linear head."""

    kind: Literal["gru"] = Field(default="gru", description=KIND_MEANING)


SETTINGS = GruSettings


def network(n_features: int, settings: GruSettings) -> "RankGRU":
    """The untrained network."""
    from models.architectures.rank_gru import RankGRU

    return RankGRU(n_features, settings)


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
