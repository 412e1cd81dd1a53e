import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.losses import grid_ranks
from models.losses import rank_loss as product
from models.losses.grid_ranks import GRID_ABOVE, grid_soft_ranks
from models.losses.rank_loss import average_ranks, soft_ranks
from models.losses.session_losses import session_losses
from models.model_settings import LossSettings
from tests.oracles import rank_loss

SHAPES = ["normal", "ties", "one value", "outliers", "narrow", "wide", "far apart", "heavy tails"]


def cross_sections(shape, *, seed=0, n_names=150, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((3, n_names))
    values = {
        "normal": values,
        "ties": np.round(values, 1),
        "one value": np.full_like(values, 0.3),
        "outliers": np.where(np.arange(n_names) < 2, [20.0, -20.0] * (n_names // 2), values),
        "narrow": values * 0.02,
        "wide": values * 30,
        "far apart": values * 1e6,
        "heavy tails": rng.standard_cauchy(values.shape),
    }[shape]
    mask = rng.random(values.shape) >= 0.2
    mask[:, :6] = True
    return torch.tensor(values, dtype=dtype), torch.tensor(mask)


def upstream_like(values, *, seed=1):
    return torch.tensor(np.random.default_rng(seed).standard_normal(values.shape), dtype=values.dtype)


def pairwise(values, mask, upstream, *, temperature):
    leaf = values.detach().double().requires_grad_()
    pairs = torch.sigmoid((leaf[:, :, None] - leaf[:, None, :]) / temperature)
    ranks = (pairs * mask[:, None, :]).sum(dim=2) * mask
    (gradient,) = torch.autograd.grad((ranks * upstream).sum(), leaf)
    return ranks.detach(), gradient


def by_grid(values, mask, upstream, *, temperature):
    leaf = values.detach().clone().requires_grad_()
    ranks = grid_soft_ranks(leaf, mask, temperature=temperature)
    ranks.backward(upstream)
    return ranks.detach(), leaf.grad


def errors(found, wanted, mask, upstream, *, temperature):
    """Value errors by the session's names; gradient errors by its largest or the steepest pair's, if greater."""
    (ranks, gradient), (wanted_ranks, wanted_gradient) = found, wanted
    steepest = (upstream * mask).abs().amax(dim=1, keepdim=True) / (4 * temperature)
    scale = torch.maximum(wanted_gradient.abs().amax(dim=1, keepdim=True), steepest)
    in_value = (ranks - wanted_ranks).abs() / mask.sum(dim=1, keepdim=True)
    return in_value.max().item(), ((gradient - wanted_gradient).abs() / scale).max().item()


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_equal_the_float64_pairwise_sum(temperature, shape, dtype):
    for n_names in (12, 250):
        values, mask = cross_sections(shape, n_names=n_names, dtype=dtype)
        upstream = upstream_like(values)
        found = by_grid(values, mask, upstream, temperature=temperature)
        wanted = pairwise(values, mask, upstream, temperature=temperature)
        assert found[0].dtype == found[1].dtype == dtype
        in_value, in_gradient = errors(found, wanted, mask, upstream, temperature=temperature)
        assert in_value < 1e-6
        assert in_gradient < 1e-5


@pytest.mark.parametrize("shape", ["ties", "outliers"])
def test_soft_ranks_equal_the_oracle_written_in_loops(shape):
    values, mask = cross_sections(shape, n_names=40)
    found = grid_soft_ranks(values, mask, temperature=0.05)
    for k in range(3):
        wanted = rank_loss.soft_ranks(values[k][mask[k]].numpy(), 0.05)
        np.testing.assert_allclose(found[k][mask[k]], wanted, atol=1e-5)
        assert (found[k][~mask[k]] == 0).all()


@pytest.mark.parametrize("shape", ["normal", "ties", "outliers", "far apart"])
@pytest.mark.parametrize("temperature", [0.05, 0.7])
def test_soft_ranks_pass_gradcheck_with_masks_ties_and_outliers(shape, temperature):
    values, mask = cross_sections(shape, n_names=14)
    values.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: grid_soft_ranks(x, mask, temperature=temperature), (values,))


def test_the_gradient_is_the_gridded_sums_own():
    values, mask = cross_sections("normal", n_names=14)
    values.requires_grad_()

    def ranks(x):
        return grid_soft_ranks(x, mask, temperature=0.3)

    assert torch.autograd.gradcheck(ranks, (values,), eps=1e-6, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("rank_scale", ["zscore", "raw"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_wide_loss_and_its_gradient_equal_the_pairwise_ones(rank_scale, dtype, monkeypatch):
    values, mask = cross_sections("outliers", n_names=GRID_ABOVE + 2)
    targets = torch.where(mask, 0.02 * upstream_like(values) + 0.002 * values, torch.nan)
    chosen, found = LossSettings(rank_scale=rank_scale), []
    for threshold, precision in ((GRID_ABOVE, dtype), (10**6, torch.float64)):
        monkeypatch.setattr(product, "GRID_ABOVE", threshold)
        leaf = values.to(precision).requires_grad_()
        loss = session_losses(leaf, targets.to(precision), mask, settings=chosen, target_sd=0.02)
        loss.total.sum().backward()
        found.append((loss.terms["soft_rank"].detach().double(), leaf.grad.double()))
    assert (found[0][0] - found[1][0]).abs().max() < 1e-5
    scale = found[1][1].abs().amax(dim=1, keepdim=True)
    assert ((found[0][1] - found[1][1]).abs() / scale).max() < 1e-4


@pytest.mark.parametrize(("n_names", "gridded"), [(GRID_ABOVE, 0), (GRID_ABOVE + 1, 1)])
def test_only_cross_sections_wider_than_the_constant_take_the_grid(n_names, gridded, monkeypatch):
    calls = []

    def recorded(values, mask, *, temperature):
        calls.append(values.shape)
        return grid_soft_ranks(values, mask, temperature=temperature)

    monkeypatch.setattr(product, "grid_soft_ranks", recorded)
    predictions = torch.tensor(np.random.default_rng(2).standard_normal((1, n_names)))
    every = torch.ones_like(predictions, dtype=torch.bool)
    session_losses(predictions, predictions.flip(1), every, settings=LossSettings(), target_sd=1.0)
    assert len(calls) == gridded
    assert GRID_ABOVE >= 512


@pytest.mark.parametrize("shape", ["outliers", "far apart", "heavy tails"])
def test_folding_empty_stretches_changes_nothing(shape, monkeypatch):
    values, mask = cross_sections(shape, n_names=60)
    values, upstream = values.clamp(-3e3, 3e3), upstream_like(values)
    found = []
    for longest in (1, 10**9):
        monkeypatch.setattr(grid_ranks, "LONG_GRID", longest)
        found.append(by_grid(values, mask, upstream, temperature=0.5))
    in_value, in_gradient = errors(*found, mask, upstream, temperature=0.5)
    assert in_value < 3e-8
    assert in_gradient < 1e-5


def test_names_beyond_any_grid_get_their_hard_ranks():
    values = torch.tensor([[1e12, -1e30, 0.0, 1e30, 7.0, 7.0, -1e12]], dtype=torch.float64)
    every = torch.ones_like(values, dtype=torch.bool)
    found = grid_soft_ranks(values, every, temperature=0.01)
    torch.testing.assert_close(found, average_ranks(values, every) - 0.5, rtol=0, atol=1e-6)


def test_a_cluster_far_from_zero_is_placed_as_exactly_as_float32_holds_it():
    values, mask = cross_sections("normal", dtype=torch.float32)
    values, upstream = values + 4096, upstream_like(values)
    found = by_grid(values, mask, upstream, temperature=0.05)
    wanted = pairwise(values, mask, upstream, temperature=0.05)
    in_value, in_gradient = errors(found, wanted, mask, upstream, temperature=0.05)
    assert in_value < 1e-6
    assert in_gradient < 1e-5


def test_batches_too_large_for_one_grid_are_cut_without_a_change(monkeypatch):
    values, mask = cross_sections("heavy tails", dtype=torch.float32)
    upstream, saved = upstream_like(values), []
    whole = by_grid(values, mask, upstream, temperature=0.05)
    monkeypatch.setattr(grid_ranks, "GRID_BUDGET", 1)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        cut = by_grid(values, mask, upstream, temperature=0.05)
    in_value, in_gradient = errors(cut, whole, mask, upstream, temperature=0.05)
    assert in_value < 1e-6
    assert in_gradient < 1e-5
    assert max(saved) == values.shape[1]


def test_results_repeat_bit_for_bit_where_determinism_is_demanded():
    values, mask = cross_sections("ties", dtype=torch.float32)
    upstream = upstream_like(values)
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    try:
        first, second = (by_grid(values, mask, upstream, temperature=0.05) for _ in range(2))
    finally:
        torch.set_deterministic_debug_mode(before)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_another_session_moves_a_sessions_ranks_by_rounding_only():
    values, mask = cross_sections("normal")
    changed = values.clone()
    changed[1:] = changed[1:].flip(1) * 40
    found = grid_soft_ranks(changed, mask, temperature=0.05)[0]
    torch.testing.assert_close(found, grid_soft_ranks(values, mask, temperature=0.05)[0], rtol=0, atol=1e-5)


@settings(max_examples=20)
@given(st.permutations(range(12)))
def test_permuting_names_permutes_ranks_and_gradients(order):
    values, mask = cross_sections("ties", n_names=12)
    upstream, order = upstream_like(values), list(order)
    wanted = by_grid(values, mask, upstream, temperature=0.3)
    found = by_grid(values[:, order], mask[:, order], upstream[:, order], temperature=0.3)
    for part, whole in zip(found, wanted, strict=True):
        torch.testing.assert_close(part, whole[:, order], rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(st.floats(-50, 50), st.sampled_from([0.01, 0.3, 1.0]))
def test_a_common_shift_changes_no_rank(shift, temperature):
    values, mask = cross_sections("normal", n_names=30)
    found = grid_soft_ranks(values + shift, mask, temperature=temperature)
    torch.testing.assert_close(found, grid_soft_ranks(values, mask, temperature=temperature), rtol=0, atol=1e-5)


def test_only_the_ratio_of_values_to_temperature_matters():
    values, mask = cross_sections("normal")
    found = grid_soft_ranks(values * 8, mask, temperature=0.4)
    torch.testing.assert_close(found, grid_soft_ranks(values, mask, temperature=0.05), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_ranks_sum_to_half_the_square_of_the_names_and_mirror(shape):
    values, mask = cross_sections(shape)
    ranks, count = grid_soft_ranks(values, mask, temperature=0.05), mask.sum(dim=1).double()
    torch.testing.assert_close(ranks.sum(dim=1), count.square() / 2, rtol=1e-9, atol=0)
    mirrored = grid_soft_ranks(-values, mask, temperature=0.05)
    torch.testing.assert_close(mirrored + ranks, count[:, None] * mask, rtol=0, atol=1e-5)


def test_an_even_upstream_pulls_no_name():
    values, mask = cross_sections("ties")
    _, gradient = by_grid(values, mask, torch.ones_like(values), temperature=0.05)
    assert gradient.abs().max() < 1e-9


def test_masked_values_never_matter_even_when_they_are_nan_or_far():
    values, mask = cross_sections("normal", dtype=torch.float32)
    upstream = upstream_like(values)
    ranks, gradient = by_grid(values, mask, upstream, temperature=0.05)
    for hidden in (torch.nan, torch.inf, -1e9):
        spoiled = by_grid(torch.where(mask, values, hidden), mask, upstream, temperature=0.05)
        assert torch.equal(spoiled[0], ranks)
        assert torch.equal(spoiled[1], gradient)
    assert (gradient[~mask] == 0).all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_value_that_is_not_finite_spoils_its_session_and_no_other(value):
    values, mask = cross_sections("normal")
    upstream = upstream_like(values)
    wanted = by_grid(values, mask, upstream, temperature=0.05)
    values[1, 0] = value
    found = by_grid(values, mask, upstream, temperature=0.05)
    for part, whole in zip(found, wanted, strict=True):
        assert part[1].isnan().all()
        torch.testing.assert_close(part[[0, 2]], whole[[0, 2]], rtol=0, atol=1e-4)


def test_an_empty_session_and_a_lone_name_have_plain_ranks():
    values, mask = cross_sections("normal")
    mask[0], mask[1], mask[1, 4] = False, False, True
    ranks, gradient = by_grid(values, mask, upstream_like(values), temperature=0.05)
    assert (ranks[0] == 0).all()
    assert ranks[1, 4].item() == pytest.approx(0.5, abs=1e-6)
    assert ranks[1].count_nonzero() == 1
    assert gradient[:2].abs().max() < 1e-6


def test_a_wide_cross_section_keeps_nothing_longer_than_its_names_for_the_backward_pass():
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        values = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(3), requires_grad=True)
        grid_soft_ranks(values, torch.ones(2, 20_000, dtype=torch.bool), temperature=0.05)
    assert max(saved) == 40_000


def test_the_pairwise_twin_agrees_on_a_wide_cross_section():
    values, mask = cross_sections("normal", n_names=1500)
    twin = soft_ranks(values, mask, temperature=0.05)
    torch.testing.assert_close(grid_soft_ranks(values, mask, temperature=0.05), twin, rtol=0, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_and_cpu_agree():
    values, mask = cross_sections("outliers", dtype=torch.float32)
    upstream = upstream_like(values)
    wanted = by_grid(values, mask, upstream, temperature=0.05)
    found = by_grid(values.cuda(), mask.cuda(), upstream.cuda(), temperature=0.05)
    in_value, in_gradient = errors([x.cpu() for x in found], wanted, mask, upstream, temperature=0.05)
    assert in_value < 1e-6
    assert in_gradient < 1e-5
