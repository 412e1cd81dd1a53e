"""Scored version: expected returns and book of every test session by our own scoring, and by an exported graph.

Ours are those of ``strategy.learning``; a graph is given the raw features of the same bars. Both can be asked for a
panel of any number of names, cut or repeated from the version's: the z-score of a session is then among those names.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from backtests.engine.overlay_loop import decide_book
from core.parallel import cores
from core.progress import ProgressCallback, silent
from live.export.raw_inputs import stacked_features
from market.panel import Panel, aligned_frame
from models.checkpoint import Checkpoint
from models.export.graph_files import GraphScores
from models.export.panel_windows import panel_windows
from models.model import ScoreContext
from models.threads import threads
from models.uncertainty.checkpoint_spread import spread_of, weighed_scores
from models.windows import Windows
from strategy.definitions.spec import StrategySpec
from strategy.frozen.replay import version_threads
from strategy.frozen.run_version import FrozenStrategy
from strategy.learning.decide import frozen_windows
from strategy.learning.learn import expected_returns, test_sessions
from strategy.learning.training_data import model_features, tradable

__all__ = ["ScoredVersion", "scored_version"]

WINDOWS_A_CALL = 1024  # of a graph: some hundred megabytes of a wide network's states
SAMPLED_SESSIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredVersion:
    """A version's test span as our own scoring has it.

    Parameters
    ----------
    frozen : FrozenStrategy
        The version.
    panel : Panel
        Its bars.
    checkpoint : Checkpoint
        Its own, or a pruned one.
    windows : Windows
        Of the test span and the lookback before it, scaled.
    features, universe : ndarray, shapes (n_rows, n_tickers, n_features) and (n_rows, n_tickers)
        The same rows as a graph reads them.
    expected : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns; NaN where there is none.
    spread : DataFrame of float or None
        What the book weighs them by, of a strategy that does.
    weights : DataFrame of float
        Target weights that the version's rules decide on them.
    """

    frozen: FrozenStrategy
    panel: Panel
    checkpoint: Checkpoint
    windows: Windows
    features: np.ndarray
    universe: np.ndarray
    expected: pd.DataFrame
    spread: pd.DataFrame | None
    weights: pd.DataFrame

    @property
    def lookback(self) -> int:
        """Sessions of a window."""
        return self.windows.lookback

    def decided(self, expected: pd.DataFrame) -> pd.DataFrame:
        """Target weights that the version's rules decide on expected returns."""
        scores = expected if self.spread is None else weighed_scores(expected, self.spread)
        book = decide_book(self.frozen.spec.rules, self.panel, scores, sectors=self.frozen.sectors)
        return book.weights.loc[expected.index]

    def by_graph(self, score: GraphScores, *, one_by_one: bool, progress: ProgressCallback, stage: str) -> pd.DataFrame:
        """Expected returns of every test session by a graph, several sessions a call or ``one_by_one``."""
        windows = 1 if one_by_one else WINDOWS_A_CALL
        step, total = max(1, windows // max(self.features.shape[1], 1)), len(self.expected)
        parts = []
        for row in range(0, total, step):
            rows = slice(row, min(row + step, total) + self.lookback - 1)
            parts.append(score(self.features[rows], self.universe[rows]))
            progress(stage, min(row + step, total), total)
        return aligned_frame(np.concatenate(parts), pd.DatetimeIndex(self.expected.index), self.expected.columns)

    def of_names(self, count: int) -> Self:
        """The version on ``count`` names and a few sessions: those that score most often, cut or repeated.

        A name that is repeated has the features of one session earlier each time, so that no two names are the same.
        """
        rows = np.unique(np.linspace(0, len(self.expected) - 1, SAMPLED_SESSIONS).round().astype(int))
        scored = self.expected.iloc[rows].notna().sum().to_numpy()
        place = np.arange(count)
        columns = np.argsort(-scored, kind="stable")[place % len(scored)]
        read = (np.arange(len(self.features))[:, None] - place // len(scored)) % len(self.features)
        features, universe = self.features[read, columns], self.universe[read, columns]
        sessions = pd.DatetimeIndex(self.expected.index[rows])
        complete = np.isfinite(features).all(axis=2)
        windows = panel_windows(self.windows, read, columns, complete=complete, universe=universe)
        with threads(cores()):
            expected = expected_returns(
                self.checkpoint, windows, sessions=sessions, spec=self.frozen.spec, device="cpu"
            )
        return replace(self, windows=windows, features=features, universe=universe, expected=expected)

    def sampled_by_graph(self, score: GraphScores) -> pd.DataFrame:
        """Expected returns of the sessions of ``expected``, each in a call of its own."""
        ends = self.windows.sessions.get_indexer(pd.DatetimeIndex(self.expected.index))
        rows = [slice(end - self.lookback + 1, end + 1) for end in ends]
        parts = [score(np.ascontiguousarray(self.features[each]), self.universe[each]) for each in rows]
        return aligned_frame(np.concatenate(parts), pd.DatetimeIndex(self.expected.index), self.expected.columns)


def scored_version(
    frozen: FrozenStrategy,
    panel: Panel,
    checkpoint: Checkpoint,
    *,
    progress: ProgressCallback = silent,
) -> ScoredVersion:
    """Score every test session of a version as it is scored everywhere, and decide its book.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``open_frozen``.
    panel : Panel
        Bars that reach past its validation span.
    checkpoint : Checkpoint
        The version's own, or one with other weights.
    progress : callable
        Called as sessions are scored.

    Raises
    ------
    ValueError
        If no session follows the validation span.
    """
    spec, panel = frozen.spec, frozen.on_own_year(panel)
    tested = test_sessions(panel, checkpoint)
    if not len(tested):
        raise ValueError(f"bars end {panel.sessions[-1]:%Y-%m-%d}, before the first test session: give later bars")
    features = model_features(spec, panel)
    windows, first = frozen_windows(spec, panel, checkpoint, features=features), len(panel.sessions) - len(tested)
    opens = first - windows.lookback + 1
    if opens < 0:
        raise ValueError(f"{first} sessions lie before the first test session, a window has {windows.lookback}")
    with threads(version_threads(frozen.folder.body)):
        expected = expected_returns(checkpoint, windows, sessions=tested, spec=spec, device="cpu", progress=progress)
    cut = {name: getattr(windows, name)[opens:] for name in ("x", "y", "mask", "present")}
    made = ScoredVersion(
        frozen=frozen,
        panel=panel,
        checkpoint=checkpoint,
        windows=replace(windows, **cut, sessions=panel.sessions[opens:]),
        features=stacked_features(features)[opens:],
        universe=tradable(panel).to_numpy(dtype=bool)[opens:],
        expected=expected,
        spread=_spread(spec, checkpoint, windows, tested),
        weights=expected,
    )
    return replace(made, weights=made.decided(expected))


def _spread(
    spec: StrategySpec, checkpoint: Checkpoint, windows: Windows, sessions: pd.DatetimeIndex
) -> pd.DataFrame | None:
    """What the book weighs expected returns by, of a strategy that does."""
    if not spec.uncertainty.weigh:
        return None
    context = ScoreContext(scoring=spec.model.scored, device="cpu")
    return spread_of(checkpoint, windows, sessions, settings=spec.uncertainty, context=context)
