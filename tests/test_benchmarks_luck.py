"""Luck's calibration in small: scores without skill are lucky at the nominal rate, and not beside ranks drawn anew."""

import numpy as np
import pytest

from benchmarks.luck_calibration import (
    KINDS,
    Design,
    coming_and_going,
    drawn_anew,
    lucky_share,
    monthly,
    names_exchanged,
)

SMALL = Design(n_scores=40, n_rival_scores=20, n_books=19, n_sessions=150, n_tickers=24)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["AR(1), .98", "AR(1), .98, names come and go"])
def test_luck_as_persistent_as_the_scores_lets_few_pass_for_skilled(kind: str) -> None:
    assert lucky_share(KINDS[kind], names_exchanged, SMALL) <= 0.15  # 5 % of 40, and three standard errors


@pytest.mark.slow
def test_ranks_drawn_anew_let_many_pass() -> None:
    assert lucky_share(KINDS["AR(1), .98"], drawn_anew, SMALL) >= 0.15


def test_simulated_scores_are_what_their_names_say() -> None:
    rng, shape = np.random.default_rng(0), (250, 40)
    for phi, name in ((0.0, "AR(1), autocorrelation 0"), (0.9, "AR(1), .9"), (0.98, "AR(1), .98")):
        paths = KINDS[name](rng, shape)
        assert np.corrcoef(paths[1:].ravel(), paths[:-1].ravel())[0, 1] == pytest.approx(phi, abs=0.03)
    assert (np.diff(monthly(rng, shape), axis=0) != 0).any(axis=1).sum() == 11
    assert 0.2 < np.isnan(coming_and_going(rng, shape)).mean() < 0.45
