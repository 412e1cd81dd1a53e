"""``quintile forecast``: single series forecast by many models, beside doing nothing."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.forecasts.best_command import BEST_EXAMPLES, best_command
from quintile.cli.forecasts.check_command import CHECK_EXAMPLES, check_command
from quintile.cli.forecasts.claims_command import CLAIMS_EXAMPLES, claims_command
from quintile.cli.forecasts.compare_command import FORECAST_COMPARE_EXAMPLES, compare_command
from quintile.cli.forecasts.forecast_options import ForecastStore
from quintile.cli.forecasts.next_command import NEXT_EXAMPLES, next_command
from quintile.cli.forecasts.rerank_command import RERANK_EXAMPLES, rerank_command
from quintile.cli.forecasts.tune_command import TUNE_EXAMPLES, tune_command
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

__all__ = ["add_forecast_commands"]

RUN_EXAMPLES = """\b
Examples:
  quintile forecast run AAPL --bars bars.parquet
  quintile forecast run SPY,QQQ,DIA,IWM --bars etfs.parquet --models lstm_attention,linear,arima --ensemble validation
  quintile forecast run all --bars builtin --models linear,ar,arima --ensemble mean --ensemble .5,.2,.3 --fit each
  quintile forecast run all --bars builtin --models linear,arima:p=1:q=0 --horizons 1,5
  quintile forecast run all --bars builtin --as-scores scores.parquet --horizon 5

Persistence, drift, historical mean, historical volatility and EMA always stand beside the models."""


def add_forecast_commands(app: typer.Typer) -> None:
    """Add the group ``forecast``."""
    forecasts = typer.Typer(help="Forecast single series, judged against doing nothing.", no_args_is_help=True)
    forecasts.command("run", epilog=RUN_EXAMPLES)(run_command)
    forecasts.command("best", epilog=BEST_EXAMPLES)(best_command)
    forecasts.command("compare", epilog=FORECAST_COMPARE_EXAMPLES)(compare_command)
    forecasts.command("rerank", epilog=RERANK_EXAMPLES)(rerank_command)
    forecasts.command("next", epilog=NEXT_EXAMPLES)(next_command)
    forecasts.command("check", epilog=CHECK_EXAMPLES)(check_command)
    forecasts.command("tune", epilog=TUNE_EXAMPLES)(tune_command)
    forecasts.command("claims", epilog=CLAIMS_EXAMPLES)(claims_command)
    app.add_typer(forecasts, name="forecast")


def run_command(
    symbols: Annotated[
        str, typer.Argument(metavar="SYMBOLS", help="Symbols parted by commas, a file of them, or all.")
    ],
    bars: Bars = "builtin",
    models: Annotated[
        str, typer.Option(metavar="LIST", help="Forecasters, with keys behind colons.")
    ] = "linear,ar,smoothing",
    ensemble: Annotated[
        list[str] | None,
        typer.Option(metavar="HOW", help="Also of all models: mean, validation, trimmed:0.1, or weights .5,.2,.3."),
    ] = None,
    fit: Annotated[
        str | None, typer.Option(help="Of models that learn from all series: pooled, each alone, or finetune on each.")
    ] = None,
    horizons: Annotated[str, typer.Option(metavar="LIST", help="Sessions ahead, such as 1,5, or 1..7.")] = "1..7",
    clock: Annotated[str, typer.Option(help="Where a return starts: close, or next_open.")] = "close",
    every: Annotated[int, typer.Option(min=1, help="Sessions from one judged origin to the next.")] = 1,
    refit: Annotated[
        int | None, typer.Option(min=1, help="Fit again after so many test sessions; once by default.")
    ] = None,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Drop as many old sessions as come in with each refit.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    start: Start = None,
    end: End = None,
    exchange: ExchangeCode = None,
    point_in_time: PointInTime = False,
    page: Annotated[Path, typer.Option(metavar="FILE.html", help="Path of the HTML page.")] = Path("forecast.html"),
    as_scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the chosen model's test forecasts as scores for evaluate."),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Sessions ahead of --as-scores; the first horizon by default.")
    ] = None,
    out: ForecastStore = Path("forecasts"),
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fit forecasters on the first sessions, choose on the next, and judge them once on the last."""
    from backtests.report.forecasts.forecast_page import forecast_page
    from backtests.report.forecasts.forecast_words import error_table, findings
    from backtests.report.html_page import PAGE_MARK
    from core.files import require_new, write_text
    from market.inputs import load_inputs
    from market.request import BarsRequest
    from models.forecasters.ensemble_forecaster import named_ensembles
    from models.forecasters.forecaster_settings import fitted_as, forecaster_settings
    from quintile.cli.console import table as drawn
    from quintile.cli.forecasts.score_option import check_score_option, save_scores
    from quintile.cli.forecasts.told_lists import told_horizons, told_symbols, told_words
    from quintile.progress_display import progress_bars
    from strategy.forecasts.forecast_study import study_forecasts
    from strategy.forecasts.forecast_task import TaskSettings, forecast_task

    words = [fitted_as(word, fit) for word in told_words(models)]
    wanted = {word: forecaster_settings(word) for word in words}
    ensembles = named_ensembles(ensemble or [])
    for each in ensembles.values():
        each.check(list(wanted))
    told = {"clock": clock, "every": every, "refit": refit, "rolling": rolling, "seed": seed}
    settings = TaskSettings.told({"horizons": told_horizons(horizons), **told})
    require_new(page, what="--page", ours=PAGE_MARK)
    request = BarsRequest(bars=bars, start=start, end=end, exchange=exchange, point_in_time=point_in_time)
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        task = forecast_task(load_inputs(request).panel, told_symbols(symbols), settings)
        check_score_option(as_scores, horizon, horizons=settings.horizons, n_names=len(task.panel.tickers), bars=bars)
        study = study_forecasts(task, wanted, ensembles=ensembles, store=out, progress=progress)
    write_text(page, forecast_page(study, command=command_line()))
    handed_on = [] if as_scores is None else [save_scores(study, as_scores, horizon=horizon)]
    if as_json:
        scores = {} if as_scores is None else {"scores": str(as_scores)}
        print(json.dumps({"findings": findings(study), "page": str(page), **scores}, indent=2))
        return
    columns, rows = error_table(study)
    drawn("Every measure, on test", list(columns), rows, in_parts=True)
    print("\n".join([*findings(study), *handed_on]))
    show_file(page, open_=open_, as_json=False, quiet=quiet)
