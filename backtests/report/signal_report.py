"""Signal report: rank ICs and quantile returns summarised with their 95 % bounds, measured once a page."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from backtests.evaluation import SignalEvaluation
from backtests.statistics.bootstrap_intervals import mean_interval
from core.intervals import Interval
from signals.score_metrics import ICSummary, QuantileReturns, ic_by_quarter

__all__ = ["SignalReport", "signal_report"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalReport:
    """Predictive power of the scores over the test span, summarised.

    Parameters
    ----------
    evaluation : SignalEvaluation
        What is summarised: IC by session, decay, quantiles and recovery.
    summaries : mapping of str to ICSummary
        By name of scores, the evaluated ones first, then each baseline.
    differences : mapping of str to ICSummary
        Of the evaluated scores' IC less each baseline's, paired by session.
    resampled : mapping of str to Interval
        Mean IC by name with 95 % bounds by the stationary bootstrap, beside the HAC ones of ``summaries``.
    by_quarter : DataFrame
        One ``ICSummary`` per calendar quarter, of the evaluated scores.
    quantile_ranges : DataFrame, columns ``estimate``, ``low`` and ``high``
        Mean realised return of each quantile with its 95 % bounds, and last of the highest less the lowest.
    """

    evaluation: SignalEvaluation
    summaries: Mapping[str, ICSummary]
    differences: Mapping[str, ICSummary]
    resampled: Mapping[str, Interval]
    by_quarter: pd.DataFrame
    quantile_ranges: pd.DataFrame

    @property
    def model(self) -> str:
        """Name of the evaluated scores."""
        return next(iter(self.summaries))


def signal_report(signal: SignalEvaluation) -> SignalReport:
    """Summarise the rank ICs of an evaluation: the model's, each baseline's, and the paired differences."""
    model, *baselines = signal.ic
    return SignalReport(
        evaluation=signal,
        summaries={name: signal.summary(name) for name in signal.ic},
        differences={name: signal.difference(name) for name in baselines},
        resampled={name: mean_interval(ic, horizon=signal.overlap) for name, ic in signal.ic.items()},
        by_quarter=ic_by_quarter(signal.ic[model], horizon=signal.overlap, decisions_per_year=signal.pace.per_year),
        quantile_ranges=_quantile_ranges(signal.quantiles, signal.overlap),
    )


def _quantile_ranges(quantiles: QuantileReturns, horizon: int) -> pd.DataFrame:
    labels = quantiles.by_session.columns
    spread = {f"{labels[-1]} less {labels[0]}": quantiles.spread}
    series = {str(label): quantiles.by_session[label] for label in labels} | spread
    ranges = {label: mean_interval(returns, horizon=horizon)._asdict() for label, returns in series.items()}
    return pd.DataFrame.from_dict(ranges, orient="index").rename_axis("quantile")
