"""Checked forecasts: what was said against what came, by symbol and configuration, and what is to be tuned again.

A forecast is scored where the closes that it was said from are still those of the bars, or those times one factor, as a
split or dividend leaves them: returns are then the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from backtests.forecasts.drift import Drift, drift_of
from backtests.forecasts.forecast_ranges import covered, one_sigma
from backtests.forecasts.forecast_score import ForecastScore, Judged, score_forecasts
from backtests.forecasts.said_forecasts import SaidForecast, stacked_forecasts
from core.intervals import Interval, hac_interval, hac_lags_by_rule, hac_standard_error
from market.panel import Panel
from market.returns import Execution
from models.forecasters.forecaster import SeriesHistory
from models.forecasters.forecasts import ONE_SIGMA, Forecasts

__all__ = ["CheckedForecasts", "CheckedSymbol", "Verdict", "check_forecasts"]

Verdict = Literal["holds", "tune again", "market moves more", "ranges do not hold", "too few"]
PROMISED = 0.90
MAX_RESTATED = 1e-4  # by which a close may differ beside a common factor: what vendors round by
LEVEL = 0.05  # share of checks without drift that may ever alarm, over all symbols together


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedSymbol:
    """One symbol by one configuration.

    Parameters
    ----------
    symbol, forecaster, study : str
        Of whom, by what, and the study that selected it.
    is_in_force : bool
        The configuration is the symbol's now.
    origins, complete, waiting : int
        Forecasts said; those of which every horizon came; those of which none has.
    restated, late : int
        Forecasts whose bars are others now, which are not scored, and scored ones that were said too late.
    error, persistence_error : float or None
        On validation, where it was selected.
    score : ForecastScore or None
        Of what came; None where nothing did.
    bias, within_68, within_90 : Interval
        Mean residual, and shares of outcomes within the ranges, with 95 % ranges (HAC).
    drift, relative, worse : Drift
        Losses above the validation error; above what persistence's would make of it; above persistence's.
    verdict : Verdict
        By the rule of the documentation.
    note : str
        Why nothing is scored.
    """

    symbol: str
    forecaster: str
    study: str
    is_in_force: bool
    origins: int
    complete: int
    waiting: int
    restated: int
    late: int
    error: float
    persistence_error: float | None
    score: ForecastScore | None
    bias: Interval
    within_68: Interval
    within_90: Interval
    drift: Drift
    relative: Drift
    worse: Drift
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedForecasts:
    """Every symbol and configuration of which something was said."""

    rows: tuple[CheckedSymbol, ...]
    alpha: float

    @property
    def to_tune(self) -> tuple[CheckedSymbol, ...]:
        """Those in force that are to be tuned again."""
        return tuple(row for row in self.rows if row.is_in_force and row.verdict == "tune again")


def check_forecasts(said: Sequence[SaidForecast], panel: Panel, in_force: Mapping[str, str]) -> CheckedForecasts:
    """Hold what was said against what came.

    Parameters
    ----------
    said : sequence of SaidForecast
        In the order in which they were said: of two of one origin the first that stands on today's closes counts.
    panel : Panel
        Bars with what came.
    in_force : mapping of str to str
        Hash of the configuration of each symbol.
    """
    groups: dict[tuple[str, str], list[SaidForecast]] = {}
    for each in said:
        groups.setdefault((each.symbol, each.configuration), []).append(each)
    alpha = LEVEL / max(1, sum(in_force.get(symbol) == sha for symbol, sha in groups))
    rows = [
        _checked(group, panel, is_in_force=in_force.get(symbol) == sha, alpha=alpha)
        for (symbol, sha), group in sorted(groups.items())
    ]
    return CheckedForecasts(rows=tuple(rows), alpha=alpha)


def _checked(group: Sequence[SaidForecast], panel: Panel, *, is_in_force: bool, alpha: float) -> CheckedSymbol:
    """One row: what stands on today's closes is scored."""
    facts = group[0]
    known = facts.symbol in panel.tickers
    bars = panel.of_tickers([facts.symbol]) if known else None
    standing, restated, ahead = ({}, [], []) if bars is None else _sorted(group, bars)
    found = _Came.of(list(standing.values()), bars) if bars is not None and standing else None
    measured = _Measures() if found is None else found.measured(facts, alpha)
    return CheckedSymbol(
        symbol=facts.symbol,
        forecaster=facts.forecaster,
        study=facts.study,
        is_in_force=is_in_force,
        origins=len({each.origin for each in group}),
        complete=0 if found is None else int(found.complete.sum()),
        waiting=len(ahead) + (0 if found is None else int((~found.any_came).sum())),
        restated=len(restated),
        late=sum(each.late for each in standing.values()),
        error=facts.error,
        persistence_error=facts.persistence_error,
        score=measured.score,
        bias=measured.bias,
        within_68=measured.within_68,
        within_90=measured.within_90,
        drift=measured.drift,
        relative=measured.relative,
        worse=measured.worse,
        verdict=_verdict(measured, knows_persistence=facts.persistence_error is not None),
        note="" if known else "the bars do not hold it",
    )


def _sorted(group: Sequence[SaidForecast], bars: Panel) -> tuple[dict[str, SaidForecast], list[str], list[str]]:
    """Forecasts that stand on today's closes by origin, origins that do not, and origins that lie after the bars."""
    closes = bars.close.iloc[:, 0].dropna()
    standing: dict[str, SaidForecast] = {}
    for each in group:
        if _stands(each, closes):
            standing.setdefault(each.origin, each)
    others = sorted({each.origin for each in group} - standing.keys())
    last = f"{bars.sessions[-1]:%Y-%m-%d}"
    return standing, [origin for origin in others if origin <= last], [origin for origin in others if origin > last]


def _stands(each: SaidForecast, closes: pd.Series) -> bool:
    """Whether the closes that a forecast was said from are those of the bars, but for one factor."""
    if pd.Timestamp(each.origin) not in closes.index:
        return False
    now = closes.loc[: each.origin].iloc[-len(each.closes) :].to_numpy()
    if len(now) != len(each.closes):
        return False
    factors = now / np.asarray(each.closes)
    return bool(np.abs(factors / factors[-1] - 1.0).max() <= MAX_RESTATED)


UNKNOWN = Interval(np.nan, np.nan, np.nan)
NOTHING = Drift(n=0, excess=np.nan, p_value=np.nan, low=np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measures:
    """What the scored forecasts of a row came to; unknown where there are none."""

    score: ForecastScore | None = None
    bias: Interval = UNKNOWN
    within_68: Interval = UNKNOWN
    within_90: Interval = UNKNOWN
    drift: Drift = NOTHING
    relative: Drift = NOTHING
    worse: Drift = NOTHING


def _verdict(measured: _Measures, *, knows_persistence: bool) -> Verdict:
    """The rule: worse than persistence, or worse beside it than when selected, is to be tuned again."""
    drift, within = measured.drift, measured.within_90
    if np.isnan(drift.excess):
        return "too few"
    if measured.worse.is_alarm or measured.relative.is_alarm or (drift.is_alarm and not knows_persistence):
        return "tune again"
    if drift.is_alarm:
        return "market moves more"
    if within.low > PROMISED or within.high < PROMISED:
        return "ranges do not hold"
    return "holds"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Came:
    """Forecasts of one symbol beside what came, (T, 1, H)."""

    forecasts: Forecasts
    judged: Judged

    @classmethod
    def of(cls, said: Sequence[SaidForecast], bars: Panel) -> "_Came":
        made = stacked_forecasts(said)
        execution = Execution(fill="close" if said[0].clock == "close" else "next_open")
        history = SeriesHistory(panel=bars, features={}, execution=execution, horizons=made.horizons)
        rows = history.sessions.get_indexer(made.sessions)
        spacing = int(np.diff(rows).min()) if len(rows) > 1 else 1
        nothing = Forecasts(
            sessions=made.sessions, tickers=made.tickers, horizons=made.horizons, mean=np.zeros_like(made.mean)
        )
        judged = Judged(
            outcomes=history.outcomes()[rows],
            starts=history.starts()[rows],
            naive=np.nan,
            benchmark=nothing,
            every=max(1, spacing),
        )
        return cls(forecasts=made, judged=judged)

    @property
    def overlap(self) -> int:
        return self.judged.overlapping(self.forecasts.horizons[-1])

    @property
    def any_came(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.judged.outcomes[:, 0]).any(axis=-1))

    @property
    def complete(self) -> np.ndarray:
        """Origins of which every horizon came: others have short horizons alone, which err less."""
        return np.asarray(np.isfinite(self.judged.outcomes[:, 0]).all(axis=-1))

    def measured(self, facts: SaidForecast, alpha: float) -> _Measures:
        """Scores, ranges and drifts."""
        outcomes, quantiles = self.judged.outcomes, self.forecasts.quantiles
        assert quantiles is not None  # every said forecast has some
        score = score_forecasts(self.forecasts, self.judged)
        drift, relative, worse = self._drifts(facts, alpha)
        return _Measures(
            score=score if score.errors.n else None,
            bias=self._interval(outcomes - self.forecasts.mean),
            within_68=self._share(one_sigma(quantiles, outcomes), ONE_SIGMA[1] - ONE_SIGMA[0]),
            within_90=self._share(covered(quantiles, outcomes, low=0.05, high=0.95), PROMISED),
            drift=drift,
            relative=relative,
            worse=worse,
        )

    def _drifts(self, facts: SaidForecast, alpha: float) -> tuple[Drift, Drift, Drift]:
        outcomes = self.judged.outcomes[self.complete, 0]
        index = self.forecasts.sessions[self.complete]
        losses = pd.Series(np.abs(outcomes - self.forecasts.mean[self.complete, 0]).mean(axis=-1), index)
        base = pd.Series(np.abs(outcomes).mean(axis=-1), index)
        ratio = facts.error / facts.persistence_error if facts.persistence_error else np.nan
        return (
            drift_of(losses, facts.error, overlap=self.overlap, alpha=alpha),
            drift_of(losses, ratio * base, overlap=self.overlap, alpha=alpha),
            drift_of(losses, base, overlap=self.overlap, alpha=alpha),
        )

    def _share(self, values: np.ndarray, promised: float) -> Interval:
        """A share between 0 and 1, its error no less than one of as many forecasts that hold what they promise."""
        least = math.sqrt(promised * (1.0 - promised) * self.overlap / len(values))
        found = self._interval(values, least=least)
        return Interval(found.estimate, max(found.low, 0.0), min(found.high, 1.0))

    def _interval(self, values: np.ndarray, *, least: float = 0.0) -> Interval:
        """Mean over sessions, each counted once, with its 95 % range by an error of at least ``least``."""
        values = values[:, 0]
        known = np.isfinite(values)
        kept = known.any(axis=-1)
        means = pd.Series(np.where(known, values, 0.0).sum(axis=-1)[kept] / known.sum(axis=-1)[kept])
        if not len(means):
            return Interval(np.nan, np.nan, np.nan)
        lags = hac_lags_by_rule(len(means), horizon=self.overlap)
        error = hac_standard_error(means, lags=lags)
        error = max(error, least) if math.isfinite(error) else error
        return hac_interval(float(means.mean()), error, lags=lags, n_sessions=len(means))
