"""A version against its paper log, and what was decided on paper against what a broker filled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import RunError
from live.differences.gap_division import explain
from live.differences.recipe import Recipe
from live.differences.recipe_sources import Told, recipe_of, recipes
from market.returns import Execution
from strategy.trading.paper.decisions import PaperLog, open_paper
from strategy.trading.paper.paper_scores import session_facts
from tests.frozen_market import Bench, small_bars

FIRST, MISSED = 452, 460  # rows of the bars: the first decision, and one that was not made
CAPITAL = 1e6


@dataclass(frozen=True)
class Desk:
    """A version, bars that go on after it was frozen, and its paper log with fills."""

    told: Told
    version: str
    alone: Recipe
    log: PaperLog


@pytest.fixture(scope="module")
def desk(bench: Bench, frozen: Any, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("differences")
    made = bench.copied(folder)
    later = small_bars(folder / "later.parquet", n_sessions=480)
    told = Told(store=made.store, versions=bench.versions, fields={"bars": str(later), "universe": "all"})
    alone = recipe_of(str(frozen.version), told)
    log = open_paper(frozen, made.store.root)
    _written(log, alone, frozen.sha256)
    return Desk(told=told, version=str(frozen.version), alone=alone, log=log)


def _written(log: PaperLog, alone: Recipe, lock: str) -> None:
    """Decisions of the version on all sessions but one, their scores, and fills in whole shares a little dearer."""
    from backtests.engine.backtest import ledger_backtest
    from backtests.engine.overlay_loop import decide_weights

    assert alone.scores is not None
    panel = alone.panel
    weights = decide_weights(alone.rules, panel, alone.scores).iloc[FIRST:].drop(panel.sessions[MISSED])
    result = ledger_backtest(panel, weights, execution=alone.rules.execution, costs=alone.rules.costs)
    with log.transaction() as held:
        held.append("version", version=log.version, lock=lock)
        for session, row in weights.iterrows():
            wanted = {str(name): float(weight) for name, weight in row[row != 0.0].items()}
            day = f"{session:%Y-%m-%d}"
            held.append("decision", session=day, fills=day, late=False, flat=False, weights=wanted)
        account = {"cash": f"{CAPITAL}", "equity": f"{CAPITAL}", "positions": {}}
        held.append("reconciled", session=f"{weights.index[0]:%Y-%m-%d}", moment="before", **account)
        for facts in session_facts(result):
            held.append("score", **facts)
        paid = {"type": "DIV", "ticker": str(weights.columns[0]), "shares": "0", "cash": "2.5"}
        held.append("action", session=f"{weights.index[3]:%Y-%m-%d}", **paid)
        fee = paid | {"type": "FEE", "cash": "-0.01"}  # counted, as a cost
        held.append("action", session=f"{result.trades['session'].iloc[-1]:%Y-%m-%d}", **fee)
        for trade in result.trades.itertuples():
            shares, price = round(trade.shares), trade.price * (1.0 + 5e-4 * np.sign(trade.shares))
            if shares:
                words = {"client_order_id": f"x-{trade.Index}", "ticker": trade.ticker}
                moved = {"shares": str(shares), "price": f"{price:.6f}"}
                held.append("fill", session=f"{trade.session:%Y-%m-%d}", **words, **moved)


@pytest.mark.slow
def test_a_session_that_was_not_decided_is_the_book(desk: Desk) -> None:
    found = explain(*recipes(desk.version, f"paper:{desk.version}", desk.told))
    assert [part.name for part in found.ranked()] == ["book and above"]
    place = next(place for place in found.places if place.stage == "book")
    assert place.session == f"{desk.alone.panel.sessions[MISSED]:%Y-%m-%d}"
    assert (
        abs(sum(part.figures["Sharpe ratio"] or 0.0 for part in found.parts) - (found.gap["Sharpe ratio"] or 0)) < 1e-9
    )
    assert "NOT REPLAYED" not in str(found)


def test_fills_of_a_broker_against_decisions_are_fills_and_costs_alone(desk: Desk) -> None:
    decided, filled = recipes(f"paper:{desk.version}", f"fills:{desk.version}", desk.told)
    found = explain(decided, filled)
    parts = {part.name: part.figures["annual return"] or 0.0 for part in found.parts}
    assert parts["book and above"] == 0.0
    assert parts["fills"] < 0.0  # five basis points dearer, each way
    assert parts["costs"] > 0.0  # the broker charged nothing
    assert sum(parts.values()) == pytest.approx(found.gap["annual return"], abs=1e-9)
    place = next(place for place in found.places if place.stage == "fills")
    assert place.what == "shares"  # both begin with a million
    assert "wanted are the decisions of its paper log" in str(found)
    assert "NOT COUNTED in fills:" in str(found)
    assert "1 entries of DIV, +2.50 in cash" in str(found)
    assert "is inferred from what it held" not in str(found)
    assert filled.rules.execution == Execution()


def test_a_paper_log_without_scores_or_fills_is_refused(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    made = bench.copied(tmp_path)
    told = Told(store=made.store, versions=bench.versions, fields={"bars": str(bench.bars)})
    with pytest.raises(RunError, match="has no scored session"):
        recipe_of(f"paper:{frozen.version}", told)
    with pytest.raises(RunError, match="has no fills"):
        recipe_of(f"fills:{frozen.version}", told)


def test_a_version_on_later_bars_goes_on_as_it_was_frozen(desk: Desk, bench: Bench, frozen: Any) -> None:
    kept = recipe_of(str(frozen.version), Told(store=bench.store, versions=bench.versions))
    common = kept.net.index[:-2]  # a later bar may fill an order that waited at the end
    pd.testing.assert_series_equal(
        desk.alone.net.reindex(common), kept.net.reindex(common), check_names=False, rtol=0, atol=0
    )
