"""Network keys: what the networks that forecast are told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from models.forecasters.keys.forecaster_keys import FIT_MEANING, Choices, Features, FitMode, ForecasterSettings, Reach

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster
    from models.forecasters.seam_forecaster import SeamForecaster

__all__ = ["AttentiveLstmSettings", "CompactLstmSettings", "GruSettings", "TransformerSettings"]

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "A": {"hidden": 64, "layers": 2, "dropout": 0.1, "learning_rate": 0.005, "patience": 10},
    "B": {"hidden": 128, "layers": 3, "dropout": 0.05, "learning_rate": 0.01, "patience": 15},
    "C": {"hidden": 256, "layers": 3, "dropout": 0.15, "learning_rate": 0.02, "patience": 20},
}


class NetworkForecasterSettings(ForecasterSettings):
    """A network behind the model seam, one training for all horizons."""

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
    fit: FitMode = Field(default="pooled", description=FIT_MEANING)
    tune_epochs: int = Field(default=5, ge=0, description="of fit=finetune: further epochs at most on each series")
    tune_rate: float = Field(default=0.1, gt=0.0, description="of fit=finetune: step size, as a share of learning_rate")

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
        from models.forecasters.each_series import in_mode

        return in_mode(self.network(), self.fit)

    def network(self) -> "SeamForecaster":
        """The network as all series together teach it, not trained."""
        from models.forecasters.seam_forecaster import SeamForecaster, Tuning
        from models.model_kinds import settings_of
        from models.model_settings import LossSettings, ModelSettings, TrainingSettings

        told = {"kind": self.KIND, "lookback": self.lookback, "dropout": self.dropout, **self.sizes}
        training = TrainingSettings(
            max_epochs=self.epochs, patience=self.patience, learning_rate=self.learning_rate, burn_in=self.lookback
        )
        return SeamForecaster(
            settings=ModelSettings(model=settings_of(told), loss=LossSettings(terms=self.terms), training=training),
            tuning=Tuning(epochs=self.tune_epochs, rate=self.tune_rate),
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
    """The LSTM with attention over time and a (mean, variance) head: two layers of 64 unless told otherwise."""

    KIND: ClassVar[str] = "alstm"

    config: Literal["A", "B", "C"] | None = Field(
        default=None, description="a reference's: A is 2 layers of 64, B 3 of 128, C 3 of 256; other keys go before it"
    )
    features: Features = Field(default="compact12", description="feature set")
    hidden: int = Field(default=64, ge=1, description="width of each layer")
    layers: int = Field(default=2, ge=1, description="layers")
    ranges: Literal["validation", "gaussian"] = Field(
        default="validation",
        description="the variance scaled by validation errors, or taken at its word as that of a normal distribution",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_config(cls, told: Any) -> Any:
        """The numbers of a configuration, where they are not said."""
        return {**CONFIGS.get(str(told.get("config")), {}), **told} if isinstance(told, Mapping) else told

    @property
    def sizes(self) -> dict[str, Any]:
        """Width, depth and the head of the variance."""
        return {"hidden": self.hidden, "layers": self.layers, "heads": ("score", "log_variance")}

    @property
    def terms(self) -> dict[str, float]:
        """The likelihood of a normal distribution."""
        return {"gaussian": 1.0}

    def network(self) -> "SeamForecaster":
        """The network with its ranges."""
        return replace(super().network(), ranges=self.ranges)
