"""Uncertainty: conformal ranges, the spreads that they scale, and scores weighed by them."""

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import CheckpointError, DataError
from market.returns import Execution, forward_returns
from market.synthetic import SyntheticSettings, synthetic_market
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.kinds.ridge import RidgeSettings
from models.model import FitContext, ScoreContext
from models.model_kinds import make_model, settings_of
from models.model_settings import LossSettings, ModelSettings
from models.networks.fitted_network import FittedNetwork
from models.uncertainty import session_spread as session_module
from models.uncertainty.checkpoint_spread import spread_of, weighed_scores
from models.uncertainty.conformal import QUANTILE_LEVELS, conformal_quantile
from models.uncertainty.dropped_units import drop_units
from models.uncertainty.fitted_uncertainty import FittedUncertainty, fit_uncertainty
from models.uncertainty.model_spread import dropout_spread, head_spread
from models.uncertainty.session_spread import session_spread
from models.uncertainty.uncertainty_settings import UncertaintySettings
from strategy.definitions.spec import load_spec, override
from tests.oracles.planted import frame, planted_windows, untrained_fit

LOOKBACK = 6
DROPPING = {
    "lstm": {"hidden": 8, "layers": 2},
    "tapered": {"kind": "lstm", "hidden": [8, 6, 4]},
    "gru": {"hidden": 8, "layers": 3},
    "alstm": {"hidden": 8, "layers": 2},
    "transformer": {"hidden": 8, "attention_heads": 2, "layers": 2},
    "tcn": {"hidden": 8, "layers": 2},
    "mlp": {"hidden": [8]},
    "cross_attention": {"hidden": 8, "attention_heads": 2},
}
QUICKLY = ("tapered", "tcn", "cross_attention")
CALIBRATION = Calibration(level=0.001, level_se=0.001, slope=0.002, slope_se=0.001, measured_slope=0.002, n_sessions=20)
CONTEXT = ScoreContext(device="cpu")


@pytest.fixture(scope="module")
def windows():
    return planted_windows(lookback=LOOKBACK)[0]


@pytest.fixture(scope="module")
def panel():
    return synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150)).panel


def network_of(windows, name="lstm", *, loss=None, **keys) -> FittedNetwork:
    """A network as it is before training, which drops half of its units."""
    numbers = {"kind": name, "lookback": LOOKBACK, "dropout": 0.5, **DROPPING[name], **keys}
    settings = ModelSettings(model=settings_of(numbers), loss=LossSettings(**(loss or {})))
    return untrained_fit(windows, settings)


def dropped(model, windows, sessions, passes=2):
    return dropout_spread(model, windows, sessions, passes=passes, calibration=CALIBRATION, context=CONTEXT)


# The rule of split conformal prediction.


def test_the_conformal_rank_by_hand():
    residuals = np.array([0.5, 0.1, 0.4, 0.2, 0.3, 0.9, 0.6, 0.8, 0.7])
    assert conformal_quantile(residuals, 0.9) == 0.9  # ⌈10 · 0.9⌉ = 9, the largest of nine
    assert conformal_quantile(residuals, 0.6827) == 0.7  # ⌈6.827⌉ = 7
    assert conformal_quantile(residuals, 0.05) == 0.1  # ⌈0.5⌉ = 1


def test_too_few_residuals_hold_no_range():
    with pytest.raises(DataError, match=r"8 residuals of validation are too few for a range of 90\.00%"):
        conformal_quantile(np.arange(8.0), 0.9)


def test_the_conformal_quantile_has_a_twin_in_whole_numbers():
    rng = np.random.default_rng(0)
    for n in (9, 99, 100, 399, 1000):
        residuals = rng.standard_normal(n)
        for level in ("0.6827", "0.90", "0.01", "0.07", "0.55", "0.89"):
            wanted = Fraction(level) * (n + 1)
            rank = -(-wanted.numerator // wanted.denominator)
            assert conformal_quantile(residuals, float(level)) == sorted(residuals)[rank - 1]


def test_exchangeable_residuals_are_held_as_often_as_is_said():
    rng, trials, n = np.random.default_rng(1), 2000, 99
    residuals = np.abs(rng.standard_t(3, (trials, n + 1)))
    for level in (0.6827, 0.9):
        held = np.mean([new <= conformal_quantile(past, level) for *past, new in residuals.tolist()])
        exact = math.ceil((n + 1) * level) / (n + 1)  # of continuous residuals, not only at least the level
        assert abs(held - exact) < 3.5 * math.sqrt(exact * (1.0 - exact) / trials)


def test_a_fit_scales_each_residual_by_its_own_spread():
    rng = np.random.default_rng(2)
    spread = frame(np.exp(rng.standard_normal((40, 10))))
    expected = frame(0.01 * rng.standard_normal((40, 10)))
    forward = expected + spread * 0.03
    forward.iloc[0, 0] = np.nan
    spread.iloc[1, 1], spread.iloc[1, 2] = 0.0, np.nan
    found = fit_uncertainty("head", expected=expected, forward=forward, spread=spread)
    assert found.n_residuals == 397
    assert found.n_sessions == 40
    assert found.ninety == pytest.approx(0.03)
    assert found.quantiles == pytest.approx([0.03] * 50)
    residuals = np.sort((0.03 * spread).to_numpy()[(spread > 0) & forward.notna()])
    assert found.constant_quantiles[0] == pytest.approx(residuals[math.ceil(398 * 0.01) - 1])
    doubled = fit_uncertainty("head", expected=expected, forward=forward, spread=2.0 * spread)
    assert doubled.ninety == pytest.approx(found.ninety / 2.0)


def test_names_in_another_order_have_the_same_fit():
    rng = np.random.default_rng(3)
    expected, forward, noise = (frame(rng.standard_normal((30, 12))) for _ in range(3))
    frames = {"expected": expected, "forward": forward, "spread": noise.abs()}
    order = forward.columns[rng.permutation(12)]
    turned = {name: each[order] for name, each in frames.items()}
    assert fit_uncertainty("dropout", **turned) == fit_uncertainty("dropout", **frames)


def test_a_fit_needs_returns_with_a_spread():
    few = frame(np.ones((7, 14)))
    with pytest.raises(DataError, match=r"98 names and sessions .*uncertainty\.method session, .* at least 99"):
        fit_uncertainty("session", expected=few, forward=few, spread=few)
    with pytest.raises(DataError, match="expected and spread differ in sessions or tickers"):
        fit_uncertainty("session", expected=few, forward=few, spread=few.iloc[1:])


# The spread of a session.


@pytest.mark.parametrize("fill", ["next_open", "next_close", "close"])
@pytest.mark.parametrize("horizon", [1, 3])
def test_the_session_spread_reads_what_was_earned_by_the_close(panel, fill, horizon):
    execution = Execution(fill=fill)
    found = session_spread(panel, execution, horizon=horizon)
    for row in (30, 31, 60, 89):
        cut = session_spread(panel.until(panel.sessions[row]), execution, horizon=horizon)
        assert cut.iloc[-1] == found.iloc[row]
        assert found.iloc[row] > 0.0


def test_a_session_spread_that_reads_one_row_too_many_is_caught(panel, monkeypatch):
    """The law above, broken on purpose: returns that are earned a session later."""

    def later(panel, execution, *, horizon):
        return forward_returns(panel, execution, horizon=horizon).shift(-1)

    monkeypatch.setattr(session_module, "forward_returns", later)
    found = session_spread(panel, Execution(), horizon=1)
    cut = session_spread(panel.until(panel.sessions[60]), Execution(), horizon=1)
    assert cut.iloc[-1] != found.iloc[60]


def test_the_session_spread_has_a_slow_twin(panel):
    universe = panel.open.notna()
    universe.iloc[40:50, 3] = False
    other = panel.with_universe(universe, described="")
    found = session_spread(other, Execution(), horizon=2)
    prices = panel.open
    for row in (8, 25, 55):
        variances = []
        for decided in range(row - 3 - 19, row - 3 + 1):  # sold at decided + 1 + 2, the open of `row` at the latest
            if decided >= 0:
                returns = prices.iloc[decided + 3] / prices.iloc[decided + 1] - 1.0
                variances.append(returns[universe.iloc[decided]].var(ddof=1))
        assert found.iloc[row] == pytest.approx(math.sqrt(np.mean(variances)))
    assert found.iloc[:7].isna().all()  # four decisions were sold by then
    assert found.iloc[7] > 0.0


# The spread of a network.


@pytest.mark.parametrize(
    "name", [*QUICKLY, *(pytest.param(name, marks=pytest.mark.slow) for name in DROPPING if name not in QUICKLY)]
)
def test_a_spread_by_dropout_is_drawn_by_the_seed_and_the_same_for_any_order_of_names(windows, name):
    model, sessions = network_of(windows, name), windows.sessions[40:42]
    before = model.scores(windows, sessions, context=CONTEXT)
    found = dropped(model, windows, sessions)
    assert found.notna().equals(before.notna())
    assert (found.to_numpy() > 0.0).mean() > 0.9
    assert found.equals(dropped(model, windows, sessions))
    assert model.scores(windows, sessions, context=CONTEXT).equals(before)
    order = np.random.default_rng(0).permutation(len(windows.tickers))
    turned = replace(
        windows, **{key: getattr(windows, key)[:, order] for key in ("x", "y", "mask", "present")},
        tickers=windows.tickers[order],
    )  # fmt: skip
    swapped = dropped(model, turned, sessions)[windows.tickers]
    np.testing.assert_allclose(swapped.to_numpy(), found.to_numpy(), rtol=1e-4)
    trained = model.settings.training.model_copy(update={"seed": 2})
    other = FittedNetwork(replace(model.trained, settings=model.settings.model_copy(update={"training": trained})))
    assert not dropped(other, windows, sessions).equals(found)


def test_a_session_is_spread_as_if_no_other_were_asked_for(windows):
    model, sessions = network_of(windows), windows.sessions[40:44]
    whole = dropped(model, windows, sessions)
    np.testing.assert_array_equal(dropped(model, windows, sessions[2:3]).to_numpy(), whole.iloc[2:3].to_numpy())


def test_the_spread_is_the_sd_of_calibrated_passes(windows):
    model, sessions = network_of(windows, "mlp"), windows.sessions[40:43]
    passes = []
    for k in range(2):
        network = model.trained.network(torch.device("cpu"))
        drop_units(network, seed=(model.settings.training.seed, k))
        with torch.inference_mode():
            rows = [network(windows.x[row - LOOKBACK + 1 : row + 1]) for row in (40, 41, 42)]
        passes.append(CALIBRATION.apply(frame(torch.stack(rows).double().numpy())).to_numpy())
    np.testing.assert_allclose(dropped(model, windows, sessions), np.std(passes, axis=0, ddof=1), rtol=1e-5)


def test_between_layers_of_an_lstm_one_mask_serves_every_name_and_step(windows):
    """The twin runs the layers one by one and masks what the lower one gives."""
    network = network_of(windows).trained.network(torch.device("cpu"))
    whole, x = network_of(windows).trained.network(torch.device("cpu")), windows.x[:20]
    drop_units(network, seed=(7,))
    ratio = network.lstm.weight_ih_l1 / whole.lstm.weight_ih_l1  # (4H, H)
    mask = ratio[0].detach()
    assert set(mask.tolist()) == {0.0, 2.0}
    lower, upper = (torch.nn.LSTM(size, 8) for size in (x.shape[2], 8))
    for level, layer in enumerate((lower, upper)):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        layer.load_state_dict({f"{each}_l0": getattr(whole.lstm, f"{each}_l{level}") for each in names})
    with torch.inference_mode():
        wanted = whole.head(upper(lower(x)[0] * mask)[0]).squeeze(-1)
        found = network(x)
        state, steps = None, []
        for row in range(20):
            score, state = network.step(x[row : row + 1], state)
            steps.append(score)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=1e-6)
    np.testing.assert_allclose(torch.stack(steps).numpy(), wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize("layer", [torch.nn.Dropout(0.4), torch.nn.Dropout1d(0.4)])
def test_a_mask_drops_whole_units_and_keeps_their_mean(layer):
    axis = 1 if isinstance(layer, torch.nn.Dropout1d) else 2
    network = torch.nn.Sequential(layer).eval()
    drop_units(network, seed=(1, 2))
    x = torch.ones(5, 400, 400)
    found = network(x).movedim(axis, 0).reshape(400, -1)  # a row per unit
    assert bool((found == found[:, :1]).all())
    assert found[:, 0].unique().tolist() == pytest.approx([0.0, 1.0 / 0.6])
    assert float((found[:, 0] == 0.0).double().mean()) == pytest.approx(0.4, abs=0.1)


def test_a_layer_that_serves_twice_is_masked_in_both_places():
    shared = torch.nn.Dropout(0.5)
    network = torch.nn.Sequential(shared, torch.nn.Identity(), shared).eval()
    drop_units(network, seed=(3,))
    assert set(network(torch.ones(2, 64))[0].tolist()) == {0.0, 4.0}


@pytest.mark.parametrize("scale", ["zscore", "raw"])
def test_the_head_gives_the_sd_of_a_return(windows, scale):
    loss = {"terms": {"gaussian": 1.0}, "rank_scale": scale}
    model = network_of(windows, heads=("score", "log_variance"), loss=loss)
    found = head_spread(model, windows, windows.sessions[50:51], context=CONTEXT)
    with torch.inference_mode():
        given = model.trained.network(torch.device("cpu"))(windows.x[50 - LOOKBACK + 1 : 51])[-1]
    unit = windows.scaler.target_sd if scale == "zscore" else 1.0
    np.testing.assert_allclose(found.to_numpy()[0], unit * np.exp(given[:, 1].double().numpy() / 2.0), rtol=1e-6)
    scored = model.scores(windows, windows.sessions[50:51], context=CONTEXT)
    np.testing.assert_array_equal(scored.to_numpy()[0], given[:, 0].double().numpy())


def test_a_kind_without_units_gives_no_spread():
    windows, split = planted_windows(lookback=LOOKBACK)
    ridge = make_model(ModelSettings(model=RidgeSettings(lookback=LOOKBACK))).fit(windows, split, context=FitContext())
    with pytest.raises(CheckpointError, match=r"model\.kind ridge is no network and gives no spread"):
        dropped(ridge, windows, windows.sessions[-1:])


def test_spreads_that_need_no_model(windows):
    checkpoint, sessions = Checkpoint(model=None, calibration=CALIBRATION), windows.sessions[40:42]
    one = spread_of(checkpoint, windows, sessions, settings=UncertaintySettings(method="constant"), context=CONTEXT)
    assert (one == 1.0).all(axis=None)
    assert one.shape == (2, len(windows.tickers))
    trailing = pd.Series(np.arange(len(windows.sessions), dtype=float), index=windows.sessions)
    settings = UncertaintySettings(method="session")
    found = spread_of(checkpoint, windows, sessions, settings=settings, context=CONTEXT, trailing=trailing)
    assert (found.to_numpy() == [[40.0], [41.0]]).all()
    with pytest.raises(ValueError, match="trailing is missing"):
        spread_of(checkpoint, windows, sessions, settings=settings, context=CONTEXT)


# Scores weighed by it.


def test_a_name_with_twice_the_spread_counts_half():
    scores = frame(np.array([[0.2, -0.4, 0.6, np.nan], [0.1, 0.2, 0.3, 0.4]]))
    spread = frame(np.array([[0.1, 0.2, 0.4, 9.0], [0.5, 0.5, 0.5, 0.0]]))
    found = weighed_scores(scores, spread)  # medians 0.2, of the names with a score, and 0.5
    np.testing.assert_allclose(found.iloc[0], [0.4, -0.4, 0.3, np.nan])
    assert found.iloc[1].tolist()[:3] == scores.iloc[1].tolist()[:3]
    assert math.isnan(found.iloc[1, 3])  # no spread, not sized


def test_names_of_one_spread_keep_their_order_and_scale_does_not_matter():
    rng = np.random.default_rng(4)
    scores = frame(rng.standard_normal((20, 30)))
    spread = frame(rng.choice([0.5, 1.0, 2.0], (20, 30)))
    found = weighed_scores(scores, spread)
    for each in (0.5, 1.0, 2.0):
        same = spread == each
        assert found.where(same).rank(axis=1).equals(scores.where(same).rank(axis=1))
    pd.testing.assert_frame_equal(weighed_scores(scores, 4.0 * spread), found)
    assert weighed_scores(scores, spread * 0.0 + 0.3).equals(scores)


# What a checkpoint keeps.


def fitted() -> FittedUncertainty:
    return FittedUncertainty(
        method="head",
        one_sigma=0.1 + 0.2,
        ninety=1.7,
        quantiles=tuple(level / 3.0 for level in QUANTILE_LEVELS),
        constant_quantiles=QUANTILE_LEVELS,
        n_residuals=400,
        n_sessions=20,
    )


def test_a_checkpoint_keeps_its_ranges_and_one_without_says_nothing_of_them(tmp_path, windows):
    plain = Checkpoint(model=network_of(windows), calibration=CALIBRATION)
    save_checkpoint(tmp_path / "plain", plain)
    save_checkpoint(tmp_path / "ranged", replace(plain, uncertainty=fitted()))
    assert load_checkpoint(tmp_path / "ranged").uncertainty == fitted()
    assert load_checkpoint(tmp_path / "plain").uncertainty is None
    cards = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("plain", "ranged")]
    assert "uncertainty" not in cards[0]
    assert cards[1].pop("uncertainty")["one_sigma"] == 0.1 + 0.2
    assert cards[0] == cards[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "oracle"},
        {"ninety": 0.1},
        {"one_sigma": -1.0},
        {"quantiles": [0.0]},
        {"quantiles": [1.0, *([0.0] * 49)]},
        {"constant_quantiles": ["low"] * 50},
        {"n_residuals": 0},
        {"n_sessions": "many"},
        {"more": 1},
    ],
)
def test_ranges_that_lost_their_meaning_are_refused_in_one_line(tmp_path, windows, changes):
    path = tmp_path / "model"
    save_checkpoint(path, Checkpoint(model=network_of(windows), calibration=CALIBRATION, uncertainty=fitted()))
    card = json.loads(path.with_suffix(".json").read_text())
    card["uncertainty"] |= changes
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="does not describe a checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


# What a strategy may say.


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["method=head"], r"uncertainty\.method head needs the head log_variance: add it to model\.heads, now score"),
        (["method=dropout", "model.dropout=0.0"], r"set model\.dropout above 0, was 0\.0"),
        (["method=dropout", "model.layers=1"], r"model\.layers must be at least 2, was 1"),
        (["method=dropout", "model.kind=ridge"], r"needs a network that drops units: model\.kind ridge is none"),
        (["method=dropout", "model.kind=dlinear"], r"set model\.dropout above 0, was no key"),
        (["method=head", "model.kind=ridge"], r"model\.kind ridge has none, so choose a network, or another method"),
        (["weigh=true"], r"uncertainty\.weigh does nothing where all .* set uncertainty\.method to head or dropout"),
        (["weigh=true", "method=session", "portfolio.builder=confidence"], r"uncertainty\.weigh .* was session"),
        (["weigh=true", "method=dropout"], r"uncertainty\.weigh does nothing in a filter_negative book"),
        (["passes=1"], r"uncertainty\.passes: .* greater than or equal to 2, was 1"),
        (["method=oracle"], r"uncertainty\.method: input should be 'none', .* was 'oracle'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(changes, told):
    words = [change if "." in change.partition("=")[0] else f"uncertainty.{change}" for change in changes]
    with pytest.raises(ValueError, match=told) as caught:
        override(load_spec(), words)
    assert "\n" not in str(caught.value)


def test_ranges_move_the_fingerprint_once_they_are_asked_for():
    spec = load_spec()
    assert override(spec, ["uncertainty.method=none", "uncertainty.passes=30"]).fingerprint() == spec.fingerprint()
    assert "uncertainty" not in spec.sections()
    chosen = override(spec, ["uncertainty.method=session"])
    assert chosen.fingerprint() != spec.fingerprint()
    assert chosen.sections()["uncertainty"] == {"method": "session", "passes": 30, "weigh": False}


def test_passes_are_learned_by_dropout_alone():
    few, many = (UncertaintySettings(method="dropout", passes=count) for count in (5, 30))
    assert not few.is_learned_as(many)
    constant = UncertaintySettings(method="constant", passes=5)
    assert constant.is_learned_as(UncertaintySettings(method="constant"))
    assert not constant.is_learned_as(few)
    assert few.is_learned_as(few.model_copy(update={"weigh": True}))
