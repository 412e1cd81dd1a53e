"""Forecaster settings: which forecasters there are, what each is told, and what a search may try.

A forecaster is named by a word, its kind, with keys behind colons: ``arima:p=2:q=1``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, ValidationError

from core.settings import Settings

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster

__all__ = ["KINDS", "QUICK", "Choices", "ForecasterSettings", "Reach", "forecaster_settings"]

Features = Literal["core14", "core11", "compact7", "compact12"]


class Choices(NamedTuple):
    """Values that a search tries one of."""

    values: tuple[Any, ...]


class Reach(NamedTuple):
    """Bounds that a search tries numbers between, on a logarithmic scale where asked."""

    low: float
    high: float
    log: bool = False


class ForecasterSettings(Settings):
    """What every forecaster is told; each kind adds keys of its own.

    Attributes
    ----------
    SPACE : mapping of str to Choices or Reach
        What a search tries, by key; nothing for a forecaster without choices.
    """

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {}

    @property
    def feature_set(self) -> str | None:
        """Features that it reads beside prices; None for none."""
        return getattr(self, "features", None)

    def made(self) -> "Forecaster":
        """The forecaster, not fitted."""
        raise TypeError(f"{type(self).__name__} names no forecaster")


class TrivialSettings(ForecasterSettings):
    """A trivial forecast."""

    name: str

    def made(self) -> "Forecaster":
        """The forecast, with nothing to fit."""
        from models.forecasters.trivial_forecasts import TrivialForecaster

        return TrivialForecaster(name=self.name)


class LinearSettings(ForecasterSettings):
    """Ridge regression on the features of the origin, pooled over the series."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {
        "features": Choices(("compact7", "compact12", "core11", "core14")),
        "penalty": Reach(1e-3, 1e2, log=True),
    }

    features: Features = Field(default="compact12", description="feature set")
    penalty: float | None = Field(
        default=None, gt=0.0, description="in units of the number of samples; the best on validation by default"
    )

    def made(self) -> "Forecaster":
        """The regression, not fitted."""
        from models.forecasters.linear_forecaster import PENALTIES, LinearForecaster

        return LinearForecaster(penalties=PENALTIES if self.penalty is None else (self.penalty,))


class ArSettings(ForecasterSettings):
    """Autoregression of daily log returns, a model a series."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"p": Choices((1, 2, 3, 5, 10))}

    p: int = Field(default=5, ge=1, le=30, description="returns looked back at")

    def made(self) -> "Forecaster":
        """The autoregression, not fitted."""
        from models.forecasters.arima_forecaster import ArimaForecaster

        return ArimaForecaster(orders=((self.p, 0),))


class ArimaSettings(ForecasterSettings):
    """ARIMA(p, 1, q) of log prices, a model a series; without orders the pair with the lowest AIC is kept."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"p": Choices((0, 1, 2, 3)), "q": Choices((0, 1, 2))}

    p: int | None = Field(default=None, ge=0, le=5, description="autoregressive order; by AIC where not set")
    q: int | None = Field(default=None, ge=0, le=5, description="moving average order; by AIC where not set")

    def made(self) -> "Forecaster":
        """The models, not fitted."""
        from models.forecasters.arima_forecaster import ORDERS, ArimaForecaster

        told = [(p, q) for p, q in ORDERS if self.p in (None, p) and self.q in (None, q)]
        return ArimaForecaster(orders=tuple(told) or ((self.p or 0, self.q or 0),))


class SmoothingSettings(ForecasterSettings):
    """Exponential smoothing of log prices, a model a series."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"damped_trend": Choices((True, False))}

    damped_trend: bool = Field(default=True, description="a damped trend beside the level")

    def made(self) -> "Forecaster":
        """The smoothing, not fitted."""
        from models.forecasters.smoothing_forecaster import SmoothingForecaster

        return SmoothingForecaster(damped_trend=self.damped_trend)


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


class FracastSettings(ForecasterSettings):
    """Fracast, pretrained, with its weights in the package."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"context": Choices((64, 128, 256, 512, 1024, 2048))}

    context: int = Field(default=512, ge=32, le=2048, description="closes read at most")

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.fracast import Fracast
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster

        return PretrainedForecaster(model=Fracast(), context=self.context)


TRIVIAL_NAMES = ("persistence", "drift", "historical_mean", "historical_volatility", "ema")
KINDS: Mapping[str, type[ForecasterSettings]] = {
    **dict.fromkeys(TRIVIAL_NAMES, TrivialSettings),
    "linear": LinearSettings,
    "ar": ArSettings,
    "arima": ArimaSettings,
    "smoothing": SmoothingSettings,
    "lstm_compact": CompactLstmSettings,
    "lstm_attention": AttentiveLstmSettings,
    "gru": GruSettings,
    "transformer": TransformerSettings,
    "fracast": FracastSettings,
}
QUICK = ("linear", "ar", "smoothing")  # fitted in seconds


def forecaster_settings(word: str) -> ForecasterSettings:
    """The settings of a word such as ``arima:p=2:q=1``.

    Raises
    ------
    ValueError
        If the kind, a key or a value is unknown.

    Examples
    --------
    >>> from models.forecasters.forecaster_settings import forecaster_settings
    >>> forecaster_settings("arima:p=2:q=1").q
    1
    """
    kind, *told = word.strip().split(":")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no forecaster: name one of {', '.join(KINDS)}")
    pairs = [text.partition("=") for text in told]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError(f"{word!r} must be a kind with keys behind colons, such as arima:p=2:q=1")
    numbers: dict[str, Any] = {key.strip(): value.strip() for key, _, value in pairs}
    if kind in TRIVIAL_NAMES:
        numbers = {"name": kind, **numbers}
    try:
        return KINDS[kind].model_validate(numbers)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or kind
        known = ", ".join(name for name in KINDS[kind].model_fields if name != "name") or "none"
        raise ValueError(f"{kind}: {where}: {first['msg']}; its keys are {known}") from error
