"""``quintile features``: compute a feature set on bars, cache it, and print its coverage."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import (
    End,
    ExchangeCode,
    Json,
    Quiet,
    Start,
    Universe,
    Verbose,
)

if TYPE_CHECKING:
    from core.progress import ProgressCallback
    from signals.catalogue import Catalogue
    from signals.catalogue.feature_coverage import Featured

__all__ = ["FEATURES_EXAMPLES", "features_command"]

FEATURES_EXAMPLES = """\b
Examples:
  quintile features us --set core14
  quintile features bars.parquet --universe top400 --memory 4GB --workers 2
  quintile features us --on ray --workers 8 --out shared/features
  quintile features us --set wide95 --catalogue features.html
  quintile features us --no-cache --json"""


def features_command(
    bars: Annotated[
        str, typer.Argument(metavar="BARS", help="builtin, a stored data set, or a file or folder of bars.")
    ],
    set_: Annotated[str, typer.Option("--set", help="Feature set, e.g. core14 or wide95.")] = "core14",
    universe: Universe = "all",
    start: Start = None,
    end: End = None,
    exchange: ExchangeCode = None,
    dtype: Annotated[
        str, typer.Option(help="Stored precision: float64, which runs read, or float32; arithmetic is float64.")
    ] = "float64",
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory limit, e.g. 4GB.")] = None,
    workers: Annotated[int | None, typer.Option(help="Parallel workers; one per core by default.")] = None,
    on: Annotated[str, typer.Option(help="Where to compute: threads, processes or ray.")] = "threads",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Cache folder; beside the data by default.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Recompute, and do not cache.")] = False,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write an HTML page: definition, coverage, rank IC and cluster of each feature."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compute a feature set and cache it for later runs; cached features are only read."""
    from core.files import require_apart, require_new
    from core.memory import memory_of
    from quintile.cli.console import table
    from quintile.progress_display import progress_bars
    from signals.catalogue.catalogue_page import PAGE_TITLE
    from signals.catalogue.feature_coverage import featured
    from signals.features import Computing, cache_home

    if no_cache and out is not None:
        raise ValueError("--out sets the cache folder and --no-cache turns the cache off: give one of them")
    if catalogue is not None:
        require_apart(catalogue, bars, universe.split(",")[0], what="--catalogue")
        require_new(catalogue, what="--catalogue", ours=PAGE_TITLE)
    cache = None if no_cache else out or cache_home()
    limit = None if memory is None else memory_of(memory)
    with progress_bars(quiet=quiet or as_json) as progress:
        computing = Computing(dtype=dtype, memory=limit, cache=cache, workers=workers, on=on, progress=progress)
        covered = featured(bars, set_, universe=universe, span=(start, end), exchange=exchange, computing=computing)
        measured = None if catalogue is None else _write_catalogue(covered, set_, catalogue, progress)
    if as_json:
        shown = covered.as_json() if measured is None else measured.as_json() | {"page": str(catalogue)}
        print(json.dumps(shown, indent=2))
    elif measured is None:
        table("", ["feature", "group", "coverage"], covered.rows)
        if not quiet:
            print(covered.sentence)
    else:
        table(measured.facts["bars"], ["feature", "group", "coverage", "rank IC", "± 95 %", "cluster"], measured.rows)
        print(measured.sentence)
        print(catalogue)


def _write_catalogue(covered: "Featured", feature_set: str, path: Path, progress: "ProgressCallback") -> "Catalogue":
    from signals.catalogue import CatalogueOptions, measure_catalogue, write_catalogue

    options = CatalogueOptions(progress=progress)
    measured = measure_catalogue(covered.panel, feature_set, features=covered.features, options=options)
    write_catalogue(measured, path)
    return measured
