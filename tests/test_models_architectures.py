"""Architectures: each against a second telling, its reach in time, and what it keeps for the gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from models.architectures.attention_block import AttentionBlock
from models.architectures.rank_lstm import RankLSTM
from models.architectures.tapered import Tapered
from models.architectures.trend_linear import TrendLinear
from models.kinds.lstm import LstmSettings
from models.model_kinds import build_network, settings_of
from models.model_settings import AttentionSettings
from models.spans import Span, exact_span, span_scores
from tests.oracles.planted import planted_windows

SMALL = {
    "lstm": {"hidden": 4, "layers": 1},
    "gru": {"hidden": [4, 3]},
    "alstm": {"hidden": 4, "layers": 1},
    "transformer": {"hidden": 4, "attention_heads": 2, "layers": 2},
    "tcn": {"hidden": 4},
    "dlinear": {"smooth": 5},
    "mlp": {"hidden": [4]},
    "cross_attention": {"hidden": 4, "attention_heads": 2},
}


def network(kind: str, *, n_features: int = 2, lookback: int = 13, **changes) -> nn.Module:
    torch.manual_seed(0)
    return build_network(settings_of({"kind": kind, "lookback": lookback, **SMALL[kind], **changes}), n_features).eval()


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_with_several_heads_gives_them_on_the_last_axis(kind):
    x = drawn(13, 5, 2)
    one, two = network(kind), network(kind, heads=["score", "log_variance"])
    assert two(x).shape == (*one(x).shape, 2)


@pytest.mark.parametrize("kind", ["transformer", "tcn"])
@pytest.mark.parametrize("lookback", [5, 13, 30])
def test_an_unrolled_sequence_gives_each_window_its_own_score(kind, lookback):
    made, x = network(kind, lookback=lookback), drawn(40, 5, 2)
    unrolled = made(x)
    for row in (lookback - 1, 33, 39):
        torch.testing.assert_close(made(x[row + 1 - lookback : row + 1])[-1], unrolled[row])


@pytest.mark.parametrize(
    ("kind", "lookback", "reach"), [("tcn", 13, 13), ("tcn", 28, 13), ("tcn", 29, 29), ("transformer", 13, 13)]
)
def test_a_score_reads_the_reach_and_no_session_beyond(kind, lookback, reach):
    made, x = network(kind, lookback=lookback, hidden=32), drawn(40, 3, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(made(x)[35].sum(), x)
    read = gradient.abs().sum(dim=(1, 2)).nonzero().squeeze(1)
    assert (read.min(), read.max()) == (36 - reach, 35)


@pytest.mark.parametrize("kind", ["lstm", "gru", "alstm", "transformer", "tcn"])
def test_a_later_step_moves_no_earlier_score(kind):
    made, x = network(kind), drawn(30, 5, 2)
    other = x.clone()
    other[20:] = 7.0
    assert torch.equal(made(x)[:20], made(other)[:20])


@pytest.mark.parametrize("kind", ["lstm", "gru", "alstm"])
@pytest.mark.parametrize("hidden", [4, [5, 3]])
def test_steps_read_on_as_the_sequence_does(kind, hidden):
    layers = {} if isinstance(hidden, list) else {"layers": 2}
    made, x = network(kind, **{**SMALL[kind], "layers": 2, "hidden": hidden, **layers}), drawn(30, 5, 2)
    state = None
    for row in range(30):
        score, state = made.step(x[row : row + 1], state)
        torch.testing.assert_close(score, made(x)[row])


def test_tapered_layers_are_those_of_torch_one_over_the_other():
    torch.manual_seed(0)
    layers, x = Tapered(nn.LSTM, 7, (6, 4), 0.0), drawn(9, 5, 7)
    first, second = layers.layers
    assert torch.equal(layers(x)[0], second(first(x)[0])[0])


def test_the_compact_network_has_as_many_parameters_as_counted_by_hand():
    """4(w(i + w) + w) a layer with one bias a gate, as Keras counts; torch has two biases a gate."""
    made = RankLSTM(7, LstmSettings(hidden=(64, 32, 16)))
    by_hand = 4 * (64 * 71 + 64) + 4 * (32 * 96 + 32) + 4 * (16 * 48 + 16) + 16 + 1
    assert by_hand == 34_001
    assert sum(parameter.numel() for parameter in made.parameters()) == by_hand + 4 * (64 + 32 + 16)


def test_one_width_is_stacked_by_torch_and_named_as_ever():
    made = RankLSTM(3, LstmSettings(hidden=4, layers=2))
    assert list(made.state_dict())[:2] == ["lstm.weight_ih_l0", "lstm.weight_hh_l0"]
    assert isinstance(made.lstm, nn.LSTM)


@pytest.mark.parametrize("hidden", [4, (4, 3)])
def test_forget_gates_start_open(hidden):
    torch.manual_seed(0)
    lstm = RankLSTM(3, LstmSettings(hidden=hidden)).lstm
    biases = [value for name, value in lstm.named_parameters() if "bias_ih" in name]
    for bias in biases:
        gates = bias.detach().view(4, -1)
        assert gates[1].min() >= 1.0 - gates.shape[1] ** -0.5
        assert gates[[0, 2, 3]].abs().max() <= gates.shape[1] ** -0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden": [8, 4], "layers": 3}, "layers must be 2, as hidden has widths, was 3"),
        ({"hidden": []}, r"a width of at least 1, or one a layer, such as \[64, 32\], was \[\]"),
        ({"hidden": [8, 0]}, r"was \[8, 0\]"),
        ({"hidden": 1.5}, "was 1.5"),
        ({"hidden": "wide"}, "was 'wide'"),
        ({"hidden": True}, "was True"),
    ],
)
def test_widths_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        settings_of({"kind": "lstm", **changes})


def test_widths_say_how_many_layers_there_are():
    settings = settings_of({"kind": "gru", "hidden": [8, 4, 2]})
    assert (settings.layers, settings.widths) == (3, (8, 4, 2))
    assert settings_of(settings.model_dump(mode="json")) == settings
    assert settings_of({"kind": "gru", "hidden": 8}).widths == (8, 8)


def test_the_attention_block_is_the_papers():
    """Second telling in float64: softmax(QKᵀ/√d + bias)V for each head, added to what was given."""
    torch.manual_seed(0)
    block, h = (
        AttentionBlock(AttentionSettings(kind="", hidden=6, attention_heads=2)).double().eval(),
        drawn(2, 5, 6).double(),
    )
    bias = drawn(2, 5, 5, seed=2).double()

    def normed(layer, values):
        centred = values - values.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + layer.eps) * numbers(
            layer.weight
        ) + numbers(layer.bias)

    def numbers(tensor):
        return tensor.detach().numpy()

    def dense(layer, values):
        return values @ numbers(layer.weight).T + numbers(layer.bias)

    expected = []
    for k, items in enumerate(numbers(h)):
        asked = dense(block.asked, normed(block.first, items))
        heads = []
        for head in range(2):
            q, key, v = (asked[:, 6 * part + 3 * head : 6 * part + 3 * head + 3] for part in range(3))
            weights = np.exp(q @ key.T / 3**0.5 + numbers(bias)[head])
            heads.append(weights / weights.sum(axis=1, keepdims=True) @ v)
        after = items + dense(block.mixed, np.hstack(heads))
        wide = torch.nn.functional.gelu(torch.from_numpy(dense(block.wide, normed(block.second, after)))).numpy()
        expected.append(after + dense(block.narrow, wide))
        torch.testing.assert_close(block(h, bias)[k], torch.from_numpy(expected[k]))


def test_the_trend_is_a_moving_average_whose_ends_stand_for_what_lies_beyond():
    torch.manual_seed(0)
    made, x = TrendLinear(2, lookback=9, smooth=4, n_outputs=1).double(), drawn(9, 5, 2).double()
    padded = np.concatenate([x[:1].numpy().repeat(1, 0), x.numpy(), x[-1:].numpy().repeat(2, 0)])
    trend = np.stack([padded[t : t + 4].mean(axis=0) for t in range(9)])
    rest = x.numpy() - trend
    weights, others = (part.detach().numpy()[..., 0] for part in (made.trend, made.rest))
    expected = (trend * weights[:, None]).sum(axis=(0, 2)) + (rest * others[:, None]).sum(axis=(0, 2))
    np.testing.assert_allclose(made(x).detach().numpy(), expected, rtol=1e-12)


def test_attention_over_time_weighs_the_outputs_of_the_window():
    made, x = network("alstm", lookback=6), drawn(20, 4, 2)
    h, _ = made.lstm(x)
    energies = made.weigh(torch.tanh(made.project(h)))[..., 0]
    for row in (3, 5, 12, 19):
        seen = slice(max(0, row - 5), row + 1)
        weights = energies[seen].exp() / energies[seen].exp().sum(dim=0)
        read = (weights[..., None] * h[seen]).sum(dim=0)
        torch.testing.assert_close(made(x)[row], made.head(torch.cat([read, h[row]], dim=1))[:, 0])


def test_a_name_sees_the_others_of_its_session():
    x = drawn(13, 5, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(network("cross_attention")(x)[2], x)
    assert (gradient.abs().sum(dim=(0, 2)) > 0.0).all()


@pytest.mark.parametrize("training", [True, False])
def test_no_matrix_of_names_by_names_is_kept_for_the_gradient(training):
    n_names, made = 400, network("cross_attention", dropout=0.3 if training else 0.0).train(training)
    kept = []

    def seen(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        made(drawn(13, n_names, 2)).sum()
    assert kept
    assert max(kept) <= n_names * 26  # its windows


def test_a_session_is_read_whole_labelled_or_not_and_never_padded():
    windows, _ = planted_windows()
    mask, y = windows.mask.clone(), windows.y.clone()
    mask[50, [2, 7]], y[50, 4:6] = False, torch.nan
    windows = replace(windows, mask=mask, y=y)
    given = []

    class Spy(nn.Module):
        reads = "sections"

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            given.append(x)
            return x[-1].sum(dim=1) + 100.0

    names = torch.tensor([0, 2, 4, 11])
    scores = span_scores(Spy(), windows, exact_span(50, 6), names)[0]
    section = [k for k in range(12) if k not in (2, 7)]
    assert torch.equal(given[0], windows.x[45:51][:, section])
    assert scores[1] == 0.0
    torch.testing.assert_close(scores[[0, 2, 3]], windows.x[50, [0, 4, 11]].sum(dim=1) + 100.0)
    early = span_scores(Spy(), replace(windows, mask=torch.zeros_like(mask)), Span(opens=0, start=0, stop=3), names)
    assert torch.equal(early, torch.zeros(3, 4))
    assert len(given) == 1


def test_attention_between_names_sees_those_that_have_no_label():
    windows, _ = planted_windows()
    attention = network("cross_attention", n_features=3, lookback=6)
    every, some = torch.arange(12), torch.tensor([1, 3, 4, 8, 11])
    with torch.no_grad():
        whole = span_scores(attention, windows, exact_span(50, 6), every)[0]
        torch.testing.assert_close(span_scores(attention, windows, exact_span(50, 6), some)[0], whole[some])
        x = windows.x.clone()
        x[50, 0] += 3.0
        moved = span_scores(attention, replace(windows, x=x), exact_span(50, 6), some)[0]
    assert (moved - whole[some]).abs().min() > 0.0, "a name that is not asked for is seen"


def test_a_convolution_that_reaches_beyond_the_window_is_refused():
    with pytest.raises(
        ValueError, match="kernel 3 reaches back 5 sessions in one block: lookback must be as many, was 4"
    ):
        settings_of({"kind": "tcn", "lookback": 4})
    with pytest.raises(ValueError, match="hidden must be a multiple of attention_heads 4, was 6"):
        settings_of({"kind": "transformer", "hidden": 6})
