"""Run a given model: score bars with it, and judge it under a strategy's book, clock and costs; nothing is trained.

The model brings what it was trained with: features, network, loss, training, dates of its spans, scaler, calibration.
The strategy decides how it is scored, ``model.scoring``, and whether ranges weigh scores, ``uncertainty.weigh``; the
calibration stays that of the scoring in training. Only sessions after the model's validation span are judged, so that
the result is out of sample.
"""

from typing import Any

from backtests.book_checks import check_book
from backtests.evaluation import Evaluation, evaluate_scores
from core.errors import CheckpointError, DataError
from core.files import file_sha256, write_bytes
from market.inputs import Inputs
from market.panel import Panel
from models.checkpoint import Checkpoint
from models.uncertainty.uncertainty_settings import UncertaintySettings
from strategy.definitions.spec import StrategySpec
from strategy.epilogue import Remarks, conclude
from strategy.learning.decide import frozen_windows
from strategy.learning.explain import explain
from strategy.learning.given_model import SUFFIXES, GivenModel
from strategy.learning.learn import LEARNED, scores_of, test_sessions
from strategy.learning.member_study import with_members
from strategy.learning.return_ranges import with_ranges
from strategy.learning.training_data import kept_model_features
from strategy.runs.context import RunContext
from strategy.runs.log.run_log import logged
from strategy.runs.result import Run
from strategy.runs.store import RunOrigin
from strategy.runs.whole_run import kept_run, whole_run

__all__ = ["BROUGHT", "SCORING", "run_model", "spec_with_model"]

BROUGHT = (*LEARNED, "split")  # sections of the spec that the model brings
SCORING = "model.scoring"  # the key of them that the strategy keeps


def spec_with_model(spec: StrategySpec, model: GivenModel) -> StrategySpec:
    """Put the model's own sections into the strategy; how it is scored stays the strategy's choice.

    Raises
    ------
    CheckpointError
        If the model learned returns of another execution than the strategy trades on.
    """
    known, own = model.checkpoint.provenance.spec, spec.model_dump(mode="json")
    brought = {section: known.get(section, {}) for section in (*BROUGHT, "execution")}
    learned = StrategySpec.recorded(own | brought | {"uncertainty": _uncertainty(spec, model)})
    if not learned.execution.has_clock_of(spec.execution):
        raise CheckpointError(
            f"the model of {model.origin} learned returns of another clock, {learned.execution}: give the strategy the "
            "same with --set execution.KEY=VALUE, or train one"
        )
    return learned.model_copy(update={"model": learned.model.scored_as(spec.model.scored), "execution": spec.execution})


def _uncertainty(spec: StrategySpec, model: GivenModel) -> dict[str, Any]:
    """The ranges that the model brings; whether they weigh its scores stays the strategy's choice.

    Raises
    ------
    CheckpointError
        If they are to weigh, and are the same for every name.
    """
    brought = UncertaintySettings.recorded(model.checkpoint.provenance.spec.get("uncertainty", {}))
    if spec.uncertainty.weigh and not brought.differs_by_name:
        raise CheckpointError(
            f"the model of {model.origin} has one spread for all names of a session (uncertainty.method "
            f"{brought.method}): run without uncertainty.weigh, or give a model with another method"
        )
    return brought.model_dump(mode="json") | {"weigh": spec.uncertainty.weigh}


def run_model(
    spec: StrategySpec, inputs: Inputs, model: GivenModel, *, context: RunContext, device: str = "auto"
) -> Run:
    """Score bars with a given model, build the strategy's books on them, backtest and report.

    Parameters
    ----------
    spec : StrategySpec
        Portfolio, risk, execution and costs decide; the rest is the model's.
    inputs : Inputs
        Bars that reach past the model's validation span.
    model : GivenModel
        From ``find_model``.
    context : RunContext
        Store, record and progress.
    device : {"auto", "cpu", "cuda"}
        Where to score.

    Returns
    -------
    Run
        Its record, report and trial name the model. It has no ridge baseline: nothing is fitted here.

    Raises
    ------
    DataError
        If the bars hold no session after the model's validation span.
    CheckpointError
        As ``spec_with_model``.
    """
    spec, context = spec_with_model(spec, model), logged(context)
    _check_span(inputs.panel, model)
    check_book(spec.rules.portfolio, inputs)
    evaluation = _evaluated(spec, inputs, model.checkpoint, context, device)
    with whole_run(spec, inputs.panel, context=context, origin=_origin(model)) as folder:
        for suffix in SUFFIXES:
            write_bytes(folder.path / f"model{suffix}", model.path.with_suffix(suffix).read_bytes())
        remarks = Remarks(notes=_notes(spec, model))
        conclude(context.store, folder, evaluation, checkpoint=model.checkpoint, remarks=remarks)
    return Run(kept_run(folder))


def _notes(spec: StrategySpec, model: GivenModel) -> tuple[str, ...]:
    """Notes of the report: where the model comes from, and its scoring where that differs from training."""
    origin = f"Nothing was trained: the model is that of {model.origin}, which learned until {model.learned_until}."
    scoring, learned = spec.model.scored, model.checkpoint.model.settings.model.scored
    if scoring == learned:
        return (origin,)
    return origin, f"Scoring is {scoring}; the scores' level and slope were calibrated on {learned} ones."


def _check_span(panel: Panel, model: GivenModel) -> None:
    if not len(test_sessions(panel, model.checkpoint)):
        raise DataError(
            f"bars end {panel.sessions[-1]:%Y-%m-%d} and the model of {model.origin} learned until "
            f"{model.learned_until}: it can only be judged on later sessions, load later bars"
        )


def _evaluated(
    spec: StrategySpec, inputs: Inputs, checkpoint: Checkpoint, context: RunContext, device: str
) -> Evaluation:
    tested, progress = test_sessions(inputs.panel, checkpoint), context.progress
    features = kept_model_features(spec, inputs.panel)
    windows = frozen_windows(spec, inputs.panel, checkpoint, features=features)
    scores = scores_of(checkpoint, windows, sessions=tested, spec=spec, device=device, progress=progress)
    study = explain(checkpoint, windows, sessions=tested, progress=progress)
    evaluation = evaluate_scores(spec.rules, inputs, scores=scores, baselines={}, model=study, progress=progress)
    evaluation = with_members(evaluation, checkpoint, windows, scoring=spec.model.scored, device=device)
    return with_ranges(evaluation, spec, checkpoint, windows, device=device)


def _origin(model: GivenModel) -> RunOrigin:
    weights = file_sha256(model.path.with_suffix(SUFFIXES[0]))
    bars = model.checkpoint.provenance.data_fingerprint
    return RunOrigin(
        identity={"model": weights},  # other weights under the same book are another trial
        record={"model": {"origin": model.origin, "sha256": weights, "bars": bars}},
    )
