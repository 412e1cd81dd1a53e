"""Section on what the model relies on: importance of features and of positions in the sequence."""

import pandas as pd

from backtests.breakdown.signal_study import ModelStudy
from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.study_figures import permutation_figure, position_figure
from backtests.report.formats import count, percent, plus_minus, ratio
from backtests.report.page import Page

__all__ = ["model_section"]


def model_section(page: Page) -> Section | None:
    """Feature importance of the model; None for scores without one."""
    study = page.evaluation.model
    if study is None:
        return None
    blocks = study.shares.sum()
    words = ", ".join(f"{block} {percent(share)}" for block, share in blocks.items())
    lead = f"The last third of the sequence accounts for {percent(blocks.iloc[-1])} of the differences between scores."
    duplicates = [str(name) for name in study.permutation.index if " = " in str(name)]
    sentences = [f"By position, 0 the oldest session of the window: {words}."]
    if duplicates:
        sentences.append(f"Duplicates, one feature under two names, are permuted together: {'; '.join(duplicates)}.")
    order = study.permutation.sort_values("ic_lost", ascending=False).index
    pictures = (_permutation(study, order), _positions(study))
    part = Part(sentences=tuple(sentences), pictures=pictures, tables=(_table(study, order),))
    return Section(slug="model", title="Feature importance", lead=lead, parts=(part,))


def _permutation(study: ModelStudy, order: pd.Index) -> Picture:
    ranked = study.permutation.loc[order]
    lost = ranked["ic_lost"]
    return Picture(
        title="Rank IC lost when a feature is permuted among the names",
        summary=f"± one standard error over {count(ranked['n_sessions'].iloc[0])} sampled sessions; most is lost with "
        f"{order[0]} ({ratio(lost.iloc[0], 4)}). A loss within one standard error of zero is not significant.",
        figure=permutation_figure(ranked),
    )


def _positions(study: ModelStudy) -> Picture:
    total = study.shares.sum(axis=1)
    order = total.sort_values(ascending=False).index
    return Picture(
        title="Integrated gradients by feature and position",
        summary=f"Shares of the absolute attributions over {count(study.n_windows)} sampled windows; the largest is "
        f"{order[0]} with {percent(total[order[0]])}. Light: oldest third of the window, dark: newest.",
        figure=position_figure(study.shares.loc[order]),
    )


def _table(study: ModelStudy, order: pd.Index) -> Table:
    lags = list(study.feature_stability.columns)
    rows = tuple(
        (
            str(name),
            plus_minus(study.permutation["ic_lost"][name], study.permutation["standard_error"][name], 4),
            percent(study.permutation["order_lost"][name]),
            percent(study.shares.loc[name].sum()),
            *(ratio(study.feature_stability[lag][name]) for lag in lags),
        )
        for name in order
    )
    n_sessions = count(study.permutation["n_sessions"].iloc[0])
    columns = ("Feature", "IC lost ± SE", "Order lost", "Gradients", *(f"Stability, {lag}" for lag in lags))
    return Table(
        caption="Features: importance and rank stability",
        columns=columns,
        rows=rows,
        note=f"Measured on a sample drawn with seed 0: {n_sessions} sessions of up to 30 names for "
        f"permutations, {count(study.n_windows)} windows for gradients. "
        "IC lost: rank IC less that with the feature's sequences permuted within the session. Order lost: 1 − rank "
        "correlation of scores before and after. Gradients: integrated from the average sequence, less their session's "
        f"mean (relative error of the integral {percent(study.completeness_error, 2)}). Stability: mean rank "
        "autocorrelation by lag in sessions; n/a for a feature with one value for all names, which ranks nothing by "
        "itself.",
    )
