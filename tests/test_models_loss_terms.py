import math

import numpy as np
import pytest
import torch

from models.kinds.lstm import LstmSettings
from models.losses.pair_losses import pair_forces, swap_costs
from models.losses.session_losses import TERMS, session_losses
from models.model_settings import SCORELESS, TERM_HEADS, LossSettings, ModelSettings
from models.networks.train import train_network
from models.networks.training_state import ResumePoint
from strategy.definitions.spec import load_spec, override
from tests.oracles.kills import KilledError, kill_after, same_bits
from tests.oracles.planted import planted_windows, small_settings

HEADS = ("score", "log_variance", "direction", "volatility")
TARGET_SD = 0.02
PAIRS = ["margin", "bpr", "ranknet", "lambdarank_ic"]


def batch(seed=0, n_names=9):
    rng = np.random.default_rng(seed)
    given, returns = rng.standard_normal((3, n_names, 4)), rng.standard_normal((3, n_names)) * TARGET_SD
    mask = rng.random((3, n_names)) > 0.2
    mask[:, :6] = True
    return torch.tensor(given), torch.tensor(returns.round(2)), torch.tensor(mask)


def term(name, given, returns, mask):
    terms = {name: 1.0} | ({"mse": 1.0} if name in ("direction", "volatility") else {})
    settings = LossSettings(terms=terms)
    return session_losses(given, returns, mask, settings=settings, target_sd=TARGET_SD, heads=HEADS).terms[name]


def pair_cost(name, o, returns, ranks, wanted, i, j):
    n, t = len(returns), np.sign(returns[i] - returns[j])
    if name == "margin":
        return abs(t) * max(0.0, 1.0 - t * o)
    if name == "ranknet":
        p = 1.0 / (1.0 + math.exp(-(returns[i] - returns[j]) / TARGET_SD))
        return math.log1p(math.exp(o)) - p * o
    cost = abs(t) * math.log1p(math.exp(-t * o))
    swap = 12 * abs(ranks[i] - ranks[j]) * abs(wanted[i] - wanted[j]) / (n * (n**2 - 1))
    return cost if name == "bpr" else swap * cost


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_term_is_the_sum_over_pairs_written_out(name):
    given, returns, mask = batch()
    found = term(name, given, returns, mask)
    for k in range(3):
        s, y = given[k, mask[k], 0].numpy(), returns[k, mask[k]].numpy()
        ranks, wanted = ([(v < x).sum() + (v == x).sum() / 2 for x in v] for v in (s, y))
        pairs = [(i, j) for i in range(len(s)) for j in range(i)]
        total = sum(pair_cost(name, s[i] - s[j], y, ranks, wanted, i, j) for i, j in pairs)
        count = len(pairs) if name == "ranknet" else sum(y[i] != y[j] for i, j in pairs)
        assert found[k].item() == pytest.approx(total / (len(s) if name == "lambdarank_ic" else count), rel=1e-9)


@pytest.mark.parametrize("name", [name for name in TERMS if name != "lambdarank_ic"])
def test_a_term_passes_gradcheck_and_reads_under_the_mask_alone(name):
    given, returns, mask = batch(1)
    leaf = given.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: term(name, x, returns, mask), (leaf,))
    moved = torch.where(mask[:, :, None], given, 7.0)
    assert torch.equal(term(name, moved, returns, mask), term(name, given, returns, mask))


def written_out(name, given, y):
    """Each remaining term of one session, name by name; heads in the order of ``HEADS``, y in units of the sd."""
    s, v, d, q = given.T
    softmax = np.exp(y) / np.exp(y).sum()
    density = np.exp(-((y - s) ** 2) / (2.0 * np.exp(v))) / np.sqrt(2.0 * np.pi * np.exp(v))
    chance = 1.0 / (1.0 + np.exp(-d))
    risen = np.where(y > 0, np.log(chance), np.where(y < 0, np.log(1.0 - chance), (np.log(chance * (1 - chance))) / 2))
    return {
        "mse": np.mean((s - y) ** 2),
        "listnet": -np.sum(softmax * np.log(np.exp(s) / np.exp(s).sum())),
        "gaussian": -np.mean(np.log(density)),
        "direction": -np.mean(risen),
        "volatility": np.mean((q - np.abs(y)) ** 2),
    }[name]


@pytest.mark.parametrize("name", ["mse", "listnet", "gaussian", "direction", "volatility"])
def test_a_term_is_that_of_the_literature_written_out(name):
    given, returns, mask = batch(3)
    found = term(name, given, returns, mask)
    for k in range(3):
        y = returns[k, mask[k]].numpy() / TARGET_SD
        assert found[k].item() == pytest.approx(written_out(name, given[k, mask[k]].numpy(), y), rel=1e-9)


def test_the_gradient_of_lambdarank_ic_is_the_sum_over_pairs_written_out():
    given, returns, mask = batch(7)
    given = given.mul(2.0).round().div(2.0)  # scores are tied too
    leaf = given.requires_grad_()
    (gradient,) = torch.autograd.grad(
        term("lambdarank_ic", leaf, returns, mask) @ torch.arange(1.0, 4.0).double(), leaf
    )
    assert (gradient[:, :, 1:] == 0).all()
    for k in range(3):
        s, y = given[k, mask[k], 0].detach().numpy(), returns[k, mask[k]].numpy()
        ranks, wanted = ([(v < x).sum() + (v == x).sum() / 2 for x in v] for v in (s, y))
        for i in range(len(s)):
            force = 0.0
            for j in range(len(s)):
                t, gap = np.sign(y[i] - y[j]), abs(ranks[i] - ranks[j]) or ((s == s[i]).sum() + 1) / 3
                swap = 12 * gap * abs(wanted[i] - wanted[j]) / (len(s) * (len(s) ** 2 - 1))
                force -= swap * t / (1.0 + math.exp(t * (s[i] - s[j])))
            found = gradient[k, mask[k], 0][i].item()
            assert found == pytest.approx((k + 1) * force / len(s), rel=1e-9, abs=1e-12)
        assert (gradient[k, ~mask[k]] == 0).all()


@pytest.mark.parametrize("name", ["soft_rank", "margin", "bpr", "lambdarank_ic"])
def test_a_term_that_ranks_reads_the_order_of_returns_alone(name):
    given, returns, mask = batch(8)
    stretched = torch.stack([(90.0 * returns[0]).sinh() + 1.0, returns[1] ** 3, returns[2]])
    torch.testing.assert_close(term(name, given, stretched, mask), term(name, given, returns, mask))
    assert not torch.allclose(term(name, given, -returns, mask), term(name, given, returns, mask))


@pytest.mark.parametrize("name", TERMS)
def test_the_order_of_names_decides_nothing_and_sessions_stand_apart(name):
    given, returns, mask = batch(4)
    order = torch.randperm(given.shape[1], generator=torch.Generator().manual_seed(5))
    found = term(name, given, returns, mask)
    torch.testing.assert_close(term(name, given[:, order], returns[:, order], mask[:, order]), found)
    moved, other = given.clone(), returns.clone()
    moved[0], other[0] = moved[0].flip(0), -other[0]
    torch.testing.assert_close(term(name, moved, other, mask)[1:], found[1:])


@pytest.mark.parametrize("block", [1, 7, 40, 10_000])
def test_forces_of_any_block_are_the_derivatives_of_weights_that_stand(block):
    given, returns, mask = batch(6)
    scores = torch.where(mask, given[:, :, 0], 0.0)
    weighed = swap_costs(scores, returns, mask)  # weights of these scores, whatever is scored afterwards
    forces = pair_forces(scores, mask, weighed, block=block)
    step = 1e-5
    for name in range(scores.shape[1]):
        near = []
        for side in (-step, 0.0, step):
            shifted = scores.clone()
            shifted[:, name] += side
            near.append(pair_forces(shifted, mask, weighed).cost)
        slope, bend = (near[2] - near[0]) / (2 * step), (near[2] - 2 * near[1] + near[0]) / step**2
        held = mask[:, name]
        torch.testing.assert_close(forces.gradient[held, name], slope[held], rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(forces.curvature[held, name], bend[held], rtol=1e-3, atol=1e-4)
        assert (forces.gradient[~held, name] == 0).all()


@pytest.mark.parametrize("name", [*PAIRS, "listnet"])
def test_a_number_added_to_a_sessions_scores_changes_nothing(name):
    given, returns, mask = batch(2)
    torch.testing.assert_close(term(name, given + 3.0, returns, mask), term(name, given, returns, mask))


def test_from_equal_scores_lambdarank_ic_moves_along_centred_rank_labels():
    returns, mask = torch.tensor([[0.3, -0.1, 0.2, 0.0, 0.5]]).double(), torch.ones(1, 5, dtype=torch.bool)
    scores = torch.zeros_like(returns)
    gradient = pair_forces(scores, mask, swap_costs(scores, returns, mask), block=1).gradient
    wanted = -2.0 * (torch.tensor([[4.0, 1.0, 3.0, 2.0, 5.0]]) - 3.0) / 4.0
    torch.testing.assert_close(gradient, wanted.double())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["long", "exact"])
@pytest.mark.parametrize("name", TERMS)
def test_a_training_by_any_term_that_is_killed_and_resumed_ends_in_the_same_bits(tmp_path, name, mode):
    windows, split = planted_windows(n_sessions=80, n_features=2, n_tickers=8)
    terms = {name: 1.0} | ({"mse": 1.0} if name in SCORELESS else {})
    heads = ("score", TERM_HEADS[name]) if name in TERM_HEADS else ("score",)
    settings = ModelSettings(
        model=LstmSettings(hidden=4, dropout=0.3, lookback=6, heads=heads),
        loss=LossSettings(terms=terms),
        training=small_settings(max_epochs=3, mode=mode).training,
    )
    whole = train_network(windows, split, settings=settings)
    point = ResumePoint(folder=tmp_path)
    for epoch in (1, 2):
        with pytest.raises(KilledError):
            train_network(windows, split, settings=settings, resume=point, progress=kill_after(epoch))
    torch.rand(3)
    resumed = train_network(windows, split, settings=settings, resume=point)
    assert same_bits(whole.weights, resumed.weights)
    assert [each.as_card() for each in whole.history] == [each.as_card() for each in resumed.history]
    default = ModelSettings(model=LstmSettings(hidden=4, dropout=0.3, lookback=6), training=settings.training)
    assert not same_bits(whole.weights, train_network(windows, split, settings=default).weights)


def test_a_term_without_its_head_is_refused_by_its_key():
    with pytest.raises(ValueError, match=r"loss\.terms\.gaussian needs the head log_variance: add it to model\.heads"):
        override(load_spec(), ["loss.terms.gaussian=1"])
    with pytest.raises(ValueError, match="terms direction teach no score"):
        LossSettings(terms={"direction": 1.0})


@pytest.mark.parametrize(("term", "head"), TERM_HEADS.items())
def test_a_head_that_no_term_teaches_is_refused_by_both_keys(term, head):
    heads = ["model.kind=gru", f'model.heads=["score","{head}"]']
    words = rf"model\.heads names {head}, which no term of the loss teaches: give loss\.terms\.{term} a weight"
    for loss in ([], ["loss.terms.mse=1"]):
        with pytest.raises(ValueError, match=words):
            override(load_spec(), [*heads, *loss])
    given = override(load_spec(), [*heads, "loss.terms.mse=1", f"loss.terms.{term}=1"])
    with pytest.raises(ValueError, match=words):
        ModelSettings(model=given.model)
