"""Leaks as they come in by accident, and their honest versions, written by somebody who had not read the checks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import forward_returns
from strategy.proofs.leaks.leak import Stand, Twin
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest, SpanPair

__all__ = ["OUTSIDE_TWINS"]

FEATURE_WARM_UP, SCORE_WARM_UP = 50, 150  # sessions: a month may begin 23 sessions before its successor


def bridged_index(stand: Stand, *, to_next_print: bool) -> PipelineUnderTest:
    """Bridge missing closes before averaging the market: by a line that ends at the reopening, or by the last close.

    Halted names are out of the universe, so nobody looked at their rows; the market return of everybody else has them.
    """

    def features(panel: Panel) -> Features:
        close = panel.close
        bridged = close.interpolate(limit_area="inside") if to_next_print else close.ffill(limit=5)
        market = bridged.pct_change(fill_method=None).mean(axis=1)
        everywhere = pd.DataFrame(dict.fromkeys(panel.tickers, market)).rename_axis(columns="ticker")
        return {**stand.pipeline.features(panel), "market_return": everywhere.where(panel.printed)}

    return replace(stand.pipeline, features=features)


def monthly_volume(stand: Stand, *, method: Literal["nearest", "ffill"]) -> PipelineUnderTest:
    """Compare the week's volume with a monthly table, stamped with the session after each month, by an as-of join.

    The stamps are right; the join takes the nearest, so that from mid-month on it is the month's own mean.
    """

    def features(panel: Panel) -> Features:
        month = panel.sessions.to_period("M")
        table = panel.volume.groupby(month).mean().shift(1)
        table.index = pd.DatetimeIndex(panel.sessions.to_series().groupby(month).first())
        typical = table.reindex(panel.sessions, method=method)
        trend = panel.volume.rolling(5).mean() / typical.where(typical > 0)
        return {**stand.pipeline.features(panel), "volume_trend": trend.rename_axis(index="session")}

    return replace(stand.pipeline, features=features, feature_warm_up=FEATURE_WARM_UP, score_warm_up=SCORE_WARM_UP)


def without_bad_prints(stand: Stand, *, confirmed: bool) -> PipelineUnderTest:
    """Blank returns beyond 5 % as bad prints: once the next session takes half of them back, or on thin volume.

    The cleaning was copied from the vendor's audit, which runs over a finished file.
    """

    def features(panel: Panel) -> Features:
        honest = stand.pipeline.features(panel)
        moved = honest["ret_1d"]
        undone = moved.shift(-1) / moved < -0.5
        thin = honest["volume_ratio"] < 1.0
        bad = (moved.abs() > 0.05) & (undone if confirmed else thin)
        return {**honest, "ret_1d": moved.mask(bad)}

    return replace(stand.pipeline, features=features)


def monthly_list(stand: Stand, *, months_late: int) -> PipelineUnderTest:
    """Hold the 40 names with the largest mean dollar volume of a month.

    ``resample("MS")`` stamps a month's mean with its first day: read forward, the list is in force before it exists.
    """

    def universe(panel: Panel) -> pd.DataFrame:
        by_month = panel.dollar_volume.resample("MS").mean().shift(months_late)
        liquid = by_month.rank(axis=1, ascending=False) <= 40
        return panel.universe & liquid.reindex(panel.sessions, method="ffill")

    return replace(stand.pipeline, universe=universe, feature_warm_up=FEATURE_WARM_UP, score_warm_up=SCORE_WARM_UP)


def tied_scores(stand: Stand, *, sorted_by: Literal["outcome", "ticker"]) -> PipelineUnderTest:
    """Round scores to ten buckets and rank them, ties in the order of the long table's rows.

    The table came from a study of deciles that had sorted it by outcome; nobody sorted it back.
    """

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        honest = stand.pipeline.scores(features, panel, sessions)
        bucket = honest.rank(axis=1, pct=True).mul(10).round()
        outcome = forward_returns(panel, stand.pipeline.execution).reindex_like(honest)
        table = bucket.melt(ignore_index=False, value_name="bucket").reset_index()
        table = table.assign(outcome=outcome.melt()["value"]).sort_values(sorted_by, kind="stable")
        table["place"] = table.groupby("session")["bucket"].rank(method="first")
        place = table.pivot_table(index="session", columns="ticker", values="place").reindex_like(honest)
        return 0.01 * place.sub(place.mean(axis=1), axis=0).div(place.max(axis=1), axis=0)

    return replace(stand.pipeline, scores=scores)


def fillable_weights(stand: Stand, *, days_early: int) -> PipelineUnderTest:
    """Set the weight to 0 where the name does not print, so that the engine stops reporting unfilled orders.

    Looked up in the session of the fill, it leaves names on the eve of their halt or delisting, and on no other day.
    """

    def weights(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        decided = stand.pipeline.weights(scores, panel)
        prints = panel.printed.shift(-days_early, fill_value=True)
        return decided.mask(decided.notna() & ~prints, 0.0)

    return replace(stand.pipeline, weights=weights)


def smoothed_market(stand: Stand, *, zero_phase: bool) -> PipelineUnderTest:
    """Halve the book while the market's filtered return is below zero.

    ``filtfilt`` was chosen because the filtered line no longer lags behind the raw one.
    """

    def overlays(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        from scipy.signal import filtfilt, lfilter

        market = panel.close.pct_change(fill_method=None).mean(axis=1).iloc[1:]
        taps = np.full(10, 0.1)
        filtered = filtfilt(taps, 1.0, market) if zero_phase else lfilter(taps, 1.0, market)
        falling = pd.Series(filtered, index=market.index).reindex(panel.sessions) < 0
        return weights.mul(1.0 - 0.5 * falling, axis=0)

    return replace(stand.pipeline, overlays=overlays)


def month_end_book(stand: Stand, *, by_file: bool) -> PipelineUnderTest:
    """Halve the book over the turn of the month: at the month's last row in the file, or by the calendar's weekdays.

    No price is read ahead, only which sessions follow; traded live, every session is the month's last so far.
    """

    def overlays(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        sessions = panel.sessions.to_series()
        last = sessions.groupby(sessions.dt.to_period("M")).transform("max") if by_file else _last_weekday(sessions)
        return weights.mul(1.0 - 0.5 * (sessions == last), axis=0)

    return replace(stand.pipeline, overlays=overlays)


def _last_weekday(sessions: pd.Series) -> pd.Series:
    return pd.Series(pd.offsets.BMonthEnd().rollforward(session) for session in sessions).set_axis(sessions.index)


def complete_names(stand: Stand, *, whole_file: bool) -> PipelineUnderTest:
    """Fit mean and deviation on training rows, over names without a gap.

    ``dropna(axis=1)`` comes before the split, so a halt or delisting in the test span takes a name out of training.
    """

    def scaler(panel: Panel) -> dict[str, Any]:
        rows = _training_rows(stand, panel)
        close = panel.close if whole_file else panel.close.iloc[rows]
        names = close.dropna(axis=1).columns
        features = stand.pipeline.features(panel)
        fitted = {key: pd.Series(frame[names].iloc[rows].to_numpy().ravel()) for key, frame in features.items()}
        means = {f"mean {key}": float(values.mean()) for key, values in fitted.items()}  # NaN if no name is complete
        return means | {f"sd {key}": float(values.std()) for key, values in fitted.items()}

    return replace(stand.pipeline, scaler=scaler)


def weekly_refits(stand: Stand, *, purge: Literal["days", "sessions"]) -> PipelineUnderTest:
    """Refit each Monday of the test span on all rows whose label is over, which takes two sessions.

    ``Timedelta(days=2)`` is two sessions on every other weekday; from a Monday back it is the weekend.
    """

    def spans(panel: Panel) -> Sequence[SpanPair]:
        mondays = np.flatnonzero((panel.sessions.day_of_week == 0) & (panel.sessions >= stand.pipeline.first_decision))
        return tuple(_week(panel, int(monday), purge) for monday in mondays)

    return replace(stand.pipeline, spans=spans)


def _training_rows(stand: Stand, panel: Panel) -> np.ndarray:
    assert stand.pipeline.spans is not None
    return stand.pipeline.spans(panel)[0].fitted


def _week(panel: Panel, monday: int, purge: Literal["days", "sessions"]) -> SpanPair:
    by_days = panel.sessions < panel.sessions[monday] - pd.Timedelta(days=2)
    fitted = np.flatnonzero(by_days) if purge == "days" else np.arange(monday - 2)
    judged = np.arange(monday, min(monday + 5, len(panel.sessions)))
    week = f"week of {panel.sessions[monday]:%Y-%m-%d}"
    return SpanPair(fitted_on=f"rows before the {week}", judged_on=week, fitted=fitted, judged=judged)


OUTSIDE_TWINS = (
    Twin(
        name="market index over gaps bridged to the next print",
        leaky=lambda stand: bridged_index(stand, to_next_print=True),
        clean=lambda stand: bridged_index(stand, to_next_print=False),
    ),
    Twin(
        name="monthly table joined to the nearest stamp",
        leaky=lambda stand: monthly_volume(stand, method="nearest"),
        clean=lambda stand: monthly_volume(stand, method="ffill"),
    ),
    Twin(
        name="bad print known by its reversal",
        leaky=lambda stand: without_bad_prints(stand, confirmed=True),
        clean=lambda stand: without_bad_prints(stand, confirmed=False),
    ),
    Twin(
        name="month's liquid list stamped with its first day",
        leaky=lambda stand: monthly_list(stand, months_late=0),
        clean=lambda stand: monthly_list(stand, months_late=1),
    ),
    Twin(
        name="ties in the order of a table sorted by outcome",
        leaky=lambda stand: tied_scores(stand, sorted_by="outcome"),
        clean=lambda stand: tied_scores(stand, sorted_by="ticker"),
    ),
    Twin(
        name="no weight where the fill session has no print",
        leaky=lambda stand: fillable_weights(stand, days_early=1),
        clean=lambda stand: fillable_weights(stand, days_early=0),
    ),
    Twin(
        name="market filtered without a lag (filtfilt)",
        leaky=lambda stand: smoothed_market(stand, zero_phase=True),
        clean=lambda stand: smoothed_market(stand, zero_phase=False),
    ),
    Twin(
        name="month-end found in the file",
        leaky=lambda stand: month_end_book(stand, by_file=True),
        clean=lambda stand: month_end_book(stand, by_file=False),
    ),
    Twin(
        name="scaler over names complete in the whole file",
        leaky=lambda stand: complete_names(stand, whole_file=True),
        clean=lambda stand: complete_names(stand, whole_file=False),
    ),
    Twin(
        name="purge counted in calendar days",
        leaky=lambda stand: weekly_refits(stand, purge="days"),
        clean=lambda stand: weekly_refits(stand, purge="sessions"),
    ),
)
