"""Version comparison: every stage of a recomputed version against what its folder and lock kept."""

import math
from typing import Any

import numpy as np
import pandas as pd

from market.panel import Panel
from strategy.definitions.spec import StrategySpec
from strategy.frozen.archive import bar_returns, expected_frames, feature_hashes, read_expected
from strategy.frozen.stage_comparison import (
    StageDifference,
    compare_bits,
    compare_returns,
    compare_scores,
    compare_weights,
)
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import Recomputed

__all__ = ["bars_difference", "close_figures", "compare_version", "figure_difference"]

FIGURE_TOLERANCE = 1e-3  # relative, or absolute below 1


def compare_version(
    folder: VersionFolder,
    body: dict[str, Any],
    spec: StrategySpec,
    panel: Panel,
    recomputed: Recomputed,
    *,
    strict: bool,
) -> tuple[StageDifference | None, list[str]]:
    """The first difference in the order of computation, and the weights that a cut-off explains.

    Parameters
    ----------
    folder : VersionFolder
        Holds what was kept.
    body : dict
        Its lock's.
    spec : StrategySpec
        Resolved.
    panel : Panel
        Its bars.
    recomputed : Recomputed
        What its weights give on them.
    strict : bool
        Compare bits, else within tolerance.
    """
    expected, now = read_expected(folder.path), expected_frames(panel, recomputed)
    if strict:
        stages = (compare_bits(name, expected[name], now[name]) for name in ("scores", "weights"))
        changed = _feature_difference(body, recomputed) or next(filter(None, stages), None)
        return changed or _named(compare_bits("returns", expected["returns"], now["returns"])), []
    scores = compare_scores(expected["scores"], now["scores"])
    weights, explained = compare_weights(
        expected["weights"],
        now["weights"],
        scores=expected["scores"],
        book=spec.portfolio,
        round_trip=2.0 * spec.costs.trade_bps / 1e4,
    )
    return scores or weights or _named(compare_returns(expected["returns"], now["returns"])), explained


def _feature_difference(body: dict[str, Any], recomputed: Recomputed) -> StageDifference | None:
    now = feature_hashes(recomputed.features)
    other = [name for name in body["features"] | now if body["features"].get(name) != now.get(name)]
    return StageDifference(stage="features", detail=other[0]) if other else None


def _named(difference: StageDifference | None) -> StageDifference | None:
    """A difference of the returns' table under the name of its stage; its column is no ticker."""
    if difference is None:
        return None
    stage = "fills" if difference.ticker == "turnover" else "returns"
    detail = f"{difference.ticker} {difference.detail}".strip()
    return StageDifference(stage=stage, session=difference.session, detail=detail)


def figure_difference(
    expected: dict[str, float | None], recomputed: dict[str, float | None], *, strict: bool
) -> StageDifference | None:
    """The first metric that is not the kept one, to the last bit or within tolerance."""
    for name in sorted(expected.keys() | recomputed.keys()):
        then, now = expected.get(name), recomputed.get(name)
        if then == now or (not strict and close_figures(then, now)):
            continue
        return StageDifference(stage="metrics", detail=f"{name} {then} kept, {now} found")
    return None


def close_figures(then: float | None, now: float | None) -> bool:
    """Whether two figures are the same but for what another machine may move; None is like no figure."""
    if then is None or now is None:
        return False
    return math.isclose(then, now, rel_tol=FIGURE_TOLERANCE, abs_tol=FIGURE_TOLERANCE)


def bars_difference(folder: VersionFolder, panel: Panel) -> StageDifference:
    """The first session and ticker of the test span whose return moved, or say that other bars differ."""
    expected = read_expected(folder.path)["bar_returns"]
    now = bar_returns(panel).reindex(index=expected.index, columns=expected.columns)
    wrong = np.argwhere(~np.isclose(expected.to_numpy(), now.to_numpy(), rtol=0, atol=1e-6, equal_nan=True))
    if not len(wrong):
        return StageDifference(
            stage="bars", detail="their sha256 is not the version's; no return of its test span moved"
        )
    session, ticker = expected.index[wrong[0][0]], expected.columns[wrong[0][1]]
    return StageDifference(stage="bars", session=f"{pd.Timestamp(session):%Y-%m-%d}", ticker=str(ticker))
