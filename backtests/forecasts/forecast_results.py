"""Forecast results: what every forecaster of one task came to, trivial ones beside models."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from backtests.forecasts.forecast_score import ForecastScore, Judged, skill_against
from backtests.forecasts.skill import Skill
from market.panel import Panel
from models.forecasters.forecaster_settings import TRIVIAL_NAMES
from models.forecasters.forecasts import Forecasts

__all__ = ["BENCHMARK", "ForecastResults", "ForecastRow"]

BENCHMARK = "persistence"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastRow:
    """One forecaster and what it came to.

    Parameters
    ----------
    name : str
        The word that named it.
    test : Forecasts
        Of the test origins, with ranges.
    validation_score, test_score : ForecastScore
        Over all series and horizons.
    train_rmse : float
        Of returns over the training origins: how much better it knows what it has seen.
    seconds : float
        Fitting and forecasting.
    facts : mapping of str to (float, int or str)
        What the forecaster says of itself.
    contaminated_score : ForecastScore, optional
        Over the test origins that its training may have seen, which are in no other score; None where there are none.
    may_be_selected : bool
        Whether its training saw no target of validation: errors over fewer of them compare with nobody's.
    """

    name: str
    test: Forecasts
    validation_score: ForecastScore
    test_score: ForecastScore
    train_rmse: float
    seconds: float
    facts: Mapping[str, float | int | str]
    contaminated_score: ForecastScore | None = None
    may_be_selected: bool = True

    @property
    def is_contaminated(self) -> bool:
        """Whether some of its targets may have been in its training."""
        return self.contaminated_score is not None

    @property
    def is_trivial(self) -> bool:
        """Whether it does nothing."""
        return self.name in TRIVIAL_NAMES

    @property
    def overfitting(self) -> float:
        """Test RMSE ÷ training RMSE."""
        return self.test_score.errors.rmse / self.train_rmse if self.train_rmse > 0.0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastResults:
    """All forecasters of one task, and what each came to.

    Parameters
    ----------
    panel : Panel
        Bars of the series.
    rows : tuple of ForecastRow
        Trivial ones first.
    judged : Judged
        What came on test.
    best_p : float
        p of the best of the models against persistence, Hansen's; NaN without a model.
    failed : mapping of str to str
        Forecasters that could not be fitted, and why.
    n_judged : int, optional
        Forecasters that have been judged on this span of these bars so far, these among them; None where not counted.
    """

    panel: Panel
    rows: tuple[ForecastRow, ...]
    judged: Judged
    best_p: float
    failed: Mapping[str, str] = field(default_factory=dict)
    n_judged: int | None = None

    @property
    def best_trivial(self) -> ForecastRow:
        """The trivial forecast with the least validation error: where prices rise it is not persistence."""
        return min((row for row in self.rows if row.is_trivial), key=_validation_error)

    def over_best_trivial(self, row: ForecastRow) -> Skill:
        """Skill of a forecaster over ``best_trivial``, on test."""
        return skill_against(row.test, self.best_trivial.test, self.judged)

    @property
    def models(self) -> tuple[ForecastRow, ...]:
        """The rows that are not trivial, by their validation error; last those that may not be selected by it."""
        return tuple(sorted((row for row in self.rows if not row.is_trivial), key=_validation_error))

    @property
    def selected(self) -> ForecastRow | None:
        """The model with the least validation error, of those that have seen no target of validation; None without."""
        return next((row for row in self.models if math.isfinite(_validation_error(row))), None)


def _validation_error(row: ForecastRow) -> float:
    found = row.validation_score.errors.pct_return_mae
    return found if row.may_be_selected and math.isfinite(found) else math.inf
