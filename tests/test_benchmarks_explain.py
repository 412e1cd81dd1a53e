"""The study of planted changes: what it plants, and that a mix is the result that would have been made so."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.explain_planted import Bench, computed_recipe, judged, planted_cases, spec_of
from live.differences.gap_division import explain
from live.differences.mixed_replays import MixedReplays
from live.differences.recipe import STAGES
from live.differences.stage_groups import stage_groups
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.runs.store import RunStore


def test_thirty_single_changes_and_ten_pairs_cover_every_stage() -> None:
    cases = planted_cases()
    single = Counter(case.stages[0] for case in cases if len(case.stages) == 1)
    assert (sum(single.values()), len(cases)) == (30, 40)
    assert set(single) == set(STAGES)
    assert min(single.values()) >= 4
    assert len({(case.words, case.market, case.how) for case in cases}) == 40


@pytest.mark.slow
def test_a_retrained_mix_is_the_run_that_would_have_been_made_so() -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=24, n_sessions=480)).panel
    narrow = panel.universe.copy()
    narrow.iloc[:, ::4] = False
    inputs = Inputs(panel=panel)
    other = Inputs(panel=panel.with_universe(narrow, described="three names in four"))
    here = computed_recipe(spec_of(), inputs, "a")
    there = computed_recipe(spec_of("features.set=compact7", "portfolio.k=0.4"), other, "b")
    replays = MixedReplays(
        first=here, second=there, groups=stage_groups(here, there), clock=here.rules.execution, horizon=1
    )
    assert replays.retrains
    assert replays.differing == {"universe", "features", "book"}
    alone = computed_recipe(spec_of(), other, "universe alone")
    np.testing.assert_array_equal(replays.net_returns(frozenset({"universe"})), alone.net)
    alone = computed_recipe(spec_of("features.set=compact7"), inputs, "features alone")
    np.testing.assert_array_equal(replays.net_returns(frozenset({"features"})), alone.net)
    found = explain(here, there)
    for figure, gap in found.gap.items():
        assert sum(part.figures[figure] or 0.0 for part in found.parts) == pytest.approx(gap, abs=1e-9)


@pytest.mark.slow
def test_frozen_weights_cannot_read_other_features_and_join_them() -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=24, n_sessions=480)).panel
    here = replace(computed_recipe(spec_of(), Inputs(panel=panel), "a"), learning="frozen")
    there = replace(computed_recipe(spec_of("features.set=compact7"), Inputs(panel=panel), "b"), learning="frozen")
    found = explain(here, there)
    assert [part.name for part in found.ranked()] == ["features and scores"]
    assert any("frozen weights read their own features alone" in remark for remark in found.remarks)


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("place", [0, 21, 23, 37])
def test_a_planted_change_is_found(place: int, tmp_path: Path) -> None:
    found = judged(Bench(folder=tmp_path, store=RunStore(tmp_path / "runs")), planted_cases()[place])
    assert found.right
    assert found.off <= 1e-9
