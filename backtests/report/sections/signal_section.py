"""Section on the signal: IC over time, by quarter and horizon, returns by quintile, recovery of a planted signal."""

import math

import pandas as pd

from backtests.breakdown.signal_study import SignalStudy
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.dots_figures import dots_figure
from backtests.report.figures.signal_figures import (
    cumulative_ic_figure,
    decay_figure,
    ic_figure,
    quantile_figure,
    quarter_figure,
    side_spreads_figure,
)
from backtests.report.formats import bps, count, percent, plus_minus, ranged, ratio
from backtests.report.page import Page
from backtests.report.sections.common_rows import (
    TOO_FEW,
    horizon_words,
    ic_words,
    range_frame,
)
from backtests.report.sections.study_section import (
    group_part,
    histogram_picture,
    leg_table,
    prediction_part,
    stability_table,
)
from backtests.report.signal_report import SignalReport
from backtests.verdict_words import missing_ic
from core.intervals import Interval, hac_intervals

__all__ = ["signal_section"]

MAX_UNFOLDED_QUARTERS = 12
SIDES = {"top_less_market": "Top quintile less market", "market_less_bottom": "Market less bottom quintile"}


def signal_section(page: Page) -> Section:
    """Predictive power of the scores for the returns after them."""
    signal = page.signal
    summary = signal.summaries[signal.model]
    horizon = signal.evaluation.horizon
    returns = "next returns" if horizon == 1 else f"returns of the next {horizon} sessions"
    if horizon == 1 and not signal.evaluation.pace.is_daily:
        returns = "returns of one session after them"
    lead = (
        f"Over {count(summary.n_sessions)} sessions the scores of {signal.model} ranked the {returns} with a mean "
        f"IC of {ic_words(summary)}, positive in {percent(summary.hit_rate)} of sessions."
    )
    study = page.evaluation.signal.study
    if why := missing_ic(page.evaluation):
        return _without_ic(page, f"{why[:1].upper()}{why[1:]}.")
    daily = (_daily(signal), _cumulative(signal))
    tables = (_decay_table(signal), _quarter_table(signal))
    sides = () if study is None else (leg_table(study, horizon),)
    quintiles = Part(heading="By quintile", pictures=_quantiles(signal), tables=(_quantile_table(signal), *sides))
    parts = (
        Part(pictures=daily if study is None else (*daily, histogram_picture(study, summary.hit_rate))),
        Part(heading="By quarter and by horizon", pictures=(_quarters(signal), _decay(signal))),
        Part(tables=tables if study is None else (*tables, stability_table(study)), beside=True),
        quintiles,
        *(() if study is None else (_sides_part(signal, study),)),
        _ranges(signal),
        *(() if study is None else (prediction_part(study, horizon), group_part(study))),
        *_recovery(signal),
    )
    return Section(slug="signal", title="Predictive power of the signal", lead=lead, parts=parts)


def _without_ic(page: Page, lead: str) -> Section:
    """What is known of scores without a rank IC: their predictions, and their groups."""
    study = page.evaluation.signal.study
    horizon = page.signal.evaluation.horizon
    parts = () if study is None else (prediction_part(study, horizon),)
    return Section(slug="signal", title="Predictive power of the signal", lead=lead, parts=parts)


def _sides_part(signal: SignalReport, study: SignalStudy) -> Part:
    """Both ends of the ranking against the market of the scored names."""
    held = horizon_words(signal.evaluation.horizon)
    words = "; ".join(
        f"{SIDES[name]} {bps(found.estimate)} ({ranged(found, 1, scale=1e4)} bps)"
        for name, found in signal.side_ranges.items()
    )
    picture = Picture(
        title="Running sum of top less market and of market less bottom",
        summary=f"Mean return of {held} after the fill, with 95 % ranges: {words}.",
        figure=side_spreads_figure(study.sides.rename(columns=SIDES)),
    )
    rows = tuple(
        (
            SIDES[name],
            bps(found.estimate, 2),
            f"{ranged(found, 2, scale=1e4)} bps",
            percent((study.sides[name] > 0).sum() / max(study.sides[name].count(), 1)),
        )
        for name, found in signal.side_ranges.items()
    )
    note = (
        "Market: equal-weighted mean forward return of the scored names, same sessions and fills, gross of costs. Both "
        "add up to the return of the top less the bottom quintile."
    )
    table = Table(
        caption="Ends of the ranking against the market",
        columns=("Spread", "Mean", "95 % range", "Sessions above zero"),
        rows=rows,
        note=note,
    )
    return Part(heading="Top less market, market less bottom", pictures=(picture,), tables=(table,))


def _ranges(signal: SignalReport) -> Part:
    own = {name: summary.interval for name, summary in signal.summaries.items()}
    gaps = {f"less {name}": gap.interval for name, gap in signal.differences.items() if gap.n_sessions}
    pictures = [_ranges_picture("Mean rank IC by scores, with 95 % ranges", own)]
    if gaps:
        pictures.append(_ranges_picture(f"Rank IC of {signal.model} less each baseline's, with 95 % ranges", gaps))
    return Part(
        heading="Uncertainty of the mean rank IC",
        pictures=tuple(pictures),
        tables=(_ranges_table(signal),),
    )


def _ranges_picture(title: str, ranges: dict[str, Interval]) -> Picture:
    ranges = {name: found for name, found in ranges.items() if math.isfinite(found.estimate)}
    words = ", ".join(f"{name} {ratio(found.estimate, 4)} ({ranged(found, 4)})" for name, found in ranges.items())
    summary = f"A range that includes zero is not significant: {words}."
    return Picture(title=title, summary=summary, figure=dots_figure(range_frame(ranges), x_format=".3f"))


def _ranges_table(signal: SignalReport) -> Table:
    rows = tuple(
        (name, ratio(summary.mean, 4), ranged(summary.interval, 4), ranged(signal.resampled[name], 4))
        for name, summary in signal.summaries.items()
    )
    if signal.pearson is not None:
        found = signal.pearson
        rows += ((f"{signal.model}, Pearson IC", ratio(found.mean, 4), ranged(found.interval, 4), ""),)
    columns = ("Scores", "Mean rank IC", "95 % by HAC", "95 % by bootstrap")
    note = "Bootstrapped like a Sharpe ratio."
    return Table(caption="Ranges of the mean rank IC, two ways", columns=columns, rows=rows, note=note)


def _daily(signal: SignalReport) -> Picture:
    summary = signal.summaries[signal.model]
    return Picture(
        title=f"Rank IC of {signal.model}, session by session",
        summary=f"Middle half of the sessions between {ratio(summary.p25, 3)} and {ratio(summary.p75, 3)}, "
        f"standard deviation {ratio(summary.std, 3)}. The heavy line is the mean of 63 scored sessions.",
        figure=ic_figure(signal.evaluation.ic[signal.model]),
    )


def _cumulative(signal: SignalReport) -> Picture:
    known = {name: summary.mean for name, summary in signal.summaries.items() if summary.n_sessions}
    means = ", ".join(f"{name} {ratio(mean, 4)}" for name, mean in known.items())
    return Picture(
        title="Running sum of the rank IC",
        summary=f"A steady signal climbs in a straight line. Mean per session: {means}.",
        figure=cumulative_ic_figure(pd.DataFrame({name: signal.evaluation.ic[name] for name in known})),
    )


def _quarters(signal: SignalReport) -> Picture:
    known = signal.by_quarter.dropna(subset=["standard_error"])
    return Picture(
        title="Mean rank IC by quarter, with 95 % ranges",
        summary=f"Positive in {int((known['mean'] > 0).sum())} of {len(known)} quarters with enough sessions.",
        figure=quarter_figure(hac_intervals(known)),
    )


def _decay(signal: SignalReport) -> Picture:
    single = signal.evaluation.decay.single
    ranges = hac_intervals(single)
    words = ", ".join(
        f"{horizon}: {ratio(row.estimate, 4)} ({ranged(row, 4)})"
        for horizon, row in zip(ranges.index, _rows(ranges), strict=True)
    )
    return Picture(
        title="Mean rank IC by session after the fill, with 95 % ranges",
        summary=f"Persistence of the signal: rank IC by horizon: {words}.",
        figure=decay_figure(ranges),
    )


def _quantiles(signal: SignalReport) -> tuple[Picture, ...]:
    means, spread = signal.evaluation.quantiles.summary, _rows(signal.quantile_ranges)[-1]
    held = horizon_words(signal.evaluation.horizon)
    return (
        Picture(
            title="Realised return by quintile of the scores, with 95 % ranges",
            summary=f"Mean return of {held} after the fill: {_ends(means['mean_realised'])}. The highest less the "
            f"lowest earned {bps(spread.estimate)}, at 95 % {ranged(spread, 1, scale=1e4)} bps.",
            figure=quantile_figure(signal.quantile_ranges),
        ),
        Picture(
            title="Predicted return by quintile of the scores",
            summary=f"Mean predicted return of {held}: {_ends(means['mean_predicted'])}.",
            figure=quantile_figure(means["mean_predicted"].to_frame("estimate")),
        ),
    )


def _rows(ranges: pd.DataFrame) -> list[Interval]:
    return [Interval(*row) for row in ranges.itertuples(index=False)]


def _ends(means: pd.Series) -> str:
    lowest, highest = means.to_numpy(dtype=float)[[0, -1]]
    return f"{bps(lowest)} in the lowest, {bps(highest)} in the highest"


def _quarter_table(signal: SignalReport) -> Table:
    rows = tuple(
        (
            str(quarter),
            *_quarter_cells(row),
            count(row["n_sessions"]),
        )
        for quarter, row in signal.by_quarter.iterrows()
    )
    columns = ("Quarter", "Rank IC ± SE", "ICIR", "Hit rate", "Sessions")
    folded = len(rows) > MAX_UNFOLDED_QUARTERS
    return Table(caption="Rank IC by quarter", columns=columns, rows=rows, folded=folded)


def _quarter_cells(row: pd.Series) -> tuple[str, str, str]:
    if math.isnan(row["standard_error"]):
        return TOO_FEW, "", ""
    return _estimate(row), ratio(row["icir"], 3), percent(row["hit_rate"])


def _decay_table(signal: SignalReport) -> Table:
    columns = {"single": signal.evaluation.decay.single, "cumulative": signal.evaluation.decay.cumulative}
    words = pd.DataFrame({name: table.apply(_estimate, axis=1) for name, table in columns.items()})
    sessions = columns["single"]["n_sessions"]
    rows = tuple(
        (str(horizon), row["single"], row["cumulative"], count(number))
        for (horizon, row), number in zip(words.iterrows(), sessions, strict=True)
    )
    return Table(
        caption="Decay of the rank IC",
        columns=("Horizon h", "h-th single session", "First h sessions", "Sessions"),
        rows=rows,
        note="Cumulative labels overlap; their standard errors use at least h lags.",
    )


def _estimate(row: pd.Series) -> str:
    return plus_minus(row["mean"], row["standard_error"], 4)


def _quantile_table(signal: SignalReport) -> Table:
    rows = tuple(
        (
            str(quantile),
            f"{plus_minus(1e4 * row['mean_realised'], 1e4 * row['standard_error'], 1)} bps",
            f"{ranged(found, 1, scale=1e4)} bps",
            bps(row["mean_predicted"]),
            percent(row["hit_rate"]),
            count(row["n_sessions"]),
        )
        for (quantile, row), found in zip(
            signal.evaluation.quantiles.summary.iterrows(), _rows(signal.quantile_ranges)[:-1], strict=True
        )
    )
    return Table(
        caption="Returns by quintile, 1 is the lowest",
        columns=("Quintile", "Realised ± SE", "95 % range", "Predicted", "Hit rate", "Sessions"),
        rows=rows,
        note="Means over sessions of the mean simple return of the quintile's names, gross of costs. Hit rate: share "
        "of names on the expected side of the session's median; the middle quintile has no expected side.",
    )


def _recovery(signal: SignalReport) -> tuple[Part, ...]:
    if not signal.evaluation.recovery:
        return ()
    rows = tuple(
        (name, ratio(found.spearman, 3), ratio(found.pearson, 3), count(found.n_sessions))
        for name, found in signal.evaluation.recovery.items()
    )
    table = Table(
        caption="Correlation of scores with the oracle of the built-in market",
        columns=("Scores", "Spearman", "Pearson", "Sessions"),
        rows=rows,
        note="Mean over sessions of the correlation within a session. Only a built-in market has an oracle.",
    )
    return (Part(heading="Recovery of the planted signal", tables=(table,)),)
