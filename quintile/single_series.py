"""Single series: forecasts of some symbols by many models, judged against doing nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import pandas as pd

from backtests.forecasts.forecast_results import ForecastResults, ForecastRow
from backtests.report.forecasts.forecast_words import error_table, findings
from core.files import require_new, write_text
from models.forecasters.ensemble_forecaster import named_ensembles
from models.forecasters.forecaster_settings import QUICK, forecaster_settings
from quintile.bar_frames import Bars, inputs_for
from quintile.progress_display import shown_progress
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import TaskSettings, forecast_task
from strategy.runs.result import ReportPath

__all__ = ["ForecastStudy", "forecast"]

DEFAULT_STORE = "forecasts"


class ForecastOptions(TypedDict, total=False):
    """What a forecast may be told beside symbols, bars and models: the fields of ``TaskSettings``, and ensembles."""

    horizons: tuple[int, ...]
    clock: Literal["close", "next_open"]
    every: int
    refit: int | None
    rolling: bool
    seed: int
    ensembles: Sequence[str]
    store: str | Path
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ForecastStudy:
    """Forecasters of some series, and what they came to beside doing nothing; print it.

    Parameters
    ----------
    results : ForecastResults
        Every forecaster with its forecasts and scores.

    Examples
    --------
    >>> study = qt.forecast(["SYN000"], bars, models=["ar"], horizons=(1,), store=store, quiet=True)
    >>> study.measures.index[0]
    'persistence'
    """

    results: ForecastResults

    @property
    def findings(self) -> list[str]:
        """What the study says, in plain sentences."""
        return findings(self.results)

    @property
    def measures(self) -> pd.DataFrame:
        """Every measure of every forecaster on test, as text, with ranges; trivial ones first."""
        columns, rows = error_table(self.results)
        return pd.DataFrame(rows, columns=list(columns)).set_index(columns[0])

    def forecasts(self, name: str, *, horizon: int = 1) -> pd.DataFrame:
        """Expected simple returns of one forecaster at the test origins, sessions × tickers; NaN where it said nothing.

        Raises
        ------
        ValueError
            If no forecaster has the name, or none was asked over the horizon.
        """
        return self._row(name).test.at(horizon)

    def report(self, path: str | Path = "forecast.html") -> ReportPath:
        """Write one HTML page that works offline: skill, ranges, calibration, residuals and every measure.

        Raises
        ------
        ValueError
            If a file is there that is no report.
        """
        from backtests.report.forecasts.forecast_page import forecast_page
        from backtests.report.html_page import PAGE_MARK

        page = ReportPath(path)
        require_new(page, what="report", ours=PAGE_MARK)
        write_text(page, forecast_page(self.results, command="qt.forecast"))
        return page

    def _row(self, name: str) -> ForecastRow:
        found = {row.name: row for row in self.results.rows}
        if name not in found:
            raise ValueError(f"no forecaster {name!r} was asked: there are {', '.join(found)}")
        return found[name]

    def __str__(self) -> str:
        return "\n".join(self.findings)

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.results.panel.tickers[:3]))
        return f"<ForecastStudy of {names}: {len(self.results.models)} models>"

    def _repr_html_(self) -> str:
        from html import escape

        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.findings)
        return said + self.measures.to_html(escape=True)


def forecast(
    symbols: str | Sequence[str] | None,
    bars: Bars,
    *,
    models: Sequence[str] = QUICK,
    **options: Unpack[ForecastOptions],
) -> ForecastStudy:
    """Fit forecasters on the first sessions, choose on the next, and judge them once on the last.

    Parameters
    ----------
    symbols : str, sequence of str or None
        Series that are forecast; all of the bars where None.
    bars : Panel, Inputs or DataFrame
        Daily bars.
    models : sequence of str
        Forecasters, with keys behind colons such as ``"arima:p=2:q=1"``; persistence, drift, historical mean,
        historical volatility and EMA always stand beside them.
    **options
        ``horizons``: sessions ahead, 1 to 7 by default. ``clock``: a return starts at the ``"close"`` of the origin, or
        at the ``"next_open"``. ``every``: sessions from one judged origin to the next. ``refit``: test sessions after
        which forecasters are fitted again, ``rolling`` with as many old ones dropped. ``seed``: of everything random.
        ``ensembles``: rows more of all models, each ``"mean"``, ``"validation"``, ``"trimmed:0.1"`` or weights such as
        ``".5,.2,.3"``. ``store``: folder of forecasts in whose log the models are counted, ``"forecasts"`` by default.
        ``quiet``: no progress bars.

    Returns
    -------
    ForecastStudy
        Prints what was found; ``report`` writes the page.

    Raises
    ------
    ValueError
        If a model, a key or an option is unknown.
    DataError
        If a symbol is unknown or has too little history.
    MissingExtraError
        If a model needs a library that is not installed.

    Examples
    --------
    >>> study = qt.forecast(["SYN000", "SYN001"], bars, models=["linear"], store=store, quiet=True)
    >>> study.findings[0].startswith("No model beats persistence")
    True
    """
    unknown = sorted(set(options) - ForecastOptions.__annotations__.keys())
    if unknown:
        known = ", ".join(ForecastOptions.__annotations__)
        raise ValueError(f"forecast has no option {unknown[0]!r}: it takes {known}")
    told = {key: value for key, value in options.items() if key not in ("ensembles", "store", "quiet")}
    store = Path(options.get("store", DEFAULT_STORE))
    ensembles = named_ensembles(options.get("ensembles", ()))
    wanted = {word: forecaster_settings(word) for word in ([models] if isinstance(models, str) else models)}
    names = [symbols] if isinstance(symbols, str) else symbols
    with shown_progress(quiet=options.get("quiet", False)) as progress:
        task = forecast_task(inputs_for(bars).panel, names, TaskSettings.told(told))
        results = study_forecasts(task, wanted, ensembles=ensembles, store=store, progress=progress)
    return ForecastStudy(results=results)
