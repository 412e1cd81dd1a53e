"""Model comparison: the rows of a table, every model beside ridge on the same sessions, with what the table can see."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from backtests.statistics.inference import holm
from backtests.verdict import finite_or_none
from core.errors import RunError, SourceError
from core.files import read_json
from core.intervals import Interval
from core.progress import ProgressCallback, silent
from market.returns import Execution
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.model_table.cell_verdicts import cell_verdicts
from strategy.studies.model_table.contenders import Contender
from strategy.studies.model_table.market_facts import MarketFacts
from strategy.studies.model_table.session_values import MEASURES, MarketMeasures, SessionValues, session_values
from strategy.studies.model_table.table_cells import CELL_FILE, CellKey, TableCell
from strategy.studies.model_table.table_settings import TableMarket, TableSettings
from strategy.studies.model_table.table_workers import CellRuns, cell_inputs
from strategy.studies.model_table.two_way_errors import Estimate, two_way_estimate
from strategy.studies.planted_alpha.seed_intervals import ratio_interval

__all__ = ["REFERENCE", "ModelRow", "ModelTable", "compare_models"]

REFERENCE = "ridge"
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model with one loss on one market.

    Parameters
    ----------
    market, contender : str
        Their names.
    estimates : mapping of str to Estimate
        Each of ``MEASURES`` over seeds and sessions.
    lead, sharpe_lead : Estimate or None
        Rank IC and Sharpe ratio less ridge's, paired by seed and session; None for ridge itself.
    p_value : float
        Of the lead in rank IC, by Holm's rule among the models of the market.
    smallest : float
        The lead in rank IC that would be found four times in five.
    recovery : Interval
        Rank IC ÷ the oracle's on the same names; NaN without a planted alpha.
    parameters, seconds : float
        Numbers fitted, and seconds of one processor until the model was learned; means over seeds.
    names : float
        Mean names with a score.
    verdicts : tuple of str
        Of ``cell_verdicts``, by seed.
    runs : tuple of str
        Ids, by seed.
    """

    market: str
    contender: str
    estimates: Mapping[str, Estimate]
    lead: Estimate | None
    sharpe_lead: Estimate | None
    p_value: float
    smallest: float
    recovery: Interval
    parameters: float
    seconds: float
    names: float
    verdicts: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def evidence(self) -> int:
        """Runs that the verdict's rule calls EVIDENCE."""
        return self.verdicts.count("EVIDENCE")

    @property
    def beats(self) -> bool:
        """Whether it beats ridge by Holm's rule at 5 %."""
        return self.lead is not None and self.p_value < LEVEL and self.lead.mean > 0.0

    @property
    def loses(self) -> bool:
        """Whether ridge beats it by the same rule."""
        return self.lead is not None and self.p_value < LEVEL and self.lead.mean < 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """All rows, and the cells that have no run.

    Parameters
    ----------
    settings : TableSettings
        Markets and seeds.
    rows : tuple of ModelRow
        Market by market.
    facts : mapping of str to MarketFacts
        The bars of each market.
    refused : mapping of str to str
        Cells without a run by name, and why.
    """

    settings: TableSettings
    rows: tuple[ModelRow, ...]
    facts: Mapping[str, MarketFacts]
    refused: Mapping[str, str]

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets that have a row."""
        return tuple(dict.fromkeys(row.market for row in self.rows))

    def on(self, market: str) -> tuple[ModelRow, ...]:
        """The rows of a market."""
        return tuple(row for row in self.rows if row.market == market)

    def as_json(self) -> dict[str, Any]:
        """Settings, markets, rows and refusals as plain values; NaN is None."""
        values = {
            "settings": asdict(self.settings),
            "markets": {market: facts.as_json() for market, facts in self.facts.items()},
            "rows": [_row_json(row) for row in self.rows],
            "refused": dict(self.refused),
        }
        finite: dict[str, Any] = finite_or_none(values)
        return finite


def compare_models(
    cells: Sequence[TableCell],
    runs: CellRuns,
    contenders: Sequence[Contender],
    *,
    settings: TableSettings,
    store: RunStore,
    progress: ProgressCallback = silent,
) -> ModelTable:
    """Measure every run of a table, and compare each model with ridge.

    Parameters
    ----------
    cells : sequence of TableCell
        Of ``table_cells``.
    runs : CellRuns
        Of ``make_runs``.
    contenders : sequence of Contender
        Rows of each market, in their order.
    settings : TableSettings
        Markets and seeds.
    store : RunStore
        Its log says how many trials there are.
    progress : callable
        Called after every run.

    Raises
    ------
    RunError
        If no run of ridge is there to compare with.
    """
    values, facts = _measured(cells, runs, progress)
    words = cell_verdicts(runs.folders, values, facts, store)
    rows: list[ModelRow] = []
    for market in settings.resolved():
        alike = {each.name: _of(values, market.name, each.name) for each in contenders}
        if not alike.get(REFERENCE):
            why = next((why for key, why in runs.refused.items() if key[1] == REFERENCE), "it was not run")
            raise RunError(f"ridge has no run on {market.name}, and all are compared with it: {why}")
        made = [_row(market, each, alike, runs, words) for each in contenders if alike[each.name]]
        rows += _tested(made)
    refused = {f"{key[1]}, {key[0]}, seed {key[2]}": why for key, why in runs.refused.items()}
    return ModelTable(settings=settings, rows=tuple(rows), facts=facts, refused=refused)


def _measured(
    cells: Sequence[TableCell], runs: CellRuns, progress: ProgressCallback
) -> tuple[dict[CellKey, SessionValues], dict[str, MarketFacts]]:
    """Session values of every run, and the facts of every market; its bars are measured once, one after the other."""
    found, facts = dict[CellKey, SessionValues](), dict[str, MarketFacts]()
    last: tuple[Any, MarketMeasures] | None = None
    for cell in (each for each in cells if each.key in runs.folders):
        execution, horizon = cell.spec.execution, cell.spec.label.horizon
        clock: tuple[Execution, int] = (execution, horizon)
        if last is None or last[0] != (cell.request, clock):
            inputs = cell_inputs(cell.request)
            last = ((cell.request, clock), MarketMeasures.of(inputs, execution, horizon=horizon))
            if cell.market not in facts:
                facts[cell.market] = MarketFacts.of(inputs, execution)
        found[cell.key] = session_values(runs.folders[cell.key], last[1])
        progress("measuring", len(found), len(runs.folders), cell.name)
    return found, facts


def _of(values: Mapping[CellKey, SessionValues], market: str, contender: str) -> dict[int, SessionValues]:
    """The values of a contender on a market by seed."""
    return {key[2]: each for key, each in values.items() if key[:2] == (market, contender)}


def _row(
    market: TableMarket,
    contender: Contender,
    alike: Mapping[str, Mapping[int, SessionValues]],
    runs: CellRuns,
    words: Mapping[CellKey, str],
) -> ModelRow:
    own, horizon = alike[contender.name], contender.spec.label.horizon
    ridge = _beside(alike[REFERENCE], own, is_one=market.is_one)
    keys = [(market.name, contender.name, seed) for seed in own]
    lead, sharpe_lead = None, None
    if contender.name != REFERENCE:
        lead = two_way_estimate(_table(own, "rank_ic") - _table(ridge, "rank_ic"), horizon=horizon)
        sharpe_lead = two_way_estimate(_table(own, "sharpe") - _table(ridge, "sharpe"))
    facts = [_facts(runs.folders[key]) for key in keys]
    return ModelRow(
        market=market.name,
        contender=contender.name,
        estimates={name: two_way_estimate(_table(own, name), horizon=horizon) for name in MEASURES},
        lead=lead,
        sharpe_lead=sharpe_lead,
        p_value=math.nan if lead is None else lead.p_value,
        smallest=math.nan,
        recovery=_recovery(own) if market.name == "planted" else Interval(math.nan, math.nan, math.nan),
        parameters=_mean([each[0] for each in facts]),
        seconds=_mean([each[1] for each in facts]),
        names=_mean([each.names for each in own.values()]),
        verdicts=tuple(words[key] for key in keys),
        runs=tuple(runs.folders[key].run_id for key in keys),
    )


def _tested(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """Rows with their p-values adjusted for how many models a market compares, and what such a test can see."""
    tests = max(sum(row.lead is not None for row in rows), 1)
    adjusted = holm([row.p_value for row in rows])
    return [
        replace(
            row,
            p_value=p_value,
            smallest=math.nan if row.lead is None else row.lead.smallest_seen(tests=tests),
        )
        for row, p_value in zip(rows, adjusted, strict=True)
    ]


def _table(by_seed: Mapping[int, SessionValues], name: str) -> pd.DataFrame:
    return pd.DataFrame({seed: each.frame[name] for seed, each in by_seed.items()})


def _beside(
    ridge: Mapping[int, SessionValues], own: Mapping[int, SessionValues], *, is_one: bool
) -> Mapping[int, SessionValues]:
    """Ridge's values under each seed of a model; on bars that no seed changes it has one run for all."""
    if is_one:
        return dict.fromkeys(own, next(iter(ridge.values())))
    return {seed: ridge[seed] for seed in own if seed in ridge}


def _recovery(own: Mapping[int, SessionValues]) -> Interval:
    found = [float(each.frame["rank_ic"].mean()) for each in own.values()]
    oracle = [float(each.frame["oracle_ic"].mean()) for each in own.values()]
    return ratio_interval(found, oracle)


def _facts(folder: RunFolder) -> tuple[float, float]:
    """Numbers fitted, and seconds of learning; NaN where the run does not say."""
    try:
        cell = read_json(folder.path / CELL_FILE)
        seconds = math.nan if cell["resumed"] else float(cell["learning_seconds"])  # of a resumed run only a part
    except (OSError, SourceError, LookupError, TypeError, ValueError):
        seconds = math.nan  # a run that another command made
    try:
        card = read_json(folder.path / "model.json")
        parameters = card.get("parameters", card.get("n_parameters", math.nan))
    except (OSError, SourceError):
        parameters = math.nan
    return float(parameters), seconds


def _mean(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if math.isfinite(number)]
    return sum(known) / len(known) if known else math.nan


def _row_json(row: ModelRow) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ("market", "contender", "p_value", "smallest", "parameters")}
    plain |= {name: getattr(row, name) for name in ("seconds", "names", "evidence", "beats", "loses")}
    leads = {"lead": row.lead, "sharpe_lead": row.sharpe_lead}
    return plain | {
        **{name: None if lead is None else _estimate_json(lead) for name, lead in leads.items()},
        **{name: _estimate_json(estimate) for name, estimate in row.estimates.items()},
        "recovery": row.recovery._asdict(),
        "verdicts": list(row.verdicts),
        "runs": list(row.runs),
    }


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return asdict(estimate) | {"low": estimate.interval.low, "high": estimate.interval.high}
