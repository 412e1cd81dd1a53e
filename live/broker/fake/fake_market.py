"""Fake market: sessions, hours, prices and pay-outs that the fake broker trades on, out of bars.

Hours are those of New York on the sessions of the bars; prices have four decimals, as a broker writes them.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
import pandas as pd

from core.errors import DataError
from live.broker.broker_protocol import NEW_YORK
from live.broker.fake.corporate_actions import CorporateAction, split_basis
from market.calendar import next_session
from market.delistings import pay_outs
from market.panel import Panel

__all__ = ["CLOSES", "OPENS", "FakeMarket", "written_price"]

OPENS, CLOSES = dt.time(9, 30), dt.time(16, 0)
CENTS4 = Decimal("0.0001")


@dataclass(frozen=True)
class FakeMarket:
    """A market out of bars.

    Parameters
    ----------
    panel : Panel
        Bars on the split basis of their last session.
    actions : sequence of CorporateAction
        Splits and dividends.

    Raises
    ------
    DataError
        If an action is of a name or a session that the bars do not have.
    """

    panel: Panel
    actions: Sequence[CorporateAction] = ()

    def __post_init__(self) -> None:
        days = set(self.panel.sessions.strftime("%Y-%m-%d"))
        for action in self.actions:
            if action.ticker not in self.columns or action.session not in days:
                raise DataError(
                    f"the {action.kind} of {action.ticker[:48]} in {action.session} is none of these bars: they have "
                    f"no such {'session' if action.ticker in self.columns else 'name'}; take it out of --actions"
                )

    @cached_property
    def sessions(self) -> list[dt.date]:
        """Sessions of the bars, and the one that comes after them."""
        days = [session.date() for session in self.panel.sessions]
        after = next_session(self.panel)
        return [*days, (self.panel.sessions[-1] + pd.offsets.BusinessDay() if after is None else after).date()]

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of each name."""
        return {str(ticker): column for column, ticker in enumerate(self.panel.tickers)}

    @cached_property
    def basis(self) -> np.ndarray:
        """By what bars are multiplied to be on the basis of their session."""
        return split_basis(self.panel, self.actions)

    @cached_property
    def paid_out(self) -> dict[int, dict[str, float]]:
        """Delisting returns by row and name."""
        found: dict[int, dict[str, float]] = {}
        for row, column, paid in zip(*pay_outs(self.panel), strict=True):
            found.setdefault(int(row), {})[str(self.panel.tickers[column])] = float(paid)
        return found

    @cached_property
    def _frames(self) -> dict[str, np.ndarray]:
        frames = {name: getattr(self.panel, name).to_numpy(dtype=float) for name in ("open", "close", "volume")}
        return frames | {"known": self.panel.close.ffill().to_numpy(dtype=float)}

    @property
    def n_rows(self) -> int:
        """Sessions with bars."""
        return len(self.panel.sessions)

    def opening(self, row: int) -> dt.datetime:
        """When a session opens."""
        return dt.datetime.combine(self.sessions[row], OPENS, tzinfo=NEW_YORK)

    def closing(self, row: int) -> dt.datetime:
        """When a session closes."""
        return dt.datetime.combine(self.sessions[row], CLOSES, tzinfo=NEW_YORK)

    def n_opened(self, now: dt.datetime) -> int:
        """Sessions that have opened by a moment; also the row that opens next."""
        day = now.astimezone(NEW_YORK)
        return (bisect_right if day.time() >= OPENS else bisect_left)(self.sessions, day.date())

    def n_closed(self, now: dt.datetime) -> int:
        """Sessions that have closed by a moment."""
        day = now.astimezone(NEW_YORK)
        return (bisect_right if day.time() >= CLOSES else bisect_left)(self.sessions, day.date())

    def opened_at(self, row: int, ticker: str) -> Decimal | None:
        """The first price of a session on its own basis; None where the name is halted."""
        column = self.columns[ticker]
        return written_price(self._frames["open"][row, column] * self.basis[row, column])

    def last_close(self, row: int, ticker: str, *, basis_of: int | None = None) -> Decimal | None:
        """The last close known in a session, on the basis of that session or a later one; None before the first."""
        column = self.columns[ticker]
        factor = self.basis[min(row if basis_of is None else basis_of, self.n_rows - 1), column]
        return None if row < 0 else written_price(self._frames["known"][row, column] * factor)

    def volume(self, row: int, ticker: str) -> float:
        """Shares traded in a session, on its own basis; 0 where none is known."""
        column = self.columns[ticker]
        return float(np.nan_to_num(self._frames["volume"][row, column] / self.basis[row, column]))

    def is_listed(self, row: int, ticker: str) -> bool:
        """Whether a name has printed and was not paid out by a session."""
        column = self.columns.get(ticker)
        if column is None or row < 0 or np.isnan(self._frames["known"][row, column]):
            return False
        return not any(ticker in names for paid, names in self.paid_out.items() if paid <= row)

    def acting(self, row: int) -> list[CorporateAction]:
        """Splits and dividends of a session, splits first."""
        of_day = [action for action in self.actions if action.session == f"{self.sessions[row]}"]
        return sorted(of_day, key=lambda action: action.kind != "split")


def written_price(price: float) -> Decimal | None:
    """A price as a broker writes it, with four decimals; None for NaN."""
    return None if np.isnan(price) else Decimal(repr(float(price))).quantize(CENTS4)
