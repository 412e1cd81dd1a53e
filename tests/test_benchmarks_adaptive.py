"""The adaptive-search study in small: its looks are the ledger's, its searches search, and its rules are in order."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.adaptive_search import Design, looked_test_shares, rule_shares, search_validation, search_with_test
from benchmarks.adaptive_search_agents import AGENTS, best_of
from benchmarks.adaptive_search_market import N_FEATURES, PLANTED, Size, Spec, draw_market

SMALL = Size(names=40, validation=80, test=160)
KNOWING = Spec(weights=tuple(PLANTED), half_life=2.0)


@pytest.mark.parametrize("hold", [1, 5])
def test_a_look_is_what_the_ledger_measures(hold: int) -> None:
    market, _ = draw_market(replace(SMALL, planted_ic=0.05), 1)
    spec = replace(KNOWING, hold=hold)
    judged, net = market.judged(spec), market.net_returns(spec)
    assert len(judged.net) == len(net) == SMALL.validation
    assert judged.net.to_numpy() == pytest.approx(net, abs=2e-3)  # weights drift there
    assert np.corrcoef(judged.net, net)[0, 1] > 0.999
    assert market.look(spec) == pytest.approx(judged.sharpe, abs=0.25)


def test_markets_hold_the_rank_ic_that_is_planted() -> None:
    size, found = Size(names=200, validation=500, test=1, planted_ic=0.05), []
    for seed in range(3):
        market, _ = draw_market(size, seed)
        found.append(market.judged(replace(KNOWING, half_life=0.0)).ic)
    error = np.sqrt(np.mean([each.standard_error**2 for each in found]) / len(found))
    assert np.mean([each.mean for each in found]) == pytest.approx(0.05, abs=3.0 * error)
    assert np.mean([each.std for each in found]) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("name", AGENTS)
def test_searches_look_at_distinct_points_and_get_better(name: str) -> None:
    asked: list[Spec] = []

    def look(spec: Spec) -> float:
        asked.append(spec)
        return -float(np.abs(np.array(spec.weights) - 0.5).sum()) - spec.hold

    looked = AGENTS[name](look, 60, np.random.default_rng(0))
    assert [spec for spec, _ in looked] == asked
    assert len(set(asked)) == len(asked) == 60
    assert len(best_of(looked).weights) == N_FEATURES
    assert look(best_of(looked)) > np.quantile([answer for _, answer in looked[:10]], 0.9) + 0.5
    again = AGENTS[name](look, 60, np.random.default_rng(0))
    assert again == looked


def test_the_label_is_the_return_from_the_fill() -> None:
    market, _ = draw_market(SMALL, 2)
    returns = market.panel.close.pct_change().shift(-1).iloc[: SMALL.validation]
    assert returns.to_numpy() == pytest.approx(market.returns, abs=1e-6)


@pytest.mark.slow
def test_adaptive_searches_do_not_fool_the_verdict_and_skill_passes() -> None:
    design = Design(searches=10, looks=80, size=Size(names=200, validation=250, test=1000, trade_bps=0.0))
    null = rule_shares([search_validation(design, number) for number in range(design.searches)])
    planted = replace(design, size=replace(design.size, planted_ic=0.05))
    skilled = rule_shares([search_validation(planted, number) for number in range(design.searches)])
    on_test = looked_test_shares([search_with_test(design, number) for number in range(design.searches)])
    face, *rules = null.values()
    assert face >= 0.6
    assert rules[2:] == [0.0, 0.0, 0.0]
    assert list(skilled.values()) == sorted(skilled.values(), reverse=True)
    assert skilled["the verdict, a fresh log a search"] >= 0.7
    assert on_test["the winner's own test result at face value, PSR ≥ .95"] >= 0.6
    assert on_test["the verdict, every look logged"] == 0.0
