"""An ensemble is its members' scores combined: what each counts can be computed by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import minimize
from scipy.stats import rankdata, trim_mean

from core.errors import DataError
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.ensembles.combination import Combination, trimmed_mean
from models.ensembles.ensemble_model import EnsembleModel, _FitContexts, _moved, _without
from models.ensembles.member_weights import Moments, fitted_weights, session_moments, stacked_weights
from models.ensembles.session_scale import central_ranks, scaled_sessions, z_scores
from models.estimators.samples import mean_rank_ic
from models.fold_splits import combinatorial_splits
from models.model import FitContext, ScoreContext
from models.model_kinds import make_model, settings_of
from models.model_settings import ModelSettings, TrainingSettings
from tests.oracles.planted import planted_windows, small_settings

RIDGE = {"model": {"kind": "ridge"}}
LSTM = {"model": {"kind": "lstm", "hidden": 8, "layers": 1}}
MEMBERS = {"ridge": RIDGE, "lstm": LSTM}
COMBINED = ("mean", "rank_mean", "trimmed_mean", "weighted", "stacked")


def ensemble(members=MEMBERS, **keys) -> ModelSettings:
    model = settings_of({"kind": "ensemble", "lookback": 6, "members": members, **keys})
    return small_settings(max_epochs=2).model_copy(update={"model": model})


def fitted(settings, windows, split, **context):
    return make_model(settings).fit(windows, split, context=FitContext(device="cpu", **context))


def by_z(frame):
    return scaled_sessions(frame.to_numpy(), z_scores)


@pytest.mark.parametrize("combine", COMBINED)
def test_an_ensemble_comes_back_from_its_checkpoint_with_the_same_bits(tmp_path, combine):
    windows, split = planted_windows()
    sessions = windows.sessions[split.test]
    model = fitted(ensemble(combine=combine, folds=2), windows, split)
    card = Calibration(level=0.0, level_se=1.0, slope=1.0, slope_se=1.0, measured_slope=1.0, n_sessions=9)
    save_checkpoint(tmp_path / "model", Checkpoint(model=model, calibration=card))
    again = load_checkpoint(tmp_path / "model").model
    pd.testing.assert_frame_equal(model.scores(windows, sessions), again.scores(windows, sessions), check_exact=True)
    assert again.settings == model.settings
    assert again.card == model.card
    assert json.dumps(again.stored().record) == json.dumps(model.stored().record)


def test_members_are_what_they_would_be_alone():
    windows, split = planted_windows()
    sessions = windows.sessions[split.test]
    settings = ensemble()
    whole = fitted(settings, windows, split)
    alone = [
        fitted(settings.model.members[name].as_model(settings, seed=0), windows, split) for name in ("lstm", "ridge")
    ]
    mean = sum(by_z(each.scores(windows, sessions)) for each in alone) / 2
    np.testing.assert_allclose(whole.scores(windows, sessions), mean, rtol=0, atol=1e-15)
    assert whole.card.n_parameters == sum(each.card.n_parameters for each in alone)
    known = windows.sessions[split.validation]
    ics = [mean_rank_ic(windows, split.validation, each.scores(windows, known).to_numpy()) for each in alone]
    assert [whole.members[name].validation_ic for name in ("lstm", "ridge")] == pytest.approx(ics)


def test_seeds_are_averaged_upwards_from_the_members_own():
    windows, split = planted_windows()
    sessions = windows.sessions[split.test]
    settings = ensemble({"lstm": LSTM}, seeds=3)
    whole = fitted(settings, windows, split)
    one = settings.model_copy(update={"model": settings_of({"lookback": 6, **LSTM["model"]})})
    seeds = [
        fitted(one.model_copy(update={"training": one.training.model_copy(update={"seed": seed})}), windows, split)
        for seed in (1, 2, 3)
    ]
    mean = sum(by_z(each.scores(windows, sessions)) for each in seeds) / 3
    np.testing.assert_allclose(whole.scores(windows, sessions), mean, rtol=0, atol=1e-15)


@pytest.mark.parametrize("combine", COMBINED)
def test_an_ensemble_keeps_the_laws_of_every_kind(combine):
    windows, split = planted_windows()
    model = fitted(ensemble({"a": RIDGE, "b": LSTM}, combine=combine, folds=2), windows, split)
    sessions = windows.sessions[split.test]
    scores = model.scores(windows, sessions)

    x, y = windows.x.clone(), windows.y.clone()
    x[split.test], y[split.test] = 9.0, -9.0
    twin = fitted(ensemble({"a": RIDGE, "b": LSTM}, combine=combine, folds=2), replace(windows, x=x, y=y), split)
    tensors, others = model.stored().tensors, twin.stored().tensors
    assert all(torch.equal(tensors[key], others[key]) for key in tensors)
    assert json.dumps(model.stored().record) == json.dumps(twin.stored().record)

    later = windows.x.clone()
    later[split.test.start + 5 :] = 7.0
    known = model.scores(replace(windows, x=later), sessions[:5])
    pd.testing.assert_frame_equal(known, scores.iloc[:5], check_exact=True)

    mask = windows.mask.clone()
    mask[:, 3] = False
    gone = model.scores(replace(windows, mask=mask), sessions)
    assert gone.iloc[:, 3].isna().all()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    moved = {name: getattr(windows, name)[:, order] for name in ("x", "y", "mask", "present")}
    shuffled = model.scores(replace(windows, **moved, tickers=windows.tickers[order.numpy()]), sessions)
    np.testing.assert_allclose(shuffled[scores.columns], scores, rtol=0, atol=1e-6)


def test_a_killed_ensemble_goes_on_to_the_same_bits(tmp_path):
    windows, split = planted_windows()
    settings = ensemble({"a": LSTM, "b": {"model": {"kind": "gru", "hidden": 8, "layers": 1}}})
    whole = fitted(settings, windows, split)

    class KilledError(Exception):
        pass

    def kill(done, _total, note):
        if note.startswith("b.0") and done == 1:
            raise KilledError

    with pytest.raises(KilledError):
        fitted(settings, windows, split, folder=tmp_path, progress=kill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.0", "b.0"]
    again = fitted(settings, windows, split, folder=tmp_path)
    assert all(torch.equal(value, again.stored().tensors[key]) for key, value in whole.stored().tensors.items())


def test_the_device_and_the_way_of_scoring_reach_the_members():
    windows, split = planted_windows()
    sessions = windows.sessions[split.test]
    model = fitted(ensemble(), windows, split)
    exact, long = (model.scores(windows, sessions, context=ScoreContext(scoring=how)) for how in ("exact", "long"))
    assert not np.allclose(exact, long)
    told = []
    model.scores(windows, sessions, context=ScoreContext(progress=lambda *count: told.append(count)))
    assert told[-1] == (2 * len(sessions), 2 * len(sessions))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))


def test_windows_of_no_session_are_scored_as_those_of_one():
    windows, split = planted_windows()
    model = fitted(ensemble(), windows, split)
    row = split.test.start
    asked = model.window_scores()
    found = asked.score(windows.x[row - 5 : row + 1])
    np.testing.assert_allclose(found, model.scores(windows, windows.sessions[[row]]).iloc[0], atol=1e-6)
    assert asked.compares_names


def test_weights_are_the_best_combination_without_a_short_member():
    rng = np.random.default_rng(0)
    labels = rng.standard_normal((40, 30))
    members = [0.3 * labels + rng.standard_normal(labels.shape), rng.standard_normal(labels.shape), -labels]
    members.append(0.1 * labels + members[0])
    moments = session_moments(members, labels)
    weights = fitted_weights(moments)
    assert weights is not None
    assert sum(weights) == pytest.approx(1.0)
    assert weights[2] == 0.0

    def correlation(w):
        w = np.abs(w)
        return -(w @ moments.labels) / np.sqrt(w @ moments.scores @ w)

    best = minimize(correlation, np.ones(4), method="Nelder-Mead", options={"maxiter": 20_000, "xatol": 1e-10})
    assert correlation(np.array(weights)) <= best.fun + 1e-9


def test_members_that_agree_or_know_nothing_have_weights_still():
    same = Moments(scores=np.ones((2, 2)), labels=np.array([0.1, 0.1]), n_sessions=9)
    assert sum(fitted_weights(same) or ()) == pytest.approx(1.0)
    against = Moments(scores=np.eye(2), labels=np.array([-0.1, -0.2]), n_sessions=9)
    assert fitted_weights(against) is None
    assert stacked_weights(against, penalty=0.1) == pytest.approx((-1 / 3, -2 / 3))
    nothing = Moments(scores=np.zeros((2, 2)), labels=np.zeros(2), n_sessions=0)
    assert fitted_weights(nothing) is None
    assert stacked_weights(nothing, penalty=0.1) is None


def test_moments_are_those_of_a_loop_over_sessions():
    rng = np.random.default_rng(1)
    members, labels = rng.standard_normal((2, 3, 6)), rng.standard_normal((3, 6))
    members[0, 0, 2] = labels[1, 4] = np.nan
    gram, moments = np.zeros((2, 2)), np.zeros(2)
    for row in range(3):
        known = np.isfinite(members[:, row]).all(axis=0) & np.isfinite(labels[row])
        one, two, y = (pd.Series(v[known]) for v in (members[0, row], members[1, row], labels[row]))
        gram += np.corrcoef([one, two]) / 3
        moments += np.array([one.corr(y), two.corr(y)]) / 3
    found = session_moments(list(members), labels)
    np.testing.assert_allclose(found.scores, gram)
    np.testing.assert_allclose(found.labels, moments)
    assert found.n_sessions == 3


def test_a_trimmed_mean_is_the_one_of_the_textbook():
    scores = np.random.default_rng(2).standard_normal((10, 4, 5))
    np.testing.assert_allclose(trimmed_mean(list(scores), cut=2), trim_mean(scores, 0.2, axis=0))
    scores[3, 1, 1] = np.nan
    found = trimmed_mean(list(scores), cut=2)
    assert np.isnan(found[1, 1])
    assert np.isfinite(np.delete(found.ravel(), 6)).all()


@pytest.mark.parametrize(
    ("trim", "seeds", "cut"), [(0.05, 10, 1), (0.05, 9, 0), (0.1, 5, 1), (0.15, 10, 3), (0.2, 5, 2)]
)
def test_a_trimmed_mean_says_when_it_trims_nothing(trim, seeds, cut):
    settings = ensemble(combine="trimmed_mean", trim=trim, seeds=seeds).model
    assert settings.n_trimmed == cut
    windows, split = planted_windows()
    if cut == 0:
        quick = ensemble({"a": RIDGE, "b": RIDGE}, combine="trimmed_mean", trim=trim)
        facts = dict(fitted(quick, windows, split).card.facts)
        assert facts["Trimmed"] == f"nothing: {trim:g} of 2 scores is less than one, so this is the plain mean"


def test_ranks_are_central_and_blind_to_increasing_transforms():
    values = np.array([3.0, -1.0, 2.0, 2.0])
    np.testing.assert_allclose(central_ranks(values), (2 * rankdata(values) - 1) / 4 - 1)
    settings = ensemble({"a": RIDGE, "b": RIDGE}, combine="rank_mean").model
    combination = Combination(settings=settings, weights=(0.5, 0.5))
    rng = np.random.default_rng(3)
    one, two = rng.standard_normal((2, 4, 7))
    np.testing.assert_array_equal(combination.combined([one, two]), combination.combined([np.exp(one), two**3]))
    assert (z_scores(np.full(3, 2.0)) == 0.0).all()


def test_no_fold_meets_the_label_of_a_row_that_it_judges():
    windows, split = planted_windows()
    first, purge = 5, split.purge
    length = split.validation.stop - first
    folds = [_moved(fold, first) for fold in combinatorial_splits(length, n_groups=3, k_test=1, purge=purge)]
    assert [row for fold in folds for rows in fold.judged for row in range(rows.start, rows.stop)] == list(
        range(first, split.validation.stop)
    )
    for fold in folds:
        known = torch.isfinite(_without(windows, fold.barred).y).any(dim=1).numpy()
        learned = [
            r for span in (fold.split.train, fold.split.validation) for r in range(span.start, span.stop) if known[r]
        ]
        judged = np.concatenate([np.arange(rows.start, rows.stop) for rows in fold.judged])
        assert min(abs(int(row) - judged).min() for row in learned) > purge
        assert max(learned) < split.validation.stop


def test_the_scores_that_are_stacked_do_not_move_with_the_labels_that_they_are_judged_by():
    windows, split = planted_windows()
    members = {"lstm": {**LSTM, "training": {"refit": True, "max_epochs": 2, "burn_in": 6}}, "ridge": RIDGE}
    model = EnsembleModel(settings=ensemble(members, combine="stacked", folds=3))
    folds, told = model._folds(windows, split), _FitContexts(context=FitContext(device="cpu"), first=0, n_fits=9)
    held = model._out_of_fold(windows, folds, told)
    for fold in folds:
        y = windows.y.clone()
        for rows in fold.barred:
            y[rows] = -3.0 * y[rows].flip(1)
        moved = model._out_of_fold(replace(windows, y=y), [fold], told)
        for rows in fold.judged:
            for one, other in zip(held, moved, strict=True):
                np.testing.assert_array_equal(one[rows], other[rows])


def test_folds_that_leave_nothing_to_fit_on_are_named_before_anything_is_fitted():
    windows, split = planted_windows()
    model = EnsembleModel(settings=ensemble(combine="stacked", folds=2))
    few = replace(split, train=slice(split.validation.start - 8, split.validation.start - split.purge))
    short = replace(few, validation=slice(split.validation.start, split.validation.start + 2))
    with pytest.raises(DataError, match=r"model\.folds 2 leave too few of \d+ sessions to fit on: set fewer"):
        model.fit(windows, short, context=FitContext(device="cpu"))


def test_stacking_tells_a_member_that_knows_from_one_that_does_not():
    windows, split = planted_windows(n_sessions=240, ic=0.6)
    deaf = {"model": {"kind": "ridge", "penalties": [1e9]}}
    noise = {**LSTM, "training": {"max_epochs": 1, "learning_rate": 1e-9, "batch_sessions": 20, "burn_in": 6}}
    model = fitted(ensemble({"knows": RIDGE, "noise": noise}, combine="stacked", folds=2), windows, split)
    assert model.members["knows"].weight > 0.6 > abs(model.members["noise"].weight)
    assert model.best_member == "knows"
    assert settings_of({"kind": "ensemble", "members": {"a": RIDGE, "b": deaf}}).n_fits == 2


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"members": {}}, "members times seeds must be at least 2, was 0"),
        ({"members": {"a": RIDGE}}, "members times seeds must be at least 2, was 1"),
        ({"members": {"A b": RIDGE}}, "pattern"),
        ({"members": {"a": RIDGE, "b": {"model": {"kind": "none"}}}}, "kind must be one of"),
        ({"members": {"a": RIDGE, "b": {"model": {"kind": "ridge", "lookback": 9}}}}, "members.b.model.lookback"),
        ({"members": {"a": LSTM, "b": {"model": {**LSTM["model"], "scoring": "long"}}}}, "members.b.model.scoring"),
        ({"members": {"a": RIDGE, "b": {**RIDGE, "loss": {}}}}, "ridge is not trained by epochs"),
        ({"members": {"a": RIDGE, "b": {**RIDGE, "training": {"max_epochs": 3}}}}, "ridge is not trained by epochs"),
        ({"trim": 0.3}, "less than or equal to 0.2"),
        (
            {"members": {"a": {"model": {"kind": "ensemble", "lookback": 6, "members": MEMBERS}}, "b": RIDGE}},
            "a member must be a single model, was an ensemble",
        ),
        (
            {"members": {"a": {**LSTM, "training": {"start": "a" * 64}}, "b": RIDGE}},
            "a member is trained from its seed: remove training.start",
        ),
    ],
)
def test_what_an_ensemble_cannot_be_is_refused_by_name(keys, words):
    with pytest.raises((ValidationError, ValueError), match=words):
        ensemble(**keys)


def test_members_have_the_ensembles_lookback_and_scoring_and_no_file_says_them_twice():
    model = ensemble(scoring="long").model
    assert model.members["lstm"].model.scored == "long"
    assert {member.model.lookback for member in model.members.values()} == {6}
    dumped = model.model_dump(mode="json")
    assert "lookback" not in dumped["members"]["lstm"]["model"]
    assert settings_of(dumped) == model
    assert settings_of({**dumped, "lookback": 9, "scoring": "exact"}).members["lstm"].model.lookback == 9
    assert model.scored_as("exact").members["lstm"].model.scored == "exact"


def test_a_key_that_a_kind_learns_later_leaves_an_ensembles_fingerprint():
    deciding = ensemble().model.deciding()["members"]["lstm"]
    assert set(deciding) == {"model"}
    assert "heads" not in deciding["model"]
    other = ensemble({"lstm": {**LSTM, "training": {"seed": 4}}, "ridge": RIDGE})
    assert other.model.deciding()["members"]["lstm"]["training"]["seed"] == 4


def test_members_stand_in_the_order_of_their_names():
    assert ensemble({"b": RIDGE, "a": LSTM}).model == ensemble({"a": LSTM, "b": RIDGE}).model
    assert list(ensemble({"b": RIDGE, "a": LSTM}).model.members) == ["a", "b"]


def test_a_quick_ensemble_is_small_in_every_member():
    own = {**LSTM, "training": TrainingSettings(max_epochs=40).model_dump()}
    quick = ensemble({"lstm": own, "ridge": RIDGE}, seeds=5, folds=9).model.quick()
    assert (quick.seeds, quick.folds, quick.members["lstm"].training.max_epochs) == (1, 2, 2)
    assert quick.members["lstm"].model.hidden == 16
