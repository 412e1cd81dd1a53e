"""Recipe sources: two words as two recipes: a run, a version, a paper log, live fills, trades of another tool.

Whatever has bars of its own is read first; the other side is held against the same bars unless others are told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.engine.backtest import ledger_backtest
from backtests.engine.overlay_loop import decide_weights
from core.errors import CheckpointError, RunError
from live.differences.given_shares import GivenFills
from live.differences.inferred_rules import check_fills, inferred_rules, least_capital
from live.differences.recipe import Learning, Recipe, UniverseRule
from live.differences.trade_files import FILL_COLUMNS, TradeTable, read_trades, trades_of
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from models.checkpoint import Checkpoint, load_checkpoint
from portfolio.rules import TradingRules
from strategy.definitions.spec import StrategySpec
from strategy.frozen.archive import read_expected, read_sectors
from strategy.frozen.own_request import version_request
from strategy.frozen.replay import frozen_spec, in_frozen_year, intact_body, version_bars
from strategy.frozen.versions import SHIPPED, VersionFolder, find_version
from strategy.learning.decide import frozen_scores
from strategy.runs.context import IN_MEMORY
from strategy.runs.own_bars import same_request
from strategy.runs.run_folder import RunFolder
from strategy.runs.store import RunStore
from strategy.trading.paper.decisions import committed_weights, open_paper
from strategy.trading.paper.paper_fills import FEE, paper_fills
from strategy.trading.paper.paper_scores import scored
from strategy.trials.paper_log import ACTION, RECONCILED, PaperLog

__all__ = ["Told", "Word", "recipe_of", "recipes", "run_recipe", "trades_recipe"]

PAPER, FILLS = "paper:", "fills:"
TABLES = (".csv", ".csv.gz", ".parquet", ".pq")
Word = str | RunFolder | VersionFolder | pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told beside the two words.

    Parameters
    ----------
    store : RunStore
        Where runs and paper logs are.
    versions : Path
        Folder of versions.
    fields : mapping of str to object
        Fields of a request of bars, for sides that have none of their own or not any more, and for versions.
    bars : Panel, Inputs or None
        Bars themselves, for sides whose own are nowhere.
    capital : float or None
        Cash before the first fill of trades and live fills.
    """

    store: RunStore
    versions: Path = SHIPPED
    fields: Mapping[str, Any] = field(default_factory=dict)
    bars: Panel | Inputs | None = None
    capital: float | None = None


def recipes(first: Word, second: Word, told: Told) -> tuple[Recipe, Recipe]:
    """Read both sides, the one with bars of its own first.

    Raises
    ------
    RunError, DataError
        If a side is not found, has not finished, is damaged, or has no bars that it can be replayed on.
    ValueError
        If a word names nothing.
    """
    if not _borrows(first):
        one = recipe_of(first, told)
        return one, recipe_of(second, told, beside=one)
    two = recipe_of(second, told)
    return recipe_of(first, told, beside=two), two


def recipe_of(word: Word, told: Told, *, beside: Recipe | None = None) -> Recipe:
    """Read one side; ``beside`` is the other, whose bars it may borrow."""
    if isinstance(word, pd.DataFrame):
        return trades_recipe(trades_of(word), "trades", told, beside=beside)
    if isinstance(word, RunFolder):
        return run_recipe(word, told)
    if isinstance(word, VersionFolder):
        return _version_recipe(word, told)
    for prefix, read in ((PAPER, _paper_recipe), (FILLS, _fills_recipe)):
        if word.startswith(prefix):
            return read(find_version(word.removeprefix(prefix), told.versions), told, beside)
    path = Path(word)
    if word.lower().endswith(TABLES):
        return trades_recipe(read_trades(path), path.name, told, beside=beside)
    if (path / "run.json").is_file():
        return run_recipe(RunFolder(path), told)
    if "@" in word:
        return _version_recipe(find_version(word, told.versions), told)
    return run_recipe(told.store.find(word), told)


def run_recipe(folder: RunFolder, told: Told) -> Recipe:
    """A finished run of a store.

    Raises
    ------
    RunError
        If it has not finished, was quick, or its bars are nowhere.
    """
    folder.check_complete()
    spec, record = folder.spec, folder.record
    inputs, bars = _run_inputs(folder, told)
    panel, notes = inputs.panel, []
    if panel.fingerprint() != record["identity"]["panel"]:
        notes.append(f"The bars are not those that run {folder.run_id} was made of: what they change is NOT REPLAYED.")
    learning, checkpoint = _learning(folder, record)
    headline = folder.metrics["headline"]
    return Recipe(
        name=folder.run_id,
        kind="run",
        panel=panel,
        universe=UniverseRule.of(panel, folder.request.universe, bars=bars),
        rules=_own_rules(spec.rules),
        net=folder.read_column("returns", f"{record['strategy']} net").dropna(),
        learning=learning,
        spec=spec,
        checkpoint=checkpoint,
        scores=folder.read_frame("scores"),
        sectors=inputs.sectors,
        facts=_facts(headline),
        notes=tuple(notes),
    )


def trades_recipe(
    read: TradeTable,
    name: str,
    told: Told,
    *,
    beside: Recipe | None = None,
    decided: pd.DataFrame | None = None,
) -> Recipe:
    """Fills on the bars of the other side or on those that were told; ``decided`` are their books, if known."""
    table, told_fees = read.fills, read.told_fees
    inputs = _borrowed(name, told, beside)
    check_fills(table, inputs.panel, origin=name)
    capital = told.capital or least_capital(table, origin=name)
    given = GivenFills(table=table, capital=capital, told_fees=told_fees)
    wanted = None if beside is None else _wanted(beside)
    found = inferred_rules(given, inputs.panel, wanted=wanted, name=name)
    averages = (f"{name} tells round trips at average prices: give its orders, a row a fill, to see what it held.",)
    inferred = f"What {name} wanted is inferred from what it held after each session's fills."
    guess = f"The capital of {name} is the least that pays its purchases; --capital tells it."
    return Recipe(
        name=name,
        kind="trades",
        panel=inputs.panel,
        universe=UniverseRule(words="names that it traded", table=inputs.panel.universe),
        rules=TradingRules(name="trades", execution=found.execution, costs=found.costs),
        net=found.kept.net_returns,
        weights=found.weights if decided is None else decided,
        fills=given,
        facts={"costs": "its own fees" if told_fees else "none told"},
        notes=(
            *found.words,
            *((inferred,) if decided is None else ()),
            *(() if told.capital else (guess,)),
            *(averages if read.are_round_trips else ()),
        ),
        has_bars=beside is None,
    )


def _version_recipe(folder: VersionFolder, told: Told) -> Recipe:
    """A frozen version: what it keeps of its own bars, or what its weights make of others that were told."""
    body, spec = intact_body(folder), frozen_spec(folder)
    panel = in_frozen_year(_version_panel(folder, body, told), body)
    request = body["request"]
    made = Recipe(
        name=str(folder.version),
        kind="version",
        panel=panel,
        universe=UniverseRule.of(panel, str(told.fields.get("universe") or request["universe"])),
        rules=_own_rules(spec.rules),
        net=pd.Series(dtype=float),
        learning="frozen",
        spec=spec,
        checkpoint=load_checkpoint(folder.path / "model"),
        sectors=read_sectors(folder.path),
        facts=_facts(body["headline"]),
    )
    if panel.fingerprint() != body["panel"]:
        return _on_other_bars(made, spec)
    kept = read_expected(folder.path)
    bars = str(request["bars"])
    universe = UniverseRule.of(panel, str(request["universe"]), bars=bars)
    return replace(made, net=kept["returns"]["net"].dropna(), scores=kept["scores"], universe=universe)


def _version_panel(folder: VersionFolder, body: Mapping[str, Any], told: Told) -> Panel:
    """Bars of a version: those that were told, with its universe unless another was, else its own."""
    if told.bars is not None and body["bars"] != "embedded":
        return Inputs.of(told.bars).panel
    if "bars" not in told.fields:
        return version_bars(folder, dict(body))
    request = replace(version_request(folder, told.fields), end=told.fields.get("end"))
    return load_inputs(request, holdout=frozen_spec(folder).holdout).panel


def _on_other_bars(made: Recipe, spec: StrategySpec) -> Recipe:
    """A version on bars that it was not frozen on: scored by its weights, decided and traded here."""
    if made.checkpoint is None:
        raise RunError(f"{made.name} has no model: it cannot be scored on other bars")
    scores = frozen_scores(spec, made.panel, made.checkpoint)
    weights = decide_weights(made.rules, made.panel, scores, sectors=made.sectors)
    result = ledger_backtest(made.panel, weights, execution=spec.execution, costs=spec.costs)
    note = f"{made.name} is scored on bars that were told, with its frozen weights."
    facts = {"universe": made.panel.facts.universe, "costs": str(spec.costs)}
    return replace(made, net=result.net_returns, scores=scores, facts=facts, notes=(note,))


def _paper_recipe(folder: VersionFolder, told: Told, beside: Recipe | None) -> Recipe:
    """The decisions of a version's paper log, and the returns that it scored."""
    name = f"{PAPER}{folder.version}"
    log, inputs = open_paper(folder, told.store.root), _borrowed(name, told, beside)
    entries = scored(log)
    if not entries:
        raise RunError(f"the paper log of {folder.version} has no scored session: `quintile paper {folder.version}`")
    net = pd.Series({pd.Timestamp(each.facts["session"]): float(each.facts["net"]) for each in entries})
    spec = frozen_spec(folder)
    return Recipe(
        name=name,
        kind="paper log",
        panel=inputs.panel,
        universe=UniverseRule(words="decisions", table=inputs.panel.universe),
        rules=_own_rules(spec.rules),
        net=net.rename_axis("session").sort_index(),
        weights=committed_weights(log, inputs.panel),
        facts={"costs": str(spec.costs)},
        has_bars=beside is None,
    )


def _fills_recipe(folder: VersionFolder, told: Told, beside: Recipe | None) -> Recipe:
    """What a broker filled of a version's paper log, and the books that were committed."""
    name = f"{FILLS}{folder.version}"
    log, inputs = open_paper(folder, told.store.root), _borrowed(name, told, beside)
    table = paper_fills(log)
    if not len(table):
        raise RunError(f"the paper log of {folder.version} has no fills: `quintile trade {folder.version}` makes some")
    table = table[list(FILL_COLUMNS)].sort_values("session", kind="stable").reset_index(drop=True)
    opened = next((float(entry.facts["equity"]) for entry in log.entries() if entry.kind == RECONCILED), None)
    told = replace(told, capital=told.capital or opened)
    read, decided = TradeTable(fills=table, told_fees=True), committed_weights(log, inputs.panel)
    made = trades_recipe(read, name, told, beside=beside or _bare(inputs), decided=decided)
    rules = replace(_own_rules(frozen_spec(folder).rules), costs=made.rules.costs)
    notes = (*made.notes, f"What {name} wanted are the decisions of its paper log.", *_left_out(log, name))
    return replace(made, kind="live fills", rules=rules, notes=notes, has_bars=beside is None)


def _left_out(log: PaperLog, name: str) -> Iterator[str]:
    """A note on what moved an account beside its fills, which is not counted."""
    moved = [entry.facts for entry in log.entries() if entry.kind == ACTION and entry.facts["type"] != FEE]
    if moved:
        cash, kinds = sum(float(each["cash"]) for each in moved), sorted({str(each["type"]) for each in moved})
        yield (
            f"NOT COUNTED in {name}: {len(moved)} entries of {', '.join(kinds)}, {cash:+,.2f} in cash, and what they "
            f"did to shares; the first is of {moved[0]['session']}."
        )


def _bare(inputs: Inputs) -> Recipe:
    """Bars alone, to be borrowed."""
    panel = inputs.panel
    return Recipe(
        name="bars",
        kind="bars",
        panel=panel,
        universe=UniverseRule(words="", table=panel.universe),
        rules=TradingRules(),
        net=pd.Series(dtype=float),
    )


def _run_inputs(folder: RunFolder, told: Told) -> tuple[Inputs, str]:
    """What a run was made of, and the words for its bars; what was told where its own are nowhere."""
    if told.bars is not None and folder.request.bars == IN_MEMORY:
        return Inputs.of(told.bars), ""
    try:
        request = same_request(folder)
    except RunError:
        if "bars" not in told.fields:
            raise
        request = same_request(folder, told.fields)
    return load_inputs(request, holdout=folder.spec.holdout), request.bars


def _borrowed(name: str, told: Told, beside: Recipe | None) -> Inputs:
    """Bars of a side that has none: those that were told, or the other side's."""
    if beside is not None and (beside.kind != "run" or (told.bars is None and "bars" not in told.fields)):
        return Inputs(panel=beside.panel, sectors=beside.sectors)
    if told.bars is not None:
        return Inputs.of(told.bars)
    if "bars" not in told.fields:
        raise RunError(f"neither side has bars of its own: name with --bars those that {name} was traded on")
    return load_inputs(BarsRequest(**told.fields))


def _wanted(side: Recipe) -> pd.DataFrame | None:
    """The books that a side wanted, where they are known without a replay."""
    if side.weights is not None or side.scores is None:
        return side.weights
    return decide_weights(side.rules, side.panel, side.scores, sectors=side.sectors)


def _learning(folder: RunFolder, record: Mapping[str, Any]) -> tuple[Learning, Checkpoint | None]:
    """How a run's scores came about."""
    if "walk" in record or record.get("scores"):
        return "given", None
    try:
        checkpoint = load_checkpoint(folder.path / "model")
    except (CheckpointError, OSError) as error:
        raise RunError(f"run {folder.run_id} has no model that can be read ({error}): restore it") from error
    trained = not any(key in record for key in ("version", "model", "start"))
    return "trained" if trained else "frozen", checkpoint


def _own_rules(rules: TradingRules) -> TradingRules:
    """A strategy's rules without its companions, which no own book reads."""
    return replace(rules, companions={})


def _facts(headline: Mapping[str, Any]) -> dict[str, Any]:
    words = ("universe", "costs", "trials", "verdict")
    return {word: headline[word] for word in words if word in headline}


def _borrows(word: Word) -> bool:
    """Whether a side has no bars of its own."""
    if not isinstance(word, str):
        return isinstance(word, pd.DataFrame)
    return word.startswith((PAPER, FILLS)) or word.lower().endswith(TABLES)
