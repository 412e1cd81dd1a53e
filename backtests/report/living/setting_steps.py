"""Setting steps: the values that each slider of a living report rests on, the run's own among them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from backtests.report.living.setting_twin import Carried

__all__ = ["Slider", "sliders_of"]

COSTS = (0, 1, 2, 3, 4, 5, 7.5, 10, 12.5, 15, 20, 25, 30, 40, 50, 75, 100)  # basis points of traded notional
FEES = (0, 10, 25, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)  # basis points a year
LATER = 10  # sessions
MAX_LEG = 40  # twentieths of equity
SHARES = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5)
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """One slider: what it moves, its label, its values and the place of the run's own among them."""

    name: str
    label: str
    values: tuple[float, ...]
    own: int

    @property
    def steps(self) -> str:
        """The values as JSON."""
        return json.dumps(self.values)


def sliders_of(carried: Carried) -> tuple[Slider, ...]:
    """Sliders of what this run's page can move."""
    own, book = carried.own, carried.header["book"]
    least = own.delay - carried.header["extra_delay"]
    sliders = [
        _slider("trade_bps", "Cost, bps one way", COSTS, own.trade_bps),
        _slider("delay", "Delay, sessions", range(least, least + LATER + 1), own.delay),
        _slider("borrow_bps", "Borrow fee, bps a year", FEES, own.borrow_bps),
        _slider("long", "Long leg, of equity", (step / 20 for step in range(MAX_LEG + 1)), own.long),
    ]
    if book["builder"] != "long_only" and (book["short"] > 0 or book["reach"] is not None):
        sliders.append(_slider("short", "Short leg, of equity", (step / 20 for step in range(MAX_LEG + 1)), own.short))
    if book["reach"] or len(book["steps"]) > 1:
        sliders.append(_k_slider(carried))
    return tuple(sliders)


def _k_slider(carried: Carried) -> Slider:
    """Slider of k, over the steps carried, or up to what is carried of the order, or half of all names."""
    own, book = carried.own.k, carried.header["book"]
    label = "k, share of names a side" if book["k_is_share"] else "k, names a side"
    if book["steps"]:
        return _slider("k", label, book["steps"], own)
    n_names = len(carried.header["tickers"])
    most = min(book["reach"], n_names // 2)
    if book["k_is_share"]:
        shares = (each for each in SHARES if each * n_names <= most or each <= own)
        return _slider("k", label, shares, own)
    return _slider("k", label, (each for each in COUNTS if each <= most), own)


def _slider(name: str, label: str, values: Iterable[float], own: float) -> Slider:
    steps = tuple(sorted({*values, own}))
    return Slider(name=name, label=label, values=steps, own=steps.index(own))
