"""Verdict words: a finding has its direction, a missing number has its reason, and no claim is made from one."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from backtests.breadth import Breadth
from backtests.evaluation import Evaluation
from backtests.report.stamps import front_stamps
from backtests.statistics.online_error import OnlineTest
from backtests.verdict import COLLAPSED, TrialStanding, headline, judge
from market.inputs import Inputs
from tests.random_evaluation import random_evaluation, random_page, random_result, with_evaluation

NAN = np.nan
SESSIONS = 100
THIN = Breadth(
    scored_median=8.0,
    eligible_median=350.0,
    worst_share=8 / 350,
    worst_session=pd.Timestamp("2016-08-01"),
    worst_scored=8,
    worst_eligible=350,
    largest_weight=0.2,
    collapsed=True,
    thin_sessions=63,
    thin_from=pd.Timestamp("2016-07-01"),
)


def evaluation(*, returns: float = 0.0, ic: float = 0.02, baseline: float = 0.0, **changes: object) -> Evaluation:
    """Returns, rank IC and the first baseline's in units of what tells them from zero, the noise the same for all."""
    found = random_evaluation(SESSIONS)
    sessions, rng = found.scores.index, np.random.default_rng(0)
    noise = pd.Series(rng.standard_normal(SESSIONS), sessions)
    noise -= noise.mean()
    result = random_result(sessions, rng, 0.01 * (noise + returns))
    given = {"LSTM": 0.01 * noise + ic, "ridge": pd.Series(baseline, sessions)}
    signal = dataclasses.replace(found.signal, ic={"model": given["LSTM"], "ridge": given["ridge"]})
    results = dict.fromkeys(found.results, result)
    return dataclasses.replace(found, signal=signal, results=results, **changes)


def sentence(**changes: object) -> str:
    return judge(evaluation(**changes), TrialStanding()).sentence


def test_a_verdict_that_a_stamp_caps_says_so() -> None:
    stamped = TrialStanding(stamps=(("QUICK", "In short."), ("KEPT", "As was."), ("DRIFTED", "Not as was.")))
    panel = evaluation().inputs.panel
    real = Inputs(panel=dataclasses.replace(panel, facts=dataclasses.replace(panel.facts, synthetic=False)))
    found, weak = evaluation(returns=0.5, inputs=real), evaluation(returns=0.02, inputs=real)
    assert judge(found, TrialStanding()).word == "EVIDENCE"
    assert (
        judge(found, stamped).sentence
        == judge(found, TrialStanding()).sentence.replace("EVIDENCE", "WEAK", 1) + " QUICK and DRIFTED: WEAK at best."
    )
    assert judge(weak, stamped).sentence == judge(weak, TrialStanding()).sentence


def test_a_test_that_is_no_discovery_is_weak_and_says_so() -> None:
    panel = evaluation().inputs.panel
    real = Inputs(panel=dataclasses.replace(panel, facts=dataclasses.replace(panel.facts, synthetic=False)))
    found = evaluation(returns=0.3, inputs=real)
    late = OnlineTest(number=37, p_value=0.0012, allowed=0.0004, invested=0.00021)
    enough = judge(found, TrialStanding(sequence=dataclasses.replace(late, p_value=0.0004)))
    weak = judge(found, TrialStanding(sequence=late))
    assert (enough.word, weak.word) == ("EVIDENCE", "WEAK")
    assert weak.sentence.endswith(" No discovery as test 37 of its log: WEAK at best.")
    assert "discovery" not in enough.sentence
    assert (
        "test 37 of this log: LORD++ allows 0.0004 (alpha-investing 0.00021), p = 0.0012: no discovery;"
        in weak.trials_note
    )
    assert headline(found, weak)["log_test_allowed"] == 0.0004
    assert "log_test_allowed" not in headline(found, judge(found, TrialStanding()))
    untold = judge(found, TrialStanding(sequence=dataclasses.replace(late, p_value=NAN)))
    assert "test 37 of this log: no p-value, no discovery" in untold.trials_note


@pytest.mark.parametrize(
    ("mean", "words"),
    [(0.5, "beyond what 1 trial shows by chance;"), (-0.5, ", below zero;"), (0.02, "indistinguishable from zero;")],
)
def test_a_sharpe_ratio_is_told_in_its_own_direction(mean: float, words: str) -> None:
    assert words in sentence(returns=mean)


@pytest.mark.parametrize(
    ("ic", "baseline", "words"),
    [
        (0.02, 0.0, "above zero, and beats ridge on the same features by 0.0200 ± 0.00"),
        (-0.02, 0.0, "below zero, and is worse than ridge on the same features by 0.0200 ± 0.00"),
        (
            0.0,
            0.0001,
            "indistinguishable from noise, and does not beat ridge on the same features: the difference",
        ),
        (0.02, NAN, "above zero."),
    ],
)
def test_a_rank_ic_is_told_in_its_own_direction(ic: float, baseline: float, words: str) -> None:
    told = sentence(ic=ic, baseline=baseline)
    assert words in told
    assert ("of rank IC, paired by session" in told) == np.isfinite(baseline)


def test_no_number_is_no_claim() -> None:
    told = sentence(ic=NAN)
    assert "no rank IC: fewer than five names have a score and a return, or the returns of a session are all" in told
    few = dataclasses.replace(evaluation(ic=NAN), scores=random_evaluation(SESSIONS).scores.iloc[:, :4])
    assert judge(few, TrialStanding()).sentence.count("fewer than five names have a score and a return.") == 1
    assert "nan" not in told
    assert "ridge" not in told


def test_scores_that_are_all_the_same_have_no_rank_ic() -> None:
    found = evaluation(ic=NAN)
    told = judge(dataclasses.replace(found, scores=found.scores * 0.0), TrialStanding()).sentence
    assert "no rank IC: all scores of a session are the same." in told


def test_a_book_that_never_moved_has_no_sharpe_ratio() -> None:
    found = evaluation()
    flat = random_result(found.scores.index, np.random.default_rng(0), pd.Series(0.0, found.scores.index))
    told = judge(dataclasses.replace(found, results=dict.fromkeys(found.results, flat)), TrialStanding()).sentence
    assert "over 100 test sessions there is no net Sharpe ratio" in told
    assert "nan" not in told


def test_a_cross_section_that_collapsed_is_never_evidence() -> None:
    facts = dataclasses.replace(evaluation().inputs.panel.facts, synthetic=False)
    found = evaluation(returns=0.5)
    panel = dataclasses.replace(found.inputs.panel, facts=facts)
    found = dataclasses.replace(found, inputs=dataclasses.replace(found.inputs, panel=panel))
    whole = judge(found, TrialStanding())
    thin = judge(dataclasses.replace(found, breadth=THIN), TrialStanding())
    assert whole.word in ("WEAK", "EVIDENCE")
    assert thin.word == "NOT EVIDENCE"
    assert "for 63 sessions from 2016-07-01 on, less than half of the names that should have a score had one" in (
        thin.sentence
    )
    assert headline(dataclasses.replace(found, breadth=THIN), thin)["stamps"] == [COLLAPSED]
    assert headline(found, whole)["stamps"] == []


def test_the_page_stamps_a_collapse_and_nothing_less() -> None:
    page = random_page()
    stamps = {stamp.label: stamp for stamp in front_stamps(with_evaluation(page, breadth=THIN))}
    assert stamps[COLLAPSED].severity == "alarm"
    assert "8 of 350" in stamps[COLLAPSED].sentence
    broad = dataclasses.replace(THIN, collapsed=False)
    assert COLLAPSED not in {stamp.label for stamp in front_stamps(with_evaluation(page, breadth=broad))}
