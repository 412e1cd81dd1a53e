"""Book settings: builder, legs, smoothing, limits and neutrality of a book, and its risk overlays."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from core.settings import Formerly, Later, Settings
from portfolio.own_rules import check_rule

__all__ = ["OPTIMIZED", "BookSettings", "OptimizerSettings", "RiskSettings"]

OPTIMIZED = ("mean_variance", "mean_cvar", "risk_parity", "hrp")
SCORES_ALONE = ("quintile_long_short", "filter_negative", "bottom_k", "confidence", "long_only")


class OptimizerSettings(Settings):
    """How the optimised builders weigh the names that the signal picked.

    A count of ``rebalance``, and the first of a month or week, are of scored sessions. What must leave, and what
    replaces it, is not counted as turnover; the three limits are for ``mean_variance`` and ``mean_cvar``. A net sector
    weight and a beta are limited on either side.
    """

    rebalance: Literal["monthly", "weekly"] | StrictInt = Field(
        default="monthly", description="monthly, weekly or a count of sessions; the book is held between"
    )
    window: int = Field(
        default=252, ge=20, description="past sessions of covariance and tail; a name with fewer is not held"
    )
    risk_aversion: float = Field(
        default=5.0, ge=0, description="price of a unit of variance of a session, for mean_variance"
    )
    tail_aversion: float = Field(
        default=0.1, ge=0, description="price of a unit of tail loss of a session, for mean_cvar"
    )
    tail_level: float = Field(default=0.95, ge=0.5, lt=1, description="the tail is the worst 1 − this of the window")
    turnover_limit: float | None = Field(
        default=None, gt=0, description="largest one-way turnover of a rebalance; unset is off"
    )
    sector_limit: float | None = Field(default=None, gt=0, description="largest net weight of a sector; unset is off")
    beta_limit: float | None = Field(
        default=None, ge=0, description="largest beta of the target to the universe; unset is off"
    )

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the limits that are set."""
        return tuple(
            name for name in type(self).model_fields if name.endswith("_limit") and getattr(self, name) is not None
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.rebalance, int) and self.rebalance < 1:
            raise ValueError(f"rebalance must be at least every session, was every {self.rebalance}")
        return self


class BookSettings(Settings):
    """How scores become decided weights; every weight is a fraction of equity.

    Parameters
    ----------
    builder : {"quintile_long_short", "filter_negative", "bottom_k", "confidence", "index_hedged", "long_only", ...}
        Rule that picks names: the top and bottom ``k`` alike; the same with shorts only where the score is low enough,
        or sized by a short rule; in proportion to the size of the score; the top ``k`` against a hedge; or alone.
        ``"mean_variance"``, ``"mean_cvar"``, ``"risk_parity"`` and ``"hrp"`` optimise the weights of the top and bottom
        ``k``; with ``short = 0`` of the top ``k`` alone. Any other is the name of a rule of your own, ``book_rule``.
    k : float or int
        Names a side: a fraction of the session's scored names in (0, 0.5], such as 1 ÷ the number of quantiles, or a
        count of at least 1.
    long, short : float
        Gross of each leg, at least 0; 0.65 and 0.35 is the 65/35 book, 1.30 and 0.70 the 130/70 one. ``long_only``
        has no short leg.
    smoothing : float
        Weight of the new target in the exponential smoothing, in (0, 1]; 1 does not smooth.
    short_filter : {"below_zero", "below_market", "below_threshold"}
        For ``filter_negative``: short scores below zero, scores that lie under the session's mean score by more than
        the round-trip cost, or scores below ``short_threshold``.
    short_sizing : {"fixed", "fill_leg", "inverse_volatility"}
        For ``filter_negative`` and ``bottom_k``: a short name weighs ``short`` ÷ k; or ``short`` ÷ number of names that
        qualify; or ``short`` ÷ k times its inverse volatility over the mean of those that qualify.
    max_position : float, optional
        Largest weight of one name, long or short; by default the larger of 3 % and 1.5 × the leg's per-name weight.
    cash_buffer : float
        Cash kept for trading costs, in [0, 1): a net exposure between 1 − ``cash_buffer`` and 1 is scaled down to it.
    short_threshold : float
        For ``below_threshold``: the predicted return, over the label's horizon, below which a name may be shorted.
    volatility_sessions : int
        For ``inverse_volatility``: sessions of the trailing volatility, at least 2.
    hedge : str
        For ``index_hedged``: ``"universe"`` sells every eligible name alike; a ticker of the bars that the universe
        never holds, such as an index fund, is sold instead.
    rank_gate : float
        No-trade band in [0, 1): a name keeps its weight until its rank, as a fraction of the cross-section, has moved
        by at least this much since it last traded; 0 is off.
    neutral : {"none", "legs", "sector", "beta"}
        What is held level after smoothing and gate: nothing, each leg's gross, each sector's net, or the beta.
    beta_sessions : int
        For ``beta`` and a ``beta_limit``: sessions of the trailing beta to the equal-weighted universe, at least 20.
    optimizer : OptimizerSettings
        For the optimised builders.
    dust : float
        A decided weight smaller than this, long or short, is 0: a position that smoothing would shrink for ever is
        closed out at a millionth of equity. 0 is off.

    Examples
    --------
    >>> qt.BookSettings(builder="long_only", long=1.0, short=0.0).legs
    {'long': 1.0, 'short': 0.0}
    """

    builder: str = Field(default="quintile_long_short", description="how scores become target weights")
    k: StrictInt | StrictFloat = Field(
        default=0.2, description="names a side, as a fraction of the scored universe or a count"
    )
    long: float = Field(default=0.5, ge=0, description="gross of the long leg, fraction of equity")
    short: float = Field(default=0.5, ge=0, description="gross of the short leg, fraction of equity")
    smoothing: float = Field(default=0.15, gt=0, le=1, description="EWMA weight of the new target")
    short_filter: Literal["below_zero", "below_market", "below_threshold"] = Field(
        default="below_zero", description="which bottom names may be shorted"
    )
    short_sizing: Literal["fixed", "fill_leg", "inverse_volatility"] = Field(
        default="fixed", description="fixed: leg ÷ k a name; fill_leg: leg ÷ names that qualify"
    )
    max_position: float | None = Field(default=None, gt=0, description="largest weight of a name, fraction of equity")
    cash_buffer: float = Field(default=0.01, ge=0, lt=1, description="equity kept in cash for trading costs")
    short_threshold: Later[float] = Field(
        default=-0.005, description="predicted return over label.horizon below which below_threshold shorts a name"
    )
    volatility_sessions: Later[int] = Field(
        default=20, ge=2, description="sessions of the volatility that inverse_volatility sizes by"
    )
    hedge: Later[str] = Field(
        default="universe",
        min_length=1,
        description="what index_hedged sells: universe, or a ticker of the bars outside the universe",
    )
    rank_gate: Later[float] = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="rank change, fraction of the cross-section, below which a name keeps its weight; 0 is off",
    )
    neutral: Later[Literal["none", "legs", "sector", "beta"]] = Field(
        default="none", description="levelled after smoothing and gate: nothing, leg gross, sector net or beta"
    )
    beta_sessions: Later[int] = Field(default=252, ge=20, description="sessions of the beta that neutral beta removes")
    optimizer: Later[OptimizerSettings] = OptimizerSettings()
    dust: Annotated[float, Formerly(0.0)] = Field(
        default=1e-6, ge=0, lt=0.01, description="weight below which a position is closed out, fraction of equity"
    )

    @property
    def legs(self) -> dict[str, float]:
        """Gross that each leg is meant to have."""
        return {"long": self.long, "short": 0.0 if self.builder == "long_only" else self.short}

    @property
    def is_optimized(self) -> bool:
        """Whether the weights come from an optimiser, which is an extra."""
        return self.builder in OPTIMIZED

    @property
    def weighs_volatility(self) -> bool:
        """Whether short names are sized by their trailing volatility."""
        return self.short_sizing == "inverse_volatility" and self.builder in ("filter_negative", "bottom_k")

    @property
    def reads_sectors(self) -> bool:
        """Whether weights depend on the sectors of the names."""
        return self.neutral == "sector" or (self.is_optimized and self.optimizer.sector_limit is not None)

    @property
    def weighs_scores_alone(self) -> bool:
        """Whether target weights are a function of the session's scores, whatever names they belong to."""
        return self.builder in SCORES_ALONE and not self.weighs_volatility

    @property
    def hedge_ticker(self) -> str | None:
        """The ticker that is sold as a hedge; None for the universe, or without a hedge."""
        return self.hedge if self.builder == "index_hedged" and self.hedge != "universe" else None

    @property
    def memory(self) -> int:
        """Sessions before a decision that sizes and neutrality read, smoothing and gate aside."""
        sized = self.volatility_sessions + 1 if self.weighs_volatility else 0
        optimized = self.optimizer.window + 1 if self.is_optimized else 0
        needs_beta = self.neutral == "beta" or (self.is_optimized and self.optimizer.beta_limit is not None)
        return max(sized, optimized, self.beta_sessions + 1 if needs_beta else 0)

    @field_validator("builder")
    @classmethod
    def _check_builder(cls, name: str) -> str:
        return check_rule(name)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.k, int) and self.k < 1:
            raise ValueError(f"k as a count must be at least 1 name a side, was {self.k}")
        if isinstance(self.k, float) and not 0 < self.k <= 0.5:
            raise ValueError(f"k as a fraction must lie in (0, 0.5], was {self.k}; write a count without a point")
        if sum(self.legs.values()) == 0:
            raise ValueError("long and short must not both be 0: the book would hold nothing")
        if self.neutral in ("sector", "beta") and min(self.legs.values()) == 0:
            raise ValueError(f"neutral {self.neutral} needs both legs, long and short above 0: one leg has a view only")
        if self.builder in ("risk_parity", "hrp") and self.optimizer.limits:
            raise ValueError(
                f"{self.builder} cannot hold a {self.optimizer.limits[0]}: use mean_variance or mean_cvar, or neutral"
            )
        return self


class RiskSettings(Settings):
    """Overlays that act on the whole book from its own past net returns; each is off until it has a number.

    Parameters
    ----------
    volatility_target : float, optional
        Annual volatility that the book is scaled to, such as 0.08.
    target_sessions : int
        Sessions of the volatility measured, at least 2; the scale is 1 until there are as many.
    least_scale, largest_scale : float
        Bounds of the scale.
    loss_sigmas : float, optional
        A session's loss beyond this many standard deviations of the sessions before it empties the book, such as 3.
    loss_sessions : int
        Sessions of that standard deviation, at least 2.
    loss_rest : int
        Sessions that the book stays empty after such a loss, at least 1.
    drawdown_limit : float, optional
        A drawdown beyond this empties the book, such as 0.08.
    drawdown_reentry : float
        The book is held again once the drawdown is less than this, below ``drawdown_limit``.
    sharpe_floor : float, optional
        An annual Sharpe ratio below this empties the book, such as 0.
    sharpe_sessions : int
        Sessions of that ratio, at least 2.
    sharpe_reentry : float
        The book is held again once the ratio is above this, at least ``sharpe_floor``.

    Examples
    --------
    >>> qt.RiskSettings(volatility_target=0.1).scales
    True
    """

    volatility_target: float | None = Field(
        default=None, gt=0, description="annual volatility that the book is scaled to; unset is off"
    )
    target_sessions: int = Field(default=20, ge=2, description="sessions of the volatility measured")
    least_scale: float = Field(default=0.5, gt=0, description="smallest factor of the volatility target")
    largest_scale: float = Field(default=2.0, gt=0, description="largest factor of the volatility target")
    loss_sigmas: float | None = Field(
        default=None, gt=0, description="standard deviations of a session's loss that empty the book; unset is off"
    )
    loss_sessions: int = Field(default=20, ge=2, description="sessions of that standard deviation")
    loss_rest: int = Field(default=1, ge=1, description="sessions that the book stays empty after such a loss")
    drawdown_limit: float | None = Field(
        default=None, gt=0, lt=1, description="drawdown that empties the book; unset is off"
    )
    drawdown_reentry: float = Field(default=0.04, ge=0, lt=1, description="drawdown below which the book is held again")
    sharpe_floor: float | None = Field(
        default=None, description="annual Sharpe ratio below which the book is emptied; unset is off"
    )
    sharpe_sessions: int = Field(default=60, ge=2, description="sessions of that ratio")
    sharpe_reentry: float = Field(default=0.0, description="ratio above which the book is held again")

    @property
    def scales(self) -> bool:
        """Whether the book is scaled to a volatility."""
        return self.volatility_target is not None

    @property
    def switches(self) -> bool:
        """Whether any kill switch is armed."""
        return not (self.loss_sigmas is None and self.drawdown_limit is None and self.sharpe_floor is None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.least_scale > self.largest_scale:
            raise ValueError(f"least_scale must not exceed largest_scale, was {self.least_scale:g}")
        if self.drawdown_limit is not None and self.drawdown_reentry >= self.drawdown_limit:
            raise ValueError(
                f"drawdown_reentry must be less than drawdown_limit {self.drawdown_limit:g}, was "
                f"{self.drawdown_reentry:g}: the book would leave and enter at once"
            )
        if self.sharpe_floor is not None and self.sharpe_reentry < self.sharpe_floor:
            raise ValueError(f"sharpe_reentry must be at least sharpe_floor, was {self.sharpe_reentry:g}")
        return self
