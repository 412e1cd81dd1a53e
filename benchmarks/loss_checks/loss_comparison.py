"""Loss comparison: one small network by several losses, seed by seed, each cell a run like those of the model table.

Each seed is a built-in market and a training. Beside it one loss is trained again and again on one market, so that what
the seed of a training does alone can be told from what a loss does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.parallel import Workers
from core.progress import ProgressCallback, silent
from market.request import BarsRequest
from market.sources.builtin_bars import builtin_source
from market.synthetic import SyntheticSettings
from signals.score_metrics import information_coefficient
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.model_table.contenders import DEFAULT_LOSS, Contender, contenders
from strategy.studies.model_table.model_comparison import holm
from strategy.studies.model_table.session_values import MarketMeasures, session_values, sharpe_values
from strategy.studies.model_table.table_cells import table_cells
from strategy.studies.model_table.table_settings import TableSettings
from strategy.studies.model_table.table_workers import cell_inputs, make_runs
from strategy.studies.model_table.two_way_errors import two_way_estimate

__all__ = ["LOSSES", "MODEL", "REFERENCE", "compared_losses", "repeated_trainings", "rows_of"]

MODEL = "gru:hidden=16"
REFERENCE = "mse"
LOSSES = (REFERENCE, "margin", "bpr", "ranknet", "listnet", "lambdarank_ic", "pearson", DEFAULT_LOSS)
MEASURES = ("rank_ic", "gross", "net", "volatility")
SIZE: Mapping[str, Any] = {"n_tickers": 100, "n_sessions": 900, "planted_ic": 0.05}
COMMAND = "python -m benchmarks.loss_page"


def compared_losses(
    seeds: Sequence[int], store: RunStore, *, workers: Workers | None = None, progress: ProgressCallback = silent
) -> dict[str, Any]:
    """Every loss on every seed's market: plain values of ``rows_of``, and each seed's mean rank IC.

    Parameters
    ----------
    seeds : sequence of int
        Each is a market and a training.
    store : RunStore
        Where runs are kept; those that are there are not made again.
    workers : Workers, optional
        This process by default; no number depends on it.
    progress : callable
        Called as runs are made.
    """
    settings = TableSettings(markets=("planted",), seeds=tuple(seeds), **SIZE)
    found = _measured(contenders([MODEL], LOSSES), settings, store, workers, progress)
    frames = {loss: {name: _frame(found[loss], name) for name in MEASURES} for loss in LOSSES}
    return {"size": dict(SIZE), "model": MODEL, "seeds": list(seeds), "rows": rows_of(frames)}


def repeated_trainings(
    seeds: Sequence[int], store: RunStore, *, workers: Workers | None = None, progress: ProgressCallback = silent
) -> dict[str, Any]:
    """The reference loss on the market of seed 1, once with each seed of a training: each one's mean rank IC."""
    bars = BarsRequest(bars=builtin_source(SyntheticSettings(seed=1, **SIZE)))
    settings = TableSettings(markets=("bars",), seeds=tuple(seeds), bars=bars)
    found = _measured(contenders([MODEL], (REFERENCE,)), settings, store, workers, progress)
    return {name: [float(each) for each in _frame(found[REFERENCE], name).mean()] for name in MEASURES}


def rows_of(frames: Mapping[str, Mapping[str, pd.DataFrame]]) -> dict[str, dict[str, Any]]:
    """Means with their ranges, and differences to the reference, paired by seed and session.

    Parameters
    ----------
    frames : mapping of str to mapping of str to DataFrame, shape (n_sessions, n_seeds)
        By loss, and by measure: rank IC, Sharpe ratios before and after costs, rank correlation of the scores with
        the names' volatility.

    Returns
    -------
    dict
        By loss and measure: ``mean``, ``low``, ``high``, ``by_seed``; for a loss that is not the reference also
        ``lead`` with its own range, ``p_value`` by Holm's rule among the losses, and ``smallest``, the lead that such a
        test finds four times in five.
    """
    others = [loss for loss in frames if loss != REFERENCE]
    rows: dict[str, dict[str, Any]] = {loss: {} for loss in frames}
    for name in MEASURES:
        leads = {loss: two_way_estimate(frames[loss][name] - frames[REFERENCE][name]) for loss in others}
        adjusted = dict(zip(leads, holm([lead.p_value for lead in leads.values()]), strict=True))
        for loss in frames:
            rows[loss][name] = _bounds(two_way_estimate(frames[loss][name]))
            rows[loss][name]["by_seed"] = [float(each) for each in frames[loss][name].mean()]
        for loss, lead in leads.items():
            rows[loss][name]["lead"] = _bounds(lead)
            rows[loss][name]["p_value"] = adjusted[loss]
            rows[loss][name]["smallest"] = lead.smallest_seen(tests=len(others))
    return rows


def _measured(
    models: Sequence[Contender],
    settings: TableSettings,
    store: RunStore,
    workers: Workers | None,
    progress: ProgressCallback,
) -> dict[str, dict[int, pd.DataFrame]]:
    """Numbers by session of every run, by loss and seed."""
    names = {each.name: each.loss or DEFAULT_LOSS for each in models if each.spec.model.kind != "ridge"}
    cells = [cell for cell in table_cells(models, settings.resolved()) if cell.contender in names]
    runs = make_runs(cells, store=store, command=COMMAND, workers=workers, progress=progress)
    if runs.refused:
        raise RuntimeError(f"cells without a run: {dict(runs.refused)}")
    found: dict[str, dict[int, pd.DataFrame]] = {loss: {} for loss in names.values()}
    last: tuple[BarsRequest, MarketMeasures] | None = None
    for cell in cells:
        if last is None or last[0] != cell.request:
            last = (cell.request, MarketMeasures.of(cell_inputs(cell.request), cell.spec.execution))
        found[names[cell.contender]][cell.seed] = _numbers(runs.folders[cell.key], last[1])
    return found


def _numbers(folder: RunFolder, measures: MarketMeasures) -> pd.DataFrame:
    values = session_values(folder, measures)
    gross = folder.read_column("returns", f"{folder.record['strategy']} gross")
    columns = {
        "volatility": information_coefficient(folder.read_frame("scores"), measures.exposures["volatility"]),
        "rank_ic": values.frame["rank_ic"],
        "gross": sharpe_values(gross, sessions_per_year=values.sessions_per_year),
        "net": values.frame["sharpe"],
    }
    return pd.DataFrame(columns)


def _frame(by_seed: Mapping[int, pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.DataFrame({seed: numbers[name] for seed, numbers in by_seed.items()})


def _bounds(estimate: Any) -> dict[str, Any]:
    low, high = estimate.interval[1:]
    return {"mean": estimate.mean, "low": low, "high": high}
