"""Transformer: causal attention over each name's own sessions."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.model_settings import KIND_MEANING, AttentionSettings, ModelSettings

if TYPE_CHECKING:
    from models.architectures.causal_transformer import CausalTransformer
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "TransformerSettings", "model", "network", "restored"]


class TransformerSettings(AttentionSettings):
    """Layers of causal attention, which share the lookback between them, and one linear head."""

    kind: Literal["transformer"] = Field(default="transformer", description=KIND_MEANING)
    layers: int = Field(default=2, ge=1, description="layers of attention, which share the lookback between them")


SETTINGS = TransformerSettings


def network(n_features: int, settings: TransformerSettings) -> "CausalTransformer":
    """The untrained network."""
    from models.architectures.causal_transformer import CausalTransformer

    return CausalTransformer(n_features, settings)


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
