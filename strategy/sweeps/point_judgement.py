"""Point judgement: what a point's scores of validation are worth, and the book on them; validation bars alone.

A judgement is a file of numbers, and a frame of the rank IC and net return of each validation session beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.evaluation import MODEL
from backtests.quick_evaluation import quick_evaluation
from backtests.report.sweeps.sweep_results import Judgement, PointResult
from core.errors import QuintileError, SourceError
from core.files import atomic_path, read_json, write_json
from signals.score_metrics import summarize_ic
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_checks import check_optimizer_window
from strategy.sweeps.fitted_scores import FitRecord
from strategy.sweeps.sweep_plan import PlannedPoint
from strategy.sweeps.validation_bars import ValidationBars

__all__ = ["IC", "NET", "JudgedFiles", "judge_scores", "point_result"]

IC, NET = "rank_ic", "net_return"  # columns of a judgement's frame


@dataclass(frozen=True, slots=True)
class JudgedFiles:
    """The files of judgements.

    Parameters
    ----------
    folder : Path
        ``points`` of a sweep.
    """

    folder: Path

    def path(self, spec: str) -> Path:
        """The file of a strategy's judgement, by its fingerprint."""
        return self.folder / f"{spec[:24]}.json"

    def write(self, judgement: Judgement, sessions: pd.DataFrame | None) -> None:
        """Write a judgement, its sessions first."""
        path = self.path(judgement.spec)
        if sessions is not None:
            with atomic_path(path.with_suffix(".parquet")) as temporary:
                sessions.to_parquet(temporary, compression="zstd")
        write_json(path, asdict(judgement))

    def read(self, spec: str) -> Judgement | None:
        """The judgement of a strategy; None where it is still to be made.

        Raises
        ------
        SourceError
            If it is damaged, or of another strategy.
        """
        path = self.path(spec)
        if not path.is_file():
            return None
        judgement: Judgement = read_json(path, Judgement)
        if judgement.spec != spec:
            raise SourceError(f"{path} is of another point: remove it and resume, which makes it again")
        return judgement

    def sessions(self, judgements: Sequence[Judgement]) -> pd.DataFrame | None:
        """Rank IC and net return of each validation session, means over the seeds; None where one has none.

        Raises
        ------
        SourceError
            If a file is damaged.
        """
        from pyarrow.lib import ArrowException

        frames = []
        for judgement in judgements:
            path = self.path(judgement.spec).with_suffix(".parquet")
            if not path.is_file():
                return None
            try:
                frames.append(pd.read_parquet(path, columns=[IC, NET]))
            except (OSError, ValueError, ArrowException) as error:
                raise SourceError(f"{path} cannot be read: remove it and its .json, and resume") from error
        return sum(frames[1:], frames[0]) / len(frames) if frames else None

    def hide(self, judgement: Judgement) -> None:
        """Take the numbers of a judgement away that its guard does not tell."""
        self.path(judgement.spec).with_suffix(".parquet").unlink(missing_ok=True)
        write_json(self.path(judgement.spec), asdict(Judgement(spec=judgement.spec, seed=judgement.seed)))


def judge_scores(
    spec: StrategySpec, bars: ValidationBars, fit: FitRecord, scores: pd.DataFrame | None
) -> tuple[Judgement, pd.DataFrame | None]:
    """Measure scores on validation and trade the book on them by the ledger.

    Parameters
    ----------
    spec : StrategySpec
        Its book, clock and costs decide.
    bars : ValidationBars
        Bars that end with validation.
    fit : FitRecord
        Of the training behind the scores.
    scores : DataFrame of float or None
        Validation sessions × tickers, known at each close; None where there are none.

    Returns
    -------
    judgement : Judgement
        A book that cannot be held says why.
    sessions : DataFrame of float or None
        Columns ``rank_ic`` and ``net_return`` by session of validation.
    """
    trained: dict[str, Any] = {"seed": spec.training.seed, "epochs": fit.epochs, "stopped": fit.stopped}
    known = {"spec": spec.fingerprint(), **trained}
    if scores is None:
        return Judgement(**known, failure=fit.failure), None
    known |= {"scores": fit.scores, "weights": fit.weights, "training_ic": fit.training_ic}
    try:
        rows = bars.split(spec).validation
        check_optimizer_window(spec, bars.inputs.panel, pd.RangeIndex(rows.start, rows.stop).to_numpy())
        found = quick_evaluation(spec.rules, bars.inputs, scores=scores)
        signal, net = found.signal.summary(MODEL), found.performance(spec.name)
    except (QuintileError, ValueError) as error:
        return Judgement(**known, failure=" ".join(str(error).split())), None
    judgement = Judgement(
        **known,
        rank_ic=_finite(signal.mean),
        rank_ic_error=_finite(signal.standard_error),
        sharpe=_finite(net.sharpe),
        sharpe_error=_finite(net.sharpe_standard_error),
        turnover=_finite(float(found.result.turnover.mean())),
        sessions=signal.n_sessions,
        failure="" if math.isfinite(signal.mean) else "no validation session has a rank IC",
    )
    return judgement, pd.DataFrame({IC: found.signal.ic[MODEL], NET: found.result.net_returns}).rename_axis("session")


def point_result(point: PlannedPoint, files: JudgedFiles) -> PointResult | None:
    """What a point came to; None while one of its seeds is still to be judged."""
    if point.failure:
        return PointResult(number=point.number, settings=point.settings, state="failed", failure=point.failure)
    found = [files.read(spec.fingerprint()) for spec in point.specs]
    judgements = tuple(each for each in found if each is not None)
    if len(judgements) < len(found):
        return None
    return PointResult.of(point.number, point.settings, judgements, error=_error(point, judgements, files))


def _error(point: PlannedPoint, judgements: Sequence[Judgement], files: JudgedFiles) -> float | None:
    """HAC standard error of the rank IC: of the sessions' means over the seeds."""
    if len(judgements) == 1:
        return judgements[0].rank_ic_error
    sessions = files.sessions(judgements)
    if sessions is None:
        return None
    summary = summarize_ic(sessions[IC].dropna(), horizon=point.specs[0].label.horizon)
    return _finite(summary.standard_error)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
