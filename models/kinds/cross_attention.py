"""Attention across names: each name of a session sees the others of its own day."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_settings import KIND_MEANING, AttentionSettings, ModelSettings

if TYPE_CHECKING:
    from models.architectures.names_attention import CrossAttention
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "CrossAttentionSettings", "model", "network", "restored"]


class CrossAttentionSettings(AttentionSettings):
    """A linear reading of each window, layers of attention between the names of a session, and one linear head."""

    kind: Literal["cross_attention"] = Field(default="cross_attention", description=KIND_MEANING)


SETTINGS = CrossAttentionSettings


def network(n_features: int, settings: CrossAttentionSettings) -> "CrossAttention":
    """The untrained network."""
    from models.architectures.names_attention import CrossAttention

    return CrossAttention(n_features, settings)


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
