"""Signal report: rank ICs and quantile returns summarised with their 95 % bounds, measured once a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from backtests.breakdown.signal_sides import signal_regimes
from backtests.evaluation import SignalEvaluation
from backtests.statistics.bootstrap_intervals import mean_interval
from core.intervals import Interval
from signals.score_metrics import ICSummary, QuantileReturns, ic_by_quarter, summarize_ic

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
    regimes : mapping of str to DataFrame
        ``signal_regimes`` of the evaluated scores, by family; empty without a study.
    pearson : ICSummary or None
        Of the evaluated scores' Pearson IC; None without a study.
    side_ranges : mapping of str to Interval
        Mean of ``side_spreads`` by column with 95 % bounds; empty without a study.
    """

    evaluation: SignalEvaluation
    summaries: Mapping[str, ICSummary]
    differences: Mapping[str, ICSummary]
    resampled: Mapping[str, Interval]
    by_quarter: pd.DataFrame
    quantile_ranges: pd.DataFrame
    regimes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pearson: ICSummary | None = None
    side_ranges: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Name of the evaluated scores."""
        return next(iter(self.summaries))


def signal_report(signal: SignalEvaluation, families: Mapping[str, pd.Series] | None = None) -> SignalReport:
    """Summarise the ICs of an evaluation: the model's, each baseline's, the paired differences, and by regime.

    Parameters
    ----------
    signal : SignalEvaluation
        What is summarised.
    families : mapping of str to Series of str, optional
        Regime of each session, by family.
    """
    model, *baselines = signal.ic
    study = signal.study
    return SignalReport(
        evaluation=signal,
        summaries={name: signal.summary(name) for name in signal.ic},
        differences={name: signal.difference(name) for name in baselines},
        resampled={name: mean_interval(ic, horizon=signal.overlap) for name, ic in signal.ic.items()},
        by_quarter=ic_by_quarter(signal.ic[model], horizon=signal.overlap, decisions_per_year=signal.pace.per_year),
        quantile_ranges=_quantile_ranges(signal.quantiles, signal.overlap),
        regimes={}
        if study is None
        else signal_regimes(signal.ic[model], study.accuracy, families or {}, horizon=signal.overlap),
        pearson=None
        if study is None
        else summarize_ic(study.pearson, horizon=signal.overlap, decisions_per_year=signal.pace.per_year),
        side_ranges={}
        if study is None
        else {str(name): mean_interval(side, horizon=signal.overlap) for name, side in study.sides.items()},
    )


def _quantile_ranges(quantiles: QuantileReturns, horizon: int) -> pd.DataFrame:
    labels = quantiles.by_session.columns
    spread = {f"{labels[-1]} less {labels[0]}": quantiles.spread}
    series = {str(label): quantiles.by_session[label] for label in labels} | spread
    ranges = {label: mean_interval(returns, horizon=horizon)._asdict() for label, returns in series.items()}
    return pd.DataFrame.from_dict(ranges, orient="index").rename_axis("quantile")
