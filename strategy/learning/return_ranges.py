"""Return ranges: expected returns of a model with their spreads, and whether the ranges held on what came after."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from backtests.breakdown.range_study import ReturnRanges, range_study
from backtests.evaluation import Evaluation
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
    *,
    sessions: pd.DatetimeIndex,
    trailing: pd.Series | None,
    device: str = "auto",
) -> pd.DataFrame:
    """Spread of each name at the close of each session, by the strategy's method; see ``checkpoint_spread``."""
    context = ScoreContext(scoring=spec.model.scored, device=device)
    return spread_of(checkpoint, windows, sessions, settings=spec.uncertainty, context=context, trailing=trailing)


def return_ranges(
    spec: StrategySpec,
    checkpoint: Checkpoint,
    windows: Windows,
    *,
    scores: pd.DataFrame,
    trailing: pd.Series | None,
    device: str = "auto",
) -> ReturnRanges | None:
    """Expected returns of a model, their spreads, and what turns them into ranges; None for a model without.

    Parameters
    ----------
    spec : StrategySpec
        Its uncertainty decides.
    checkpoint : Checkpoint
        The model.
    windows : Windows
        Built with its scaler and lookback.
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        What the book was built on: the expected returns, unless their spread weighs them.
    trailing : Series of float or None
        ``trailing_spread`` of the bars.
    device : {"auto", "cpu", "cuda"}
        Where networks score.
    """
    if checkpoint.uncertainty is None:
        return None
    expected, sessions = scores, pd.DatetimeIndex(scores.index)
    if spec.uncertainty.weigh:
        expected = expected_returns(checkpoint, windows, sessions=sessions, spec=spec, device=device)
    spread = return_spread(spec, checkpoint, windows, sessions=sessions, trailing=trailing, device=device)
    return ReturnRanges(expected=expected, spread=spread, fit=checkpoint.uncertainty)


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
    trailing = trailing_spread(spec, evaluation.inputs.panel)
    made = return_ranges(spec, checkpoint, windows, scores=evaluation.scores, trailing=trailing, device=device)
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
