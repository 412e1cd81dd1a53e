"""Ensemble forecaster: what several forecasters say as one, by a mean, a trimmed mean, given or fitted weights.

Members are not fitted again: an ensemble takes what they said of validation and of test. Weights that validation fits
are those that err least there, squared, each horizon in the size of its own returns. Their error on the same rows would
flatter them, so the validation rows are judged by halves: each half with the weights that the other half fits, a
purge apart. That error is out of sample for the weights and of the same rows as every other's, so that an ensemble may
be selected by it like any forecaster. Test is forecast with the weights of all validation rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import nnls

from models.ensembles.combination import trimmed_mean
from models.forecasters.forecaster import SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.forecasters.residual_ranges import fit_residual_ranges
from models.forecasters.sample_means import trimmed_at_either_end

__all__ = ["Combined", "Ensemble", "combined", "ensemble_of", "named_ensembles", "simplex_weights"]

SUM_PULL = 1e4  # how much heavier than the errors the sum of the weights counts
WORDS = "mean, validation, trimmed:0.1, or a weight a model such as .5,.2,.3"

Spans = tuple[Forecasts, Forecasts]
"""Forecasts of validation and of test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """How forecasts of several forecasters become one.

    Parameters
    ----------
    how : {"mean", "trimmed", "weights", "validation"}
        What is done with them.
    weights : tuple of float
        One a member, from 0 on and of sum one; of ``"weights"``.
    trim : float
        Share of the members left out at either end of every forecast, under one half; of ``"trimmed"``.

    Raises
    ------
    ValueError
        If weights or trim are none of that.

    Examples
    --------
    >>> from models.forecasters.ensemble_forecaster import Ensemble
    >>> Ensemble(how="trimmed", trim=0.1).cut(5)
    0
    """

    how: Literal["mean", "trimmed", "weights", "validation"]
    weights: tuple[float, ...] = ()
    trim: float = 0.0

    def __post_init__(self) -> None:
        told = self.weights
        if self.how == "weights" and (not told or not min(told) >= 0.0 or not abs(sum(told) - 1.0) <= 1e-9):
            shown = ", ".join(f"{weight:g}" for weight in told)
            raise ValueError(f"weights must be numbers from 0 on whose sum is 1, were {shown} (sum {sum(told):g})")
        if self.how == "trimmed" and not 0.0 < self.trim < 0.5:
            raise ValueError(f"a trimmed mean leaves out a share between 0 and 0.5 at either end, was {self.trim:g}")

    def cut(self, n_members: int) -> int:
        """Members left out at either end: 10 % of five are none."""
        return trimmed_at_either_end(self.trim, n_members)

    def check(self, members: Sequence[str]) -> None:
        """Refuse members that it cannot be made of.

        Raises
        ------
        ValueError
            If there are fewer than two, or not as many as weights.
        """
        if len(members) < 2:
            raise ValueError(f"an ensemble is of two models or more, --models names {len(members)}")
        if self.weights and len(self.weights) != len(members):
            raise ValueError(
                f"an ensemble needs a weight a model: {len(self.weights)} weights are given for {len(members)}, "
                f"{', '.join(members)}"
            )


def ensemble_of(word: str) -> Ensemble:
    """The ensemble of a word: ``mean``, ``validation``, ``trimmed:0.1`` or ``.5,.2,.3``.

    Raises
    ------
    ValueError
        If it is another.

    Examples
    --------
    >>> from models.forecasters.ensemble_forecaster import ensemble_of
    >>> ensemble_of(".5,.2,.3").weights
    (0.5, 0.2, 0.3)
    """
    kind, _, told = word.strip().partition(":")
    try:
        if kind == "trimmed":
            return Ensemble(how="trimmed", trim=float(told))
        if kind == "mean" or kind == "validation":
            if told:
                raise ValueError(f"{kind} takes no number, was {told}")
            return Ensemble(how="mean" if kind == "mean" else "validation")
        return Ensemble(how="weights", weights=tuple(float(part) for part in word.split(",")))
    except ValueError as error:
        unread = str(error).startswith("could not convert")
        reason = f"was {word!r}" if unread else str(error)
        raise ValueError(f"--ensemble takes {WORDS}: {reason}") from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """What an ensemble says, with ranges from its errors on validation.

    Parameters
    ----------
    validation, test : Forecasts
        Of both spans.
    facts : mapping of str to str
        Weights, what was trimmed, and how validation is judged.
    weights : tuple of float
        One a member, of the test span.
    """

    validation: Forecasts
    test: Forecasts
    facts: Mapping[str, str]
    weights: tuple[float, ...]

    def of_training(self, ensemble: Ensemble, said: Sequence[Forecasts]) -> Forecasts:
        """What it says of training rows, of which the members said this; no ranges."""
        return _joined(ensemble, said, self.weights)


def named_ensembles(words: Iterable[str]) -> dict[str, Ensemble]:
    """Ensembles of words, by the names of their rows.

    Raises
    ------
    ValueError
        If a word names none.

    Examples
    --------
    >>> from models.forecasters.ensemble_forecaster import named_ensembles
    >>> list(named_ensembles(["mean", "trimmed:0.2"]))
    ['ensemble mean', 'ensemble trimmed:0.2']
    """
    return {f"ensemble {word.strip()}": ensemble_of(word) for word in words}


def combined(ensemble: Ensemble, members: Mapping[str, Spans], history: SeriesHistory) -> Combined:
    """Make one forecast of what members said of validation and of test.

    Parameters
    ----------
    ensemble : Ensemble
        How.
    members : mapping of str to (Forecasts, Forecasts)
        What each said of validation and of test, by its name.
    history : SeriesHistory
        With the outcomes of validation; none of test is read.
    """
    ensemble.check(list(members))
    before, after = ([spans[place] for spans in members.values()] for place in (0, 1))
    weights = ensemble.weights or (1.0 / len(members),) * len(members)
    validation = _joined(ensemble, before, weights)
    if ensemble.how == "validation":
        rows = history.sessions.get_indexer(before[0].sessions)
        outcomes, reach = history.outcomes()[rows], history.horizons[-1] + history.execution.delay
        said = [each.mean for each in before]
        validation = replace(validation, mean=_by_halves(said, outcomes, rows, reach))
        weights = _fitted(said, outcomes, np.ones(len(rows), dtype=bool))
    ranges = fit_residual_ranges(validation, history)
    return Combined(
        validation=ranges.around(validation, history),
        test=ranges.around(_joined(ensemble, after, weights), history),
        facts=_facts(ensemble, list(members), weights),
        weights=weights,
    )


def simplex_weights(said: Sequence[np.ndarray], outcomes: np.ndarray) -> tuple[float, ...] | None:
    """Non-negative weights of sum one with the least squared error; None without a common outcome.

    Least squares with one more row, a heavy one that says the sum (Haskell and Hanson, 1981).

    Examples
    --------
    >>> import numpy as np
    >>> from models.forecasters.ensemble_forecaster import simplex_weights
    >>> y = np.array([0.01, -0.02, 0.03])
    >>> [round(weight, 6) for weight in simplex_weights([y, -y], y)]
    [1.0, 0.0]
    """
    known = np.isfinite(outcomes) & np.all([np.isfinite(each) for each in said], axis=0)
    if not known.any():
        return None
    x, y = np.stack([each[known] for each in said], axis=1), outcomes[known]
    pull = SUM_PULL * (float(np.abs(x).max()) or 1.0) * np.sqrt(len(y))  # members that all say 0 have no scale
    weights, _ = nnls(np.vstack([x, np.full(x.shape[1], pull)]), np.append(y, pull))
    total = float(weights.sum())
    return tuple(float(weight / total) for weight in weights) if total > 0.0 else None


def _by_halves(said: Sequence[np.ndarray], outcomes: np.ndarray, places: np.ndarray, reach: int) -> np.ndarray:
    """Each half of the rows as the weights of the other say it, (T, N, H); labels of the two do not overlap."""
    middle = len(places) // 2
    early = np.arange(len(places)) < middle
    learned = (  # rows whose weights judge the late half, and those whose weights judge the early one
        places + reach < places[middle],
        places > places[max(middle - 1, 0)] + reach,
    )
    late, first = (_weighted(said, _fitted(said, outcomes, rows)) for rows in learned)
    return np.where(early[:, None, None], first, late)


def _fitted(said: Sequence[np.ndarray], outcomes: np.ndarray, rows: np.ndarray) -> tuple[float, ...]:
    """Weights of some of the rows, horizons in the size of their returns; equal ones where these say nothing."""
    size = np.sqrt(np.nanmean(np.where(rows[:, None, None], outcomes, np.nan) ** 2, axis=(0, 1)))
    scaled = [each[rows] / size for each in said]
    return simplex_weights(scaled, outcomes[rows] / size) or (1.0 / len(said),) * len(said)


def _joined(ensemble: Ensemble, said: Sequence[Forecasts], weights: Sequence[float]) -> Forecasts:
    """One forecast of several, without ranges; NaN where one says nothing."""
    means = [each.mean for each in said]
    if ensemble.how == "trimmed":
        return replace(said[0], mean=trimmed_mean(means, cut=ensemble.cut(len(said))), quantiles=None)
    return replace(said[0], mean=_weighted(means, weights), quantiles=None)


def _weighted(means: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    total = np.zeros(means[0].shape)
    for weight, mean in zip(weights, means, strict=True):
        total = total + weight * mean
    return total


def _facts(ensemble: Ensemble, members: Sequence[str], weights: Sequence[float]) -> dict[str, str]:
    if ensemble.how == "trimmed":
        cut = ensemble.cut(len(members))
        none = f"nothing: {ensemble.trim:.0%} of {len(members)} models are less than one"
        return {"trimmed": f"{cut} of {len(members)} models at either end" if cut else none}
    facts = {"weights": " · ".join(f"{name} {weight:.3f}" for name, weight in zip(members, weights, strict=True))}
    if ensemble.how == "validation":
        facts["validation"] = "fitted on validation, of which each half is judged with the weights of the other"
    return facts
