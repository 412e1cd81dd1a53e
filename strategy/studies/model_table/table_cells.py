"""Table cells: one contender on one market with one seed, and the finished run that is its result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.request import BarsRequest
from strategy.definitions.spec import StrategySpec
from strategy.runs.store import RunFolder, RunStore
from strategy.studies.model_table.contenders import Contender
from strategy.studies.model_table.table_settings import TableMarket

__all__ = ["CELL_FILE", "CellKey", "TableCell", "kept_runs", "table_cells"]

CELL_FILE = "table_cell.json"  # in the run's folder: what the table alone measures
CellKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCell:
    """One training, and the bars that it is judged on.

    Parameters
    ----------
    market, contender : str
        Their names.
    seed : int
        Of the training and, on a built-in market, of the market.
    spec : StrategySpec
        With that seed.
    request : BarsRequest
        The bars.
    """

    market: str
    contender: str
    seed: int
    spec: StrategySpec
    request: BarsRequest

    @property
    def key(self) -> CellKey:
        """Market, contender and seed."""
        return self.market, self.contender, self.seed

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.contender}, {self.market}, seed {self.seed}"


def table_cells(contenders: Sequence[Contender], markets: Sequence[TableMarket]) -> tuple[TableCell, ...]:
    """All cells, seed by seed, so that a table that is stopped early holds whole seeds.

    A model that draws nothing is fitted once on bars that do not change with the seed.
    """
    return tuple(
        TableCell(
            market=market.name,
            contender=contender.name,
            seed=seed,
            spec=_seeded(contender.spec, seed, market),
            request=market.requests[seed],
        )
        for place, seed in enumerate(markets[0].requests)
        for market in markets
        for contender in contenders
        if place == 0 or contender.is_seeded or not market.is_one
    )


def kept_runs(store: RunStore, identities: Iterable[Mapping[str, str]]) -> dict[str, RunFolder]:
    """The run of each identity that the store holds, by ``identity_text``; a finished one before one to go on with."""
    wanted = {identity_text(identity) for identity in identities}
    found: dict[str, RunFolder] = {}
    for folder in store.readable():
        text = identity_text(folder.record.get("identity", {}))
        if text in wanted and (text not in found or folder.is_complete or not found[text].is_complete):
            found[text] = folder
    return found


def identity_text(identity: Mapping[str, Any]) -> str:
    """An identity as one text."""
    return " ".join(f"{key}={identity[key]}" for key in sorted(identity))


def _seeded(spec: StrategySpec, seed: int, market: TableMarket) -> StrategySpec:
    title = f"Model table: {spec.model.kind} on {market.name}, seed {seed}"
    training = spec.training.model_copy(update={"seed": seed})
    return spec.model_copy(update={"training": training, "title": title})
