"""Corporate actions of the fake broker: splits and cash dividends by session and name, and the basis of its prices.

Bars are on the split basis of their last session, as vendors give them. A broker quotes a session on the basis of that
session: the price of the bars times every split that was still to come.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator

from core.errors import DataError
from core.files import read_json
from core.settings import Settings, first_problem
from market.panel import Panel

__all__ = ["CorporateAction", "as_known", "read_actions", "split_basis"]

PRICES = ("open", "high", "low", "close")


class CorporateAction(Settings):
    """A split or a cash dividend, in effect at the open of its session for who held at the close before.

    Parameters
    ----------
    session : str
        ISO date.
    ticker : str
        The name.
    kind : {"split", "dividend"}
        Which of the two.
    ratio : float
        New shares for one old share, for a split.
    cash : float
        Per share, for a dividend, on the basis of its session.
    """

    session: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    ticker: str = Field(min_length=1)
    kind: Literal["split", "dividend"]
    ratio: float = Field(default=1.0, gt=0)
    cash: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _tells_its_amount(self) -> "CorporateAction":
        if (self.kind == "split") == (self.ratio == 1.0) or (self.kind == "dividend") == (self.cash == 0.0):
            raise ValueError("a split has a ratio other than 1, a dividend has cash: give one of them")
        return self


def read_actions(path: Path) -> tuple[CorporateAction, ...]:
    """Corporate actions in a JSON file that holds a list of them.

    Raises
    ------
    DataError
        If it holds anything else.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path} holds no list of corporate actions: see docs/broker.md")
    try:
        return tuple(CorporateAction.model_validate(row) for row in rows)
    except ValidationError as error:
        raise DataError(f"{path}: {first_problem(error, keys='see docs/broker.md')}") from error


def split_basis(panel: Panel, actions: Sequence[CorporateAction]) -> np.ndarray:
    """By what the bars of each session are multiplied to be on that session's basis, shape (n_sessions, n_tickers)."""
    factor = np.ones(panel.close.shape)
    for action in actions:
        if action.kind == "split":
            column = panel.tickers.get_loc(action.ticker)
            factor[panel.sessions < pd.Timestamp(action.session), column] *= action.ratio
    return factor


def as_known(panel: Panel, actions: Sequence[CorporateAction], session: pd.Timestamp) -> Panel:
    """Bars up to a session as a vendor gave them on its evening: on the split basis of that session.

    Examples
    --------
    >>> from live.broker.fake.corporate_actions import as_known
    >>> as_known(bars, (), bars.sessions[99]).sessions[-1] == bars.sessions[99]
    True
    """
    early = panel.until(session)
    factor = split_basis(panel, actions)[len(early.sessions) - 1]
    if (factor == 1.0).all():
        return early
    frames = {name: getattr(early, name) * factor for name in PRICES}
    return replace(early, **frames, volume=early.volume / factor)
