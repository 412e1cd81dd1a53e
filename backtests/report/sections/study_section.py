"""Parts of the signal section: distribution of the IC, groups, legs, predictions and calibration, rank stability."""

import pandas as pd

from backtests.breakdown.signal_study import SignalStudy
from backtests.report.content import Part, Picture, Table
from backtests.report.figures.study_figures import (
    calibration_figure,
    group_figure,
    ic_histogram_figure,
    prediction_figure,
    spread_figure,
)
from backtests.report.formats import bps, count, percent, plus_minus, ratio
from backtests.report.sections.common_rows import horizon_words

__all__ = ["group_part", "histogram_picture", "leg_table", "prediction_part", "stability_table"]

NO_GROUP = {
    "size": "IC by size: n/a, no scored name has a known dollar volume.",
    "sector": "IC by sector: n/a, no scored name has a known sector.",
}
LEGS = {"long": "Long, highest quintile", "short": "Short, lowest quintile"}


def histogram_picture(study: SignalStudy, positive: float) -> Picture:
    """Distribution of the rank IC."""
    return Picture(
        title="Distribution of the rank IC",
        summary=f"Sessions by their rank IC; {percent(positive)} of them are above zero (blue).",
        figure=ic_histogram_figure(study.ic_histogram),
    )


def group_part(study: SignalStudy) -> Part:
    """Rank IC within sizes and, where they are known, within sectors."""
    families = {"size": study.by_size} | ({} if study.by_sector is None else {"sector": study.by_sector})
    sentences = (
        ["Sectors are not known for these bars, so there is no IC by sector."] if study.by_sector is None else []
    )
    sentences += [NO_GROUP[family] for family, groups in families.items() if groups.empty]
    known = {family: groups for family, groups in families.items() if not groups.empty}
    return Part(
        heading="By size and by sector",
        sentences=tuple(sentences),
        pictures=tuple(
            _group_picture(family, groups) for family, groups in known.items() if groups["mean"].notna().any()
        ),
        tables=tuple(_group_table(family, groups) for family, groups in known.items()),
        beside=True,
    )


def leg_table(study: SignalStudy, horizon: int) -> Table:
    """Hit rates of the long against the short side, over returns of ``horizon`` sessions."""
    rows = tuple(
        (
            LEGS[str(leg)],
            bps(row["mean_return"]),
            f"{plus_minus(1e4 * row['over_all'], 1e4 * row['standard_error'], 1)} bps",
            percent(row["beats_median"]),
            percent(row["right_sign"]),
        )
        for leg, row in study.legs.iterrows()
    )
    return Table(
        caption="Hit rates, long against short side",
        columns=("Side", "Mean return", "Against all ± SE", "Right side of the median", "Right sign"),
        rows=rows,
        note=f"Returns as held long, gross, {horizon_words(horizon)}; a good short has a negative one. Right sign: "
        "rose if long, fell if short, which depends on the direction of the market; the median does not.",
    )


def prediction_part(study: SignalStudy, horizon: int) -> Part:
    """Predictions over time, predicted and realised spread, and calibration by decile, over ``horizon`` sessions."""
    held, deciles = horizon_words(horizon), study.calibration
    pictures = [_predictions(study, held)]
    sentences = []
    if study.spreads.notna().all(axis=1).any():
        pictures.append(_spread(study, held))
    else:
        sentences.append("Top less bottom quintile: n/a, no session has five names with a score and a return.")
    if deciles[["mean_predicted", "mean_realised"]].notna().all(axis=None):
        pictures.append(_calibration(deciles, held))
    else:
        sentences.append("Calibration by decile: n/a, fewer than ten names a session have a score and a return.")
    return Part(heading="Predicted and realised returns", sentences=tuple(sentences), pictures=tuple(pictures))


def _predictions(study: SignalStudy, held: str) -> Picture:
    return Picture(
        title="Predicted returns, session by session",
        summary=f"Median, middle half and middle 90 % of the names' predicted returns of {held}; "
        f"on average {percent(0.05, 0)} lie below {bps(study.percentiles['p05'].mean())} and "
        f"{percent(0.05, 0)} above {bps(study.percentiles['p95'].mean())}.",
        figure=prediction_figure(study.percentiles),
    )


def _spread(study: SignalStudy, held: str) -> Picture:
    means = study.spreads.mean()
    return Picture(
        title="Top less bottom quintile, predicted and realised",
        summary=f"Means of 63 sessions. Over the span {bps(means['predicted'])} per "
        f"{held.removeprefix('one ')} were predicted and {bps(means['realised'])} realised.",
        figure=spread_figure(study.spreads),
    )


def _calibration(deciles: pd.DataFrame, held: str) -> Picture:
    return Picture(
        title="Calibration by decile, ± one standard error",
        summary=f"Lowest decile: {bps(deciles['mean_predicted'].iloc[0])} predicted, "
        f"{bps(deciles['mean_realised'].iloc[0])} realised; highest: {bps(deciles['mean_predicted'].iloc[-1])} "
        f"predicted, {bps(deciles['mean_realised'].iloc[-1])} realised. Dashed: perfect calibration.",
        figure=calibration_figure(deciles, held=held),
    )


def stability_table(study: SignalStudy) -> Table:
    """Rank autocorrelation of the scores by lag."""
    rows = tuple((f"{lag}", ratio(row["mean"], 3), count(row["n_sessions"])) for lag, row in study.stability.iterrows())
    return Table(
        caption="Rank stability of the scores",
        columns=("Sessions later", "Rank autocorrelation", "Sessions"),
        rows=rows,
        note="Mean rank correlation with the scores that many sessions earlier; near 1 means low turnover.",
    )


def _group_picture(family: str, groups: pd.DataFrame) -> Picture:
    known = groups.dropna(subset=["standard_error"])
    words = ", ".join(f"{name} {ratio(mean, 3)}" for name, mean in groups["mean"].items())
    return Picture(
        title=f"Mean rank IC within each {family}, ± one standard error",
        summary=f"Positive in {int((known['mean'] > 0).sum())} of {len(known)}: {words}.",
        figure=group_figure(groups),
    )


def _group_table(family: str, groups: pd.DataFrame) -> Table:
    rows = tuple(
        (
            str(name),
            plus_minus(row["mean"], row["standard_error"], 4),
            percent(row["hit_rate"]),
            ratio(row["mean_names"], 1),
        )
        for name, row in groups.iterrows()
    )
    note = {
        "size": "Terciles of mean dollar volume over the last 63 sessions, known at each close.",
        "sector": "Names of one sector ranked among themselves; sessions with fewer than five of them are left out.",
    }[family]
    columns = (family.capitalize(), "Rank IC ± SE", "Hit rate", "Names per session")
    return Table(caption=f"Rank IC by {family}", columns=columns, rows=rows, note=note)
