import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.losses import rank_loss as losses_module
from models.losses.rank_loss import GRID_ABOVE, average_ranks, rank_correlations, soft_ranks
from models.losses.session_losses import session_losses
from models.model_settings import LossSettings
from tests.oracles import rank_loss

TARGET_SD = 0.02


def sessions(seed, *, n_sessions=3, n_names=9, scale=1.0, ties=False, hidden=0.3):
    rng = np.random.default_rng(seed)
    predictions = rng.standard_normal((n_sessions, n_names)) * scale
    targets = rng.standard_normal((n_sessions, n_names)) * TARGET_SD
    if ties:
        predictions, targets = np.round(predictions / scale, 0) * scale, np.round(targets, 2)
    mask = rng.random((n_sessions, n_names)) >= hidden
    mask[:, :6] = True
    return torch.tensor(predictions), torch.tensor(targets), torch.tensor(mask)


def losses_of(predictions, targets, mask, **settings):
    return session_losses(predictions, targets, mask, settings=LossSettings(**settings), target_sd=TARGET_SD)


def gradient_of(predictions, targets, mask, **settings):
    leaf = predictions.clone().requires_grad_()
    losses_of(leaf, targets, mask, **settings).total.sum().backward()
    return leaf.grad


CORRELATIONS = pytest.mark.parametrize("correlation", ["soft_rank", "pearson"])


@pytest.mark.parametrize("temperature", [0.01, 0.05, 1.0])
@pytest.mark.parametrize("rank_scale", ["zscore", "raw"])
@pytest.mark.parametrize("scale", [0.02, 1.0, 30.0])
@pytest.mark.parametrize("ties", [False, True])
@CORRELATIONS
def test_every_session_equals_the_float64_oracle(temperature, rank_scale, scale, ties, correlation):
    predictions, targets, mask = sessions(4, scale=scale, ties=ties)
    chosen = {"temperature": temperature, "rank_scale": rank_scale, "correlation": correlation}
    found = losses_of(predictions, targets, mask, **chosen)
    settings = LossSettings(**chosen).model_dump(exclude={"terms", "margin"}) | {"target_sd": TARGET_SD}
    for k in range(3):
        total, rank, huber = rank_loss.session_loss(
            predictions[k][mask[k]].numpy(), targets[k][mask[k]].numpy(), **settings
        )
        assert found.total[k].item() == pytest.approx(total, rel=1e-9)
        assert found.terms[correlation][k].item() == pytest.approx(rank, abs=1e-9)
        assert found.terms["huber"][k].item() == pytest.approx(huber, rel=1e-9)


@pytest.mark.parametrize("rank_scale", ["zscore", "raw"])
@CORRELATIONS
def test_the_gradient_equals_the_oracles_central_differences(rank_scale, correlation):
    predictions, targets, mask = sessions(5)
    chosen = {"temperature": 0.5, "rank_scale": rank_scale, "correlation": correlation}
    found = gradient_of(predictions, targets, mask, **chosen)
    settings = LossSettings(**chosen).model_dump(exclude={"terms", "margin"}) | {"target_sd": TARGET_SD}
    for k in range(3):
        wanted = rank_loss.session_gradient(predictions[k][mask[k]].numpy(), targets[k][mask[k]].numpy(), **settings)
        np.testing.assert_allclose(found[k][mask[k]], wanted, rtol=1e-5, atol=1e-8)
        assert (found[k][~mask[k]] == 0).all()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("block", [1, 40, 10_000])
def test_soft_ranks_pass_gradcheck_with_masks_ties_and_blocks(ties, block):
    values, _, mask = sessions(6, ties=ties)
    values.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: soft_ranks(x, mask, temperature=0.7, block=block), (values,))


@pytest.mark.parametrize("rank_scale", ["zscore", "raw"])
@CORRELATIONS
def test_the_whole_loss_passes_gradcheck(rank_scale, correlation):
    predictions, targets, mask = sessions(7)
    predictions.requires_grad_()

    def total(x):
        return losses_of(x, targets, mask, temperature=0.5, rank_scale=rank_scale, correlation=correlation).total

    assert torch.autograd.gradcheck(total, (predictions,))


def test_blocks_change_no_soft_rank_and_no_gradient():
    values, _, mask = sessions(8, n_names=33)
    found = []
    for block in (1, 100, 10**6):
        leaf = values.clone().requires_grad_()
        ranks = soft_ranks(leaf, mask, temperature=0.05, block=block)
        (ranks * torch.arange(33)).sum().backward()
        found.append((ranks.detach(), leaf.grad))
    for ranks, gradient in found[1:]:
        torch.testing.assert_close(ranks, found[0][0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-10, atol=1e-10)


def test_a_wide_cross_section_keeps_no_pairwise_tensor_for_the_backward_pass():
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        values = torch.randn(2, 400, requires_grad=True)
        soft_ranks(values, torch.ones(2, 400, dtype=torch.bool), temperature=0.05)
    assert max(saved) == 800


def test_soft_ranks_of_a_small_case_by_hand():
    values, mask = torch.tensor([[0.0, 1.0, 50.0]], dtype=torch.float64), torch.tensor([[True, True, False]])
    tail = 1 / (1 + math.exp(-2.0))
    wanted = torch.tensor([[0.5 + 1 - tail, 0.5 + tail, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(soft_ranks(values, mask, temperature=0.5), wanted)


def test_a_cold_soft_rank_is_the_average_rank_less_one_half():
    values, _, mask = sessions(9, ties=True)
    cold = soft_ranks(values, mask, temperature=1e-4)
    torch.testing.assert_close(cold, torch.where(mask, average_ranks(values, mask) - 0.5, 0.0))


@given(st.permutations(range(9)))
def test_permuting_names_permutes_the_gradient_and_keeps_the_loss(order):
    predictions, targets, mask = sessions(10)
    order = list(order)
    shuffled = predictions[:, order], targets[:, order], mask[:, order]
    torch.testing.assert_close(losses_of(*shuffled).total, losses_of(predictions, targets, mask).total)
    torch.testing.assert_close(gradient_of(*shuffled), gradient_of(predictions, targets, mask)[:, order])


def test_no_session_reads_another():
    predictions, targets, mask = sessions(11)
    gradient = gradient_of(predictions, targets, mask)
    changed, moved = predictions.clone(), targets.clone()
    changed[1:], moved[1:] = changed[1:].flip(1) * 7, moved[1:] * -3
    torch.testing.assert_close(gradient_of(changed, moved, mask)[0], gradient[0], rtol=0, atol=0)
    torch.testing.assert_close(losses_of(changed, moved, mask).total[0], losses_of(predictions, targets, mask).total[0])


def test_permuting_the_sessions_of_a_batch_permutes_their_losses():
    predictions, targets, mask = sessions(12)
    order = [2, 0, 1]
    found = losses_of(predictions[order], targets[order], mask[order]).total
    assert torch.equal(found, losses_of(predictions, targets, mask).total[order])


def test_the_rank_term_sees_only_the_order_of_the_targets():
    predictions, targets, mask = sessions(13)
    found = losses_of(predictions, torch.exp(40 * targets) - 3, mask).terms["soft_rank"]
    assert torch.equal(found, losses_of(predictions, targets, mask).terms["soft_rank"])


@pytest.mark.parametrize(("shift", "scale"), [(3.0, 1.0), (0.0, 50.0), (-1.0, 0.01)])
def test_the_rank_term_ignores_level_and_scale_of_the_predictions(shift, scale):
    predictions, targets, mask = sessions(14)
    found = losses_of(predictions * scale + shift, targets, mask).terms["soft_rank"]
    torch.testing.assert_close(found, losses_of(predictions, targets, mask).terms["soft_rank"], rtol=1e-9, atol=1e-9)


def test_the_raw_rank_term_ignores_a_common_shift_but_not_scale():
    predictions, targets, mask = sessions(15)
    found = losses_of(predictions, targets, mask, rank_scale="raw").terms["soft_rank"]
    torch.testing.assert_close(losses_of(predictions + 2.0, targets, mask, rank_scale="raw").terms["soft_rank"], found)
    assert not torch.allclose(losses_of(predictions * 0.01, targets, mask, rank_scale="raw").terms["soft_rank"], found)


def test_masked_values_never_matter_even_when_they_are_nan():
    predictions, targets, mask = sessions(16)
    spoiled = torch.where(mask, predictions, torch.nan), torch.where(mask, targets, torch.nan)
    assert torch.equal(losses_of(*spoiled, mask).total, losses_of(predictions, targets, mask).total)
    gradient = gradient_of(*spoiled, mask)
    assert torch.equal(torch.nan_to_num(gradient), gradient_of(predictions, targets, mask))
    assert (gradient[~mask] == 0).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_predictions_have_rank_term_one_and_a_huber_gradient_only(constant, dtype):
    _, targets, mask = sessions(17)
    predictions = torch.full(targets.shape, constant, dtype=dtype)
    assert (losses_of(predictions, targets.to(dtype), mask).terms["soft_rank"] == 1.0).all()
    assert (gradient_of(predictions, targets.to(dtype), mask, rank_weight=1.0) == 0).all()
    gradient = gradient_of(predictions, targets.to(dtype), mask)
    assert torch.isfinite(gradient).all()
    assert (gradient[mask] != 0).all()


def test_equal_targets_teach_no_order():
    predictions, _, mask = sessions(18)
    assert (losses_of(predictions, torch.full(mask.shape, 0.01), mask).terms["soft_rank"] == 1.0).all()


def test_sessions_with_fewer_than_five_names_do_not_count():
    predictions, targets, mask = sessions(19)
    mask[0, 4:] = False
    found = losses_of(predictions, targets, mask)
    assert found.counted.tolist() == [False, True, True]
    assert found.total[0] == 0
    assert (gradient_of(predictions, targets, mask)[0] == 0).all()
    mask[0, 4] = True
    assert losses_of(predictions, targets, mask).counted.all()


def test_an_empty_session_gives_no_nan():
    predictions, targets, mask = sessions(20)
    mask[1] = False
    assert torch.isfinite(losses_of(predictions, targets, mask).total).all()
    assert torch.isfinite(gradient_of(predictions, targets, mask)).all()


def test_a_perfect_order_has_nearly_no_rank_loss_and_a_reversed_one_nearly_two():
    _, targets, mask = sessions(21)
    assert (losses_of(targets * 5, targets, mask, temperature=0.001).terms["soft_rank"] < 0.02).all()
    assert (losses_of(targets * -5, targets, mask, temperature=0.001).terms["soft_rank"] > 1.98).all()


def test_the_huber_term_is_quadratic_inside_delta_and_linear_outside():
    predictions = torch.tensor([[1.0, 1.0, 1.0, 1.0, 9.0]], dtype=torch.float64)
    targets, mask = torch.zeros(1, 5, dtype=torch.float64), torch.ones(1, 5, dtype=torch.bool)
    delta = 0.05 / TARGET_SD
    wanted = (4 * 0.5 + delta * (9 - 0.5 * delta)) / 5
    assert losses_of(predictions, targets, mask).terms["huber"].item() == pytest.approx(wanted)


def test_the_pearson_term_of_a_small_case_by_hand():
    targets = torch.tensor([[-0.02, -0.01, 0.0, 0.01, 0.02]], dtype=torch.float64)
    predictions = torch.tensor([[0.0, 0.0, 0.0, 0.0, 5.0]], dtype=torch.float64)
    mask = torch.ones_like(targets, dtype=torch.bool)
    found = losses_of(predictions, targets, mask, correlation="pearson")
    # centred: (−1, −1, −1, −1, 4) · (−2, −1, 0, 1, 2)/100 = 0.10; norms √20 and √0.001
    assert found.terms["pearson"].item() == pytest.approx(1.0 - 0.10 / math.sqrt(20 * 0.001))


def test_the_pearson_term_sees_the_size_of_the_targets_where_ranks_do_not():
    predictions, targets, mask = sessions(8)
    stretched = targets.exp() ** 40
    soft, pearson = (
        (
            losses_of(predictions, targets, mask, correlation=kind),
            losses_of(predictions, stretched, mask, correlation=kind),
        )
        for kind in ("soft_rank", "pearson")
    )
    torch.testing.assert_close(soft[0].terms["soft_rank"], soft[1].terms["soft_rank"])
    assert (pearson[0].terms["pearson"] - pearson[1].terms["pearson"]).abs().min() > 0.01


def test_float32_agrees_with_float64_on_a_wide_cross_section():
    predictions, targets, mask = sessions(22, n_names=500)
    single = gradient_of(predictions.float(), targets.float(), mask)
    torch.testing.assert_close(single.double(), gradient_of(predictions, targets, mask), rtol=1e-3, atol=1e-7)


def test_rank_correlations_equal_the_oracle_and_are_nan_without_spread():
    scores, targets, mask = sessions(23, ties=True)
    scores[2] = 4.0
    found = rank_correlations(scores, targets, mask)
    for k in range(2):
        ranks = [rank_loss.average_ranks(x[k][mask[k]].numpy()) for x in (scores, targets)]
        assert found[k].item() == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert found[2].isnan()


def test_five_names_have_a_rank_correlation_and_four_have_none() -> None:
    scores, targets = torch.arange(5.0)[None], torch.tensor([[0.1, 0.2, 0.3, 0.5, 0.4]])
    assert rank_correlations(scores, targets, torch.ones(1, 5, dtype=torch.bool)).item() == pytest.approx(0.9)
    assert rank_correlations(scores[:, :4], targets[:, :4], torch.ones(1, 4, dtype=torch.bool)).isnan().all()


def test_average_ranks_are_zero_outside_the_mask() -> None:
    mask = torch.tensor([[True, False, True, True]])
    assert average_ranks(torch.tensor([[3.0, math.nan, 1.0, 3.0]]), mask).tolist() == [[2.5, 0.0, 1.0, 2.5]]


def test_only_cross_sections_wider_than_the_switch_take_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []

    def recorded(values, mask, *, temperature):
        widths.append(values.shape[1])
        return soft_ranks(values, mask, temperature=temperature)

    monkeypatch.setattr(losses_module, "grid_soft_ranks", recorded)
    for width in (GRID_ABOVE, GRID_ABOVE + 1):
        predictions, targets, mask = sessions(1, n_sessions=1, n_names=width)
        losses_of(predictions, targets, mask)
    assert widths == [GRID_ABOVE + 1]
