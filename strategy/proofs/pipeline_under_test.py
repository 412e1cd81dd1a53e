"""Pipeline under test: a strategy as the callables that checks run on bars with another future.

Every callable reads bars from the panel it is given and from nowhere else: what it closes over is taken for known
before the first session. Row *t* of whatever it returns must be known at the close of *t*.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import Execution

__all__ = ["CarriedState", "Features", "PipelineUnderTest", "SpanPair", "given_universe", "no_overlays"]

Features = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanPair:
    """Rows that something was fitted on, and rows that it is judged on.

    Parameters
    ----------
    fitted_on, judged_on : str
        Names of the spans, such as ``"training"`` and ``"test"``.
    fitted, judged : ndarray of int
        Rows of the panel whose labels are read.
    embargo : int
        Sessions that must also lie between a judged row and a later fitted one.
    """

    fitted_on: str
    judged_on: str
    fitted: np.ndarray
    judged: np.ndarray
    embargo: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarriedState:
    """State with which overlays that have a memory resume.

    Parameters
    ----------
    state : callable
        Weights and panel up to a session, to what the overlays remember after it.
    resume : callable
        That memory, weights and panel, to the final weights of the sessions after it.
    """

    state: Callable[[pd.DataFrame, Panel], Any]
    resume: Callable[[Any, pd.DataFrame, Panel], pd.DataFrame]


def given_universe(panel: Panel) -> pd.DataFrame:
    """The panel's own universe: membership that came with the bars."""
    return panel.universe


def no_overlays(weights: pd.DataFrame, _panel: Panel) -> pd.DataFrame:
    """The decided weights as they are."""
    return weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineUnderTest:
    """The stages of a strategy; the first four decide, the others are checked where they are given.

    Parameters
    ----------
    name : str
        For the proof.
    features : callable
        Panel to features by name, each of shape (n_sessions, n_tickers).
    scores : callable
        Features, panel and sessions to the scores of those sessions.
    weights : callable
        Scores of some sessions and panel to the weights decided at each close.
    spread : callable or None
        Features, panel and sessions to how far each name's return may lie from its score.
    first_decision : Timestamp
        First session with a decision: scores before it are not traded.
    execution : Execution
        The clock that labels, fills and paper trading declare.
    universe : callable
        Panel to the names eligible at each close; later stages see it as ``panel.universe``.
    overlays : callable
        Decided weights and panel to final ones: volatility target, kill switches.
    labels : callable or None
        Panel to the forward returns that the model learns.
    fill_equity : callable or None
        Final weights and panel to the cost-free equity just before the fills of each session.
    spans : callable or None
        Panel to pairs of spans.
    scaler : callable or None
        Panel to every number fitted on training rows alone, by name.
    fit : callable or None
        Panel to everything learned, by name: weights, scaler, calibration, thresholds; a small fast network will do.
    relearn : callable or None
        Panel and other labels to the test scores of a model that learned those.
    decide : callable or None
        Panel to the weights decided at its last close, as a trader would call it; the stages by default.
    carry : CarriedState or None
        Needed to check overlays that remember.
    clocks : mapping of str to Execution
        What others declare, such as ``{"labels": …, "fills": …, "paper": …}``.
    horizon : int
        Sessions that a label holds.
    sealed_from : Timestamp or None
        First session of a sealed hold-out.
    feature_warm_up, score_warm_up : int
        Sessions before the first number that a longer history would not change.
    """

    name: str
    features: Callable[[Panel], Features]
    scores: Callable[[Features, Panel, pd.DatetimeIndex], pd.DataFrame]
    weights: Callable[[pd.DataFrame, Panel], pd.DataFrame]
    first_decision: pd.Timestamp
    execution: Execution = field(default_factory=Execution)
    universe: Callable[[Panel], pd.DataFrame] = given_universe
    overlays: Callable[[pd.DataFrame, Panel], pd.DataFrame] = no_overlays
    spread: Callable[[Features, Panel, pd.DatetimeIndex], pd.DataFrame] | None = None
    labels: Callable[[Panel], pd.DataFrame] | None = None
    fill_equity: Callable[[pd.DataFrame, Panel], pd.Series] | None = None
    spans: Callable[[Panel], Sequence[SpanPair]] | None = None
    scaler: Callable[[Panel], Mapping[str, Any]] | None = None
    fit: Callable[[Panel], Mapping[str, Any]] | None = None
    relearn: Callable[[Panel, pd.DataFrame], pd.DataFrame] | None = None
    decide: Callable[[Panel], pd.Series] | None = None
    carry: CarriedState | None = None
    clocks: Mapping[str, Execution] = field(default_factory=dict)
    horizon: int = 1
    sealed_from: pd.Timestamp | None = None
    feature_warm_up: int = 30
    score_warm_up: int = 130

    def on(self, panel: Panel) -> Panel:
        """The panel with the universe that the pipeline chooses on it."""
        return panel.with_universe(self.universe(panel), described=panel.facts.universe)
