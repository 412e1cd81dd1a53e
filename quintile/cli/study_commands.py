"""``quintile calibrate-market``: the planted-alpha study, the power of the pipeline on markets with a known alpha."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.bar_requests import bars_request
from quintile.cli.options import ExchangeCode, Json, Quiet, Verbose, run_store

if TYPE_CHECKING:
    from strategy.studies.planted_alpha.market_calibration import Study
    from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings

__all__ = ["CALIBRATE_EXAMPLES", "calibrate_command"]

CALIBRATE_EXAMPLES = """\b
Examples:
  quintile calibrate-market
  quintile calibrate-market --study planted --seeds 1,2,3,4,5 --workers 4
  quintile calibrate-market --study temperature --bars bars.parquet --universe top400
  quintile calibrate-market --full --out calibration-full
  quintile calibrate-market --study all --docs docs

An interrupted study resumes when the command is repeated: finished cells are cached in --out. Results on synthetic
markets are not trials; every setting of the temperature study on --bars is one, and is logged in --runs."""


def calibrate_command(
    study: Annotated[str, typer.Option(help="Study to run: planted, null, temperature or all.")] = "planted",
    full: Annotated[
        bool, typer.Option("--full", help="Use the shipped network, 2 × 128 units and 90 sessions; takes days.")
    ] = False,
    seeds: Annotated[
        str, typer.Option(metavar="LIST", help="Seeds, each a market and a training; at least two.")
    ] = "1,2,3",
    bars: Annotated[str | None, typer.Option(help="Real bars for the temperature study.")] = None,
    universe: Annotated[str, typer.Option(help="Universe of --bars: all, topN or a member file.")] = "all",
    exchange: ExchangeCode = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the network, e.g. model.hidden=64; repeatable."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Parallel processes, one thread each; the numbers do not depend on it.")
    ] = 2,
    on: Annotated[str, typer.Option(help="Where to compute: processes or ray.")] = "processes",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of cells and results.")] = Path(
        "calibration"
    ),
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs; its log counts trials on --bars.")] = Path(
        "runs"
    ),
    docs: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write the page and its figures here.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Planted-alpha study: how much of a known alpha the pipeline recovers, and its false positives."""
    from core.parallel import Workers
    from quintile.cli.console import table
    from quintile.progress_display import progress_bars
    from strategy.studies.planted_alpha.market_calibration import calibrate_market, save_calibration
    from strategy.studies.planted_alpha.planted_page import write_page
    from strategy.studies.planted_alpha.study_tables import text_tables
    from strategy.studies.planted_alpha.temperature import RealBars

    request = None if bars is None else bars_request(bars, universe, exchange=exchange)
    real = None if request is None else RealBars(request=request, store=run_store(runs))
    if request is not None:
        from market.inputs import load_inputs

        load_inputs(request)  # bars that cannot be read stop it before hours of training
    settings, studies = _settings(full, seeds, set_ or []), _studies(study)
    try:
        with progress_bars(quiet=quiet or as_json) as progress:
            calibration = calibrate_market(
                settings,
                studies=studies,
                out=out,
                real=real,
                workers=Workers(count=workers, on=on),
                progress=progress,
            )
    except KeyboardInterrupt as interrupt:
        print(f"quintile: interrupted; repeat the command to resume, finished cells are in {out}", file=sys.stderr)
        raise typer.Exit(130) from interrupt
    paths = [save_calibration(calibration, out), *write_page(calibration, out)]
    if docs is not None:
        paths += write_page(calibration, docs)
    if as_json:
        print(json.dumps(calibration.as_json(), indent=2))
        return
    for shown in text_tables(calibration):
        table(*shown)
        print()
    print("\n".join(str(path) for path in paths))


def _settings(full: bool, seeds: str, assignments: list[str]) -> "PlantedAlphaSettings":
    from strategy.studies.planted_alpha.study_settings import FULL, PlantedAlphaSettings

    chosen = PlantedAlphaSettings()
    network = FULL if full else chosen.assignments
    changes = {"seeds": _numbers(seeds), "assignments": (*network, *assignments)}
    return PlantedAlphaSettings(**(chosen.model_dump() | changes))


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts) or len(set(parts)) < max(2, len(parts)):
        raise ValueError(f"--seeds takes two or more different whole numbers such as 1,2,3, was {text!r}")
    return tuple(int(part) for part in parts)


def _studies(study: str) -> "tuple[Study, ...]":
    from strategy.studies.planted_alpha.market_calibration import STUDIES

    if study == "all":
        return STUDIES
    chosen = tuple(known for known in STUDIES if known == study)
    if not chosen:
        raise ValueError(f"--study takes {', '.join(STUDIES)} or all, was {study!r}")
    return chosen
