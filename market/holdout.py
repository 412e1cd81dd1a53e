"""Hold-out: a last span of sessions that no run reads until a frozen version opens it.

The seal is part of the spec. The loader leaves the span out, and features and labels refuse bars that reach into it, so
that nothing of it can enter a scaler, a calibration, a choice or a result.
"""

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from core.errors import RunError
from core.settings import Settings
from market.panel import Panel

if TYPE_CHECKING:
    from market.request import BarsRequest

__all__ = ["HoldoutSettings", "readable", "refuse_sealed"]


class HoldoutSettings(Settings):
    """A span that stays sealed: from its first session on, every later one included."""

    start: dt.date = Field(description="first session of the sealed span, which no run reads")


def readable(request: "BarsRequest", holdout: HoldoutSettings | None) -> "BarsRequest":
    """End the bars of a request before the seal.

    Raises
    ------
    RunError
        If the request names an end inside the seal.
    """
    if holdout is None:
        return request
    if request.end is not None and dt.date.fromisoformat(request.end) >= holdout.start:
        raise RunError(f"--end {request.end} lies in {_remedy(holdout)}")
    last = holdout.start - dt.timedelta(days=1)
    return replace(request, end=min(filter(None, (request.end, last.isoformat()))))


def refuse_sealed(panel: Panel, holdout: HoldoutSettings | None) -> None:
    """Refuse bars that reach into the seal.

    Raises
    ------
    RunError
        If a session of the panel is sealed.
    """
    if holdout is not None and panel.sessions[-1] >= pd.Timestamp(holdout.start):
        raise RunError(f"bars reach {panel.sessions[-1]:%Y-%m-%d}, into {_remedy(holdout)}")


def _remedy(holdout: HoldoutSettings) -> str:
    return (
        f"the hold-out sealed from {holdout.start}: end the bars before it, "
        "or freeze a version and open it with `quintile holdout open NAME@VERSION`"
    )
