"""Forecast extra: libraries that only forecasting needs, imported with the line that installs what is missing."""

from importlib import import_module
from typing import Any

from core.errors import MissingExtraError

__all__ = ["forecast_library"]


def forecast_library(name: str, *, extra: str = "forecast") -> Any:
    """Import a module of the libraries that only forecasting needs.

    Parameters
    ----------
    name : str
        The module, such as ``"statsmodels.tsa.holtwinters"``.
    extra : str
        The extra that installs its library.

    Raises
    ------
    MissingExtraError
        If its library is not installed.

    Examples
    --------
    >>> from models.forecasters.forecast_extra import forecast_library
    >>> forecast_library("statsmodels.tsa.holtwinters").ExponentialSmoothing.__name__
    'ExponentialSmoothing'
    """
    library = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != library:  # the library is there, something that it needs is not
            raise
        raise MissingExtraError(f"{library} is not installed: `pip install 'quintile[{extra}]'`") from missing
