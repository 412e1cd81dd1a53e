"""``--as-scores``: what a study of forecasts said, as a file of scores for ``quintile evaluate``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtests.forecasts.forecast_results import ForecastResults

__all__ = ["check_score_option", "save_scores"]

SUFFIXES = (".parquet", ".csv")


def check_score_option(
    path: Path | None, horizon: int | None, *, horizons: Sequence[int], n_names: int, bars: str
) -> None:
    """Refuse what could not be written, before anything is fitted.

    Raises
    ------
    ValueError
        If ``--horizon`` stands alone or is not forecast, or the file is of another kind, that of the bars, or not ours.
    DataError
        If the names are too few for a book.
    """
    from core.files import require_apart, require_new
    from models.forecasters.score_frames import check_score_names

    if path is None:
        if horizon is not None:
            raise ValueError("--horizon is of --as-scores: give --as-scores FILE too")
        return
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--as-scores must end in {' or '.join(SUFFIXES)}, was {path.name!r}")
    if horizon is not None and horizon not in horizons:
        raise ValueError(f"--horizon must be one that is forecast, {', '.join(map(str, horizons))}, was {horizon}")
    check_score_names(n_names)
    require_apart(path, bars, what="--as-scores")
    require_new(path, what="--as-scores")


def save_scores(results: "ForecastResults", path: Path, *, horizon: int | None) -> str:
    """Write what the model that erred least on validation said at the test origins; a sentence on it.

    Raises
    ------
    DataError
        If no model was chosen, or it ranks no name above another.
    """
    from core.errors import DataError
    from models.forecasters.score_frames import score_frame, write_scores

    chosen = results.selected
    if chosen is None:
        raise DataError("no model was chosen on validation, so there is nothing to hand on: name one with --models")
    scores = score_frame(chosen.test, horizon=horizon)
    write_scores(scores, path)
    ahead = horizon or chosen.test.horizons[0]
    return (
        f"{path}: forecasts of {chosen.name} over {ahead} session{'s' if ahead > 1 else ''} at {len(scores):,} test "
        f"origins; judge them with quintile evaluate {path}"
    )
