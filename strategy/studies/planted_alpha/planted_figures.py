"""Planted-alpha figures of the calibration, as SVG; the same numbers give the same bytes."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.files import atomic_path
from strategy.studies.planted_alpha.market_calibration import Calibration
from strategy.studies.planted_alpha.planted_markets import PlantedTable
from strategy.studies.planted_alpha.temperature import TemperatureTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_names", "write_figures"]

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "quintile",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
SIZE = (8.0, 3.4)  # inches


def figure_names(calibration: Calibration) -> list[str]:
    """The file names of the figures, those of planted markets first."""
    names = [] if calibration.planted is None else ["planted_alpha.svg"]
    return names + [f"temperature_{position}.svg" for position in range(1, len(calibration.temperature) + 1)]


def write_figures(calibration: Calibration, folder: Path) -> list[Path]:
    """Draw every study that has a figure; return the paths."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        drawn = [] if calibration.planted is None else [_planted_figure(calibration.planted)]
        drawn += [_temperature_figure(table) for table in calibration.temperature]
        paths = [folder / name for name in figure_names(calibration)]
        for figure, path in zip(drawn, paths, strict=True):
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format="svg", metadata={"Date": None})
    return paths


def _planted_figure(table: PlantedTable) -> "Figure":
    """Draw measured IC and net Sharpe ratio against planted IC, one line a learner."""
    figure, (left, right) = _two_panels()
    levels = sorted({row.level for row in table.rows})
    learners = list(dict.fromkeys(row.learner for row in table.rows))
    width = min((b - a for a, b in pairwise(levels)), default=0.01) / (2 * len(learners))
    for position, learner in enumerate(learners):
        rows = [row for row in table.rows if row.learner == learner]
        places = [row.level + (position - (len(learners) - 1) / 2) * width for row in rows]
        _whiskers(left, places, [row.ic for row in rows], label=learner)
        _whiskers(right, places, [row.sharpe for row in rows], label=learner)
    left.plot(levels, levels, color="black", linewidth=0.8, linestyle=":", label="planted = measured")
    left.set(xlabel="planted IC", ylabel="measured rank IC, test", title="SYNTHETIC: what is found")
    right.set(xlabel="planted IC", ylabel="net Sharpe ratio, annual", title="SYNTHETIC: what it earns after costs")
    left.legend(fontsize=7)
    return figure


def _temperature_figure(table: TemperatureTable) -> "Figure":
    """Draw validation and test IC against τ, one line a scale."""
    figure, panels = _two_panels()
    for axes, name, title in zip(panels, ("validation_ic", "test_ic"), ("validation", "test"), strict=True):
        for position, scale in enumerate(dict.fromkeys(row.rank_scale for row in table.rows)):
            rows = [row for row in table.rows if row.rank_scale == scale]
            places = [row.temperature * 1.08**position for row in rows]
            _whiskers(axes, places, [getattr(row, name) for row in rows], label=scale)
        axes.set(xscale="log", xlabel="temperature τ", ylabel=f"rank IC, {title}", title=table.market)
    panels[0].legend(fontsize=7)
    return figure


def _two_panels() -> tuple["Figure", tuple["Axes", "Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, (left, right)


def _whiskers(axes: "Axes", places: list[float], intervals: list, *, label: str) -> None:
    """Draw estimates with their intervals; one without bounds has none."""
    reach = [[one.estimate - one.low for one in intervals], [one.high - one.estimate for one in intervals]]
    axes.errorbar(
        places,
        [one.estimate for one in intervals],
        yerr=reach,
        label=label,
        marker="o",
        markersize=3,
        linewidth=1,
        capsize=2,
    )
