"""Faults of the fake broker: how it fills, and what goes wrong, by a seed."""

import hashlib

from pydantic import Field

from core.settings import Settings

__all__ = ["FakeFaults"]


class FakeFaults(Settings):
    """How the fake broker fills orders and what it does wrong; nothing by default.

    Parameters
    ----------
    seed : int
        Of every draw; a draw also depends on the order or the number of the request that it is about.
    slippage_bps, fee_bps : float
        Of the fill's price against the open, and of its notional; the fee is rounded up to a cent.
    volume_share : float
        Of a session's volume that one order may fill; the rest of it expires.
    reject : float
        Share of orders that are refused: half of them when they are sent, half at the open.
    too_many : float
        Share of requests that are answered 429.
    retry_after : float
        Seconds that a 429 asks for.
    drop_before, drop_after : float
        Share of requests whose connection is cut before the broker has acted, and after it.
    multiplier : float
        Gross exposure over equity that the account may come to.
    """

    seed: int = Field(default=1, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0, lt=1e4)
    fee_bps: float = Field(default=0.0, ge=0, lt=1e4)
    volume_share: float = Field(default=1.0, gt=0, le=1)
    reject: float = Field(default=0.0, ge=0, le=1)
    too_many: float = Field(default=0.0, ge=0, lt=1)
    retry_after: float = Field(default=1.0, ge=0)
    drop_before: float = Field(default=0.0, ge=0, lt=1)
    drop_after: float = Field(default=0.0, ge=0, lt=1)
    multiplier: float = Field(default=2.0, gt=0)

    def draw(self, *words: str) -> float:
        """A number from 0 to 1 that the seed and these words make."""
        digest = hashlib.sha256("\n".join((str(self.seed), *words)).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2.0**64
