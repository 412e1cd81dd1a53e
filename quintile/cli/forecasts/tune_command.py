"""``quintile forecast tune``: the best forecaster of every symbol, searched on validation and judged once on test."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import (
    Bars,
    End,
    ExchangeCode,
    Json,
    Open,
    PointInTime,
    Quiet,
    Start,
    Verbose,
    command_line,
    interruptible,
    show_file,
)

if TYPE_CHECKING:
    from strategy.forecasts.tuning.tuning_plan import PlannedStudy

__all__ = ["TUNE_EXAMPLES", "tune_command"]

TUNE_EXAMPLES = """\b
Examples:
  quintile forecast tune --symbols AAPL,MSFT --bars bars.parquet
  quintile forecast tune --symbols list.txt --bars bars.parquet --models fracast,lstm_compact,arima --workers 3
  quintile forecast tune --symbols all --bars builtin:n_tickers=25 --models linear,arima --trials 10

The same command goes on where it was killed. Validation selects; test is judged once, for what was selected."""

Studies = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of forecasts and their studies.")]


def tune_command(
    symbols: Annotated[
        str, typer.Option(metavar="LIST", help="Symbols parted by commas, a file with one a line, or all.")
    ],
    bars: Bars = "builtin",
    models: Annotated[
        str, typer.Option(metavar="LIST", help="Forecasters to search; keys set behind colons stay.")
    ] = "linear,arima,smoothing",
    trials: Annotated[int, typer.Option(help="Settings looked at, of each symbol and forecaster.")] = 30,
    workers: Annotated[int, typer.Option(help="Processes at once.")] = 1,
    on: Annotated[str, typer.Option(help="Where workers run: processes, or ray.")] = "processes",
    horizons: Annotated[str, typer.Option(metavar="LIST", help="Sessions ahead, such as 1,5, or 1..7.")] = "1",
    every: Annotated[int, typer.Option(min=1, help="Sessions from one judged origin to the next.")] = 1,
    clock: Annotated[str, typer.Option(help="Where a return starts: close, or next_open.")] = "close",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    start: Start = None,
    end: End = None,
    exchange: ExchangeCode = None,
    point_in_time: PointInTime = False,
    out: Studies = Path("forecasts"),
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search the settings of forecasters for every symbol, select on validation, and judge the selected on test."""
    from core.parallel import Workers
    from market.inputs import load_inputs
    from market.request import BarsRequest
    from quintile.cli.forecasts.told_lists import told_horizons, told_symbols, told_words
    from quintile.cli.forecasts.tune_table import watched
    from strategy.forecasts.forecast_task import TaskSettings
    from strategy.forecasts.tuning.tuning_plan import TuningPlan, plan_study
    from strategy.forecasts.tuning.tuning_study import tune

    some = Workers(count=workers, on=on)
    told = {"horizons": told_horizons(horizons), "every": every, "clock": clock, "seed": seed}
    named, words = told_symbols(symbols), told_words(models)
    settings = TaskSettings.told(told)
    TuningPlan(symbols=named or ("all",), models=words, settings=settings, trials=trials)  # before bars are read
    request = BarsRequest(bars=bars, start=start, end=end, exchange=exchange, point_in_time=point_in_time)
    panel = load_inputs(request).panel
    plan = TuningPlan(symbols=named or tuple(map(str, panel.tickers)), models=words, settings=settings, trials=trials)
    planned = plan_study(plan, panel, out)
    with (
        interruptible("what was finished is kept: the same command goes on"),
        watched(planned, workers=workers, quiet=quiet or as_json) as progress,
    ):
        tune(planned, workers=some, progress=progress)
    _show(planned, open_=open_, as_json=as_json, quiet=quiet)


def _show(planned: "PlannedStudy", *, open_: bool, as_json: bool, quiet: bool) -> None:
    """Draw the page of a study that is through, and print what it came to."""
    from backtests.forecasts.tuning_measures import TuningMeasures
    from backtests.report.forecasts.tuning_page import tuning_page
    from backtests.report.forecasts.tuning_words import symbol_table, tuning_findings
    from core.files import write_text
    from quintile.cli.console import table as drawn
    from strategy.forecasts.tuning.study_store import STUDY_FILE, load_losses, load_study

    results = load_study(planned.store, planned.study)
    measures = TuningMeasures.of(results, load_losses(planned.store, planned.study))
    page, findings = planned.folder / "study.html", tuning_findings(measures)
    write_text(page, tuning_page(measures, command=command_line()))
    if as_json:
        told = {"study": results.study, "findings": findings, "results": str(planned.folder / STUDY_FILE)}
        print(json.dumps({**told, "page": str(page)}, indent=2))
        return
    columns, rows = symbol_table(measures)
    drawn("Selected on validation, judged on test", list(columns), rows, in_parts=True)
    print("\n".join([*findings, f"study {results.study}"]))
    show_file(page, open_=open_, as_json=False, quiet=quiet)
