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
    duplicates = [str(name) for name in study.permutation.index if " = " in str(name)]
    sentences = [] if study.shares is None else [_by_position(study.shares)]
    if duplicates:
        sentences.append(f"Duplicates, one feature under two names, are permuted together: {'; '.join(duplicates)}.")
    order = study.permutation.sort_values("ic_lost", ascending=False).index
    pictures = (_permutation(study, order), *(() if study.shares is None else (_positions(study, study.shares),)))
    part = Part(sentences=tuple(sentences), pictures=pictures, tables=(_table(study, order),))
    return Section(slug="model", title="Feature importance", lead=_lead(study, order), parts=(part,))


def _lead(study: ModelStudy, order: pd.Index) -> str:
    if study.shares is None:
        return f"Most rank IC is lost when {order[0]} is permuted among the names of a session."
    last = percent(study.shares.sum().iloc[-1])
    return f"The last third of the sequence accounts for {last} of the differences between scores."


def _by_position(shares: pd.DataFrame) -> str:
    words = ", ".join(f"{block} {percent(share)}" for block, share in shares.sum().items())
    return f"By position, 0 the oldest session of the window: {words}."


def _permutation(study: ModelStudy, order: pd.Index) -> Picture:
    ranked = study.permutation.loc[order]
    lost = ranked["ic_lost"]
    return Picture(
        title="Rank IC lost when a feature is permuted among the names",
        summary=f"± one standard error over {count(ranked['n_sessions'].iloc[0])} sampled sessions; most is lost with "
        f"{order[0]} ({ratio(lost.iloc[0], 4)}). A loss within one standard error of zero is not significant.",
        figure=permutation_figure(ranked),
    )


def _positions(study: ModelStudy, shares: pd.DataFrame) -> Picture:
    total = shares.sum(axis=1)
    order = total.sort_values(ascending=False).index
    return Picture(
        title="Integrated gradients by feature and position",
        summary=f"Shares of the absolute attributions over {count(study.n_windows)} sampled windows; the largest is "
        f"{order[0]} with {percent(total[order[0]])}. Light: oldest third of the window, dark: newest.",
        figure=position_figure(shares.loc[order]),
    )


def _table(study: ModelStudy, order: pd.Index) -> Table:
    lags, shares = list(study.feature_stability.columns), study.shares
    rows = tuple(
        (
            str(name),
            plus_minus(study.permutation["ic_lost"][name], study.permutation["standard_error"][name], 4),
            percent(study.permutation["order_lost"][name]),
            *(() if shares is None else (percent(shares.loc[name].sum()),)),
            *(ratio(study.feature_stability[lag][name]) for lag in lags),
        )
        for name in order
    )
    gradients = () if shares is None else ("Gradients",)
    columns = ("Feature", "IC lost ± SE", "Order lost", *gradients, *(f"Stability, {lag}" for lag in lags))
    return Table(caption="Features: importance and rank stability", columns=columns, rows=rows, note=_note(study))


def _note(study: ModelStudy) -> str:
    n_sessions = count(study.permutation["n_sessions"].iloc[0])
    windows = gradients = ""
    if study.shares is not None:
        windows = f", {count(study.n_windows)} windows for gradients"
        gradients = (
            "Gradients: integrated from the average sequence, less their session's mean (relative error of the "
            f"integral {percent(study.completeness_error, 2)}). "
        )
    return (
        f"Measured on a sample drawn with seed 0: {n_sessions} sessions of up to 30 names for permutations{windows}. "
        "IC lost: rank IC less that with the feature's sequences permuted within the session. Order lost: 1 − rank "
        f"correlation of scores before and after. {gradients}Stability: mean rank autocorrelation by lag in sessions; "
        "n/a for a feature with one value for all names, which ranks nothing by itself."
    )
