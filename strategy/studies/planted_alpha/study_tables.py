"""Study tables: titles, columns and rows of text of every study, the same on the console and on the page."""

import math
from typing import NamedTuple

from core.intervals import Interval
from strategy.studies.planted_alpha.market_calibration import Calibration
from strategy.studies.planted_alpha.null_markets import NullTable
from strategy.studies.planted_alpha.planted_markets import PlantedTable
from strategy.studies.planted_alpha.temperature import TemperatureTable

__all__ = ["TextTable", "text_tables"]


class TextTable(NamedTuple):
    """A table of text cells."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def text_tables(calibration: Calibration) -> list[TextTable]:
    """The tables of the studies that were run."""
    tables = [] if calibration.planted is None else [_planted(calibration.planted), _oracle(calibration.planted)]
    tables += [] if calibration.null is None else [_null(calibration.null)]
    return tables + [_temperature(table) for table in calibration.temperature]


def _planted(table: PlantedTable) -> TextTable:
    columns = ["planted IC", "learner", "measured IC", "recovery", "correlation with oracle", "net Sharpe"]
    rows = [
        [
            f"{row.level:.2f}",
            row.learner,
            _interval(row.ic, "+.4f"),
            _interval(row.recovery, ".2f"),
            _interval(row.oracle_correlation, "+.2f"),
            _interval(row.sharpe, "+.2f"),
        ]
        for row in table.rows
    ]
    return TextTable(f"Planted markets, 95 % intervals over {len(table.seeds)} seeds (SYNTHETIC)", columns, rows)


def _oracle(table: PlantedTable) -> TextTable:
    rows = [[f"{level:.2f}", _interval(ic, "+.4f")] for level, ic in table.oracle.items()]
    title = f"The oracle, 95 % intervals over {len(table.oracle_seeds)} markets (SYNTHETIC)"
    return TextTable(title, ["planted IC", "measured IC"], rows)


def _null(table: NullTable) -> TextTable:
    rows = [
        ["|IC| within two HAC standard errors of zero", f"{table.within} of {table.seeds}"],
        ["mean IC ± standard error over markets", f"{table.mean_ic:+.4f} ± {table.ic_error:.4f}"],
        ["mean net Sharpe ratio", f"{table.mean_sharpe:+.2f}"],
        ["verdict EVIDENCE by the rule as written", f"{table.evidence}"],
        *[[f"verdict {word}, the market's being synthetic set aside", f"{n}"] for word, n in table.verdicts.items()],
    ]
    return TextTable(f"Ridge on {table.seeds} null markets (SYNTHETIC)", ["", "markets"], rows)


def _temperature(table: TemperatureTable) -> TextTable:
    columns = ["scale", "τ", "validation IC", "its HAC error", "test IC", "its HAC error", "rank pull", "Huber pull"]
    rows = [
        [
            row.rank_scale,
            f"{row.temperature:g}",
            _interval(row.validation_ic, "+.4f"),
            f"{row.validation_error:.4f}",
            _interval(row.test_ic, "+.4f"),
            f"{row.test_error:.4f}",
            f"{row.rank_gradient:.2g}",
            f"{row.huber_gradient:.2g}",
        ]
        for row in table.rows
    ]
    return TextTable(f"Temperature on {table.market}, 95 % intervals over {len(table.seeds)} seeds", columns, rows)


def _interval(interval: Interval, form: str) -> str:
    if math.isnan(interval.estimate):
        return "–"
    bounds = "no bounds" if math.isnan(interval.low) else f"{interval.low:{form}} to {interval.high:{form}}"
    return f"{interval.estimate:{form}} ({bounds})"
