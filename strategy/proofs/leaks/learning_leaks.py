"""Leaks in what is fitted, learned and chosen: scaler, early stopping, calibration, thresholds, splits."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from market.panel import Panel
from models.calibrate import fit_calibration
from models.model import FitContext, ScoreContext
from models.model_kinds import make_model
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import fit_scaler
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_data import TrainingData, model_features, prepare_training_data, tradable
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.pipeline_under_test import PipelineUnderTest, SpanPair
from strategy.proofs.shipped_pipeline import span_pairs

__all__ = ["LEARNING_LEAKS"]

THRESHOLDS = np.linspace(-0.05, 0.05, 41)

Rows = Callable[[Split], slice]


def _scaled_on(rows: Rows) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines whose scaler is fitted on other rows."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def scaler(panel: Panel) -> Mapping[str, Any]:
            training_data = prepare_training_data(setup.spec, panel)
            features, eligible = model_features(setup.spec, panel), tradable(panel)
            fitted = fit_scaler(
                features, targets=training_data.forward, universe=eligible, rows=rows(training_data.split)
            )
            return fitted.as_card()

        return replace(setup.pipeline, scaler=scaler)

    return make


def _trained(
    spec: StrategySpec, training_data: TrainingData, *, stopping: slice, calibrating: slice
) -> Mapping[str, Any]:
    """What is learned when training stops, and calibration is fitted, on the given rows."""
    split = training_data.split
    last = split.test.stop
    judged = Split(train=split.train, validation=stopping, test=slice(last - 1, last), purge=split.purge)
    settings = ModelSettings(model=spec.model, loss=spec.loss, training=spec.training)
    model = make_model(settings).fit(training_data.windows, judged, context=FitContext(device="cpu"))
    known = training_data.windows.sessions[calibrating]
    raw = model.scores(training_data.windows, known, context=ScoreContext(device="cpu"))
    forward = training_data.forward.loc[known]
    calibration = fit_calibration(raw, forward=forward, universe_returns=forward.mean(axis=1))
    weights = {name: tensor.numpy() for name, tensor in model.stored().tensors.items()}
    best = model.card.history[model.card.best_epoch - 1]
    return {**weights, "validation loss": best["validation_loss"], "slope": calibration.slope}


def _fitted_on(*, stopping: Rows, calibrating: Rows) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines that stop training, and calibrate, on other rows."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def fit(panel: Panel) -> Mapping[str, Any]:
            training_data = prepare_training_data(setup.spec, panel)
            split = training_data.split
            return _trained(setup.spec, training_data, stopping=stopping(split), calibrating=calibrating(split))

        return replace(setup.pipeline, fit=fit)

    return make


def _threshold_on(rows: Rows) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines that hold names above the momentum that did best over the given rows."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def fit(panel: Panel) -> Mapping[str, Any]:
            training_data = prepare_training_data(setup.spec, panel)
            chosen = rows(training_data.split)
            momentum = model_features(setup.spec, panel)["ret_5d"].iloc[chosen].to_numpy()
            forward = training_data.forward.iloc[chosen].to_numpy()
            earned = [np.nansum(np.where(momentum > bar, forward, 0.0)) for bar in THRESHOLDS]
            return {"threshold": float(THRESHOLDS[int(np.argmax(earned))])}

        return replace(setup.pipeline, fit=fit)

    return make


def _split_with(gap: int | None) -> Callable[[HonestSetup], PipelineUnderTest]:
    """A maker of pipelines whose spans end so many rows before the next; None keeps the purge."""

    def make(setup: HonestSetup) -> PipelineUnderTest:
        def spans(panel: Panel) -> tuple[SpanPair, ...]:
            pairs = span_pairs(setup.spec, panel)
            starts = {pair.judged_on: pair.judged[0] for pair in pairs}
            following = {"training": starts["validation"], "validation": starts["test"]}
            if gap is None:
                return pairs
            return tuple(
                replace(pair, fitted=np.arange(pair.fitted[0], following[pair.fitted_on] - gap)) for pair in pairs
            )

        return replace(setup.pipeline, spans=spans)

    return make


def _folds(setup: HonestSetup, *, embargo: int) -> PipelineUnderTest:
    """Judge a middle block and train on both sides of it, as combinatorial splits do."""

    def spans(panel: Panel) -> tuple[SpanPair, ...]:
        rows, purge = np.arange(len(panel.sessions)), setup.spec.execution.delay + 1
        first, stop = len(rows) // 3, len(rows) // 2
        outside = (rows < first - purge) | (rows >= stop + purge + embargo)
        block = SpanPair(
            fitted_on="both sides", judged_on="block", fitted=rows[outside], judged=rows[first:stop], embargo=5
        )
        return (*span_pairs(setup.spec, panel), block)

    return replace(setup.pipeline, spans=spans)


def _test(split: Split) -> slice:
    return slice(split.test.start, split.test.stop - split.purge - 1)


def _validation(split: Split) -> slice:
    return split.validation


LEARNING_LEAKS = (
    LeakPair(
        name="full-sample scaler",
        leaky=_scaled_on(lambda split: slice(0, split.test.stop)),
        clean=_scaled_on(lambda split: split.train),
    ),
    LeakPair(
        name="scaler fitted with validation",
        leaky=_scaled_on(lambda split: slice(0, split.validation.stop)),
        clean=_scaled_on(lambda split: split.train),
    ),
    LeakPair(
        name="early stopping on test",
        leaky=_fitted_on(stopping=_test, calibrating=_validation),
        clean=_fitted_on(stopping=_validation, calibrating=_validation),
    ),
    LeakPair(
        name="calibration on test",
        leaky=_fitted_on(stopping=_validation, calibrating=_test),
        clean=_fitted_on(stopping=_validation, calibrating=_validation),
    ),
    LeakPair(
        name="threshold chosen on test",
        leaky=_threshold_on(_test),
        clean=_threshold_on(_validation),
    ),
    LeakPair(name="label overlap without purge", leaky=_split_with(0), clean=_split_with(None)),
    LeakPair(name="purge one session short", leaky=_split_with(1), clean=_split_with(2)),
    LeakPair.by_argument("fold without embargo", _folds, embargo=(0, 5)),
)
