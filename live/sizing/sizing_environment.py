"""Sizing environment: the one step a session that agents act in, and the same walk for judging them.

gymnasium is imported here alone, with the line that installs it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from live.sizing.scaled_account import ScaledAccount
from live.sizing.sizing_problem import SizingProblem
from models.forecasters.forecast_extra import forecast_library

__all__ = ["Choice", "ScalePath", "SizingEnvironment", "scale_path"]

gymnasium = forecast_library("gymnasium", extra="sizing")

EPISODE = 126  # sessions of a training episode, fewer where the span is shorter
OWN = 2  # parts of a state that depend on what the agent did: scale held, drawdown of the scaled book
CLIP = 5.0

Choice = Callable[[np.ndarray], Any]
"""From a state, shape (n_features + 2,), to an action."""


class ScalePath(NamedTuple):
    """What a policy did, one number a decision.

    Parameters
    ----------
    scale : ndarray of float
        Scale decided at each close.
    net : ndarray of float
        Net return of the session of each decision's fill, close to close, by the environment's own accounts.
    reward : ndarray of float
        Of each decision.
    """

    scale: np.ndarray
    net: np.ndarray
    reward: np.ndarray


class _Walk:
    """A book on its way through a span: account, scale and drawdown."""

    def __init__(self, problem: SizingProblem) -> None:
        self.problem = problem
        self._account = ScaledAccount(problem.bars)
        self._scale, self._wealth, self._peak = 1.0, 1.0, 1.0
        self._depths = np.zeros(len(problem.states))  # by session: read at a decision, written at a fill

    def observed(self, row: int) -> np.ndarray:
        """The state at the close of a session: a drawdown is known from the session of the fill on."""
        depth = self._depths[row] / (self.problem.spread * np.sqrt(self.problem.book.panel.facts.sessions_per_year))
        own = np.clip([self._scale - 1.0, depth], -CLIP, CLIP)
        return np.concatenate([self.problem.states[row], own]).astype(np.float32)

    def decide(self, row: int, wanted: float) -> tuple[float, float, float]:
        """Scale, net return and reward of a decision; one of a session without a rebalance changes nothing."""
        problem, weights = self.problem, self.problem.weights[row]
        if not np.isnan(weights[0]):
            self._scale = problem.held_scale(row, wanted)
        filled = row + problem.delay
        earned = self._account.fill(filled, self._scale * weights)
        self._wealth *= 1.0 + earned.net
        self._peak = max(self._peak, self._wealth)
        self._depths[filled:] = self._wealth / self._peak - 1.0
        return self._scale, earned.net, problem.reward(earned.until_next)


class SizingEnvironment(gymnasium.Env):  # type: ignore[misc, name-defined]
    """Choose the scale of a book at each close of its training span.

    One step is one session. The observation is the causal state; an action is a number from −1 to 1, spread over the
    bounds of the scale, or the place in a grid; the reward is ``SizingProblem.reward`` of what the decision earned,
    net of all costs, from its fill to the next. Episodes begin anywhere in the span, from cash.

    Parameters
    ----------
    problem : SizingProblem
        The book.
    bounds : tuple of float
        Lowest and highest scale.
    grid : int, optional
        Scales to choose from; without it any between the bounds.
    """

    def __init__(self, problem: SizingProblem, *, bounds: tuple[float, float], grid: int | None = None) -> None:
        n_parts = problem.states.shape[1] + OWN
        self.observation_space = gymnasium.spaces.Box(-CLIP, CLIP, (n_parts,), np.float32)
        self._bounds = bounds
        self._grid = None if grid is None else np.linspace(*bounds, grid)
        self.action_space = (
            gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32) if grid is None else gymnasium.spaces.Discrete(grid)
        )
        self._problem = problem
        self._length = min(EPISODE, len(problem.spans.train))
        self._rows, self._at = problem.spans.train, 0
        self._walk = _Walk(problem)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begin an episode at a session drawn from the span."""
        super().reset(seed=seed, options=options)
        train = self._problem.spans.train
        first = int(self.np_random.integers(len(train) - self._length + 1))
        self._rows, self._at = train[first : first + self._length], 0
        self._walk = _Walk(self._problem)
        return self._walk.observed(self._rows[0]), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Decide at the close, and go to the next close."""
        _, _, reward = self._walk.decide(int(self._rows[self._at]), self.scale_of(action))
        self._at += 1
        ended = self._at == len(self._rows)
        row = int(self._rows[self._at - ended]) + ended
        return self._walk.observed(row), reward, False, ended, {}

    def scale_of(self, action: Any) -> float:
        """The scale that an action means."""
        if self._grid is not None:
            return float(self._grid[int(action)])
        low, high = self._bounds
        place = float(np.clip(np.asarray(action).ravel()[0], -1.0, 1.0))
        return low + (high - low) * 0.5 * (place + 1.0)


def scale_path(problem: SizingProblem, rows: np.ndarray, choose: Callable[[np.ndarray], float]) -> ScalePath:
    """Walk through decisions in their order, from cash.

    Parameters
    ----------
    problem : SizingProblem
        The book.
    rows : ndarray of int
        Decisions, sessions of the bars one after the other.
    choose : callable
        From a state to a scale.
    """
    walk = _Walk(problem)
    steps = [walk.decide(int(row), choose(walk.observed(int(row)))) for row in rows]
    return ScalePath(*(np.array(column) for column in zip(*steps, strict=True)))
