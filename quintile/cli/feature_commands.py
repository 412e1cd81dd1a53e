"""``quintile features``: compute a feature set on bars, keep it, and tell what it covers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import Json, Quiet, Universe, Verbose

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
    bars: Annotated[str, typer.Argument(metavar="BARS", help="builtin, a stored name, or a file or folder of bars.")],
    set_: Annotated[str, typer.Option("--set", help="Feature set.")] = "core14",
    universe: Universe = "all",
    start: Annotated[str | None, typer.Option(metavar="DATE", help="First session.")] = None,
    end: Annotated[str | None, typer.Option(metavar="DATE", help="Last session.")] = None,
    dtype: Annotated[str, typer.Option(help="What is kept: float32 or float64; arithmetic is float64.")] = "float32",
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Most to hold at a time, e.g. 4GB.")] = None,
    workers: Annotated[int | None, typer.Option(help="Blocks at a time; by default one a core.")] = None,
    on: Annotated[str, typer.Option(help="Who computes: threads, processes or ray.")] = "threads",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where features are kept; beside the data.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute afresh and keep nothing.")] = False,
    catalogue: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page: definition, coverage, rank IC, clusters.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compute a feature set and keep it, mapped and ready for the next run; what is kept already is only read."""
    from core.memory import memory_of
    from quintile.cli.console import progress_bars, table
    from signals.catalogue.feature_coverage import featured
    from signals.features import Computing, cache_home

    if no_cache and out is not None:
        raise ValueError("--out says where features are kept, --no-cache that they are not: give one of them")
    cache = None if no_cache else out or cache_home()
    most = None if memory is None else memory_of(memory)
    with progress_bars(quiet=quiet or as_json) as progress:
        computing = Computing(dtype=dtype, memory=most, cache=cache, workers=workers, on=on, progress=progress)
        told = featured(bars, set_, universe=universe, span=(start, end), computing=computing)
        measured = None if catalogue is None else _write_catalogue(told, set_, catalogue, progress)
    if as_json:
        shown = told.as_json() if measured is None else measured.as_json() | {"page": str(catalogue)}
        print(json.dumps(shown, indent=2))
    elif measured is None:
        table("", ["feature", "group", "coverage"], told.rows)
        if not quiet:
            print(told.sentence)
    else:
        table(measured.facts["bars"], ["feature", "group", "coverage", "rank IC", "± 95 %", "cluster"], measured.rows)
        print(measured.sentence)
        print(catalogue)


def _write_catalogue(told: "Featured", feature_set: str, path: Path, progress: "ProgressCallback") -> "Catalogue":
    from signals.catalogue import CatalogueOptions, measure_catalogue, write_catalogue

    options = CatalogueOptions(progress=progress)
    measured = measure_catalogue(told.panel, feature_set, features=told.features, options=options)
    write_catalogue(measured, path)
    return measured
