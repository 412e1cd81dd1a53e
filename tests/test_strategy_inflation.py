from dataclasses import replace

import numpy as np
import pytest

from market.synthetic import SyntheticSettings
from strategy.proofs.checks import ProveOptions
from strategy.proofs.inflation import LARGE_INFLATION, SMALL_INFLATION, Inflation, measure_inflation, published_order
from strategy.proofs.leaks import LEAKS, HonestSetup, LeakPair
from strategy.proofs.leaks.field_leaks import FIELD_LEAKS, cut_by_label, repeated_rows, restated_filings
from strategy.proofs.self_test import SELF_TEST_SESSIONS, CatchRow, CatchTable, make_honest_setup, self_test
from strategy.runs.proof_file import CheckResult, Proof


@pytest.fixture(scope="module")
def setup() -> HonestSetup:
    return make_honest_setup(SyntheticSettings(n_tickers=24, n_sessions=500))


def pair(name: str) -> LeakPair:
    return next(each for each in LEAKS if each.name == name)


def test_a_leak_that_sees_the_label_inflates_and_no_leak_adds_nothing(setup: HonestSetup) -> None:
    added = measure_inflation(pair("target in the features through a merge"), setup)
    assert added is not None
    assert added.ic > 0.8
    assert added.sharpe > 5.0
    same = LeakPair(name="none", leaky=pair("centred window").clean, clean=pair("centred window").clean)
    assert measure_inflation(same, setup) == Inflation(ic=0.0, sharpe=0.0)


def test_the_leak_and_its_clean_version_swapped_take_away_what_they_added(setup: HonestSetup) -> None:
    known = pair("fill at the open of the decision's day")
    added = measure_inflation(known, setup)
    taken = measure_inflation(replace(known, leaky=known.clean, clean=known.leaky), setup)
    assert added is not None
    assert taken is not None
    assert added.ic == 0.0
    assert added.sharpe == pytest.approx(-taken.sharpe)
    assert added.sharpe != 0.0


@pytest.mark.parametrize("name", ["paper trading on another clock", "full-sample scaler"])
def test_a_leak_that_reaches_no_linear_model_has_no_inflation(setup: HonestSetup, name: str) -> None:
    assert measure_inflation(pair(name), setup) is None


def test_the_published_order_is_of_the_least_large_and_the_largest_small() -> None:
    names = (*LARGE_INFLATION, *SMALL_INFLATION)
    added = {name: Inflation(ic=0.0, sharpe=value) for name, value in zip(names, (3.0, 1.0, 0.5, -4.0), strict=True)}
    assert published_order(added) is True
    assert published_order(added | {names[2]: Inflation(ic=0.0, sharpe=1.5)}) is False
    assert published_order({names[0]: added[names[0]]}) is None
    assert {*names} <= {each.name for each in LEAKS}


def test_the_table_shows_what_each_leak_adds_and_whether_the_order_comes_out() -> None:
    proof = Proof(subject="x", checks=(CheckResult(check="clock", status="PASS", note=""),))
    names = (*LARGE_INFLATION, *SMALL_INFLATION)
    rows = tuple(
        CatchRow(leak=name, leaky=proof, clean=proof, inflations=(Inflation(ic=-0.01, sharpe=4.0 - place),))
        for place, name in enumerate(names)
    )
    rows = (*rows, CatchRow(leak="silent", leaky=proof, clean=proof, inflations=(None,)))
    table = CatchTable(rows=rows, market="m", inflated_on=("m",))
    text = str(table)
    assert "| clean pipeline | adds on m |" in text
    assert "−0.010 IC, +4.0 Sharpe |" in text
    assert "| silent | **not caught** | – | PASS | – |" in text
    assert "The order of arXiv 2605.23959 comes out on m" in text
    assert table.as_json()["rows"][-1]["inflation"] == {"m": None}


def test_a_test_set_cut_by_labels_lacks_fifteen_names_a_session(setup: HonestSetup) -> None:
    panel = setup.panel
    cut = cut_by_label(setup, sessions_late=0).universe(panel)
    lost = (panel.universe & ~cut).sum(axis=1)
    tested = panel.sessions >= setup.pipeline.first_decision
    assert (lost[~tested] == 0).all()
    assert (lost[tested].iloc[:-2] == 15).all()


def test_rows_drawn_before_the_split_are_tested_as_well(setup: HonestSetup) -> None:
    for before, shared in ((True, True), (False, False)):
        spans = repeated_rows(setup, before_split=before).spans
        assert spans is not None
        drawn = list(spans(setup.panel))[-1]
        assert bool(np.intersect1d(drawn.fitted, drawn.judged).size) is shared


def test_a_late_restatement_hides_the_newer_period_in_the_whole_file_only(setup: HonestSetup) -> None:
    panel = setup.panel
    hidden = restated_filings(setup, last_of_quarter=True).features
    kept = restated_filings(setup, last_of_quarter=False).features
    whole, found = hidden(panel)["filed_number"], list[int]()
    for row in range(300, 460, 4):
        then = panel.until(panel.sessions[row])
        assert kept(then)["filed_number"].iloc[row].equals(kept(panel)["filed_number"].iloc[row])
        if not hidden(then)["filed_number"].iloc[row].equals(whole.iloc[row]):
            found.append(row)
            assert hidden(then)["filed_number"].iloc[row].equals(kept(panel)["filed_number"].iloc[row])
    assert found


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in FIELD_LEAKS])
def test_leaks_of_the_field_are_caught_and_their_clean_versions_are_not_accused(name: str) -> None:
    table = self_test(make_honest_setup(), [pair(name)], options=ProveOptions(sessions=SELF_TEST_SESSIONS))
    assert table.is_right, str(table)
