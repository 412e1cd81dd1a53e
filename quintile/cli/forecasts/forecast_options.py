"""Options that the commands of forecasts share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ForecastStore"]

ForecastStore = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of forecasts and their studies.")]
