"""Section on what-ifs: the main book under other costs, delays, borrow fees, sizes and smoothings, and under stress."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.what_if_figures import Dial, dial_figure, frontier_figure, stress_figure
from backtests.report.formats import percent, plus_minus, ratio
from backtests.report.page import Page
from backtests.sensitivity.capacity import CapacityCurve
from backtests.sensitivity.what_ifs import WhatIfs

__all__ = ["what_if_section"]

WARNING = (
    "These are what-ifs on the very sessions that the verdict is about. They are logged as stress and not counted as "
    "trials, so a setting picked from them is not corrected for multiple testing: change the spec and test it "
    "on unseen sessions."
)
KEPT = (
    "These books are run on the compiled ledger alone. Sharpe ratios are net, annual as on page one, risk-free 0, ± "
    "one standard error (Mertens 2002), from each book's own first fill on; n/a where a book became insolvent."
)
AS_DECIDED = "Costs, clock and size move with the strategy's own weights unchanged."
STRESSED = (
    "Costs of 10 bps are half-spread and commission of at least that, one way; slippage is added to them. The delay "
    "is one more session between decision and fill. Top 100: the members of the universe with the largest mean dollar "
    "volume of 63 sessions, listed each month; a smaller universe is kept whole. Each book is built again from the "
    "same scores, overlays included. A stress that would repeat an earlier row, at the strategy's own costs or in a "
    "universe that small already, is omitted."
)


def what_if_section(page: Page) -> Section | None:
    """Sensitivities of the main book; None where none were computed."""
    found = page.evaluation.what_ifs
    if found is None:
        return None
    name = next(iter(page.books))
    return Section(
        slug="what-if",
        title="What if",
        lead=_lead(found),
        parts=(
            Part(
                sentences=(WARNING, f"{KEPT} {AS_DECIDED}"),
                pictures=(_stress_picture(found.stress),),
                tables=(_stress_table(found),),
            ),
            Part(heading="Costs and clock", pictures=tuple(_curves(name, found)), tables=(_cost_table(found),)),
            _size(found),
            Part(heading="Smoothing", pictures=(_frontier_picture(found),), tables=(_frontier_table(found),)),
        ),
    )


def _lead(found: WhatIfs) -> str:
    sharpe = found.stress["sharpe"]
    positive, known = int((sharpe > 0).sum()), int(sharpe.notna().sum())
    words = f"{positive} of {known} stressed books have a Sharpe ratio above zero"
    if known:
        words += f"; the worst, {' '.join(sharpe.index[int(np.nanargmin(sharpe))])}, has {ratio(sharpe.min())}"
    return f"{words}. {_break_even(found)}"


def _break_even(found: WhatIfs) -> str:
    if np.isnan(found.break_even):
        return "The book never traded, so there is no break-even."
    if found.break_even <= 0:
        return "The book loses before trading costs, so no cost level breaks even."
    return (
        f"The book breaks even at {ratio(found.break_even, 1)} bps one way; the strategy was charged "
        f"{found.trade_bps:g}."
    )


def _stress_picture(stress: pd.DataFrame) -> Picture:
    words = (
        f"{name} {ratio(part.min())} to {ratio(part.max())}" if part.notna().any() else f"{name} n/a"
        for name, part in stress["sharpe"].groupby(level="legs")
    )
    return Picture(
        title="Net Sharpe ratio under stress, ± one standard error",
        summary=f"Each pair of legs under the same stresses: {'; '.join(words)}.",
        figure=stress_figure(stress),
    )


def _stress_table(found: WhatIfs) -> Table:
    rows = tuple(
        (
            f"{legs}, {stress}",
            row["refused"] or plus_minus(row["sharpe"], row["standard_error"]),
            percent(row["annual_return"]),
            percent(row["volatility"]),
            percent(row["max_drawdown"]),
        )
        for (legs, stress), (_, row) in zip(found.stress.index.tolist(), found.stress.iterrows(), strict=True)
    )
    columns = ("Legs and stress", "Sharpe net ± SE", "Annual return", "Volatility", "Drawdown")
    return Table(caption="Stress matrix", columns=columns, rows=rows, note=STRESSED)


def _curves(name: str, found: WhatIfs) -> Iterator[Picture]:
    yield Picture(
        title=f"{name}: costs",
        summary=f"{_break_even(found)} {_ends(found.cost, lambda bps: f'{bps:g} bps')}",
        figure=dial_figure(found.cost, Dial(title="half-spread and commission, bps one way", own=found.trade_bps)),
    )
    yield Picture(
        title=f"{name}: delay",
        summary=f"The same decisions filled later. {_ends(found.delay, lambda late: f'+{late:g}')}",
        figure=dial_figure(found.delay, Dial(title="sessions from decision to fill", own=found.delayed)),
    )
    if found.borrow is not None:
        yield Picture(
            title=f"{name}: borrow fee",
            summary=f"A fee on the market value of shorts, flat. {_ends(found.borrow, lambda bps: f'{bps:g} bps')}",
            figure=dial_figure(found.borrow, Dial(title="borrow fee, bps per year")),
        )


def _ends(table: pd.DataFrame, printed: Callable[[float], str]) -> str:
    sharpe = table["sharpe"].dropna()
    if sharpe.empty:
        return "No Sharpe ratio is known."
    first, last = sharpe.index[0], sharpe.index[-1]
    return f"Sharpe ratio {ratio(sharpe[first])} at {printed(first)} and {ratio(sharpe[last])} at {printed(last)}."


def _cost_table(found: WhatIfs) -> Table:
    families = {
        "trade, bps one way": found.cost,
        "borrow, bps per year": found.borrow,
        "fill, sessions later": found.delay,
    }
    rows = tuple(
        (
            f"{family}: {dial:g}",
            plus_minus(row["sharpe"], row["standard_error"]),
            percent(row["annual_return"]),
            percent(row["max_drawdown"]),
        )
        for family, table in families.items()
        if table is not None
        for dial, row in table.iterrows()
    )
    return Table(
        caption="Costs, borrow fee and delay",
        columns=("Dial", "Sharpe net ± SE", "Annual return", "Drawdown"),
        rows=rows,
        note="Break-even: mean return before trading costs ÷ mean two-way traded notional.",
        folded=True,
    )


def _size(found: WhatIfs) -> Part:
    if found.capacity.missing:
        return Part(heading="Size", sentences=(f"Capacity: n/a, {found.capacity.missing}.",))
    return Part(heading="Size", pictures=(_capacity_picture(found.capacity),), tables=(_capacity_table(found),))


def _capacity_picture(capacity: CapacityCurve) -> Picture:
    table = capacity.table
    half, top = _halved(capacity), table.index[-1]
    return Picture(
        title="Sharpe ratio by capital",
        summary=f"{half} The median trade of {_money(top)} would be "
        f"{percent(table['participation'].iloc[-1])} of a day's dollar volume. {_assumption(capacity)}",
        figure=dial_figure(table, Dial(title="capital at the start", log=True)),
    )


def _halved(capacity: CapacityCurve) -> str:
    if not np.isnan(capacity.half):
        return f"Market impact halves the Sharpe ratio at about {_money(capacity.half)}."
    if not capacity.without > 0:
        return "The Sharpe ratio is not above zero even without impact, so no size halves it."
    if capacity.table["sharpe"].isna().any():
        return "The size at which impact halves the Sharpe ratio is not known: a book of that size became insolvent."
    return "Impact does not halve the Sharpe ratio at any of these sizes."


def _assumption(capacity: CapacityCurve) -> str:
    if not capacity.assumed:
        return f"Impact as the strategy has it: {capacity.costs}."
    return (
        f"Impact is assumed, the strategy has none: {capacity.costs.impact_bps:g} bps × √participation of the average "
        "daily dollar volume (20 sessions)."
    )


def _capacity_table(found: WhatIfs) -> Table:
    capitals = found.capacity.table.index.tolist()
    rows = tuple(
        (
            _money(capital),
            plus_minus(row["sharpe"], row["standard_error"]),
            percent(row["annual_return"]),
            percent(row["participation"], 2),
            percent(row["participation_95"], 2),
        )
        for capital, (_, row) in zip(capitals, found.capacity.table.iterrows(), strict=True)
    )
    columns = ("Capital", "Sharpe net ± SE", "Annual return", "Median trade ÷ ADV", "95th percentile")
    return Table(caption="Capacity", columns=columns, rows=rows)


def _money(capital: float) -> str:
    for size, word in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if capital >= size:
            return f"{capital / size:.3g}\u00a0{word}"
    return f"{capital:.3g}"


def _frontier_picture(found: WhatIfs) -> Picture:
    table = found.smoothing
    low, high = table["turnover"].min(), table["turnover"].max()
    return Picture(
        title="Sharpe ratio by turnover, a point for each smoothing",
        summary=f"Each book is built again from the same scores: turnover from {percent(low)} to {percent(high)} of "
        f"equity per session. The larger point is the strategy's own smoothing, α {found.smoothed:g}.",
        figure=frontier_figure(table, found.smoothed),
    )


def _frontier_table(found: WhatIfs) -> Table:
    rows = tuple(
        (
            f"α {smoothing:g}",
            percent(row["turnover"]),
            ratio(row["sharpe_gross"]),
            plus_minus(row["sharpe"], row["standard_error"]),
            percent(row["annual_return"]),
        )
        for smoothing, row in found.smoothing.iterrows()
    )
    columns = ("New target's weight", "Turnover per session", "Sharpe gross", "Sharpe net ± SE", "Annual return")
    note = "Gross is the same weights without any friction."
    return Table(caption="Smoothing and turnover", columns=columns, rows=rows, note=note)
