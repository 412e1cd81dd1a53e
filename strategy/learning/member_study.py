"""Member study: the members of an ensemble scored beside it, for its report."""

from dataclasses import replace

import pandas as pd

from backtests.breakdown.ensemble_study import MemberScores, ensemble_study
from backtests.evaluation import Evaluation
from market.returns import forward_returns
from models.checkpoint import Checkpoint
from models.ensembles.fitted_ensemble import FittedEnsemble
from models.model import ScoreContext
from models.model_settings import Scoring
from models.windows import Windows

__all__ = ["with_members"]


def with_members(
    evaluation: Evaluation, checkpoint: Checkpoint, windows: Windows, *, scoring: Scoring, device: str = "auto"
) -> Evaluation:
    """The evaluation with a study of the model's members; as it is for a single model.

    Parameters
    ----------
    evaluation : Evaluation
        Of the scores of ``checkpoint``.
    checkpoint : Checkpoint
        The model.
    windows : Windows
        Built with its scaler and lookback.
    scoring : {"exact", "long"}
        How its members score.
    device : {"auto", "cpu", "cuda"}
        Where.
    """
    model = checkpoint.model
    if not isinstance(model, FittedEnsemble):
        return evaluation
    sessions = pd.DatetimeIndex(evaluation.scores.index)
    rules, settings = evaluation.rules, model.combination.settings
    members = MemberScores(
        scores=model.member_scores(windows, sessions, context=ScoreContext(scoring=scoring, device=device)),
        kinds={name: member.model.kind for name, member in settings.members.items()},
        weights={name: fact.weight for name, fact in model.members.items()},
        validation_ics={name: fact.validation_ic for name, fact in model.members.items()},
        combine=settings.combine,
        best=model.best_member,
    )
    forward = forward_returns(evaluation.inputs.panel, rules.execution, horizon=rules.horizon)
    overlap = evaluation.signal.overlap
    return replace(evaluation, ensemble=ensemble_study(evaluation.scores, forward, members, overlap=overlap))
