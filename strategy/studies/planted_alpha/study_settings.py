"""Study settings: how large a market, how strong an alpha, which learners, how many seeds."""

from collections.abc import Mapping

from pydantic import Field

from core.settings import Settings
from market.synthetic import SyntheticSettings
from strategy.definitions.spec import StrategySpec, load_spec, override

__all__ = ["FULL", "LEARNERS", "NETWORKS", "PlantedAlphaSettings", "planted_market"]

BOOK = "quintile_long_short"  # reads the order of scores alone, so that every learner's scores can be traded
SPLIT = ("split.train=0.6", "split.validation=0.2")  # of five blocks of 250 sessions: three, one and one
SMALL = (
    "model.hidden=32",
    "model.layers=1",
    "model.lookback=40",
    "training.burn_in=40",
    "training.max_epochs=30",
    "training.patience=6",
)
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "rank loss": (),
    "Huber alone": ("loss.rank_weight=0.0",),
    "Pearson loss": ('loss.correlation="pearson"',),
}
LEARNERS = (*NETWORKS, "ridge", "oracle")


class PlantedAlphaSettings(Settings):
    """Settings of the planted-alpha study.

    Parameters
    ----------
    n_tickers, n_sessions : int
        Size of every market; 1,250 sessions are five years of 250.
    levels : tuple of float
        Planted ICs.
    learners : tuple of str
        Names in ``LEARNERS``.
    seeds : tuple of int
        Each is a market and, on it, a training: two at least, or there is no interval.
    oracle_seeds : tuple of int
        Markets on which the oracle is measured: it needs no training, so there can be enough to hold the market to
        its planted IC.
    null_seeds : tuple of int
        Markets without alpha on which ridge is fitted.
    temperatures, rank_scales : tuple
        Grid of the temperature study.
    temperature_level : float
        Planted IC of that study's markets.
    assignments : tuple of str
        What differs from the shipped ``quintile_long_short``, such as ``"model.hidden=32"``.
    """

    n_tickers: int = Field(default=200, ge=20)
    n_sessions: int = Field(default=1250, ge=150)
    levels: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05, 0.10)
    learners: tuple[str, ...] = LEARNERS
    seeds: tuple[int, ...] = Field(default=(1, 2, 3), min_length=2)
    oracle_seeds: tuple[int, ...] = Field(default=tuple(range(1, 21)), min_length=2)
    null_seeds: tuple[int, ...] = tuple(range(1, 101))
    temperatures: tuple[float, ...] = (0.01, 0.05, 0.1, 0.5, 1.0)
    rank_scales: tuple[str, ...] = ("raw", "zscore")
    temperature_level: float = 0.05
    assignments: tuple[str, ...] = (*SPLIT, *SMALL)

    def spec(self, *assignments: str) -> StrategySpec:
        """The strategy that is measured, with further assignments."""
        return override(load_spec(BOOK), (*self.assignments, *assignments))


FULL = SPLIT  # assignments of the shipped network, 2 × 128 units and 90 sessions


def planted_market(settings: PlantedAlphaSettings, *, seed: int, level: float) -> SyntheticSettings:
    """The market of a seed; another level plants another alpha into the same draws."""
    return SyntheticSettings(seed=seed, planted_ic=level, n_tickers=settings.n_tickers, n_sessions=settings.n_sessions)
