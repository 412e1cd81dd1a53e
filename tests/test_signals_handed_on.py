"""Handed-on scores: whole paths change names, sessions keep their scores, and the level of the test is exact."""

import itertools

import numpy as np
import pytest

from signals.handed_on import PathExchange

NAN = np.nan


def holed(rng: np.random.Generator, shape: tuple[int, int] = (60, 15), share: float = 0.2) -> np.ndarray:
    values = rng.standard_normal(shape)
    values[rng.random(shape) < share] = NAN
    return values


def test_each_session_keeps_its_scores_and_each_hole_stays_where_it_is():
    rng = np.random.default_rng(0)
    values = holed(rng)
    handed = PathExchange(~np.isnan(values)).handed(values, rng.permutation(15))
    np.testing.assert_array_equal(np.isnan(handed), np.isnan(values))
    np.testing.assert_array_equal(np.sort(handed, axis=1), np.sort(values, axis=1))


def test_without_holes_a_name_takes_one_path_from_first_to_last():
    values = np.random.default_rng(1).standard_normal((30, 6))
    order = np.array([3, 0, 1, 5, 2, 4])
    np.testing.assert_array_equal(PathExchange(values > -np.inf).handed(values, order), values[:, order])


def test_a_name_whose_giver_is_away_takes_from_the_next_one_until_it_is_back():
    values = np.array([[1.0, 2.0, 3.0], [1.0, NAN, 3.0], [1.0, 2.0, 3.0]])
    handed = PathExchange(~np.isnan(values)).handed(values, np.array([1, 2, 0]))
    np.testing.assert_array_equal(handed, [[2.0, 3.0, 1.0], [3.0, NAN, 1.0], [2.0, 3.0, 1.0]])


def test_a_slow_twin_walks_the_cycle_name_by_name():
    rng = np.random.default_rng(2)
    values, order = holed(rng, share=0.6), rng.permutation(15)
    handed = PathExchange(~np.isnan(values)).handed(values, order)
    for row, name in itertools.product(range(60), range(15)):
        giver = order[name]
        while not np.isnan(values[row, name]) and np.isnan(values[row, giver]):
            giver = order[giver]
        if not np.isnan(values[row, name]):
            assert handed[row, name] == values[row, giver]


@pytest.mark.parametrize("phi", [0.0, 0.9, 0.98])
def test_ranks_move_as_slowly_as_they_did(phi):
    rng = np.random.default_rng(3)
    values = rng.standard_normal((400, 40))
    for t in range(1, 400):
        values[t] = phi * values[t - 1] + np.sqrt(1 - phi**2) * values[t]
    values[:, :5][np.arange(400) % 100 < 30] = NAN  # five names come and go
    handed = PathExchange(~np.isnan(values)).handed(values, rng.permutation(40))

    def lagged(paths: np.ndarray) -> float:
        both = ~np.isnan(paths[1:]) & ~np.isnan(paths[:-1])
        return float(np.corrcoef(paths[1:][both], paths[:-1][both])[0, 1])

    assert lagged(handed) == pytest.approx(lagged(values), abs=0.01)


def test_the_true_order_is_one_of_all_orders_alike():
    """Over every order of four names the best of any statistic is the true one in one of 24, whatever the statistic."""
    values, returns = np.random.default_rng(4).standard_normal((2, 50, 4))
    exchange = PathExchange(np.ones((50, 4), dtype=bool))
    orders = [np.array(order) for order in itertools.permutations(range(4))]
    found = sorted(float((exchange.handed(values, order) * returns).sum()) for order in orders)
    again = exchange.handed(values, orders[7])  # another labelling of the same paths has the same luck
    assert sorted(float((exchange.handed(again, order) * returns).sum()) for order in orders) == pytest.approx(found)


def test_empty_sessions_and_inputs_are_left_alone():
    values = np.array([[NAN, NAN], [1.0, NAN]])
    kept = values.copy()
    handed = PathExchange(~np.isnan(values)).handed(values, np.array([1, 0]))
    np.testing.assert_array_equal(handed, kept)
    np.testing.assert_array_equal(values, kept)
