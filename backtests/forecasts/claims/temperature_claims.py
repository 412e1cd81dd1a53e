"""Temperature claims: what τ of a soft rank changes, in the ranks and in what a model learns with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from core.intervals import hac_standard_error
from market.panel import Panel
from market.returns import Execution, forward_returns
from signals.features import compute_features
from signals.rows import row_correlation, row_ranks

__all__ = ["TEMPERATURES", "LearnedIC", "learned_ics", "soft_against_hard"]

TEMPERATURES = (0.01, 0.05, 0.1, 0.5, 1.0)  # those of the reference
CLAIMED = 0.05
MAX_NAMES = 100
MAX_LEARNED = 900  # sessions learned from
ROUNDS = 40  # of the optimiser
BOUND = 3.0  # of a z-scored feature
PENALTY = 1e-3
TRAIN, VALIDATION = 0.6, 0.8


class LearnedIC(NamedTuple):
    """Mean rank IC of a linear scorer on validation, with its HAC error, and on test.

    ``lead`` is the paired difference of τ = 0.05 over this temperature on validation, ``lead_error`` its HAC error.
    """

    validation: float
    validation_error: float
    test: float
    lead: float
    lead_error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sessions:
    """Sessions × names: features (T, N, F), z-scored within the session, and the ranks and values of what came."""

    x: np.ndarray
    came: np.ndarray


def soft_against_hard(returns: pd.DataFrame) -> pd.DataFrame:
    """Mean correlation within sessions of soft ranks with ranks, by temperature, of returns as they are and z-scored.

    Near 1 a soft rank ranks; well below, it is a straight line through the values, which large returns pull about.

    Parameters
    ----------
    returns : DataFrame of float, shape (n_sessions, n_names)
        One-session returns; NaN where there is none. At most 60 sessions are taken, evenly.
    """
    rows = returns.dropna(how="all").iloc[1:]
    taken = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, 60).astype(int))].to_numpy()
    found = {}
    for temperature in TEMPERATURES:
        pairs = [_soft_hard(day[np.isfinite(day)], temperature) for day in taken if np.isfinite(day).sum() >= 5]
        found[temperature] = dict(zip(("raw", "zscore"), np.mean(pairs, axis=0), strict=True))
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("temperature")


def _soft_hard(day: np.ndarray, temperature: float) -> tuple[float, float]:
    hard = row_ranks(day[None])[0]
    both = (day, (day - day.mean()) / day.std())
    raw, scaled = (float(np.corrcoef(_soft_ranks(each[None], temperature)[0], hard)[0, 1]) for each in both)
    return raw, scaled


def learned_ics(panel: Panel) -> dict[float, LearnedIC]:
    """A linear scorer on the 14 core features learned by the soft rank loss at each temperature.

    Scores are z-scored within the session before the soft rank, as by default. Learned on the first 60 % of the
    sessions, the last 900 of them; the next 20 % are validation, the rest is test. At most 100 names, those of the most
    money traded in the first 60 %.

    Parameters
    ----------
    panel : Panel
        Bars.
    """
    sessions = _sessions(panel)
    n = len(sessions.came)
    first, second = int(TRAIN * n), int(VALIDATION * n)
    learned = slice(max(0, first - MAX_LEARNED), first)
    ics = {}
    for temperature in TEMPERATURES:
        weights = _learned(sessions.x[learned], sessions.came[learned], temperature)
        scores = np.where(np.isfinite(sessions.x).all(axis=-1), sessions.x @ weights, np.nan)
        pair = [row_ranks(_both(*each)) for each in ((scores, sessions.came), (sessions.came, scores))]
        ics[temperature] = pd.Series(row_correlation(*pair).ravel())
    return {temperature: _learned_ic(ic, ics[CLAIMED], first, second) for temperature, ic in ics.items()}


def _learned_ic(ic: pd.Series, claimed: pd.Series, first: int, second: int) -> LearnedIC:
    validation, lead = ic[first:second], (claimed - ic)[first:second]
    return LearnedIC(
        validation=float(validation.mean()),
        validation_error=hac_standard_error(validation),
        test=float(ic[second:].mean()),
        lead=float(lead.mean()),
        lead_error=hac_standard_error(lead) if lead.any() else 0.0,
    )


def _both(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(other), values, np.nan)


def _sessions(panel: Panel) -> _Sessions:
    early = panel.dollar_volume.iloc[: int(TRAIN * len(panel.sessions))]
    names = early.median().sort_values(ascending=False, kind="stable").index[:MAX_NAMES]
    chosen = panel.of_tickers(list(names))
    features: Mapping[str, pd.DataFrame] = compute_features(chosen, "core14")
    columns = [_z(frame) for name, frame in features.items() if name != "market_return"]  # the same for every name
    x = np.stack(columns, axis=-1)
    came = forward_returns(chosen, Execution()).where(chosen.universe).to_numpy(dtype="float64")
    known = (np.isfinite(x).all(axis=-1) & np.isfinite(came)).sum(axis=1) >= 5
    return _Sessions(x=x[known], came=came[known])


def _z(frame: pd.DataFrame) -> np.ndarray:
    deviations = frame.sub(frame.mean(axis=1), axis=0)
    spread = frame.std(axis=1)
    scaled = deviations.div(spread.where(spread > 0.0), axis=0).clip(-BOUND, BOUND)
    return np.asarray(scaled, dtype="float64")


def _learned(x: np.ndarray, came: np.ndarray, temperature: float) -> np.ndarray:
    """Weights with the greatest mean correlation of soft ranks with the ranks of what came."""
    known = np.isfinite(x).all(axis=-1) & np.isfinite(came)
    days = [
        (features[mask], row_ranks(after[mask][None])[0]) for features, after, mask in zip(x, came, known, strict=True)
    ]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        parts = [_day_loss(features @ weights, ranks, temperature) for features, ranks in days]
        slope = sum(features.T @ pull for (features, _), (_, pull) in zip(days, parts, strict=True)) / len(days)
        size = float(weights @ weights)
        return (
            float(np.mean([value for value, _ in parts]))
            + PENALTY * (size - 1.0) ** 2,  # scale does not matter: hold it
            slope + 4.0 * PENALTY * (size - 1.0) * weights,
        )

    start = np.linalg.lstsq(
        np.concatenate([features for features, _ in days]),
        np.concatenate([ranks - ranks.mean() for _, ranks in days]),
        rcond=None,
    )[0]
    return np.asarray(minimize(loss, start / np.linalg.norm(start), jac=True, options={"maxiter": ROUNDS}).x)


def _day_loss(scores: np.ndarray, ranks: np.ndarray, temperature: float) -> tuple[float, np.ndarray]:
    """1 − correlation of soft ranks of z-scored scores with ranks, and its slope in the scores."""
    spread = scores.std()
    z = (scores - scores.mean()) / spread
    soft = expit((z[:, None] - z) / temperature)
    own, wanted = soft.sum(axis=1), ranks - ranks.mean()
    own = own - own.mean()
    scale = np.sqrt((own @ own) * (wanted @ wanted))
    correlation = float(own @ wanted / scale)
    pull = wanted / scale - correlation * own / (own @ own)  # of the correlation in the soft ranks
    slope = soft * (1.0 - soft)
    pull = (pull * slope.sum(axis=1) - slope @ pull) / temperature  # in z
    pull = (pull - pull.mean() - z * np.mean(pull * z)) / spread  # in the scores
    return 1.0 - correlation, -pull


def _soft_ranks(values: np.ndarray, temperature: float) -> np.ndarray:
    return np.asarray(expit((values[:, :, None] - values[:, None, :]) / temperature).sum(axis=2))
