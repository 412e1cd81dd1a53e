"""Deflation: Sharpe ratios in the light of the trials that led to them: PSR, DSR, MinTRL and PBO.

Closed forms take ratios per observation; the functions of returns take annualised ones, by the sessions a year of their
market. Too few sessions or a constant give NaN.
"""

import itertools
from dataclasses import dataclass
from math import e

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from backtests.statistics.metrics import Shape, session_sharpe, session_sharpe_variance, shape
from core.conventions import SESSIONS_PER_YEAR
from core.rounding_error import is_rounding

__all__ = [
    "Overfitting",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe",
    "minimum_track_record_length",
    "overfitting_probability",
    "sharpe_confidence",
    "track_record_needed",
]


def sharpe_confidence(ratio: float, n_observations: int, law: Shape, *, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above ``benchmark``, both per observation (PSR).

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Sharpe Ratio Efficient Frontier", Journal of Risk, 2012, eq. 11.
    """
    scale = np.sqrt(session_sharpe_variance(ratio, law))
    return float(ndtr((ratio - benchmark) * np.sqrt(max(n_observations - 1, 0)) / scale))


def expected_maximum_sharpe(variance: float, n_trials: int) -> float:
    """Expected maximum Sharpe ratio of independent trials without skill.

    Parameters
    ----------
    variance : float
        Variance of the trials' Sharpe ratios; its root gives the unit of the result.
    n_trials : int
        Trials, at least 2.

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Deflated Sharpe Ratio", Journal of Portfolio Management, 2014, eq. 1.
    """
    if n_trials < 2:
        raise ValueError(f"n_trials must be at least 2, was {n_trials}: one trial has no maximum to expect")
    first, second = ndtri(1.0 - 1.0 / n_trials), ndtri(1.0 - 1.0 / (n_trials * e))
    return float(np.sqrt(variance) * ((1.0 - np.euler_gamma) * first + np.euler_gamma * second))


def deflated_sharpe_ratio(
    returns: pd.Series, trial_sharpes: np.ndarray, *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> float:
    """Probability that the true Sharpe ratio is above the expected maximum of as many trials without skill (DSR).

    Parameters
    ----------
    returns : Series of float
        Simple return of each session of the strategy in question.
    trial_sharpes : ndarray of float
        Annualised Sharpe ratio of every trial, this one included. All count; the variance is of those not NaN.
    sessions_per_year : float
        By which these are annual.

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Deflated Sharpe Ratio", Journal of Portfolio Management, 2014, eq. 2.
    """
    finite = trial_sharpes[np.isfinite(trial_sharpes)]
    if len(finite) < 2:
        return np.nan
    best = expected_maximum_sharpe(float(finite.var(ddof=1)), len(trial_sharpes))
    observed = returns.dropna().to_numpy(dtype=float)
    benchmark = best / np.sqrt(sessions_per_year)
    return sharpe_confidence(session_sharpe(observed), len(observed), shape(observed), benchmark=benchmark)


def track_record_needed(ratio: float, law: Shape, *, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Observations needed for ``confidence`` that a Sharpe ratio is above ``benchmark`` (MinTRL).

    Both ratios are per observation. Infinite where the ratio is not above the benchmark.

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Sharpe Ratio Efficient Frontier", Journal of Risk, 2012, eq. 13.
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence must lie in (0.5, 1), was {confidence}")
    if np.isnan(ratio):
        return np.nan
    if ratio <= benchmark:
        return np.inf
    return float(1.0 + session_sharpe_variance(ratio, law) * (ndtri(confidence) / (ratio - benchmark)) ** 2)


def minimum_track_record_length(
    returns: pd.Series,
    *,
    benchmark: float = 0.0,
    confidence: float = 0.95,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> float:
    """Sessions of such returns needed for ``confidence`` that their Sharpe ratio is above ``benchmark``.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session.
    benchmark : float
        Annualised Sharpe ratio to beat.
    confidence : float
        In (0.5, 1).
    sessions_per_year : float
        By which the benchmark is annual.
    """
    observed = returns.dropna().to_numpy(dtype=float)
    per_session = benchmark / np.sqrt(sessions_per_year)
    return track_record_needed(session_sharpe(observed), shape(observed), benchmark=per_session, confidence=confidence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overfitting:
    """How often the trial that is best in one half of the sessions falls to the median or below in the other.

    Parameters
    ----------
    probability : float
        Share of splits in which the trial that was best in sample is at or below the median out of sample.
    logits : ndarray of float, shape (n_splits,)
        log(ω / (1 − ω)) of that trial's relative rank ω out of sample.
    n_trials, n_blocks : int
        What was split.
    """

    probability: float
    logits: np.ndarray
    n_trials: int
    n_blocks: int


def overfitting_probability(paths: pd.DataFrame, *, n_blocks: int = 16) -> Overfitting:
    """Probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation.

    Parameters
    ----------
    paths : DataFrame of float, shape (n_sessions, n_trials)
        Net return of every trial on the same sessions, none missing; at least two trials.
    n_blocks : int
        Even number of equal blocks of sessions; all ways to take half of them are tried, sessions left over at the end
        are not used.

    References
    ----------
    Bailey, D. H., Borwein, J., López de Prado, M. and Zhu, Q. J., "The Probability of Backtest Overfitting", Journal of
    Computational Finance, 2016 (working paper 2014), section 4.
    """
    _check_paths(paths, n_blocks)
    returns = paths.to_numpy(dtype=float)
    middle = returns.mean(axis=0)
    sums, squares, length = _block_sums(returns - middle, n_blocks)
    halves = np.array(list(itertools.combinations(range(n_blocks), n_blocks // 2)))
    inside = np.zeros((len(halves), n_blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    n_sessions = length * n_blocks // 2
    best = _sharpes(inside @ sums, inside @ squares, n_sessions, middle).argmax(axis=1)
    outside = _sharpes((1.0 - inside) @ sums, (1.0 - inside) @ squares, n_sessions, middle)
    place = _ranks_of(outside, best) / (paths.shape[1] + 1)
    logits = np.log(place / (1.0 - place))
    return Overfitting(
        probability=float((logits <= 0).mean()), logits=logits, n_trials=paths.shape[1], n_blocks=n_blocks
    )


def _ranks_of(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Rank, from 1 and ties averaged, of one column in each row; NaN in a row that lacks a number."""
    chosen = np.take_along_axis(rows, columns[:, None], axis=1)
    ranks = (rows < chosen).sum(axis=1) + ((rows == chosen).sum(axis=1) + 1.0) / 2.0
    return np.asarray(np.where(np.isnan(rows).any(axis=1), np.nan, ranks))


def _check_paths(paths: pd.DataFrame, n_blocks: int) -> None:
    if n_blocks < 2 or n_blocks % 2:
        raise ValueError(f"n_blocks must be an even number of at least 2, was {n_blocks}")
    if paths.shape[1] < 2 or len(paths) < 2 * n_blocks:
        raise ValueError(f"paths must hold two trials and {2 * n_blocks} sessions at least, were {paths.shape}")
    if not np.isfinite(paths.to_numpy(dtype=float)).all():
        raise ValueError("paths must be finite on the same sessions: leave out sessions that a trial lacks")


def _block_sums(returns: np.ndarray, n_blocks: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Sums of returns and of their squares by block, (n_blocks, n_trials), and a block's length."""
    length = len(returns) // n_blocks
    blocks = returns[: length * n_blocks].reshape(n_blocks, length, -1)
    return blocks.sum(axis=1), (blocks**2).sum(axis=1), length


def _sharpes(sums: np.ndarray, squares: np.ndarray, n_sessions: int, middle: np.ndarray) -> np.ndarray:
    """Sharpe ratios (n_splits, n_trials) of the chosen blocks, summed about ``middle``; a constant path has ratio 0."""
    apart = sums / n_sessions
    deviation = np.sqrt(np.maximum(squares / n_sessions - apart**2, 0.0))
    mean = middle + apart
    return np.divide(mean, deviation, out=np.zeros_like(mean), where=~is_rounding(deviation, mean))
