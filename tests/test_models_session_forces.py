"""LightGBM's objective LambdaRankIC: forces on samples, and trees that are grown by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.estimators import session_forces
from models.estimators.samples import Samples, samples_of
from models.estimators.session_forces import SessionForces
from models.kinds.lightgbm import LightgbmSettings
from models.model import FitContext
from models.model_kinds import make_model, settings_of
from models.model_settings import ModelSettings
from models.threads import threads
from strategy.definitions.spec import load_spec, override
from tests.oracles.planted import planted_windows

SIZES = (9, 5, 14, 6)


def samples_with(sizes=SIZES, *, seed=0):
    y = np.random.default_rng(seed).standard_normal(sum(sizes)).round(1)  # some labels are tied
    return Samples(x=np.zeros((len(y), 1), dtype=np.float32), y=y, sizes=np.array(sizes))


def scores_for(samples, seed=1):
    return np.random.default_rng(seed).standard_normal(len(samples.y)).round(0)  # many scores are tied


def ranks(values):
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def written_out(s, y):
    """Gradient and curvature of one session, pair by pair."""
    n, r, wanted = len(s), ranks(s), ranks(y)
    gradient, curvature = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(n):
            gap = abs(r[i] - r[j]) if s[i] != s[j] else ((s == s[i]).sum() + 1) / 3
            weight = 12 * gap * abs(wanted[i] - wanted[j]) / (n * (n**2 - 1))
            side = np.sign(wanted[i] - wanted[j])
            wrong = 1 / (1 + np.exp(side * (s[i] - s[j])))
            gradient[i] -= weight * side * wrong
            curvature[i] += weight * wrong * (1 - wrong)
    return gradient, curvature


@pytest.mark.parametrize("block", [1, 200, 10**6])
def test_forces_are_the_sums_over_pairs_of_each_session_written_out(block, monkeypatch):
    monkeypatch.setattr(session_forces, "BLOCK", block)
    samples = samples_with()
    scores = scores_for(samples)
    found = SessionForces.of(samples)(scores)
    stops = np.cumsum(SIZES)
    parts = [slice(stop - size, stop) for size, stop in zip(SIZES, stops, strict=True)]
    for k in range(2):
        wanted = np.concatenate([written_out(scores[part], samples.y[part])[k] for part in parts])
        np.testing.assert_allclose(found[k], wanted, rtol=1e-4, atol=1e-6)


def test_the_weight_of_a_tied_pair_is_its_mean_over_all_orders():
    rng = np.random.default_rng(3)
    s, gaps = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 2.0]), []
    for _ in range(20_000):
        order = np.argsort(np.argsort(s + 1e-6 * rng.random(6)))
        gaps.append(abs(order[1] - order[2]))
    assert np.mean(gaps) == pytest.approx((4 + 1) / 3, abs=0.02)


def test_forces_sum_to_zero_in_a_session_and_push_from_equal_scores_along_centred_ranks():
    samples = samples_with((7, 4))
    forces = SessionForces.of(samples)
    gradient, _ = forces(scores_for(samples))
    np.testing.assert_allclose([gradient[:7].sum(), gradient[7:].sum()], 0.0, atol=1e-6)
    gradient, _ = forces(np.full(11, 0.3))
    wanted = -2 * (ranks(samples.y[:7]) - 4) / 6
    np.testing.assert_allclose(gradient[:7], wanted, atol=1e-6)


def test_only_the_order_of_a_sessions_labels_counts():
    samples = samples_with()
    scores = scores_for(samples)
    found = SessionForces.of(samples)(scores)
    stretched = np.concatenate([np.sinh(3 * samples.y[:9]) + 5, samples.y[9:] ** 3])
    moved = SessionForces.of(replace(samples, y=stretched))(scores)
    np.testing.assert_array_equal(moved, found)
    assert not np.array_equal(SessionForces.of(replace(samples, y=-samples.y))(scores)[0], found[0])


def test_no_session_and_no_empty_cell_has_a_force_on_another():
    samples = samples_with()
    scores = scores_for(samples)
    found = SessionForces.of(samples)(scores)
    alone = SessionForces.of(replace(samples, y=samples.y[9:14], sizes=np.array([5])))(scores[9:14])
    np.testing.assert_allclose(alone, np.stack(found)[:, 9:14], rtol=1e-5, atol=1e-7)
    other = np.where(np.arange(len(scores)) < 9, -scores, scores)
    np.testing.assert_array_equal(np.stack(SessionForces.of(samples)(other))[:, 9:], np.stack(found)[:, 9:])


@pytest.mark.parametrize(("names", "sessions"), [(2, 40_000), (40, 1_500), (700, 2)])
def test_no_block_of_pairs_is_larger_than_it_may_be_nor_the_whole_square_formed(names, sessions, monkeypatch):
    formed = []

    def watched(scores, labels, mask):
        costs = swap_costs(scores, labels, mask)

        def counted(differences, rows, columns):
            formed.append(differences.numel())
            return costs(differences, rows, columns)

        return counted

    swap_costs = session_forces.swap_costs
    monkeypatch.setattr(session_forces, "swap_costs", watched)
    samples = samples_with((names,) * sessions)
    SessionForces.of(samples)(scores_for(samples))
    assert max(formed) <= session_forces.BLOCK
    if names > 8:
        assert sum(formed) < 0.7 * names**2 * sessions


def settings_with(**keys):
    small = {"kind": "lightgbm", "lookback": 6, "trees": 8, "min_leaf": 20, "leaves": 7, "objective": "lambdarank_ic"}
    return ModelSettings(model=settings_of(small | keys))


def fitted(windows, split, **keys):
    return make_model(settings_with(**keys)).fit(windows, split, context=FitContext(device="cpu"))


def test_ranking_trees_are_those_of_training_rows_alone_whatever_the_threads_and_come_back(tmp_path):
    windows, split = planted_windows()
    with threads(1):
        model = fitted(windows, split)
    y = windows.y.clone()
    y[split.train] = (5.0 * y[split.train]).sinh()  # one order, other sizes
    y[split.test] = -9.0
    with threads(2):
        again = fitted(replace(windows, y=y), split)
    trees = model.stored().tensors["trees"]
    assert torch.equal(trees, again.stored().tensors["trees"])
    assert not torch.equal(trees, fitted(windows, split, objective="l2").stored().tensors["trees"])
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    save_checkpoint(tmp_path / "model", Checkpoint(model=model, calibration=calibration))
    loaded = load_checkpoint(tmp_path / "model").model
    sessions = windows.sessions[90:]
    np.testing.assert_array_equal(loaded.scores(windows, sessions), model.scores(windows, sessions))


def test_ranking_trees_stop_where_validation_rank_ic_stops_rising():
    windows, split = planted_windows()
    grown = []
    context = FitContext(progress=lambda done, _total, _note: grown.append(done))
    model = make_model(settings_with(trees=40, patience=3)).fit(windows, split, context=context)
    kept = int(dict(model.card.facts)["Trees"])
    assert grown == list(range(1, kept + 4))
    assert kept < 40
    assert model.card.validation_ic > 0.2
    same = fitted(windows, split, trees=kept, patience=40)
    assert torch.equal(same.stored().tensors["trees"], model.stored().tensors["trees"])
    assert fitted(windows, split, trees=kept - 1, patience=40).card.validation_ic < model.card.validation_ic


def test_the_first_tree_is_fitted_to_centred_rank_labels():
    windows, split = planted_windows()
    whole = {"trees": 1, "learning_rate": 1.0, "leaves": 2, "row_share": 1.0, "column_share": 1.0}
    model = fitted(windows, split, **whole)
    samples = samples_of(windows, split.train, span="training", target="rank", settings=model.settings.model)
    tree = model.predictor.booster.dump_model()["tree_info"][0]["tree_structure"]
    left = samples.x[:, tree["split_feature"]] <= tree["threshold"]
    for side, leaf in ((left, tree["left_child"]), (~left, tree["right_child"])):
        gradient, curvature = SessionForces.of(samples)(np.zeros(len(samples.y)))
        assert leaf["leaf_value"] == pytest.approx(-gradient[side].sum() / curvature[side].sum(), rel=1e-4)
        assert np.sign(leaf["leaf_value"]) == np.sign(samples.y[side].mean())


def test_a_label_that_never_varies_grows_one_stump():
    windows, split = planted_windows(n_sessions=60, n_tickers=6)
    still = replace(windows, y=torch.zeros_like(windows.y))
    assert dict(fitted(still, split).card.facts) == dict(fitted(still, split, objective="l2").card.facts)


def test_the_objective_decides_nothing_until_it_is_named():
    assert "objective" not in LightgbmSettings().deciding()
    assert LightgbmSettings(objective="lambdarank_ic").deciding()["objective"] == "lambdarank_ic"
    with pytest.raises(ValueError, match="objective lambdarank_ic reads the order of labels alone, so target zscore"):
        override(load_spec(), ["model.kind=lightgbm", "model.objective=lambdarank_ic", "model.target=zscore"])
