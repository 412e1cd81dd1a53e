"""Score frames: forecasts of many names as scores, to be ranked, traded and judged like any others."""

from pathlib import Path

import pandas as pd

from core.errors import DataError
from core.files import atomic_path
from models.forecasters.forecasts import Forecasts

__all__ = ["MIN_NAMES", "check_score_names", "score_frame", "write_scores"]

MIN_NAMES = 5  # below it a session has no rank correlation, and a fifth of the names is not one


def check_score_names(n_names: int) -> None:
    """Refuse names too few for a book, before anything is fitted.

    Raises
    ------
    DataError
        With fewer than five.

    Examples
    --------
    >>> from models.forecasters.score_frames import check_score_names
    >>> check_score_names(5)
    """
    if n_names < MIN_NAMES:
        raise DataError(
            f"scores of {n_names} name{'s' if n_names != 1 else ''} make no book: {MIN_NAMES} names are the least that "
            "are ranked; forecast more symbols, or leave --as-scores out"
        )


def score_frame(forecasts: Forecasts, *, horizon: int | None = None) -> pd.DataFrame:
    """Scores: the expected return over one horizon, said at the close of each origin.

    Parameters
    ----------
    forecasts : Forecasts
        Of origins that no forecaster was fitted or chosen on.
    horizon : int, optional
        Sessions ahead; the first of the forecasts by default.

    Returns
    -------
    DataFrame of float, shape (n_origins, n_names)
        Row *t* was known at the close of *t*; NaN where nothing is said. Origins at which fewer than two names have a
        forecast are left out.

    Raises
    ------
    ValueError
        If the forecasts hold no such horizon.
    DataError
        If names are fewer than five, or all of a session are the same in every session.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from models.forecasters.forecasts import Forecasts
    >>> from models.forecasters.score_frames import score_frame
    >>> said = Forecasts(
    ...     sessions=pd.bdate_range("2020-01-01", periods=2),
    ...     tickers=pd.Index(list("ABCDE")),
    ...     horizons=(1, 5),
    ...     mean=np.arange(20.0).reshape(2, 5, 2),
    ... )
    >>> score_frame(said, horizon=5).iloc[0].tolist()
    [1.0, 3.0, 5.0, 7.0, 9.0]
    """
    check_score_names(len(forecasts.tickers))
    wanted = forecasts.horizons[0] if horizon is None else horizon
    if wanted not in forecasts.horizons:
        known = ", ".join(map(str, forecasts.horizons))
        raise ValueError(f"--horizon must be one that is forecast, {known}, was {wanted}")
    scores = forecasts.at(wanted).rename_axis(index="session", columns="ticker")
    scores = scores[scores.notna().sum(axis=1) >= 2]
    if scores.empty or not (scores.max(axis=1) > scores.min(axis=1)).any():
        raise DataError("the forecasts rank no name above another: ask a model whose forecasts differ by name")
    return scores


def write_scores(scores: pd.DataFrame, path: str | Path) -> None:
    """Write scores in long form, date, ticker and score, as CSV where the name ends so and as parquet otherwise.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_origins, n_names)
        NaN cells are left out.
    path : str or Path
        Written whole or not at all.
    """
    dated = scores.reset_index(names="date")
    cells = dated.melt("date", var_name="ticker", value_name="score").dropna().sort_values("date", kind="stable")
    with atomic_path(path) as temporary:
        if Path(path).suffix == ".csv":
            cells.to_csv(temporary, index=False, date_format="%Y-%m-%d")
        else:
            cells.to_parquet(temporary, index=False)
