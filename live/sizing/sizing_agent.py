"""Sizing agent: PPO or DQN of stable-baselines3, trained on the training span, its moment chosen on validation.

The agent itself is not kept: what it decided on the test span is. The same seed on the same machine and libraries gives
the same decisions. PPO: Schulman et al., "Proximal Policy Optimization Algorithms", 2017. DQN: Mnih et al.,
"Human-level control through deep reinforcement learning", Nature, 2015.
"""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.progress import Count
from live.sizing.sizing_environment import ScalePath, SizingEnvironment, scale_path
from live.sizing.sizing_problem import SizingProblem
from live.sizing.sizing_settings import MOMENTS, AgentName, SizingSettings
from models.forecasters.forecast_extra import forecast_library
from models.threads import threads

__all__ = ["Sizer", "train_agent"]

LAYERS = [32, 32]
DISCOUNT = 0.5  # a decision answers for its fill to the next; beyond it lies the cost of changing the scale again
COPIES = 8  # environments that act side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizer:
    """What a trained agent did.

    Parameters
    ----------
    test : ScalePath
        On the test span.
    validation : tuple of float
        Mean reward on validation at each moment; the first of the highest was chosen.
    """

    test: ScalePath
    validation: tuple[float, ...]


def train_agent(
    problem: SizingProblem, agent: AgentName, *, settings: SizingSettings, seed: int, count: Count | None = None
) -> Sizer:
    """Train an agent, and let it size the test span.

    Parameters
    ----------
    problem : SizingProblem
        The book.
    agent : {"ppo", "dqn"}
        Which.
    settings : SizingSettings
        Bounds, grid and steps.
    seed : int
        Of weights, exploration and episodes.
    count : callable, optional
        Called with moments done and in all.

    Raises
    ------
    MissingExtraError
        If stable-baselines3 is not installed.
    """
    bounds = (settings.low, settings.high)
    grid = settings.grid if agent == "dqn" else None
    with threads(1), _own_randomness():
        model = _model(agent, problem, bounds=bounds, grid=grid, seed=seed, steps=settings.steps)
        reader = SizingEnvironment(problem, bounds=bounds, grid=grid)
        moments = _Moments(problem, reader, steps=settings.steps, count=count)
        model.learn(settings.steps, callback=moments.look)
        moments.last(model)
        model.policy.load_state_dict(moments.best)
        test = scale_path(problem, problem.spans.test, _choice(reader, model.policy))
    return Sizer(test=test, validation=tuple(moments.rewards))


class _Moments:
    """Looks at validation while an agent learns, and the weights of the policy that did best there."""

    def __init__(self, problem: SizingProblem, reader: SizingEnvironment, *, steps: int, count: Count | None) -> None:
        self._problem, self._reader, self._count = problem, reader, count
        self._due = [steps * look // MOMENTS for look in range(1, MOMENTS)]  # the last comes when the training ended
        self.rewards: list[float] = []
        self.best: Any = None

    def look(self, within: dict[str, Any], _: dict[str, Any]) -> bool:
        """Go on, after a look where one is due; called by stable-baselines3 after every step."""
        if self._due and within["self"].num_timesteps >= self._due[0]:
            self._due.pop(0)
            self.last(within["self"])
        return True

    def last(self, model: Any) -> None:
        """Judge the policy as it is now."""
        path = scale_path(self._problem, self._problem.spans.validation, _choice(self._reader, model.policy))
        reward = float(path.reward.mean())
        if not self.rewards or reward > max(self.rewards):
            self.best = copy.deepcopy(model.policy.state_dict())
        self.rewards.append(reward)
        if self._count is not None:
            self._count(len(self.rewards), MOMENTS)


def _choice(reader: SizingEnvironment, policy: Any) -> Callable[[np.ndarray], float]:
    return lambda state: reader.scale_of(policy.predict(state, deterministic=True)[0])


def _model(
    agent: AgentName,
    problem: SizingProblem,
    *,
    bounds: tuple[float, float],
    grid: int | None,
    **terms: int,
) -> Any:
    library = forecast_library("stable_baselines3", extra="sizing")
    vectors = forecast_library("stable_baselines3.common.vec_env", extra="sizing")
    made = vectors.DummyVecEnv([lambda: SizingEnvironment(problem, bounds=bounds, grid=grid)] * COPIES)
    common = {
        "seed": terms["seed"],
        "gamma": DISCOUNT,
        "learning_rate": 1e-3,
        "policy_kwargs": {"net_arch": LAYERS},
        "device": "cpu",
        "verbose": 0,
    }
    if agent == "ppo":
        return library.PPO("MlpPolicy", made, n_steps=64, batch_size=256, n_epochs=10, **common)
    return library.DQN(
        "MlpPolicy",
        made,
        buffer_size=terms["steps"],
        learning_starts=terms["steps"] // 20,
        batch_size=128,
        train_freq=1,  # of all copies together
        gradient_steps=2,
        target_update_interval=400,
        exploration_fraction=0.3,
        **common,
    )


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Give back the random states of Python and numpy, which stable-baselines3 seeds for the whole process."""
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002
