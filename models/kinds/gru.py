"""GRU: the rank GRU, a recurrent network with a single state."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_kinds import Kind
from models.model_settings import KIND_MEANING, ModelSettings, RecurrentSettings

if TYPE_CHECKING:
    from models.networks.network_model import NetworkModel
    from models.networks.rank_gru import RankGRU

__all__ = ["KIND", "GruSettings"]


class GruSettings(RecurrentSettings):
    """Stacked GRU layers and one linear head."""

    kind: Literal["gru"] = Field(default="gru", description=KIND_MEANING)


def _network(n_features: int, settings: GruSettings) -> "RankGRU":
    from models.networks.rank_gru import RankGRU

    return RankGRU(n_features, settings)


def _model(settings: ModelSettings) -> "NetworkModel":
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


KIND = Kind(settings=GruSettings, model=_model, network=_network)
