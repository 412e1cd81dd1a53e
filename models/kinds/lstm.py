"""LSTM: the rank LSTM, the kind that a strategy has where it names none."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from core.settings import Later
from models.model_kinds import Kind
from models.model_settings import KIND_MEANING, ModelSettings, RecurrentSettings

if TYPE_CHECKING:
    from models.networks.network_model import NetworkModel
    from models.networks.rank_lstm import RankLSTM

__all__ = ["KIND", "LstmSettings"]


class LstmSettings(RecurrentSettings):
    """Stacked LSTM layers and one linear head.

    Examples
    --------
    >>> spec.model.hidden, spec.model.lookback
    (8, 20)
    """

    kind: Later[Literal["lstm"]] = Field(default="lstm", description=KIND_MEANING)


def _network(n_features: int, settings: LstmSettings) -> "RankLSTM":
    from models.networks.rank_lstm import RankLSTM

    return RankLSTM(n_features, settings)


def _model(settings: ModelSettings) -> "NetworkModel":
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


KIND = Kind(settings=LstmSettings, model=_model, network=_network)
