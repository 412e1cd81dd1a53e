"""Labels: what a model learns to rank, from a forward return of one or more sessions; imports no torch.

Row *t* belongs to the decision at the close of *t*. Every kind stays a return in unit, so that a threshold on returns
keeps its meaning; what a score is calibrated to is the plain forward return whatever the label.
"""

from typing import Literal

import pandas as pd
from pydantic import Field

from core.rounding_error import ROUNDING
from core.settings import Settings
from market.panel import Panel
from market.returns import Execution, forward_returns

__all__ = ["LabelSettings", "learned_labels", "trailing_volatility"]

VOLATILITY_SESSIONS = 60  # close-to-close returns of one window
MIN_VOLATILITY_RETURNS = 20  # of those; a name with fewer has no volatility yet


class LabelSettings(Settings):
    """What a model learns: over how many sessions a return is held, and what it is measured against.

    Above one session the book trades overlapping sleeves, one opened at each close and held for ``horizon`` sessions.
    """

    horizon: int = Field(
        default=1, ge=1, le=252, description="sessions a return is held after its fill; above 1 the book holds sleeves"
    )
    kind: Literal["return", "market_relative", "volatility_scaled"] = Field(
        default="return",
        description="return: as earned; market_relative: less the session's mean; volatility_scaled: per unit of risk",
    )


def learned_labels(
    panel: Panel, execution: Execution, settings: LabelSettings, *, eligible: pd.DataFrame
) -> pd.DataFrame:
    """Labels that a model is fitted on, by session of decision.

    Parameters
    ----------
    panel : Panel
        Bars; row *t* known at the close of *t*.
    execution : Execution
        Clock and price of the fills.
    settings : LabelSettings
        Horizon and kind.
    eligible : DataFrame of bool, shape (n_sessions, n_tickers)
        Names that may be held, known at each close; the session's means are taken over them.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        ``return``: the forward return over the horizon. ``market_relative``: that less its session's mean.
        ``volatility_scaled``: that ÷ the name's trailing volatility × the session's mean of such volatilities, so that
        a quiet name's move counts as much as a wild one's. NaN where the forward return is, or a volatility is missing
        or 0.

    See Also
    --------
    market.returns.forward_returns
        The plain forward return.

    Examples
    --------
    >>> labels = learned_labels(bars, qt.Execution(), LabelSettings(kind="market_relative"), eligible=bars.universe)
    >>> bool(labels.where(bars.universe).mean(axis=1).dropna().abs().max() < 1e-12)
    True
    """
    forward = forward_returns(panel, execution, horizon=settings.horizon)
    if settings.kind == "market_relative":
        return forward.sub(forward.where(eligible).mean(axis=1), axis=0)
    if settings.kind == "volatility_scaled":
        volatility = trailing_volatility(panel)
        return (forward / volatility).mul(volatility.where(eligible).mean(axis=1), axis=0)
    return forward


def trailing_volatility(panel: Panel) -> pd.DataFrame:
    """Sd of each name's last 60 close-to-close returns, known at the close; NaN with under 20 of them, or no move."""
    returns = panel.close.pct_change(fill_method=None)
    spread = returns.rolling(VOLATILITY_SESSIONS, min_periods=MIN_VOLATILITY_RETURNS).std()
    return spread.where(spread > ROUNDING)
