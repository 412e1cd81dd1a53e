"""``quintile forecast claims``: headlines of forecasters beside what honest data say."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import End, ExchangeCode, Json, PointInTime, Quiet, Start, Verbose, interruptible

__all__ = ["CLAIMS_EXAMPLES", "claims_command"]

CLAIMS_EXAMPLES = """\b
Examples:
  quintile forecast claims
  quintile forecast claims --docs docs --bars us_wide.parquet

The built-in market is always there; --bars stand beside it. Takes one to three minutes."""


def claims_command(
    bars: Annotated[str | None, typer.Option(help="Bars beside the built-in market: as --bars of run.")] = None,
    docs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of claims.md and its picture.")] = Path(),
    start: Start = None,
    end: End = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Try seven headlines of forecasters on the built-in market, and on bars, and write the page about them."""
    from backtests.forecasts.claims.measured_claims import measure_claims
    from backtests.report.forecasts.claims_page import check_claims_folder, write_claims
    from core.files import require_apart
    from market.inputs import load_inputs
    from market.request import BarsRequest
    from quintile.progress_display import progress_bars

    if bars is None and (start, end, exchange, point_in_time) != (None, None, None, False):
        raise ValueError("--start, --end, --exchange and --point-in-time are of given bars: name them with --bars")
    check_claims_folder(docs)
    requests = [BarsRequest(bars="builtin")]
    command = f"quintile forecast claims --docs {docs.name or '.'}"
    if bars is not None:
        require_apart(docs / "claims.md", bars, what="--docs")
        requests.append(BarsRequest(bars=bars, start=start, end=end, exchange=exchange, point_in_time=point_in_time))
        command += f" --bars {Path(bars).name}".replace("`", "'")
    panels = [load_inputs(request).panel for request in requests]  # bars that cannot be read stop it at once
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        found = [measure_claims(panel, seed=seed, progress=progress) for panel in panels]
    paths = write_claims(found, docs, command=command)
    if as_json:
        print(json.dumps({"pages": [str(path) for path in paths]}, indent=2))
        return
    print("\n".join(str(path) for path in paths))
