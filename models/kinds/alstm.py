"""ALSTM: an LSTM with attention over its outputs of the window."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_settings import KIND_MEANING, ModelSettings, RecurrentSettings

if TYPE_CHECKING:
    from models.architectures.attentive_lstm import AttentiveLSTM
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "AlstmSettings", "model", "network", "restored"]


class AlstmSettings(RecurrentSettings):
    """LSTM layers, attention over their last ``lookback`` outputs, and one linear head.

    Examples
    --------
    >>> changes = {"model.kind": "alstm", "model.hidden": 64, "model.lookback": 60}
    >>> qt.load_strategy("filter_negative", changes).model.widths
    (64, 64)
    """

    kind: Literal["alstm"] = Field(default="alstm", description=KIND_MEANING)


SETTINGS = AlstmSettings


def network(n_features: int, settings: AlstmSettings) -> "AttentiveLSTM":
    """The untrained network."""
    from models.architectures.attentive_lstm import AttentiveLSTM

    return AttentiveLSTM(n_features, settings)


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
