"""TCN: dilated causal convolutions over each name's own sessions."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from models.model_settings import KIND_MEANING, ModelSettings, NetworkSettings

if TYPE_CHECKING:
    from models.architectures.temporal_convolutions import TemporalConvolutions
    from models.model import StoredModel
    from models.networks.fitted_network import FittedNetwork
    from models.networks.network_model import NetworkModel

__all__ = ["SETTINGS", "TcnSettings", "model", "network", "restored"]


class TcnSettings(NetworkSettings):
    """Residual blocks of two convolutions, each block of twice the dilation, and one linear head.

    Examples
    --------
    >>> qt.load_strategy("filter_negative", {"model.kind": "tcn", "model.lookback": 60}).model.blocks
    3
    """

    kind: Literal["tcn"] = Field(default="tcn", description=KIND_MEANING)
    hidden: int = Field(default=32, ge=1, description="channels of each block")
    layers: int = Field(default=8, ge=1, description="blocks at most; as many as the lookback covers, one at least")
    kernel: int = Field(default=3, ge=2, description="sessions of a convolution")
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0, description="dropout of whole channels")

    @property
    def blocks(self) -> int:
        """Blocks that there are: b of them reach back 1 + 2(kernel − 1)(2ᵇ − 1) sessions, the lookback at most."""
        fitting = (k for k in range(self.layers, 1, -1) if self._reach(k) <= self.lookback)
        return next(fitting, 1)

    def quick(self) -> Self:
        """Eight channels, as many blocks: enough to read as far."""
        return self.model_copy(update={"hidden": 8})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self._reach(1) > self.lookback:
            raise ValueError(
                f"kernel {self.kernel} reaches back {self._reach(1)} sessions in one block: lookback must be as many, "
                f"was {self.lookback}"
            )
        return self

    def _reach(self, blocks: int) -> int:
        return 1 + 2 * (self.kernel - 1) * ((1 << blocks) - 1)


SETTINGS = TcnSettings


def network(n_features: int, settings: TcnSettings) -> "TemporalConvolutions":
    """The untrained network."""
    from models.architectures.temporal_convolutions import TemporalConvolutions

    return TemporalConvolutions(
        n_features,
        hidden=settings.hidden,
        blocks=settings.blocks,
        kernel=settings.kernel,
        dropout=settings.dropout,
        n_outputs=len(settings.heads),
    )


def model(settings: ModelSettings) -> "NetworkModel":
    """The network, to be trained."""
    from models.networks.network_model import NetworkModel

    return NetworkModel(settings)


def restored(settings: ModelSettings, stored: "StoredModel") -> "FittedNetwork":
    """The trained network of a checkpoint."""
    from models.networks.fitted_network import restored_network

    return restored_network(settings, stored)
