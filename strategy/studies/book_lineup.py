"""Book lineup: every builder that a comparison of books holds, on the settings of one strategy."""

from collections.abc import Mapping
from typing import Any

from portfolio.book_settings import BookSettings
from portfolio.optimizer import require_optimizer
from portfolio.own_rules import SHIPPED_RULES
from strategy.definitions.spec import StrategySpec

__all__ = ["LINEUP", "OPTIMIZED_LINEUP", "book_lineup"]

TEXT_LEGS = {"long": 0.65, "short": 0.35}
RAN_LEGS = {"long": 1.30, "short": 0.70}
LINEUP: Mapping[str, Mapping[str, Any]] = {
    "quintile 50/50": {"builder": "quintile_long_short", "long": 0.5, "short": 0.5},
    "S1 bottom-k 65/35": {"builder": "bottom_k", **TEXT_LEGS},
    "S1 bottom-k 130/70": {"builder": "bottom_k", **RAN_LEGS},
    "S2 filter-negative, fixed": {"builder": "filter_negative", **TEXT_LEGS},
    "S2 filter-negative, fill leg": {"builder": "filter_negative", "short_sizing": "fill_leg", **TEXT_LEGS},
    "S3 below threshold": {"builder": "filter_negative", "short_filter": "below_threshold", **TEXT_LEGS},
    "S3 volatility-scaled shorts": {"builder": "bottom_k", "short_sizing": "inverse_volatility", **TEXT_LEGS},
    "S4 confidence": {"builder": "confidence", **TEXT_LEGS},
    "S4 hedged with the universe": {"builder": "index_hedged", "hedge": "universe", **TEXT_LEGS},
    "S5 long-only": {"builder": "long_only", "long": 1.0, "neutral": "none"},
}
UNLIMITED = {"turnover_limit": None, "sector_limit": None, "beta_limit": None}
OPTIMIZED_LINEUP: Mapping[str, Mapping[str, Any]] = {  # trades monthly, so that a slow average would never arrive
    f"optimised: {label}": {"builder": builder, "smoothing": 1.0, **TEXT_LEGS, **limits}
    for builder, label, limits in (
        ("mean_variance", "mean-variance", {}),
        ("mean_cvar", "mean-CVaR", {}),
        ("risk_parity", "risk parity", {"optimizer": UNLIMITED}),
        ("hrp", "hierarchical risk parity", {"optimizer": UNLIMITED}),
    )
}
PLAIN = {"short_filter": "below_zero", "short_sizing": "fixed"}


def book_lineup(spec: StrategySpec, *, optimised: bool = False) -> dict[str, BookSettings]:
    """Every book of the comparison: a builder with its legs, all else as in the strategy's own; a user's own rule last.

    Parameters
    ----------
    spec : StrategySpec
        The strategy.
    optimised : bool
        Whether the books of an optimiser, rebalanced monthly unless the strategy says otherwise, come last.

    Raises
    ------
    MissingExtraError
        If they are wanted and skfolio is not installed.
    """
    own, lineup = spec.portfolio.model_dump(), dict(LINEUP) | dict(OPTIMIZED_LINEUP if optimised else {})
    if spec.portfolio.builder not in SHIPPED_RULES:
        lineup[f"own rule {spec.portfolio.builder}"] = {key: own[key] for key in PLAIN}
    books = {}
    for name, changes in lineup.items():
        optimizer = own["optimizer"] | dict(changes.get("optimizer", {}))
        books[name] = BookSettings.model_validate(own | PLAIN | dict(changes) | {"optimizer": optimizer})
        require_optimizer(books[name])
    return books
