"""Return ranges: expected returns of a model with their spreads, and whether the ranges held on what came after."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from backtests.breakdown.range_study import ReturnRanges, range_study
from backtests.evaluation import Evaluation
from market.panel import Panel
from models.checkpoint import Checkpoint
from models.model import ScoreContext
from models.uncertainty.checkpoint_spread import spread_of
from models.windows import Windows
from strategy.definitions.spec import StrategySpec
from strategy.learning.learn import expected_returns
from strategy.learning.training_data import trailing_spread

__all__ = ["return_ranges", "return_spread", "with_ranges", "with_stitched_ranges"]


def return_spread(
    spec: StrategySpec,
    checkpoint: Checkpoint,
    windows: Windows,
    panel: Panel,
    *,
    sessions: pd.DatetimeIndex,
    device: str = "auto",
) -> pd.DataFrame:
    """Spread of each name at the close of each session, by the strategy's method; see ``checkpoint_spread``."""
    context = ScoreContext(scoring=spec.model.scored, device=device)
    trailing = trailing_spread(spec, panel)
    return spread_of(checkpoint, windows, sessions, settings=spec.uncertainty, context=context, trailing=trailing)


def return_ranges(
    spec: StrategySpec,
    checkpoint: Checkpoint,
    windows: Windows,
    panel: Panel,
    *,
    sessions: pd.DatetimeIndex,
    device: str = "auto",
) -> ReturnRanges | None:
    """Expected returns and spreads of sessions with what turns them into ranges; None for a model without."""
    if checkpoint.uncertainty is None:
        return None
    return ReturnRanges(
        expected=expected_returns(checkpoint, windows, sessions=sessions, spec=spec, device=device),
        spread=return_spread(spec, checkpoint, windows, panel, sessions=sessions, device=device),
        fit=checkpoint.uncertainty,
    )


def with_ranges(
    evaluation: Evaluation, spec: StrategySpec, checkpoint: Checkpoint, windows: Windows, *, device: str = "auto"
) -> Evaluation:
    """The evaluation with a study of the model's ranges; as it is for a model without.

    Parameters
    ----------
    evaluation : Evaluation
        Of the scores of ``checkpoint``.
    spec : StrategySpec
        Its uncertainty decides.
    checkpoint : Checkpoint
        The model.
    windows : Windows
        Built with its scaler and lookback.
    device : {"auto", "cpu", "cuda"}
        Where networks score.
    """
    panel, sessions = evaluation.inputs.panel, pd.DatetimeIndex(evaluation.scores.index)
    made = return_ranges(spec, checkpoint, windows, panel, sessions=sessions, device=device)
    return with_stitched_ranges(evaluation, [] if made is None else [made])


def with_stitched_ranges(evaluation: Evaluation, parts: Sequence[ReturnRanges]) -> Evaluation:
    """The evaluation with a study of ranges from one model after the other; as it is where there is none."""
    if not parts:
        return evaluation
    rules, overlap = evaluation.rules, evaluation.signal.overlap
    study = range_study(
        parts, evaluation.inputs.panel, execution=rules.execution, horizon=rules.horizon, overlap=overlap
    )
    return replace(evaluation, ranges=study)
