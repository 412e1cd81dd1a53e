"""Shipped pipeline: a trained strategy under test, stage by stage the code that ``run`` and ``decide`` call."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.due_weights import due_weights
from backtests.engine.ledger import keep_ledger
from backtests.engine.overlay_loop import decide_book
from market.panel import Panel
from market.returns import Execution
from models.checkpoint import Checkpoint
from models.labels import learned_labels
from models.networks.carried import MAX_QUARTER_SESSIONS
from models.sample_splits import resolve_split
from models.windows import build_windows, fit_scaler
from portfolio.costs import Costs
from signals.features import feature_table, sessions_read
from strategy.definitions.spec import StrategySpec, override
from strategy.learning.decide import decide, frozen_windows
from strategy.learning.learn import learn, scores_of, test_sessions
from strategy.learning.return_ranges import return_spread
from strategy.learning.training_data import (
    TrainingData,
    model_features,
    prepare_training_data,
    tradable,
    trailing_spread,
)
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest, SpanPair, given_universe

__all__ = ["artefacts_of", "equity_at_fills", "learn_small", "pipeline_of", "quick_spec", "span_pairs"]

QUICK_EPOCHS = 2
BARE_IDENTITY = {"spec": "", "panel": "", "code": ""}


def pipeline_of(
    spec: StrategySpec,
    checkpoint: Checkpoint,
    panel: Panel,
    *,
    universe: Callable[[Panel], pd.DataFrame] = given_universe,
    sectors: pd.Series | None = None,
) -> PipelineUnderTest:
    """The stages of a trained strategy.

    Parameters
    ----------
    spec : StrategySpec
        The strategy that the checkpoint was trained for.
    checkpoint : Checkpoint
        Trained and calibrated model.
    panel : Panel
        Bars that the proof will run on; only their sessions and where names printed are read.
    universe : callable
        Panel to the names eligible at each close, where membership was chosen from the bars.
    sectors : Series of str, optional
        Sector by ticker, for a sector-neutral book.
    """
    split = checkpoint.provenance.spec["split"]
    dated = override(spec, [f'split.{key}="{split[key]}"' for key in ("train_end", "validation_end")])
    longest = int(feature_table(spec.features.set)["warm_up"].max())
    memory = sessions_read(panel, longest, spec.features.skipped) + spec.features.gap_limit

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        windows = frozen_windows(spec, panel, checkpoint, features=features)
        return scores_of(checkpoint, windows, sessions=sessions, spec=spec, device="cpu")

    def spread(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        windows = frozen_windows(spec, panel, checkpoint, features=features)
        few, trailing = few_passes(spec), trailing_spread(spec, panel)
        return return_spread(few, checkpoint, windows, sessions=sessions, trailing=trailing, device="cpu")

    return PipelineUnderTest(
        name=spec.name,
        features=lambda panel: model_features(spec, panel),
        scores=scores,
        spread=spread if spec.uncertainty.is_on else None,
        weights=lambda scores, panel: decide_book(spec.rules, panel, scores, sectors=sectors).weights,
        first_decision=test_sessions(panel, checkpoint)[0],
        execution=spec.execution,
        universe=universe,
        labels=lambda panel: prepare_training_data(dated, panel).forward,
        fill_equity=lambda weights, panel: equity_at_fills(weights, panel, spec.execution),
        spans=lambda panel: span_pairs(dated, panel),
        scaler=lambda panel: _scaler(dated, panel),
        fit=lambda panel: artefacts_of(learn_small(quick_spec(dated), prepare_training_data(quick_spec(dated), panel))),
        relearn=lambda panel, labels: _relearned(quick_spec(dated), panel, labels),
        decide=lambda panel: decide(
            spec, panel.with_universe(universe(panel), described=""), checkpoint, sectors=sectors
        ),
        horizon=spec.label.horizon,
        sealed_from=None if spec.holdout is None else pd.Timestamp(spec.holdout.start),
        feature_warm_up=memory,
        score_warm_up=memory + spec.model.lookback + (MAX_QUARTER_SESSIONS if spec.model.scored == "long" else 0),
    )


def few_passes(spec: StrategySpec) -> StrategySpec:
    """The spec with two passes of dropout: enough to read what they should not."""
    return spec.model_copy(update={"uncertainty": spec.uncertainty.model_copy(update={"passes": 2})})


def quick_spec(spec: StrategySpec) -> StrategySpec:
    """The spec with a small variant of its model, and two epochs: enough to read what it should not."""
    quick = spec.model_copy(update={"model": spec.model.quick(), "uncertainty": spec.uncertainty.quick()})
    if not spec.model.learns_by_epochs:
        return quick
    return override(quick, {"training.max_epochs": QUICK_EPOCHS, "training.start": ""})


def learn_small(spec: StrategySpec, training_data: TrainingData) -> Checkpoint:
    """Train and calibrate on the processor and keep nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="quintile-prove-") as folder:
        return learn(spec, training_data, folder=Path(folder), identity=BARE_IDENTITY, device="cpu")


def artefacts_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that was learned, by name; equal artefacts are equal bits."""
    stored = checkpoint.model.stored()
    artefacts: dict[str, Any] = {f"weights {name}": tensor.numpy() for name, tensor in stored.tensors.items()}
    artefacts |= {f"scaler {name}": value for name, value in stored.scaler.as_card().items()}
    artefacts |= {f"calibration {name}": value for name, value in checkpoint.calibration.as_card().items()}
    if checkpoint.uncertainty is not None:
        artefacts |= {f"uncertainty {name}": value for name, value in checkpoint.uncertainty.as_card().items()}
    return artefacts | {name.replace("_", " "): json.dumps(value) for name, value in stored.record.items()}


def equity_at_fills(weights: pd.DataFrame, panel: Panel, execution: Execution) -> pd.Series:
    """The cost-free equity of a book just before the fills of each session."""
    due = due_weights(panel, weights, execution, may_borrow=True)
    run = keep_ledger(panel, due, execution=execution, costs=Costs(trade_bps=0.0), capital=1e6)
    return pd.Series(run.fill_equity, index=panel.sessions)


def span_pairs(spec: StrategySpec, panel: Panel) -> tuple[SpanPair, ...]:
    """Training, validation and test, each with what it is judged on."""
    split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    rows = {
        name: np.arange(span.start, span.stop)
        for name, span in (("training", split.train), ("validation", split.validation), ("test", split.test))
    }
    pairs = (("training", "validation"), ("training", "test"), ("validation", "test"))
    return tuple(SpanPair(fitted_on=a, judged_on=b, fitted=rows[a], judged=rows[b]) for a, b in pairs)


def _scaler(spec: StrategySpec, panel: Panel) -> Mapping[str, Any]:
    split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    eligible = tradable(panel)
    fitted = fit_scaler(
        model_features(spec, panel),
        targets=learned_labels(panel, spec.execution, spec.label, eligible=eligible),
        universe=eligible,
        rows=split.train,
    )
    return {f"{key} {name}": value for key, name, value in _named(fitted.as_card())}


def _named(card: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Every number of a scaler's card with its feature."""
    columns = [key for key in card if isinstance(card[key], list) and key != "names"]
    numbers = [(key, name, value) for key in columns for name, value in zip(card["names"], card[key], strict=True)]
    return [*numbers, ("target_sd", "", card["target_sd"])]


def _relearned(spec: StrategySpec, panel: Panel, labels: pd.DataFrame) -> pd.DataFrame:
    """The test scores of a network that learned other labels."""
    training_data, features, eligible = prepare_training_data(spec, panel), model_features(spec, panel), tradable(panel)
    scaler = fit_scaler(features, targets=labels, universe=eligible, rows=training_data.split.train)
    windows = build_windows(features, targets=labels, universe=eligible, scaler=scaler, lookback=spec.model.lookback)
    other = replace(training_data, forward=labels, windows=windows)
    checkpoint = learn_small(spec, other)
    tested = panel.sessions[training_data.split.test]
    return scores_of(checkpoint, windows, sessions=tested, spec=spec, device="cpu")
