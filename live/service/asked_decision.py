"""Asked decision: what a request may say of holdings, equity and day, checked before anything is worked out.

Holdings are the rows of the file that ``quintile decide --holdings`` reads: ticker and shares, or ticker and weight; a
row ``$CASH`` holds the cash.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from core.bounded_text import json_value
from live.service.served_desk import Asked
from strategy.trading.holdings import Holdings, table_holdings

__all__ = ["DecideBody", "DecideQuery", "HoldingRow", "ScoresQuery", "asked_in_body", "checked", "words_of"]

MAX_ROWS = 20_000
MAX_TOLD = 3  # faults of a request that are named
Day = Annotated[str, Field(pattern="^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$")]  # the calendars wrap beyond 2262
Equity = Annotated[FiniteFloat, Field(gt=0)]
Shape = TypeVar("Shape", bound=BaseModel)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DecideQuery(_Asked):
    """The query of GET /decide: ``equity`` in the currency of the bars and ``as_of``, an ISO date."""

    equity: Equity | None = None
    as_of: Day | None = None


class ScoresQuery(_Asked):
    """The query of GET /scores: a ``session`` of the scored span, an ISO date; the last by default."""

    session: Day | None = None


class HoldingRow(_Asked):
    """One row of the holdings: a ticker with shares or with a weight, a fraction of equity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ticker: Annotated[str, Field(min_length=1, max_length=64)]
    shares: FiniteFloat | None = None
    weight: FiniteFloat | None = None


class DecideBody(_Asked):
    """The body of POST /decide."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    holdings: Annotated[tuple[HoldingRow, ...], Field(max_length=MAX_ROWS, strict=False)] | None = None
    equity: Equity | None = None
    as_of: Day | None = None


def asked_in_body(body: bytes) -> Asked:
    """What the JSON of a body asks for.

    Raises
    ------
    ValueError
        If it is not JSON, or of another form; one line says where.
    DataError
        If the holdings are none, as ``read_holdings`` says.
    """
    value = json_value(body)
    told = checked(DecideBody, value)
    holdings = None if told.holdings is None else _holdings(told.holdings)
    text = json.dumps(value, sort_keys=True)
    return Asked(holdings=holdings, equity=told.equity, as_of=told.as_of, text=text)


def checked(shape: type[Shape], value: object) -> Shape:
    """A value in its form.

    Raises
    ------
    ValueError
        If it is of another form; one line says where.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise ValueError(words_of(error.errors(include_input=False, include_url=False))) from error


def words_of(faults: Sequence[Any]) -> str:
    """The first faults of a request in one line: where, and what is wrong there."""
    told = [
        f"{'.'.join(str(part)[:64] for part in fault['loc']) or 'the value'}: {fault['msg']}"
        for fault in faults[:MAX_TOLD]
    ]
    more = len(faults) - MAX_TOLD
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _holdings(rows: Sequence[HoldingRow]) -> Holdings:
    """The rows as the file would hold them."""
    kinds = [kind for kind in ("shares", "weight") if any(getattr(row, kind) is not None for row in rows)]
    if len(kinds) != 1:
        raise ValueError("holdings need a row each with ticker and shares, or each with ticker and weight")
    kind = kinds[0]
    table = pa.table(
        {
            "ticker": pa.array([row.ticker for row in rows], pa.string()),
            kind: pa.array([getattr(row, kind) for row in rows], pa.float64()),
        }
    )
    return table_holdings(table, "holdings")
