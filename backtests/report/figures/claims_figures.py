"""Claims figures: four pictures of what headlines come to on the first set of bars."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtests.forecasts.claims.measured_claims import SHARPE_SESSIONS, MeasuredClaims
from backtests.forecasts.claims.sharpe_claims import sharpe_claim
from core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_claims"]

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "quintile",
    "svg.fonttype": "path",
    "font.size": 8,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def draw_claims(found: Sequence[MeasuredClaims], path: Path) -> Path:
    """Draw R² of prices and returns, saying up, the luckiest book, and choosing on the same and on later data.

    Parameters
    ----------
    found : sequence of MeasuredClaims
        The first two are drawn.
    path : Path
        Of the SVG file; the same numbers give the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = found[:2]
    with rc_context(STYLE):
        figure = Figure(figsize=(9.0, 5.6), layout="constrained")
        (prices, ups), (books, chosen) = figure.subplots(2, 2)
        _prices(prices, found[0])
        _ups(ups, shown)
        _books(books, shown)
        _chosen(chosen, found[0])
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
    return path


def _name(measured: MeasuredClaims) -> str:
    facts = measured.panel.facts
    return "built-in (SYNTHETIC)" if facts.synthetic else facts.source.replace("$", r"\$")


def _prices(axes: "Axes", measured: MeasuredClaims) -> None:
    places = list(range(len(measured.fits)))[::-1]
    axes.plot([fit.r2_price for fit in measured.fits.values()], places, "o", label="of prices", color="tab:gray")
    axes.plot([fit.r2_return for fit in measured.fits.values()], places, "D", label="of returns", color="tab:blue")
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_yticks(
        places,
        [
            name.replace(" instead", "\ninstead").replace(" fitted", "\nfitted").replace(" that", "\nthat")
            for name in measured.fits
        ],
    )
    axes.set(xlabel="R²", title=f"One model, five ways: {_name(measured)}")
    axes.legend(loc="center right")


def _ups(axes: "Axes", shown: Sequence[MeasuredClaims]) -> None:
    axes.axhspan(60.0, 65.0, color="0.88", label="accuracy claimed")
    for measured in shown:
        axes.plot(range(len(measured.ups)), 100.0 * measured.ups["average"], "o-", label=_name(measured))
    axes.set_xticks(range(len(shown[0].ups)), [str(horizon) for horizon in shown[0].ups.index])
    axes.set(xlabel="sessions ahead", ylabel="per cent", title="Always saying up, average of the series")
    axes.legend(loc="upper left")


def _books(axes: "Axes", shown: Sequence[MeasuredClaims]) -> None:
    claim = sharpe_claim(2.53, SHARPE_SESSIONS)
    axes.axhspan(claim.low, claim.high, color="0.92", label="2.53 with its 95 % range")
    axes.axhline(claim.ratio, color="0.5", linewidth=1)
    places = range(len(claim.by_trials))
    for measured in shown:
        axes.plot(places, measured.lucky.to_numpy(), "o-", label=_name(measured))
    axes.set_xticks(places, [str(count) for count in claim.by_trials.index])
    axes.set(
        xlabel="random books", ylabel="best Sharpe ratio", title=f"The luckiest book over {SHARPE_SESSIONS} sessions"
    )
    axes.legend(loc="lower right")


def _chosen(axes: "Axes", measured: MeasuredClaims) -> None:
    chosen = measured.selections
    places = range(len(chosen))
    axes.bar([place - 0.2 for place in places], [100.0 * one.improved for one in chosen], 0.4, label="data that chose")
    axes.bar([place + 0.2 for place in places], [100.0 * one.later for one in chosen], 0.4, label="later data")
    axes.axhline(27.5, color="0.5", linewidth=1, linestyle="--", label="27.5 % claimed")
    axes.set_xticks(places, [f"{one.candidates}\non {one.points}" for one in chosen])
    axes.set(
        xlabel="noise forecasters on forecasts", ylabel="per cent better", title=f"The best of many: {_name(measured)}"
    )
    axes.legend(loc="upper right")
