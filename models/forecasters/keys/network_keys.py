"""Network keys: what the networks that forecast are told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from models.forecasters.keys.forecaster_keys import Choices, Features, ForecasterSettings, Reach

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster

__all__ = ["AttentiveLstmSettings", "CompactLstmSettings", "GruSettings", "TransformerSettings"]


class NetworkForecasterSettings(ForecasterSettings):
    """A network behind the model seam, pooled over the series, a training a horizon."""

    KIND: ClassVar[str]
    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {
        "features": Choices(("compact7", "compact12")),
        "lookback": Choices((60, 120)),
        "learning_rate": Reach(3e-4, 1e-2, log=True),
        "dropout": Choices((0.0, 0.1, 0.2)),
    }

    features: Features = Field(default="compact7", description="feature set")
    lookback: int = Field(default=60, ge=2, le=500, description="sessions in one input window")
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0, description="share of units left out while training")
    learning_rate: float = Field(default=1e-3, gt=0.0, description="of Adam")
    epochs: int = Field(default=30, ge=1, description="at most")
    patience: int = Field(default=5, ge=1, description="epochs without a better validation loss before it stops")

    @property
    def sizes(self) -> dict[str, Any]:
        """Keys of the kind's own section ``[model]``."""
        return {}

    @property
    def terms(self) -> dict[str, float]:
        """Terms of the loss."""
        return {"mse": 1.0}

    def made(self) -> "Forecaster":
        """The network, not trained."""
        from models.forecasters.seam_forecaster import SeamForecaster
        from models.model_kinds import settings_of
        from models.model_settings import LossSettings, ModelSettings, TrainingSettings

        told = {"kind": self.KIND, "lookback": self.lookback, "dropout": self.dropout, **self.sizes}
        training = TrainingSettings(
            max_epochs=self.epochs, patience=self.patience, learning_rate=self.learning_rate, burn_in=self.lookback
        )
        return SeamForecaster(
            settings=ModelSettings(model=settings_of(told), loss=LossSettings(terms=self.terms), training=training)
        )


class CompactLstmSettings(NetworkForecasterSettings):
    """The LSTM of 64, 32 and 16 units."""

    KIND: ClassVar[str] = "lstm"

    @property
    def sizes(self) -> dict[str, Any]:
        """Tapering widths."""
        return {"hidden": (64, 32, 16)}


class GruSettings(NetworkForecasterSettings):
    """A GRU."""

    KIND: ClassVar[str] = "gru"

    hidden: int = Field(default=32, ge=1, description="width of each layer")
    layers: int = Field(default=1, ge=1, description="layers")

    @property
    def sizes(self) -> dict[str, Any]:
        """Width and depth."""
        return {"hidden": self.hidden, "layers": self.layers}


class TransformerSettings(NetworkForecasterSettings):
    """A causal Transformer."""

    KIND: ClassVar[str] = "transformer"

    hidden: int = Field(default=32, ge=1, description="width")

    @property
    def sizes(self) -> dict[str, Any]:
        """Width."""
        return {"hidden": self.hidden}


class AttentiveLstmSettings(NetworkForecasterSettings):
    """The LSTM of two layers of 64 with attention over time and a (mean, variance) head."""

    KIND: ClassVar[str] = "alstm"

    features: Features = Field(default="compact12", description="feature set")
    hidden: int = Field(default=64, ge=1, description="width of each layer")
    layers: int = Field(default=2, ge=1, description="layers")

    @property
    def sizes(self) -> dict[str, Any]:
        """Width, depth and the head of the variance."""
        return {"hidden": self.hidden, "layers": self.layers, "heads": ("score", "log_variance")}

    @property
    def terms(self) -> dict[str, float]:
        """The likelihood of a normal distribution."""
        return {"gaussian": 1.0}
