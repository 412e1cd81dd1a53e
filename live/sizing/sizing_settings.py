"""Sizing settings: which agents, how many seeds and steps, and between which exposures they choose."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from core.settings import Settings

__all__ = ["AGENTS", "MOMENTS", "AgentName", "SizingSettings"]

AgentName = Literal["ppo", "dqn"]
AGENTS: tuple[AgentName, ...] = ("ppo", "dqn")
MOMENTS = 4  # of a training, evenly spaced, that validation chooses from


class SizingSettings(Settings):
    """Settings of the sizing study.

    Parameters
    ----------
    agents : tuple of {"ppo", "dqn"}
        PPO chooses any scale between the bounds, DQN one of a grid.
    seeds : int
        Trainings of each agent, seeds 1, 2, …; of the planted and the null market each is a market too.
    steps : int
        Sessions that a training acts in, all its episodes together.
    low, high : float
        Bounds of the scale, also of the volatility target that the agents are held against; 1 is the book as it is.
        Above 0, for a book that is never held has no Sharpe ratio.
    grid : int
        Scales that DQN chooses from, evenly spaced, both bounds among them.
    made_sessions : int
        Decisions of the books on the planted and the null market.
    """

    agents: tuple[AgentName, ...] = AGENTS
    seeds: int = Field(default=5, ge=2, le=50)
    steps: int = Field(default=20_000, ge=64, le=10_000_000)
    low: float = Field(default=0.25, gt=0.0, le=1.0)
    high: float = Field(default=1.5, ge=1.0, le=5.0)
    grid: int = Field(default=6, ge=2, le=50)
    made_sessions: int = Field(default=2000, ge=300, le=20_000)

    @field_validator("agents")
    @classmethod
    def _are_some(cls, agents: tuple[AgentName, ...]) -> tuple[AgentName, ...]:
        if not agents or len(set(agents)) < len(agents):
            raise ValueError(f"agents are ppo, dqn or both, each once, was {', '.join(agents) or 'none'}")
        return agents

    @model_validator(mode="after")
    def _bounds_differ(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, was {self.low:g} and {self.high:g}")
        return self
