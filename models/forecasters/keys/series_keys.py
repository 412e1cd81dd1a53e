"""Series keys: what the trivial forecasts, the regression and the models of a series are told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from models.forecasters.keys.forecaster_keys import FIT_MEANING, Choices, Features, FitMode, ForecasterSettings, Reach

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster

__all__ = ["ArSettings", "ArimaSettings", "LinearSettings", "SmoothingSettings", "TrivialSettings"]


class TrivialSettings(ForecasterSettings):
    """A trivial forecast."""

    name: str

    def made(self) -> "Forecaster":
        """The forecast, with nothing to fit."""
        from models.forecasters.trivial_forecasts import TrivialForecaster

        return TrivialForecaster(name=self.name)


class LinearSettings(ForecasterSettings):
    """Ridge regression on the features of the origin."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {
        "features": Choices(("compact7", "compact12", "core11", "core14")),
        "penalty": Reach(1e-3, 1e2, log=True),
    }

    features: Features = Field(default="core14", description="feature set")
    penalty: float | None = Field(
        default=None, gt=0.0, description="in units of the number of samples; the best on validation by default"
    )
    fit: FitMode = Field(default="pooled", description=FIT_MEANING)

    def made(self) -> "Forecaster":
        """The regression, not fitted."""
        from models.forecasters.each_series import in_mode
        from models.forecasters.linear_forecaster import PENALTIES, LinearForecaster

        return in_mode(LinearForecaster(penalties=PENALTIES if self.penalty is None else (self.penalty,)), self.fit)


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
