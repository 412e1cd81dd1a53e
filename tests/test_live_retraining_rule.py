"""The rule of promotion: spans, paired numbers, levels and decisions, by law and by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from backtests.statistics.online_error import OnlineTest, spending
from core.errors import DataError
from core.intervals import Interval
from live.retraining.challenger_plan import (
    MIN_JUDGED,
    SpanLengths,
    month_ends,
    moved_spec,
    plan_challenger,
    span_lengths,
)
from live.retraining.challenger_stream import StreamBound, bound_stream
from live.retraining.judgement_log import JudgementKey, next_level, place_of
from live.retraining.paired_judgement import COLUMNS, PairedJudgement, compare_pair, one_sided
from live.retraining.promotion import next_version
from live.retraining.promotion_rule import decide_promotion
from models.sample_splits import resolve_split
from strategy.definitions.spec import load_spec, override
from strategy.frozen.versions import Version

SPEC = override(load_spec("filter_negative"), ['split.train_end="2016-03-31"', 'split.validation_end="2016-06-30"'])
SESSIONS = pd.bdate_range("2015-01-05", "2018-12-31")
SEEN = pd.Timestamp("2016-12-30")
SILENT = StreamBound(sessions=60, mean=0.0, lower=-0.1)


def test_what_is_judged_was_learned_by_neither_and_not_seen_before() -> None:
    champion_learned = pd.Timestamp("2016-06-30")
    lengths = span_lengths(SPEC, SESSIONS)
    for judge in (60, 61, 126, 252):
        for cut in (len(SESSIONS), len(SESSIONS) - 1, len(SESSIONS) - 200):
            sessions = SESSIONS[:cut]
            plan = plan_challenger(SPEC, sessions, seen=SEEN, lengths=lengths, judge=judge)
            known = sessions[sessions >= plan.train[0]]
            split = resolve_split(known, moved_spec(SPEC, plan).split, delay=1, horizon=1)
            assert plan.judged[0] > max(SEEN, champion_learned)
            assert known[split.test.start] == plan.judged[0]
            assert split.validation.stop + plan.purge <= split.test.start  # no label ends in what is judged
            assert split.train.stop + plan.purge <= split.validation.start
            assert len(known[split.test]) == plan.n_judged == judge + plan.purge
            assert span_lengths(moved_spec(SPEC, plan), known) == lengths


def test_only_the_dates_of_the_split_move() -> None:
    plan = plan_challenger(SPEC, SESSIONS, seen=SEEN, lengths=span_lengths(SPEC, SESSIONS), judge=60)
    moved = moved_spec(SPEC, plan)
    assert moved.split.validation_end == plan.validation[1].date()
    assert moved.model_copy(update={"split": SPEC.split}) == SPEC


def test_short_bars_say_how_many_sessions_are_missing() -> None:
    sessions, lengths = pd.bdate_range("2020-01-01", periods=100), SpanLengths(train=20, validation=10)
    with pytest.raises(DataError, match=r"with 40 sessions that the champion has not seen, and 62 .* 22 are missing"):
        plan_challenger(SPEC, sessions, seen=sessions[59], lengths=lengths, judge=60)
    with pytest.raises(DataError, match=r"hold 100 sessions and the challenger needs 112.* 12 are missing before"):
        plan_challenger(SPEC, sessions, seen=sessions[9], lengths=SpanLengths(train=40, validation=10), judge=60)
    with pytest.raises(ValueError, match=f"judge must be at least {MIN_JUDGED} sessions, was 59"):
        plan_challenger(SPEC, sessions, seen=sessions[9], lengths=lengths, judge=59)


def test_a_month_is_over_once_a_session_of_a_later_one_is_known() -> None:
    days = pd.DatetimeIndex(["2024-01-30", "2024-01-31", "2024-02-28", "2024-02-29"])
    assert list(month_ends(days, None)) == [days[1]]
    assert list(month_ends(days, pd.Timestamp("2024-03-01"))) == [days[1], days[3]]
    assert list(month_ends(days[:3], pd.Timestamp("2024-02-29"))) == [days[1]]


def paired(gap: float, *, n: int = 80, noise: float = 0.01, net: float = 0.0) -> pd.DataFrame:
    rng, days = np.random.default_rng(3), pd.bdate_range("2020-01-01", periods=n)
    champion = 0.1 * rng.standard_normal(n)
    apart = noise * rng.standard_normal(n)
    columns = (champion, champion + apart - apart.mean() + gap, 0.01 * champion, 0.01 * champion + net)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=days)


def judged(gap: float, verdicts: tuple[str, str] = ("WEAK", "WEAK"), **settings: float) -> PairedJudgement:
    return compare_pair(paired(gap, **settings), verdicts=verdicts)  # type: ignore[arg-type]


def a_test(p_value: float, allowed: float = 0.01) -> OnlineTest:
    return OnlineTest(number=1, p_value=p_value, allowed=allowed, invested=allowed)


def test_a_challenger_equal_to_the_champion_is_never_promoted() -> None:
    same = judged(0.0, noise=0.0)
    assert (same.ic, same.p_value) == (Interval(0.0, 0.0, 0.0), 0.5)
    assert not decide_promotion(same, place_of([], KEY, same.p_value), bound_stream([], same)).promote


def test_exchanging_the_two_turns_the_difference_round() -> None:
    sessions = paired(0.004, net=0.001)
    turned = sessions.rename(columns=dict(zip(COLUMNS, (COLUMNS[1], COLUMNS[0], COLUMNS[3], COLUMNS[2]), strict=True)))
    ours = compare_pair(sessions, verdicts=("WEAK", "WEAK"))
    theirs = compare_pair(turned, verdicts=("WEAK", "WEAK"))
    assert theirs.ic.estimate == pytest.approx(-ours.ic.estimate)
    assert theirs.ic.high == pytest.approx(-ours.ic.low)
    assert theirs.net.estimate == pytest.approx(-0.001)
    assert theirs.p_value == pytest.approx(1.0 - ours.p_value)


def test_the_p_value_is_one_sided_and_that_of_the_range() -> None:
    assert one_sided(Interval(0.02, 0.0, 0.04)) == pytest.approx(0.025)
    assert one_sided(Interval(-0.02, -0.04, 0.0)) == pytest.approx(0.975)
    assert math.isnan(one_sided(Interval(math.nan, math.nan, math.nan)))


def test_every_part_of_the_rule_can_keep_the_champion() -> None:
    better = judged(0.05, net=0.001)
    assert decide_promotion(better, a_test(0.01), SILENT).promote  # a p-value at its level is a discovery
    cases = {
        "both have a rank IC on 59 sessions": (judged(0.05, n=59, net=0.001), a_test(0.01), SILENT, None),
        "no more than chance gives": (better, a_test(0.0101), SILENT, None),
        "but it earns -10.00 bps": (judged(0.05, net=-0.001), a_test(0.01), SILENT, None),
        "its verdict on these sessions is NOT EVIDENCE": (
            judged(0.05, ("WEAK", "NOT EVIDENCE"), net=0.001),
            a_test(0.01),
            SILENT,
            None,
        ),
        "mine@1.1.0 is newer": (better, a_test(0.01), SILENT, "mine@1.1.0"),
    }
    for words, (judgement, test, stream, newer) in cases.items():
        decision = decide_promotion(judgement, test, stream, newer=newer)
        assert not decision.promote
        assert decision.sentence.startswith("The champion stays: ")
        assert words in decision.sentence
        assert decision.sentence.count(".  ") == 0


def test_a_steady_stream_promotes_where_one_judgement_would_not() -> None:
    steady = StreamBound(sessions=300, mean=0.01, lower=0.001)
    assert decide_promotion(judged(0.01), a_test(0.4), steady).promote
    assert not decide_promotion(judged(-0.01), a_test(0.4), steady).promote  # this one is not better
    unknown = StreamBound(sessions=3, mean=math.nan, lower=math.nan)
    assert not decide_promotion(judged(0.01), a_test(0.4), unknown).promote


def test_an_unknown_difference_keeps_the_champion() -> None:
    unknown = judged(0.05, n=10)
    decision = decide_promotion(unknown, a_test(math.nan), SILENT)
    assert not decision.promote


KEY = JudgementKey(champion="a", spec="b", panel="c", first="2020-01-01", last="2020-06-30")


def facts(p_value: float | None, first: str = "2020-01-01", last: str = "2020-06-30") -> dict[str, object]:
    return {"p_value": p_value, "judgement": {"first": first, "last": last}}


def test_levels_fall_with_every_judgement_and_a_discovery_elsewhere_earns() -> None:
    half = 0.025
    assert next_level([], ("2020-01-01", "2020-06-30")) == (1, pytest.approx(half * spending(1)))
    assert next_level([facts(0.5)], ("2020-01-01", "2020-06-30")) == (2, pytest.approx(half * spending(2)))
    found = next_level([facts(0.001)], ("2020-07-01", "2020-12-31"))[1]
    assert found == pytest.approx(half * spending(2) + half * spending(1))
    shared = next_level([facts(0.001)], ("2020-06-30", "2020-12-31"))[1]  # one session in common
    assert shared == pytest.approx(half * spending(2))
    replaced = next_level([facts(0.001) | {"newer": "mine@1.1.0"}], ("2020-07-01", "2020-12-31"))
    assert replaced == (2, pytest.approx(half * spending(2)))  # better than what was replaced earns nothing


def test_an_unknown_p_value_takes_its_place() -> None:
    assert place_of([facts(None), facts(None)], KEY, 0.001).number == 3
    with pytest.raises(ValueError, match="no p-value that can be read"):
        place_of([facts("0.1")], KEY, 0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="does not say its sessions"):
        place_of([{"p_value": 0.1}], KEY, 0.5)


def test_before_a_discovery_the_levels_sum_to_half_the_error() -> None:
    before = [facts(0.9) for _ in range(40)]
    total = sum(place_of(before[:n], KEY, 0.9).allowed for n in range(40))
    assert 0.02 < total < 0.025


def test_a_stream_takes_every_session_once_and_only_grows_at_its_end() -> None:
    early = judged(0.02, n=80)
    days = early.sessions.index
    first = pd.Series(0.5, index=days[:60])
    stream = bound_stream([first], early)
    own = (early.sessions["ic_challenger"] - early.sessions["ic_champion"]).iloc[60:]
    assert (stream.sessions, stream.missing) == (80, 0)
    assert stream.mean == pytest.approx((60 * 0.5 + own.sum()) / 80)
    assert stream.lower < stream.mean
    backwards = bound_stream([first[40:]], early)  # what lies before the stream's end adds nothing
    assert backwards.sessions == 20 + 20


def test_a_stream_whose_runs_were_removed_bounds_nothing() -> None:
    better = judged(0.05, n=300)
    assert decide_promotion(better, a_test(0.4), bound_stream([], better)).promote
    stream = bound_stream([None], better)
    assert stream.missing == 1
    decision = decide_promotion(better, a_test(0.4), stream)
    assert not decision.promote
    assert "not bounded, because the run of an earlier one is gone" in decision.sentence


def test_the_next_version_is_the_next_minor_number() -> None:
    assert str(next_version(Version.parse("mine@1.0.3"))) == "mine@1.1.0"
    assert str(next_version(Version.parse("mine@2.9.0"))) == "mine@2.10.0"
