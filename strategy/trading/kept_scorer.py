"""Kept scorer: the scores that decisions are made of, taken from the run's folder where it holds them already.

A run keeps the scores of its test span, and a decision leaves those that it had to make, so that tomorrow's scores one
session. The bits are those of scoring everything: what might differ is not taken, see ``strategy.runs.score_record``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.engine.overlay_loop import decide_book
from core.errors import SourceError
from core.files import read_json
from market.holdout import refuse_sealed
from market.panel import Panel, aligned_frame
from portfolio.book import Book
from strategy.definitions.spec import StrategySpec
from strategy.runs.score_record import ScoreRecord

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

__all__ = ["KeptScorer"]

OF_THE_RUN, OF_DECISIONS = "scores.parquet", "decided_scores.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScorer:
    """A fitted model and the scores of it that lie in a folder.

    Parameters
    ----------
    home : Path
        Folder with the scores of a run, and of earlier decisions.
    spec : StrategySpec
        The strategy.
    model : Path
        Weights and card of the model, without suffix.
    load : callable
        Reads the model; called only where something must be scored.
    """

    home: Path
    spec: StrategySpec
    model: Path
    load: "Callable[[], Checkpoint]"

    @property
    def learned_until(self) -> pd.Timestamp:
        """Last session of the model's validation span."""
        try:
            return pd.Timestamp(
                read_json(self.model.with_suffix(".json"))["provenance"]["spec"]["split"]["validation_end"]
            )
        except (OSError, SourceError, LookupError, TypeError, ValueError):
            return self.load().learned_until  # it says what is wrong

    def book(self, panel: Panel, *, sectors: pd.Series | None = None) -> Book:
        """The decisions of every session after the model's validation span, bit for bit those of ``decided_book``."""
        return decide_book(self.spec.rules, panel, self.scores(panel), sectors=sectors)

    def scores(self, panel: Panel) -> pd.DataFrame:
        """The scores of every session after the model's validation span; only those that are not held are made.

        Raises
        ------
        RunError
            If the bars reach into the spec's sealed hold-out.
        """
        refuse_sealed(panel, self.spec.holdout)
        tested = panel.sessions[panel.sessions > self.learned_until]
        held = self._held(panel, tested)
        missing = tested if held is None else tested[len(held) :]
        if held is not None and not len(missing):
            return held
        fresh = self._scored(panel, missing)
        scores = fresh if held is None else _joined(held, fresh)
        self._record(OF_DECISIONS).leave(scores, panel)
        return scores

    def _held(self, panel: Panel, tested: pd.DatetimeIndex) -> pd.DataFrame | None:
        """The longest held scores that begin where the test span does."""
        found = [scores for scores in self._taken(panel) if scores.index.equals(tested[: len(scores)])]
        return max(found, key=len, default=None)

    def _taken(self, panel: Panel) -> Iterator[pd.DataFrame]:
        for name in (OF_THE_RUN, OF_DECISIONS):
            scores = self._record(name).read(panel)
            if scores is not None:
                yield scores

    def _record(self, name: str) -> ScoreRecord:
        return ScoreRecord(path=self.home / name, spec=self.spec, model=self.model)

    def _scored(self, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        from strategy.learning.decide import frozen_windows
        from strategy.learning.learn import scores_of
        from strategy.learning.training_data import kept_model_features

        checkpoint, features = self.load(), kept_model_features(self.spec, panel)
        windows = frozen_windows(self.spec, panel, checkpoint, features=features)
        return scores_of(checkpoint, windows, sessions=sessions, spec=self.spec)


def _joined(held: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    numbers = np.concatenate([held.to_numpy(), fresh.to_numpy()])
    return aligned_frame(numbers, pd.DatetimeIndex(held.index.append(fresh.index)), held.columns)
