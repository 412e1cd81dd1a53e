"""The page of losses: a panel whose signal is known, differences by hand, and sentences that follow from numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import loss_page, pair_terms
from benchmarks.loss_checks.loss_comparison import LOSSES, MEASURES, REFERENCE, rows_of
from benchmarks.loss_checks.ranking_trees import CONTENDERS, RETURN_SD, STEPS, PanelSize, planted_panel


def test_a_panel_repeats_and_holds_the_signal_and_the_tails_it_names():
    size = PanelSize(names=400, sessions=400, features=4, ic=0.3)
    windows, signal = planted_panel(1, size)
    again, other = planted_panel(1, size)[0], planted_panel(2, size)[0]
    assert torch.equal(windows.y, again.y)
    assert not torch.equal(windows.y, other.y)
    y = windows.y.numpy().astype(float) / RETURN_SD
    assert np.mean(signal * y) == pytest.approx(0.3, abs=0.02)
    assert np.mean(signal[1:] * y[:-1]) == pytest.approx(0.0, abs=0.01)
    rest = (y - 0.3 * signal) / np.sqrt(1.0 - 0.3**2)
    assert np.quantile(np.abs(rest), 0.5) == pytest.approx(0.7649 / 3**0.5, abs=0.01)  # the median of |t(3)|, sd 1
    assert {name for step in STEPS for name in step} <= set(CONTENDERS)


def test_leads_are_paired_and_losses_share_one_test():
    rng = np.random.default_rng(0)
    base = pd.DataFrame(rng.standard_normal((200, 4)), columns=[1, 2, 3, 4])
    noise = pd.DataFrame(rng.standard_normal((200, 4)) * 0.01, columns=base.columns)
    frames = {
        REFERENCE: dict.fromkeys(MEASURES, base),
        "margin": dict.fromkeys(MEASURES, base + 0.1 + noise),
        "bpr": dict.fromkeys(MEASURES, base + noise),
    }
    rows = rows_of(frames)
    assert "lead" not in rows[REFERENCE]["net"]
    lead = rows["margin"]["rank_ic"]
    assert lead["lead"]["mean"] == pytest.approx(0.1, abs=0.005)
    assert lead["lead"]["low"] > 0.09  # the pairs cancel what both share
    assert rows["margin"]["rank_ic"]["low"] < 0.0
    assert lead["p_value"] < 0.001 < rows["bpr"]["rank_ic"]["p_value"]
    assert 0.0 < lead["smallest"] < 0.02
    assert lead["by_seed"] == pytest.approx(list((base + 0.1 + noise).mean()))


def trees_with(labels, ranking):
    step = {"mean": 0.01, "by_seed": [0.01], "low": 0.0, "high": 0.02}
    return {
        "steps": [
            step | {"of": "trees, L2 on z-scored returns", "less": "trees, L2 on returns"},
            step | labels | {"of": "trees, L2 on rank labels", "less": "trees, L2 on returns"},
            step | ranking | {"of": "trees, LambdaRankIC", "less": "trees, L2 on rank labels"},
        ]
    }


@pytest.mark.parametrize(
    ("labels", "ranking", "words"),
    [
        ({"low": 0.001}, {"low": -0.001}, "not told apart. The order claimed comes out"),
        ({"low": 0.001}, {"low": 0.001}, "LambdaRankIC beats rank labels beyond noise. The order claimed comes out"),
        (
            {"low": 0.001},
            {"low": -0.02, "high": -0.01},
            "worse than rank labels beyond noise. The order claimed does n",
        ),
        ({"low": -0.001}, {"low": 0.001}, "though the mean is higher. LambdaRankIC beats"),
        (
            {"low": -0.01, "mean": -0.005},
            {"low": -0.001},
            "beyond noise. LambdaRankIC and rank labels are not told apart.",
        ),
    ],
)
def test_the_order_is_said_as_the_ranges_say_it(labels, ranking, words):
    assert words in loss_page._order(trees_with(labels, ranking))


def test_a_loss_is_told_apart_by_its_adjusted_p_value():
    rows = {REFERENCE: {"net": {}}, "bpr": {"net": {"lead": {"mean": -1.0}, "p_value": 0.04}}}
    assert loss_page._told_apart(rows, "net") == "bpr (worse)"
    rows["bpr"]["net"]["p_value"] = 0.06
    assert loss_page._told_apart(rows, "net") == "none"


@pytest.mark.parametrize("term", pair_terms.TERMS)
def test_the_matrix_of_pairs_has_the_gradient_of_the_term(term, monkeypatch):
    monkeypatch.setattr(pair_terms, "N_NAMES", 40)
    ours, whole = (pair_terms.step(form, term)() for form in pair_terms.FORMS)
    torch.testing.assert_close(ours, whole, rtol=1e-4, atol=1e-7)
    assert set(pair_terms.TERMS) < set(LOSSES)
