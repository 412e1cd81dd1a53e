"""What the signal pages are drawn from: rank ICs and quantile returns, summarised by ``signals.score_metrics``.

Row *t* of every frame is known at the close of *t*; NaN is not available and prints "n/a".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from backtests.statistics.bootstrap_intervals import mean_interval
from core.intervals import Interval
from signals.score_metrics import ICDecay, ICSummary, QuantileReturns, ScoreCorrelation, ic_by_quarter, summarize_ic

__all__ = ["SignalReport", "signal_report"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalReport:
    """What the scores know, over the test span; ``signal_report`` fills it from ``signals.score_metrics``.

    Parameters
    ----------
    model : str
        Name of the scores judged.
    ic : mapping of str to Series
        Rank information coefficient per session, the model first, then each baseline.
    summaries : mapping of str to ICSummary
        Of the same names.
    differences : mapping of str to ICSummary
        Of the model's IC minus each baseline's, paired by session.
    resampled : mapping of str to Interval
        Mean IC of the same names with 95 % bounds by the stationary bootstrap, beside the HAC ones of ``summaries``.
    by_quarter : DataFrame
        One ``ICSummary`` a calendar quarter, of the model.
    decay : ICDecay
        IC of the model by horizon.
    quantiles : QuantileReturns
        Realised and predicted returns by quantile of the model's scores.
    quantile_ranges : DataFrame, columns ``estimate``, ``low`` and ``high``
        Mean realised return of each quantile with its 95 % bounds, and last of the highest less the lowest.
    recovery : mapping of str to ScoreCorrelation
        Correlation of each name's scores with the oracle; empty where no oracle exists, which is on every real market.
    """

    model: str
    ic: Mapping[str, pd.Series]
    summaries: Mapping[str, ICSummary]
    differences: Mapping[str, ICSummary]
    resampled: Mapping[str, Interval]
    by_quarter: pd.DataFrame
    decay: ICDecay
    quantiles: QuantileReturns
    quantile_ranges: pd.DataFrame
    recovery: Mapping[str, ScoreCorrelation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, mapping in (("ic", self.ic), ("summaries", self.summaries)):
            if self.model not in mapping:
                raise ValueError(f"{name} must hold the model {self.model!r}, has {sorted(mapping)}")


def signal_report(
    model: str,
    ic: Mapping[str, pd.Series],
    *,
    decay: ICDecay,
    quantiles: QuantileReturns,
    recovery: Mapping[str, ScoreCorrelation] | None = None,
) -> SignalReport:
    """Summarise rank ICs for the report: the model's, each baseline's, and the paired differences.

    Parameters
    ----------
    model : str
        Name of the scores judged, a key of ``ic``.
    ic : mapping of str to Series
        Rank IC per session by name of scores, on the test span; a session that one lacks is left out of its pair.
    decay, quantiles, recovery
        As in ``SignalReport``.

    Raises
    ------
    ValueError
        If ``ic`` lacks the model.
    """
    if model not in ic:
        raise ValueError(f"ic must hold the model {model!r}, has {sorted(ic)}")
    return SignalReport(
        model=model,
        ic=ic,
        summaries={name: summarize_ic(series) for name, series in ic.items()},
        differences={name: summarize_ic(ic[model] - series) for name, series in ic.items() if name != model},
        resampled={name: mean_interval(series) for name, series in ic.items()},
        by_quarter=ic_by_quarter(ic[model]),
        decay=decay,
        quantiles=quantiles,
        quantile_ranges=_quantile_ranges(quantiles),
        recovery=recovery or {},
    )


def _quantile_ranges(quantiles: QuantileReturns) -> pd.DataFrame:
    labels = quantiles.by_session.columns
    spread = {f"{labels[-1]} less {labels[0]}": quantiles.spread}
    series = {str(label): quantiles.by_session[label] for label in labels} | spread
    ranges = {label: mean_interval(returns)._asdict() for label, returns in series.items()}
    return pd.DataFrame.from_dict(ranges, orient="index").rename_axis("quantile")
