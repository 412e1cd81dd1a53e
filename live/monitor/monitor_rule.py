"""Monitor rule: what makes a frozen version HOLDING, WATCH or BROKEN, in one place; ``docs/monitor.md`` says it.

BROKEN for performance takes an always-valid statistic. The rank IC may decline at the freeze or later; the mean since
the freeze is tested at half the level, and the mean since the first session of each later quarter of 63 sessions,
against all that came before it, at shares 1 / (k (k + 1)) of the other half. All of them together call a version whose
rank IC did not decline at most once in twenty, however long and however often one looks.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from backtests.report.monitor.live_measure import Call, Coverage, Finding, Grade, Measure, SwitchState
from backtests.statistics.confidence_sequence import MIN_SESSIONS, MIN_WINDOWS, Side, difference_confidence_sequence
from backtests.statistics.drift_tests import FeatureDrift

__all__ = ["ALPHA", "MATERIAL", "called", "compared", "decline_of", "drift_words", "looks", "rule_findings"]

ALPHA = 0.05  # versions that did not decline, ever called BROKEN
WATCH_IC = 0.20  # the same of the rank IC on WATCH
WATCH_OTHERS = 0.01  # of each of five other measures: 5 % of all
QUARTER = 63  # sessions
MATERIAL = 1.25  # turnover and cost over those of the test span
THIN, COLLAPSED = 0.90, 0.50  # names scored over those of the test span
MIN_COVERED = 20  # unseen sessions before too few names break a version: one without prices does not
HIGH_PSI = 0.25  # Siddiqi (2006): a population that has shifted


def decline_of(live: pd.Series, test: pd.Series, *, horizon: int = 1, alpha: float = ALPHA) -> Call | None:
    """When a decline of the mean below the test span's was called, since the freeze or since a later quarter.

    Parameters
    ----------
    live : Series of float
        Numbers of unseen sessions, in order; NaN ones are left out.
    test : Series of float
        Those of the test span.
    horizon : int
        Sessions that each looks ahead.
    alpha : float
        Share of streams without a decline that are ever called.

    Returns
    -------
    Call or None
        The first; None while there is none, and where the test span holds too few numbers.
    """
    numbers, reference = live.dropna(), test.dropna()
    calls = []
    for start, level in looks(len(numbers), alpha):
        earlier = pd.concat([reference, numbers.iloc[:start]])
        sequence = _difference(numbers.iloc[start:], earlier, horizon=horizon, alpha=level, worse="down")
        session = called(sequence, worse="down")
        if session is not None:
            calls.append(Call(session=session, since=pd.Timestamp(numbers.index[start])))
    return min(calls, key=lambda call: (call.session, call.since), default=None)


def looks(n: int, alpha: float) -> Iterator[tuple[int, float]]:
    """Where each mean of a stream of n numbers begins, and its share of alpha; all shares come to alpha."""
    for place, start in enumerate(range(0, n, QUARTER)):
        yield start, alpha / 2.0 if place == 0 else alpha / 2.0 / (place * (place + 1))


def called(sequence: pd.DataFrame, *, worse: str) -> pd.Timestamp | None:
    """The first session at which a range of a difference lies on the worse side of 0; None while it does not."""
    below, above = sequence["upper"] < 0.0, sequence["lower"] > 0.0
    crossed = below if worse == "down" else above if worse == "up" else below | above
    return pd.Timestamp(sequence.index[int(np.argmax(crossed))]) if crossed.any() else None


def compared(
    live: pd.Series, test: pd.Series, *, worse: str, horizon: int, alpha: float
) -> tuple[pd.DataFrame, Call | None]:
    """The range of the difference of two means, and when it was on the worse side of 0; empty with too few numbers."""
    sequence = _difference(live, test, horizon=horizon, alpha=alpha, worse=worse)
    session = called(sequence, worse=worse)
    return sequence, None if session is None else Call(session=session, since=pd.Timestamp(live.index[0]))


def rule_findings(
    measures: Mapping[str, Measure],
    *,
    coverage: Coverage,
    switches: SwitchState,
    drift: FeatureDrift | None,
    stamps: tuple[tuple[str, str], ...],
    last: pd.Timestamp | None,
) -> tuple[Finding, ...]:
    """What the rule says of everything that was measured, the gravest first.

    Parameters
    ----------
    measures : mapping of str to Measure
        ``rank_ic`` among them; the call of each decides.
    coverage, switches, drift
        Facts beside them.
    stamps : tuple of (label, sentence)
        Of code that drifted and bars that were restated.
    last : Timestamp or None
        The last unseen session.
    """
    found = [
        *_ic_findings(measures["rank_ic"]),
        *_coverage_findings(coverage, last),
        *_measure_findings(measures),
        *_switch_findings(switches),
        *_drift_findings(drift),
        *(Finding(grade="WATCH", about=label.lower(), words=words) for label, words in stamps),
    ]
    return tuple(sorted(found, key=lambda finding: finding.grade != "BROKEN"))


def drift_words(drift: FeatureDrift) -> str:
    """The feature that lies furthest from training, and whether that is beyond everything seen before."""
    ratios = drift.features["ratio"].dropna()
    if ratios.empty:
        return "no feature has a value in the latest sessions"
    worst = str(ratios.idxmax())
    row = drift.features.loc[worst]
    known = (
        f"not judged, {drift.n_windows} earlier windows are too few"
        if np.isnan(drift.p_value)
        else f"p {drift.p_value:.3f} among {drift.n_windows} earlier windows, {len(drift.features)} features at once"
    )
    return (
        f"{worst} lies furthest from training (PSI {row['psi']:.2f}, usually {row['usual_psi']:.2f}; KS "
        f"{row['ks']:.2f}, usually {row['usual_ks']:.2f}); {known}"
    )


def _difference(live: pd.Series, test: pd.Series, *, horizon: int, alpha: float, worse: str) -> pd.DataFrame:
    side: Side = "upper" if worse == "down" else "lower" if worse == "up" else "both"
    n_needed = max(MIN_SESSIONS, MIN_WINDOWS * horizon)
    if test.count() < n_needed or live.count() == 0:
        return pd.DataFrame(columns=["n", "mean", "lower", "upper"], dtype=float)
    return difference_confidence_sequence(live, test, alpha=alpha, horizon=horizon, side=side)


def _ic_findings(ic: Measure) -> Iterator[Finding]:
    test, live = ic.test.mean(), ic.live.mean()
    if ic.call is not None:
        yield Finding(
            grade="BROKEN",
            about="rank IC",
            words=(
                f"the rank IC since {ic.call.since:%Y-%m-%d} lies below what came before, always-valid at "
                f"{ALPHA:.0%}, called by the outcome of {ic.call.session:%Y-%m-%d} (live {live:+.4f}, test span "
                f"{test:+.4f})"
            ),
        )
        return
    _, watched = compared(ic.live, ic.test, worse="down", horizon=ic.horizon, alpha=WATCH_IC)
    if watched is not None:
        yield Finding(
            grade="WATCH",
            about="rank IC",
            words=(
                f"the rank IC lies below the test span's at {WATCH_IC:.0%}, not at {ALPHA:.0%} (live {live:+.4f}, test "
                f"span {test:+.4f})"
            ),
        )


def _measure_findings(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    for name, each in measures.items():
        if each.role != "WATCH" or each.call is None:
            continue
        if name in ("turnover", "cost") and each.live.mean() < MATERIAL * each.test.mean():
            continue
        live, test = each.row()[1], each.row()[3]
        what = f"{each.label[0].lower()}{each.label[1:]}"
        words = f"{what} is {live}, {test} in the test span, always-valid at {WATCH_OTHERS:.0%}"
        yield Finding(grade="WATCH", about="book" if name in ("turnover", "cost") else "calibration", words=words)


def _coverage_findings(coverage: Coverage, last: pd.Timestamp | None) -> Iterator[Finding]:
    kept = coverage.kept
    if kept < THIN:
        grade: Grade = "BROKEN" if kept < COLLAPSED and coverage.n_live >= MIN_COVERED else "WATCH"
        whole = f"{coverage.test_scored:,.0f} of the test span"
        words = f"{coverage.live_scored:,.0f} names are scored, {kept:.0%} of the {whole}"
        yield Finding(grade=grade, about="coverage", words=words)
    if coverage.unscored:
        many = len(coverage.unscored)
        latest = " and not in the latest session" if coverage.unscored[-1] == last else ""
        words = f"no name was scored in {many} session{'s' * (many > 1)}, first {coverage.unscored[0]:%Y-%m-%d}{latest}"
        yield Finding(grade="WATCH", about="coverage", words=words)


def _switch_findings(switches: SwitchState) -> Iterator[Finding]:
    if switches.is_out:
        yield Finding(grade="WATCH", about="risk overlays", words="a kill switch keeps the book flat")


def _drift_findings(drift: FeatureDrift | None) -> Iterator[Finding]:
    if drift is not None and (drift.beyond["psi"] >= HIGH_PSI).any():
        yield Finding(grade="WATCH", about="features", words=f"{drift_words(drift)}: beyond every window before")
