"""LSTM: the rank LSTM, the kind that a strategy has where it names none."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.settings import Later
from models.model_settings import KIND_MEANING, ModelSettings, RecurrentSettings

if TYPE_CHECKING:
    from models.architectures.rank_lstm import RankLSTM
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "LstmSettings", "model", "network", "restored"]


class LstmSettings(RecurrentSettings):
    """Stacked LSTM layers and one linear head.

    Examples
    --------
    >>> spec.model.hidden, spec.model.lookback
    (8, 20)
    """

    kind: Later[Literal["lstm"]] = Field(default="lstm", description=KIND_MEANING)


SETTINGS = LstmSettings


def network(n_features: int, settings: LstmSettings) -> "RankLSTM":
    """The untrained network."""
    from models.architectures.rank_lstm import RankLSTM

    return RankLSTM(n_features, settings)


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
