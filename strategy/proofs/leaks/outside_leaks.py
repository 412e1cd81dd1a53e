"""Leaks as they happen by accident, and their clean versions, written by somebody who had not read the checks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import forward_returns
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest, SpanPair

__all__ = ["OUTSIDE_LEAKS"]

FEATURE_WARM_UP, SCORE_WARM_UP = 50, 150  # sessions: a month may begin 23 sessions before its successor


def bridged_index(setup: HonestSetup, *, to_next_print: bool) -> PipelineUnderTest:
    """Bridge missing closes before averaging the market: by a line that ends at the reopening, or by the last close.

    Halted names are out of the universe, so nobody looked at their rows; the market return of everybody else has them.
    """

    def features(panel: Panel) -> Features:
        close = panel.close
        bridged = close.interpolate(limit_area="inside") if to_next_print else close.ffill(limit=5)
        market = bridged.pct_change(fill_method=None).mean(axis=1)
        everywhere = pd.DataFrame(dict.fromkeys(panel.tickers, market)).rename_axis(columns="ticker")
        return {**setup.pipeline.features(panel), "market_return": everywhere.where(panel.printed)}

    return replace(setup.pipeline, features=features)


def monthly_volume(setup: HonestSetup, *, method: Literal["nearest", "ffill"]) -> PipelineUnderTest:
    """Compare the week's volume with a monthly table, stamped with the session after each month, by an as-of join.

    The stamps are right; the join takes the nearest, so that from mid-month on it is the month's own mean.
    """

    def features(panel: Panel) -> Features:
        month = panel.sessions.to_period("M")
        table = panel.volume.groupby(month).mean().shift(1)
        table.index = pd.DatetimeIndex(panel.sessions.to_series().groupby(month).first())
        typical = table.reindex(panel.sessions, method=method)
        trend = panel.volume.rolling(5).mean() / typical.where(typical > 0)
        return {**setup.pipeline.features(panel), "volume_trend": trend.rename_axis(index="session")}

    return replace(setup.pipeline, features=features, feature_warm_up=FEATURE_WARM_UP, score_warm_up=SCORE_WARM_UP)


def without_bad_prints(setup: HonestSetup, *, confirmed: bool) -> PipelineUnderTest:
    """Blank returns beyond 5 % as bad prints: once the next session takes half of them back, or on thin volume.

    The cleaning was copied from the vendor's audit, which runs over a finished file.
    """

    def features(panel: Panel) -> Features:
        honest = setup.pipeline.features(panel)
        moved = honest["ret_1d"]
        undone = moved.shift(-1) / moved < -0.5
        thin = honest["volume_ratio"] < 1.0
        bad = (moved.abs() > 0.05) & (undone if confirmed else thin)
        return {**honest, "ret_1d": moved.mask(bad)}

    return replace(setup.pipeline, features=features)


def monthly_list(setup: HonestSetup, *, months_late: int) -> PipelineUnderTest:
    """Hold the 40 names with the largest mean dollar volume of a month.

    ``resample("MS")`` stamps a month's mean with its first day: read forward, the list is in force before it exists.
    """

    def universe(panel: Panel) -> pd.DataFrame:
        by_month = panel.dollar_volume.resample("MS").mean().shift(months_late)
        liquid = by_month.rank(axis=1, ascending=False) <= 40
        return panel.universe & liquid.reindex(panel.sessions, method="ffill")

    return replace(setup.pipeline, universe=universe, feature_warm_up=FEATURE_WARM_UP, score_warm_up=SCORE_WARM_UP)


def tied_scores(setup: HonestSetup, *, sorted_by: Literal["outcome", "ticker"]) -> PipelineUnderTest:
    """Round scores to ten buckets and rank them, ties in the order of the long table's rows.

    The table came from a study of deciles that had sorted it by outcome; nobody sorted it back.
    """

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        honest = setup.pipeline.scores(features, panel, sessions)
        bucket = honest.rank(axis=1, pct=True).mul(10).round()
        outcome = forward_returns(panel, setup.pipeline.execution).reindex_like(honest)
        table = bucket.melt(ignore_index=False, value_name="bucket").reset_index()
        table = table.assign(outcome=outcome.melt()["value"]).sort_values(sorted_by, kind="stable")
        table["place"] = table.groupby("session")["bucket"].rank(method="first")
        place = table.pivot_table(index="session", columns="ticker", values="place").reindex_like(honest)
        return 0.01 * place.sub(place.mean(axis=1), axis=0).div(place.max(axis=1), axis=0)

    return replace(setup.pipeline, scores=scores)


def fillable_weights(setup: HonestSetup, *, days_early: int) -> PipelineUnderTest:
    """Set the weight to 0 where the name does not print, so that the engine stops reporting unfilled orders.

    Looked up in the session of the fill, it leaves names on the eve of their halt or delisting, and on no other day.
    """

    def weights(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        decided = setup.pipeline.weights(scores, panel)
        prints = panel.printed.shift(-days_early, fill_value=True)
        return decided.mask(decided.notna() & ~prints, 0.0)

    return replace(setup.pipeline, weights=weights)


def smoothed_market(setup: HonestSetup, *, zero_phase: bool) -> PipelineUnderTest:
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

    return replace(setup.pipeline, overlays=overlays)


def month_end_book(setup: HonestSetup, *, by_file: bool) -> PipelineUnderTest:
    """Halve the book over the turn of the month: at the month's last row in the file, or by the calendar's weekdays.

    No price is read ahead, only which sessions follow; traded live, every session is the month's last so far.
    """

    def overlays(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        sessions = panel.sessions.to_series()
        last = sessions.groupby(sessions.dt.to_period("M")).transform("max") if by_file else _last_weekday(sessions)
        return weights.mul(1.0 - 0.5 * (sessions == last), axis=0)

    return replace(setup.pipeline, overlays=overlays)


def _last_weekday(sessions: pd.Series) -> pd.Series:
    return pd.Series(pd.offsets.BMonthEnd().rollforward(session) for session in sessions).set_axis(sessions.index)


def complete_names(setup: HonestSetup, *, whole_file: bool) -> PipelineUnderTest:
    """Fit mean and deviation on training rows, over names without a gap.

    ``dropna(axis=1)`` comes before the split, so a halt or delisting in the test span takes a name out of training.
    """

    def scaler(panel: Panel) -> dict[str, Any]:
        rows = _training_rows(setup, panel)
        close = panel.close if whole_file else panel.close.iloc[rows]
        names = close.dropna(axis=1).columns
        features = setup.pipeline.features(panel)
        fitted = {key: pd.Series(frame[names].iloc[rows].to_numpy().ravel()) for key, frame in features.items()}
        means = {f"mean {key}": float(values.mean()) for key, values in fitted.items()}  # NaN if no name is complete
        return means | {f"sd {key}": float(values.std()) for key, values in fitted.items()}

    return replace(setup.pipeline, scaler=scaler)


def weekly_refits(setup: HonestSetup, *, purge: Literal["days", "sessions"]) -> PipelineUnderTest:
    """Refit each Monday of the test span on all rows whose label is over, which takes two sessions.

    ``Timedelta(days=2)`` is two sessions on every other weekday; from a Monday back it is the weekend.
    """

    def spans(panel: Panel) -> Sequence[SpanPair]:
        mondays = np.flatnonzero((panel.sessions.day_of_week == 0) & (panel.sessions >= setup.pipeline.first_decision))
        return tuple(_week(panel, int(monday), purge) for monday in mondays)

    return replace(setup.pipeline, spans=spans)


def _training_rows(setup: HonestSetup, panel: Panel) -> np.ndarray:
    assert setup.pipeline.spans is not None
    return setup.pipeline.spans(panel)[0].fitted


def _week(panel: Panel, monday: int, purge: Literal["days", "sessions"]) -> SpanPair:
    by_days = panel.sessions < panel.sessions[monday] - pd.Timedelta(days=2)
    fitted = np.flatnonzero(by_days) if purge == "days" else np.arange(monday - 2)
    judged = np.arange(monday, min(monday + 5, len(panel.sessions)))
    week = f"week of {panel.sessions[monday]:%Y-%m-%d}"
    return SpanPair(fitted_on=f"rows before the {week}", judged_on=week, fitted=fitted, judged=judged)


OUTSIDE_LEAKS = (
    LeakPair.by_argument(
        "market index over gaps bridged to the next print", bridged_index, to_next_print=(True, False)
    ),
    LeakPair.by_argument("monthly table joined to the nearest stamp", monthly_volume, method=("nearest", "ffill")),
    LeakPair.by_argument("bad print known by its reversal", without_bad_prints, confirmed=(True, False)),
    LeakPair.by_argument("month's liquid list stamped with its first day", monthly_list, months_late=(0, 1)),
    LeakPair.by_argument(
        "ties in the order of a table sorted by outcome", tied_scores, sorted_by=("outcome", "ticker")
    ),
    LeakPair.by_argument("no weight where the fill session has no print", fillable_weights, days_early=(1, 0)),
    LeakPair.by_argument("market filtered without a lag (filtfilt)", smoothed_market, zero_phase=(True, False)),
    LeakPair.by_argument("month-end found in the file", month_end_book, by_file=(True, False)),
    LeakPair.by_argument("scaler over names complete in the whole file", complete_names, whole_file=(True, False)),
    LeakPair.by_argument("purge counted in calendar days", weekly_refits, purge=("days", "sessions")),
)
