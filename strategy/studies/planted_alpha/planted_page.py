"""Planted-alpha page: the calibration as Markdown, conventions first, every number from the cells."""

from pathlib import Path

from core.files import require_new, write_text
from strategy.studies.planted_alpha.market_calibration import Calibration
from strategy.studies.planted_alpha.null_markets import NullTable
from strategy.studies.planted_alpha.planted_figures import figure_names, write_figures
from strategy.studies.planted_alpha.planted_markets import PlantedRow, PlantedTable
from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings
from strategy.studies.planted_alpha.study_tables import text_tables

__all__ = ["PAGE", "render_page", "write_page"]

PAGE = "planted_alpha.md"
TITLE = "# What the pipeline finds of a planted alpha"

CONVENTIONS = """\
- SYNTHETIC: a table that says so is of built-in markets (`docs/synthetic_market.md`). It measures what the machinery
  can find, never that a strategy works, and enters no trial log. A setting tried on real bars is a trial and is logged.
- IC: mean over the test sessions of the within-session rank correlation with the forward return (fill at the next
  open, one session held), on names with a full window and an oracle score; the same names for every learner.
- Intervals: Student's t over seeds, 95 %. A seed is a market and, on it, a training, so an interval counts the luck of
  both. Seeds are few: with three, an interval reaches 4.3 standard errors to either side.
- Not HAC errors along the oracle: the factor that its holders share has mean 0 in every block of 250 sessions, which
  errors for dependent sessions cannot know; they come out too wide. Training, validation and test are whole blocks.
- Recovery: measured IC ÷ the oracle's IC on the same names and sessions, ratio of means over seeds with Fieller's
  interval (1954); "no bounds" where the oracle's own IC is not significant. Nothing to recover at a planted IC of 0.
- Net Sharpe ratio: annual (252 sessions), after costs, of the `quintile_long_short` book on the scores.
- The oracle is measured on more markets than the learners, because it needs no training; on the learners' own few
  markets, whose last years are shared by all strengths, it may be lucky or not.
- One seed draws the same market at every planted IC: compare down a column, and do not count rows as independent.
"""


def write_page(calibration: Calibration, folder: Path) -> list[Path]:
    """Write ``planted_alpha.md`` and its figures; return the paths."""
    path = folder / PAGE
    require_new(path, what="page", ours=TITLE)
    write_text(path, render_page(calibration))
    return [path, *write_figures(calibration, folder)]


def render_page(calibration: Calibration) -> str:
    """The page as Markdown, ended by a newline."""
    parts = [TITLE, _setting(calibration.settings), CONVENTIONS.rstrip()]
    figures = figure_names(calibration)
    for title, columns, rows in text_tables(calibration):
        parts += [f"## {title}", _markdown(columns, rows)]
    parts += [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in figures]
    parts += ["## What follows", "\n".join(f"- {sentence}" for sentence in _findings(calibration))]
    return "\n\n".join(parts) + "\n"


def _setting(settings: PlantedAlphaSettings) -> str:
    spec = settings.spec()
    numbers = spec.sections()["model"]
    network = f"{numbers['layers']} × {numbers['hidden']} units, {numbers['lookback']} sessions"
    return (
        f"Written by `quintile calibrate-market`. Markets of {settings.n_tickers} names and {settings.n_sessions:,} "
        f"sessions, seeds {', '.join(map(str, settings.seeds))}; the first {spec.split.train:.0%} train, the next "
        f"{spec.split.validation:.0%} validate, the rest test. Network: {network}, at most {spec.training.max_epochs} "
        f"epochs, patience {spec.training.patience}."
    )


def _markdown(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)


def _findings(calibration: Calibration) -> list[str]:
    """Findings of the tables, one sentence each."""
    sentences = [] if calibration.planted is None else _planted_findings(calibration.planted)
    return sentences + ([] if calibration.null is None else [_null_finding(calibration.null)])


def _planted_findings(table: PlantedTable) -> list[str]:
    uncovered = ", ".join(f"{level:g}" for level in table.uncovered)
    beyond = ", ".join(f"{row.learner} at {row.level:g}" for row in table.beyond_oracle)
    sentences = [
        f"Over {len(table.oracle_seeds)} markets the oracle's interval does not hold the planted IC at {uncovered}."
        if uncovered
        else f"Over {len(table.oracle_seeds)} markets the oracle's interval holds the planted IC at every strength.",
        f"Recovery is significantly above 1: {beyond}. Look for a leak."
        if beyond
        else "No learner's recovery is above 1 beyond noise.",
    ]
    return sentences + [_least_found(table, learner) for learner in dict.fromkeys(row.learner for row in table.rows)]


def _least_found(table: PlantedTable, learner: str) -> str:
    significant: list[PlantedRow] = [
        row for row in table.rows if row.learner == learner and row.ic.low > 0.0 < row.level
    ]
    if not significant:
        return f"{learner}: its IC is significantly above zero at no planted IC here."
    least = min(row.level for row in significant)
    return f"{learner}: its IC is significantly above zero from a planted IC of {least:g} on."


def _null_finding(table: NullTable) -> str:
    return (
        f"Ridge on {table.seeds} null markets: {table.within} within two standard errors of zero, "
        f"{table.evidence} called EVIDENCE by the rule of `docs/verdict.md`, {table.verdicts['EVIDENCE']} with the "
        f"market's being synthetic set aside."
    )
