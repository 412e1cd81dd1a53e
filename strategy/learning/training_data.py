"""Training data: features and labels of a panel, rows of each span, and the scaled windows a model is fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.errors import DataError
from market.delistings import listed
from market.holdout import refuse_sealed
from market.panel import Panel
from market.returns import forward_returns
from models.labels import learned_labels
from models.losses.rank_loss import MIN_NAMES
from models.model import FittedModel, Weights
from models.sample_splits import Split, resolve_split
from models.scratch import Scratch
from models.spans import usable_rows
from models.uncertainty.session_spread import session_spread
from models.windows import Scaler, Windows, build_windows, fit_scaler
from signals.features import Computing, compute_features, fill_gaps, kept_features
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_checks import check_volume

__all__ = [
    "TrainingData",
    "kept_model_features",
    "model_features",
    "prepare_training_data",
    "prepare_tuning_data",
    "tradable",
    "trailing_spread",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """Training data of a model: forward returns, rows of each span, scaled windows with their labels.

    Parameters
    ----------
    forward : DataFrame of float
        Forward returns of the spec's execution over its label's horizon, which calibration reads.
    split : Split
        Purged rows of training, validation and test.
    windows : Windows
        Scaled on training rows; their targets are what is learned, see ``models.labels``.
    horizon : int
        Sessions that each forward return spans.
    start : mapping of str to Tensor or None
        Weights that a network begins with, on whose scale the windows then are; None draws them from the seed.
    trailing : Series of float or None
        ``session_spread`` of the bars, where the strategy's uncertainty asks for it: what was earned by each close, of
        every session.
    """

    forward: pd.DataFrame
    split: Split
    windows: Windows
    horizon: int = 1
    start: Weights | None = None
    trailing: pd.Series | None = None


def model_features(spec: StrategySpec, panel: Panel) -> Mapping[str, pd.DataFrame]:
    """The features the model sees, short gaps carried forward; row *t* is known at the close of *t*.

    Raises
    ------
    RunError
        If the bars reach into the spec's sealed hold-out.
    """
    refuse_sealed(panel, spec.holdout)
    features = compute_features(panel, spec.features.set, computing=Computing(gap_limit=spec.features.skipped))
    return _with_outside(spec, panel, fill_gaps(features, panel, limit=spec.features.gap_limit))


def kept_model_features(
    spec: StrategySpec, panel: Panel, *, until: pd.Timestamp | None = None
) -> Mapping[str, pd.DataFrame]:
    """The features of ``model_features``, bit for bit, read from the cache beside the data or left there.

    For the bars of runs, walks and decisions, which are met again; not for made-up ones.

    Parameters
    ----------
    spec : StrategySpec
        Its feature set and gaps decide.
    panel : Panel
        Bars.
    until : Timestamp, optional
        The features of ``panel.until(until)``, as ``signals.features.kept_features`` has them.

    Raises
    ------
    RunError
        If the bars reach into the spec's sealed hold-out.
    """
    refuse_sealed(panel, spec.holdout)
    features = kept_features(panel, spec.features.set, until=until, gap_limit=spec.features.skipped)
    seen = panel if until is None else panel.until(until)
    return _with_outside(spec, seen, fill_gaps(features, seen, limit=spec.features.gap_limit))


def _with_outside(spec: StrategySpec, panel: Panel, features: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """The features of the set, and behind them what the outside tables say that the strategy names."""
    taken = [name for name in spec.features.outside if name in features]
    if taken:
        raise ValueError(
            f"features.outside names {taken[0]}, which is a feature of {spec.features.set} already: call it otherwise"
        )
    outside = spec.features.outside.items()
    return {**features, **{name: panel.outside_values(name, days=days) for name, days in outside}}


def prepare_training_data(
    spec: StrategySpec,
    panel: Panel,
    *,
    features: Mapping[str, pd.DataFrame] | None = None,
    split: Split | None = None,
    barred: tuple[slice, ...] = (),
    scratch: Scratch | None = None,
) -> TrainingData:
    """Labels, spans and windows; scaler and target scale are fitted on training rows only.

    Parameters
    ----------
    spec : StrategySpec
        Features, execution and lookback decide; the split does where none is given.
    panel : Panel
        Bars with their universe.
    features : mapping of str to DataFrame, optional
        Those of ``model_features``, where they are at hand.
    split : Split, optional
        Purged rows of another split than the spec's.
    barred : tuple of slice
        Rows that are judged, or too close to one: their labels are left out, and the scaler does not see them.
    scratch : Scratch, optional
        Where scaled features go that are too large for memory; the same bits.

    Raises
    ------
    DataError
        If the bars hold too few names or sessions, or a span has no session that can be used.
    """
    features = model_features(spec, panel) if features is None else features
    spans = _Spans(split=split, barred=barred)
    return _training_data(spec, panel, features, spans=spans, scratch=scratch)


def prepare_tuning_data(
    spec: StrategySpec,
    panel: Panel,
    began: FittedModel,
    *,
    features: Mapping[str, pd.DataFrame] | None = None,
    scratch: Scratch | None = None,
) -> TrainingData:
    """Training data of a model that begins with another's weights: features and labels stay on that model's scale.

    The parameters are those of ``prepare_training_data``, and the model begun with.
    """
    features = model_features(spec, panel) if features is None else features
    made = _training_data(spec, panel, features, spans=_Spans(), scaler=began.scaler, scratch=scratch)
    return replace(made, start=began.stored().tensors)


def tradable(panel: Panel) -> pd.DataFrame:
    """The names of the universe that are listed."""
    return panel.universe & listed(panel)


def trailing_spread(spec: StrategySpec, panel: Panel) -> pd.Series | None:
    """The spread of each session that returns of the past give, where the strategy's uncertainty is that."""
    if spec.uncertainty.method != "session":
        return None
    return session_spread(panel, spec.execution, horizon=spec.label.horizon)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spans:
    """Spans that are not the spec's, and rows whose labels are left out."""

    split: Split | None = None
    barred: tuple[slice, ...] = ()


def _training_data(
    spec: StrategySpec,
    panel: Panel,
    features: Mapping[str, pd.DataFrame],
    *,
    spans: _Spans,
    scaler: Scaler | None = None,
    scratch: Scratch | None,
) -> TrainingData:
    """Labels, spans and windows, on a given scale or on that of the training rows."""
    _check_size(spec, panel)
    horizon, eligible, barred = spec.label.horizon, tradable(panel), spans.barred
    forward = _without(forward_returns(panel, spec.execution, horizon=horizon), barred, np.nan)
    labels = _without(learned_labels(panel, spec.execution, spec.label, eligible=eligible), barred, np.nan)
    split = spans.split or resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=horizon)
    check_volume(spec, panel, features, split=split)
    if scaler is None:
        scaler = fit_scaler(features, targets=labels, universe=_without(eligible, barred, False), rows=split.train)
    windows = build_windows(
        features, targets=labels, universe=eligible, scaler=scaler, lookback=spec.model.lookback, scratch=scratch
    )
    for name, rows in (("training", split.train), ("validation", split.validation)):
        usable_rows(windows, rows, span=name)  # fails here, before a run has a folder
    trailing = trailing_spread(spec, panel)
    return TrainingData(forward=forward, split=split, windows=windows, horizon=horizon, trailing=trailing)


def _check_size(spec: StrategySpec, panel: Panel) -> None:
    if len(panel.tickers) < MIN_NAMES:
        raise DataError(
            f"the bars hold {len(panel.tickers)} tickers, a cross-section needs at least {MIN_NAMES}: add names"
        )
    if len(panel.sessions) <= spec.model.lookback:
        raise DataError(
            f"the bars hold {len(panel.sessions)} sessions, the model's lookback is {spec.model.lookback}: give more "
            "history, or lower model.lookback"
        )


def _without(frame: pd.DataFrame, rows: tuple[slice, ...], missing: float | bool) -> pd.DataFrame:
    """The frame with some rows emptied."""
    if not rows:
        return frame
    emptied = frame.copy()
    for span in rows:
        emptied.iloc[span] = missing
    return emptied
