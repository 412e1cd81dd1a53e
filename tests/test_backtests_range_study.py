"""Range study: shares that ranges held, CRPS of a distribution, and what the report says of them."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.range_study import CONSTANT, HISTORICAL, OWN, ReturnRanges, crps, range_study
from backtests.report.sections.uncertainty_section import uncertainty_section
from core.intervals import Interval
from market.returns import Execution, forward_returns
from market.synthetic import SyntheticSettings, synthetic_market
from models.uncertainty.conformal import NINETY, ONE_SIGMA, QUANTILE_LEVELS
from models.uncertainty.fitted_uncertainty import FittedUncertainty

NORMAL = NormalDist()
QUANTILES = tuple(map(NORMAL.inv_cdf, QUANTILE_LEVELS))


@pytest.fixture(scope="module")
def panel():
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=300)).panel


def normal_fit(*, sd=1.0, constant=0.02) -> FittedUncertainty:
    """What validation finds where residuals are normal with ``sd`` spreads."""
    return FittedUncertainty(
        method="head",
        one_sigma=sd,
        ninety=sd * NORMAL.inv_cdf(0.95),
        quantiles=tuple(sd * each for each in QUANTILES),
        constant_quantiles=tuple(constant * each for each in QUANTILES),
        n_residuals=500,
        n_sessions=50,
    )


def ranges(panel, fit, *, seed=0) -> ReturnRanges:
    """Expected returns that miss what came by a normal number times a spread that differs between names."""
    rng = np.random.default_rng(seed)
    forward = forward_returns(panel, Execution()).iloc[100:]
    spread = pd.DataFrame(0.01 * np.exp(0.8 * rng.standard_normal(forward.shape)), forward.index, forward.columns)
    return ReturnRanges(expected=forward - spread * rng.standard_normal(forward.shape), spread=spread, fit=fit)


def study_of(panel, *parts):
    return range_study(parts, panel, execution=Execution(), horizon=1, overlap=1)


def test_the_crps_of_a_normal_distribution_is_its_closed_form_within_the_grid():
    z = np.linspace(-4.0, 4.0, 81)
    closed = [x * (2 * NORMAL.cdf(x) - 1) + 2 * NORMAL.pdf(x) - 1 / math.sqrt(math.pi) for x in z]
    np.testing.assert_allclose(crps(z, QUANTILES), closed, atol=0.005)
    np.testing.assert_allclose(crps(0.02 * z, [0.02 * each for each in QUANTILES]), 0.02 * crps(z, QUANTILES))


def test_the_crps_by_hand_of_a_distribution_without_width_is_the_absolute_error():
    came = np.array([0.03, -0.01, np.nan])
    np.testing.assert_allclose(crps(came, [0.01] * 50), [0.02, 0.02, np.nan])


def test_no_other_width_scores_better_than_the_true_one():
    drawn = np.random.default_rng(0).standard_normal(20_000)
    scores = [crps(drawn, [width * each for each in QUANTILES]).mean() for width in (0.5, 0.8, 1.0, 1.25, 2.0)]
    assert int(np.argmin(scores)) == 2


def test_ranges_that_are_right_are_calibrated_and_beat_the_trivial_ones(panel):
    study = study_of(panel, ranges(panel, normal_fit()))
    assert study.coverage[ONE_SIGMA].low < ONE_SIGMA < study.coverage[ONE_SIGMA].high
    assert study.coverage[NINETY].low < NINETY < study.coverage[NINETY].high
    assert not study.is_uncalibrated
    assert study.differences[CONSTANT].high < 0.0
    assert study.differences[HISTORICAL].high < 0.0
    assert study.n_returns == int(forward_returns(panel, Execution()).iloc[100:].notna().to_numpy().sum())
    assert np.abs(study.curve["estimate"] - study.curve.index).max() < 0.02
    assert study.curve["estimate"].is_monotonic_increasing


@pytest.mark.parametrize(("sd", "word"), [(0.5, "few"), (2.0, "many")])
def test_ranges_of_another_width_are_called_uncalibrated(panel, sd, word):
    study = study_of(panel, ranges(panel, normal_fit(sd=sd)))
    assert study.is_uncalibrated
    assert (study.coverage[NINETY].high < NINETY) == (word == "few")
    assert study.as_dict()["uncalibrated"] is True


def test_every_number_by_hand(panel):
    """Two sessions, three names; one without an expected return, one without a spread."""
    part = ranges(panel, normal_fit())
    rows = part.expected.index[:2]
    forward = forward_returns(panel, Execution()).loc[rows]
    expected, spread = forward * np.nan, part.spread.loc[rows] * 0.0 + 0.01
    expected.iloc[0, :3] = forward.iloc[0, :3] - [0.005, 0.015, -0.03]
    expected.iloc[1, :2] = forward.iloc[1, :2] - [0.0, -0.012]
    spread.iloc[0, 0] = 0.0
    study = study_of(panel, ReturnRanges(expected=expected, spread=spread, fit=normal_fit()))
    assert study.coverage[ONE_SIGMA].estimate == pytest.approx((0.0 + 1 / 2) / 2)
    assert study.coverage[NINETY].estimate == pytest.approx((1 / 2 + 1.0) / 2)
    assert study.width == pytest.approx(2.0 * 0.01 * NORMAL.inv_cdf(0.95))
    assert (study.n_returns, study.n_sessions) == (4, 2)
    assert study.bounds.loc[rows[0], "high"].iloc[1] == pytest.approx(expected.iloc[0, 1] + study.width / 2.0)
    assert study.bounds["low"].notna().sum(axis=1).tolist() == [2, 2]
    quantiles = [0.01 * each for each in QUANTILES]
    by_session = [crps(np.array(each), quantiles).mean() for each in ([0.015, -0.03], [0.0, -0.012])]
    assert study.crps[OWN].estimate == pytest.approx(np.mean(by_session))
    level = QUANTILE_LEVELS[2]  # 5 %: 1.64 spreads below
    assert study.curve.loc[level, "estimate"] == pytest.approx((1 / 2 + 0.0) / 2)


def test_historical_volatility_is_what_was_known(panel):
    part = ranges(panel, normal_fit())
    row = part.expected.index[50]
    one = replace(part, expected=part.expected.loc[[row]], spread=part.spread.loc[[row]])
    window = panel.close.loc[:row].pct_change(fill_method=None).iloc[-60:]
    past = window.std().where(window.count() >= 20)
    came = forward_returns(panel, Execution()).loc[row].where(past.notna())
    pairs = zip(came.dropna(), past[came.notna()], strict=True)
    wanted = np.mean([crps(np.array([each]), [sd * q for q in QUANTILES])[0] for each, sd in pairs])
    assert study_of(panel, one).crps[HISTORICAL].estimate == pytest.approx(wanted)


def test_names_in_another_order_and_models_one_after_the_other_change_nothing(panel):
    part = ranges(panel, normal_fit())
    whole = study_of(panel, part)
    order = np.random.default_rng(1).permutation(40)
    turned = replace(part, expected=part.expected.iloc[:, order], spread=part.spread.iloc[:, order])
    halves = [
        replace(part, expected=part.expected.iloc[rows], spread=part.spread.iloc[rows])
        for rows in (slice(90, None), slice(0, 90))
    ]
    for other in (study_of(panel, turned), study_of(panel, *halves)):
        pd.testing.assert_frame_equal(other.curve, whole.curve)
        for found, wanted in ((other.coverage, whole.coverage), (other.crps, whole.crps)):
            np.testing.assert_allclose(list(found.values()), list(wanted.values()))
        assert (other.n_returns, other.width) == (whole.n_returns, pytest.approx(whole.width))
    assert study_of(panel, *halves).n_residuals == 1000


class Page:
    """What the section reads of a page."""

    def __init__(self, study, horizon=1):
        self.evaluation = type("Evaluation", (), {"ranges": study})
        self.rules = type("Rules", (), {"horizon": horizon})


def test_the_section_says_what_held(panel):
    study = study_of(panel, ranges(panel, normal_fit()))
    section = uncertainty_section(Page(study, horizon=5))
    assert section.lead.startswith("The 90 % range of a return held ")
    assert section.lead.endswith("which 90 % is within.")
    coverage, scores = section.parts[0].tables
    assert [row[0] for row in coverage.rows] == ["One sigma", "90 %"]
    assert "over 5 sessions" in coverage.note
    assert [row[0] for row in scores.rows] == [
        "The model's spread",
        "One spread for all",
        "Historical volatility, mean zero",
    ]
    assert len(section.parts[0].pictures[0].figure.data) == 2
    narrow = uncertainty_section(Page(study_of(panel, ranges(panel, normal_fit(sd=0.5)))))
    assert narrow.lead.startswith("UNCALIBRATED: the 90 % range of a return held ")
    assert narrow.lead.endswith(", too few.")
    unknown = replace(study, coverage=dict.fromkeys(study.coverage, Interval(0.9, math.nan, math.nan)))
    assert uncertainty_section(Page(unknown)).lead.endswith("too few sessions to say whether it is calibrated.")
    assert uncertainty_section(Page(None)) is None
