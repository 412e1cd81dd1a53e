"""Range study: whether ranges of expected returns held out of sample, and what a predictive distribution is worth.

Every number is a mean over the names of a session and then over sessions, each session counting the same; its 95 %
range is from the HAC error over sessions.

The CRPS of a forecast is the integral of (F(x) − 1{y ≤ x})² over x, equal to twice the integral of its quantiles'
pinball losses over their levels. Here it is twice the mean pinball loss of the quantiles at fifty levels, the middles
of fifty equal parts: the midpoint rule for that integral, the same for every forecast that is compared.

References
----------
T. Gneiting, A. Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", section 4.2: CRPS.
T. Gneiting, F. Balabdaoui, A. Raftery (2007), "Probabilistic forecasts, calibration and sharpness", section 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from backtests.statistics.pinball import mean_pinball
from core.intervals import Interval, hac_interval, hac_lags_by_rule, hac_standard_error
from market.panel import Panel
from market.returns import Execution, forward_returns
from models.labels import trailing_volatility
from models.uncertainty.conformal import NINETY, ONE_SIGMA, QUANTILE_LEVELS
from models.uncertainty.fitted_uncertainty import FittedUncertainty

__all__ = ["CONSTANT", "HISTORICAL", "OWN", "RangeStudy", "ReturnRanges", "crps", "range_study"]

OWN, CONSTANT, HISTORICAL = "the model's spread", "one spread for all", "historical volatility, mean zero"
NORMAL = tuple(NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnRanges:
    """Expected returns of one fitted model and their spreads.

    Parameters
    ----------
    expected, spread : DataFrame of float, shape (n_sessions, n_tickers)
        Known at each close; NaN where there is none, and a spread that is not above 0 gives no range.
    fit : FittedUncertainty
        What the spread is multiplied by.
    """

    expected: pd.DataFrame
    spread: pd.DataFrame
    fit: FittedUncertainty

    @property
    def bounds(self) -> pd.DataFrame:
        """Low and high end of each 90 % range, columns (``"low"`` or ``"high"``, ticker); NaN where there is none."""
        reach = self.fit.ninety * self.spread.where(self.spread > 0.0)
        return pd.concat({"low": self.expected - reach, "high": self.expected + reach}, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeStudy:
    """How the ranges of expected returns did on the judged sessions.

    Parameters
    ----------
    method : str
        What gave the spread.
    coverage : mapping of float to Interval
        Observed share of returns within the range of each nominal share.
    width : float
        Mean width of the 90 % range, a simple return over the label's horizon.
    crps : mapping of str to Interval
        Of the model's distribution, and of two that know next to nothing: its expected return with one spread for all,
        and a normal one of mean zero and the name's trailing 60-session volatility.
    differences : mapping of str to Interval
        CRPS of the model's less that of each other, paired by session: below 0 is better.
    curve : DataFrame, columns ``estimate``, ``low`` and ``high``
        Observed share of returns at or below each quantile; index its level.
    n_returns, n_sessions : int
        Names and sessions that were judged, and sessions.
    n_residuals, n_validation : int
        The same of the validation span that scaled the spread, of all models together.
    bounds : DataFrame of float
        Low and high end of every name's 90 % range, known at each close; columns (``"low"`` or ``"high"``, ticker).
    """

    method: str
    coverage: dict[float, Interval]
    width: float
    crps: dict[str, Interval]
    differences: dict[str, Interval]
    curve: pd.DataFrame
    n_returns: int
    n_sessions: int
    n_residuals: int
    n_validation: int
    bounds: pd.DataFrame

    @property
    def is_uncalibrated(self) -> bool:
        """Whether 90 % lies outside the range of what the 90 % range held; False where that is not known."""
        found = self.coverage[NINETY]
        return bool(found.low > NINETY or found.high < NINETY)

    def as_dict(self) -> dict[str, object]:
        """Plain values for the metrics."""
        return {
            "method": self.method,
            "coverage": {f"{level:.4f}": found._asdict() for level, found in self.coverage.items()},
            "uncalibrated": self.is_uncalibrated,
            "width_90": self.width,
            "crps": {name: found._asdict() for name, found in self.crps.items()},
            "crps_difference": {name: found._asdict() for name, found in self.differences.items()},
            "curve": {f"{level:.2f}": row for level, row in self.curve.to_dict(orient="index").items()},
            "returns": self.n_returns,
            "sessions": self.n_sessions,
            "validation_residuals": self.n_residuals,
            "validation_sessions": self.n_validation,
        }


def range_study(
    parts: Sequence[ReturnRanges], panel: Panel, *, execution: Execution, horizon: int, overlap: int
) -> RangeStudy:
    """Judge ranges against the returns that came.

    Parameters
    ----------
    parts : sequence of ReturnRanges
        One a fitted model, of sessions that no other has.
    panel : Panel
        Bars that hold the returns.
    execution : Execution
        Clock and price of the fills.
    horizon : int
        Sessions that an expected return spans.
    overlap : int
        Decisions that one forward return spans, for the errors.
    """
    forward = forward_returns(panel, execution, horizon=horizon)
    volatility = trailing_volatility(panel) * horizon**0.5
    judged = [_judged(part, forward, volatility) for part in parts]
    rows = pd.concat(judged).sort_index()

    def bounded(name: object) -> Interval:
        return _interval(rows[name], overlap)

    others = (CONSTANT, HISTORICAL)
    gaps = {name: _interval(rows["crps", OWN] - rows["crps", name], overlap) for name in others}
    curve = [bounded(("below", level)) for level in QUANTILE_LEVELS]
    return RangeStudy(
        method=parts[0].fit.method,
        coverage={level: bounded(("within", level)) for level in (ONE_SIGMA, NINETY)},
        width=float(rows["width", ""].mean()),
        crps={name: bounded(("crps", name)) for name in (OWN, *others)},
        differences=gaps,
        curve=pd.DataFrame(curve, index=pd.Index(QUANTILE_LEVELS, name="level"), columns=list(Interval._fields)),
        n_returns=int(rows["count", ""].sum()),
        n_sessions=int((rows["count", ""] > 0).sum()),
        n_residuals=sum(part.fit.n_residuals for part in parts),
        n_validation=sum(part.fit.n_sessions for part in parts),
        bounds=pd.concat([part.bounds for part in parts]).sort_index(),
    )


def crps(residuals: np.ndarray, quantiles: Sequence[np.ndarray | float]) -> np.ndarray:
    """CRPS of each number under a distribution given by its quantiles at ``QUANTILE_LEVELS``: twice their mean pinball.

    Parameters
    ----------
    residuals : ndarray of float
        What came; NaN stays.
    quantiles : sequence of ndarray or float
        One a level, each of the residuals' shape or one number for all.
    """
    return 2.0 * mean_pinball(residuals, quantiles, QUANTILE_LEVELS)


def _judged(part: ReturnRanges, forward: pd.DataFrame, volatility: pd.DataFrame) -> pd.DataFrame:
    """A row per session: shares within and below, width, CRPS, and how many names they are the means of."""
    expected, fit = part.expected.to_numpy(), part.fit
    came, spread, past = (frame.reindex_like(part.expected).to_numpy() for frame in (forward, part.spread, volatility))
    known = np.isfinite(came) & np.isfinite(expected) & np.isfinite(spread) & (spread > 0.0)
    residuals = np.where(known, came - expected, np.nan)
    scaled = residuals / np.where(known, spread, np.nan)
    shared = known & (past > 0.0)  # every forecast on the same returns
    own, sigma = np.where(shared, spread, np.nan), np.where(shared, past, np.nan)
    columns = {
        ("within", ONE_SIGMA): _share(np.abs(scaled) <= fit.one_sigma, known),
        ("within", NINETY): _share(np.abs(scaled) <= fit.ninety, known),
        ("width", ""): _mean(np.where(known, 2.0 * fit.ninety * spread, np.nan)),
        ("count", ""): known.sum(axis=1),
        ("crps", OWN): _mean(crps(residuals, [own * each for each in fit.quantiles])),
        ("crps", CONSTANT): _mean(crps(np.where(shared, residuals, np.nan), fit.constant_quantiles)),
        ("crps", HISTORICAL): _mean(crps(np.where(shared, came, np.nan), [sigma * each for each in NORMAL])),
    }
    quantiles = zip(QUANTILE_LEVELS, fit.quantiles, strict=True)
    columns |= {("below", level): _share(scaled <= each, known) for level, each in quantiles}
    return pd.DataFrame(columns, index=part.expected.index)


def _share(holds: np.ndarray, known: np.ndarray) -> np.ndarray:
    return _mean(np.where(known, holds.astype(np.float64), np.nan))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of each session's known names; NaN where none is known."""
    return pd.DataFrame(values).mean(axis=1).to_numpy()


def _interval(values: pd.Series, overlap: int) -> Interval:
    """Mean over sessions with its 95 % bounds."""
    known = values.dropna()
    lags = hac_lags_by_rule(max(len(known), 1), horizon=overlap)
    error = hac_standard_error(known, lags=lags)
    return hac_interval(float(known.mean()), error, lags=lags, n_sessions=len(known))
