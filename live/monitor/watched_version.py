"""Watched version: a frozen version scored on sessions that it had not seen, along the path of every replay.

Nothing is trained, nothing is chosen and nothing is recorded as a trial: a look at live sessions tests no new strategy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.book_checks import check_book
from backtests.report.monitor.live_measure import Coverage, SwitchState
from backtests.report.monitor.monitored_version import MIN_LIVE, MonitoredVersion
from backtests.statistics.drift_tests import FeatureDrift, binned_counts, feature_drift, quantile_edges
from core.errors import DataError
from core.progress import ProgressCallback, silent
from live.monitor.measures import made_measures, score_numbers, trading_numbers
from live.monitor.monitor_rule import drift_words, rule_findings
from live.rescored import rescored
from live.unseen import unseen_sessions
from market.inputs import Inputs
from market.panel import Panel
from market.returns import forward_returns
from models.sample_splits import resolve_split
from models.threads import threads
from portfolio.book import Book
from signals.score_metrics import quantile_returns
from strategy.frozen.archive import read_expected
from strategy.frozen.replay import version_bars, version_threads
from strategy.frozen.run_version import FrozenStrategy, restatement
from strategy.learning.decide import Recomputed, recompute
from strategy.learning.training_data import model_features, tradable

__all__ = ["monitor_version"]

LATEST = 20  # sessions whose median counts as coverage now
MIN_SHARED = 0.5  # of the names scored last, among the bars
GIVEN = "given"  # a version that does not hold its bars


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Watched:
    """A version, its kept numbers, the bars of today, and its own bars where they are at hand."""

    frozen: FrozenStrategy
    panel: Panel
    own: Panel | None
    is_own_past: bool  # the bars of today up to the freeze are the version's own
    kept: Mapping[str, pd.DataFrame]
    unseen: pd.DatetimeIndex

    @property
    def seen_until(self) -> pd.Timestamp:
        return pd.Timestamp(self.kept["bar_returns"].index[-1])

    @property
    def reference(self) -> Panel:
        """The bars that the test span is measured on: its own, or today's up to its end."""
        return self.panel.until(self.seen_until) if self.own is None else self.own


def monitor_version(
    frozen: FrozenStrategy, inputs: Inputs, *, progress: ProgressCallback = silent, command: str = ""
) -> MonitoredVersion:
    """Score a version on the sessions that came after it and hold them against its test span.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``open_frozen``: its files and code are checked.
    inputs : Inputs
        Bars that reach from the version's history to sessions that it had not seen.
    progress : callable
        Called as sessions are scored.
    command : str
        What was typed, for the page.

    Returns
    -------
    MonitoredVersion
        Prints; its ``verdict`` and ``exit_code`` follow the rule of ``live.monitor.monitor_rule``.

    Raises
    ------
    DataError
        If the bars hold no session after the freeze, none of the test span, or other names.
    """
    watched = _watched(frozen, inputs)
    check_book(frozen.spec.rules.portfolio, inputs)
    sectors = inputs.sectors if frozen.sectors is None else frozen.sectors
    with threads(version_threads(frozen.folder.body)):
        made = recompute(frozen.spec, watched.panel, frozen.checkpoint, sectors=sectors, progress=progress)
    test, live = _test_numbers(watched), _live_numbers(watched, made)
    measures = made_measures(test, live, horizon=frozen.spec.label.horizon)
    coverage, switches = _coverage(watched, made.scores), _switch_state(made.book, watched.unseen)
    drift, words = _drift(watched, made.features)
    stamps = (*frozen.stamps, *restatement(frozen.folder, watched.panel, None))
    stamps = stamps or rescored(watched.kept["scores"], made.scores)
    last = watched.unseen[-1]
    findings = rule_findings(measures, coverage=coverage, switches=switches, drift=drift, stamps=stamps, last=last)
    return MonitoredVersion(
        version=str(frozen.folder.version),
        lock=frozen.folder.sha256,
        kind=frozen.checkpoint.model.card.kind,
        bars=watched.panel.facts.source,
        fingerprint=watched.panel.fingerprint(),
        synthetic=watched.panel.facts.synthetic,
        seen_until=watched.seen_until,
        sessions=watched.unseen,
        measures=measures,
        coverage=coverage,
        switches=switches,
        drift=drift,
        drift_words=words,
        quantiles=_quantiles(watched, made.scores),
        findings=findings,
        remarks=_remarks(watched),
        command=command,
    )


def _watched(frozen: FrozenStrategy, inputs: Inputs) -> _Watched:
    """The bars of today beside what the version kept, after checks that say what is wrong with them."""
    panel, folder = frozen.on_own_year(inputs.panel), frozen.folder
    kept, unseen = read_expected(folder.path), unseen_sessions(folder, panel)
    last = pd.Timestamp(kept["bar_returns"].index[-1])
    if not len(unseen):
        sealed = f"later ones lie in its sealed hold-out, `quintile holdout open {folder.version}` opens it"
        remedy = "load later bars" if frozen.spec.holdout is None else sealed
        raise DataError(
            f"bars end {panel.sessions[-1]:%Y-%m-%d}, {folder.version} saw sessions until {last:%Y-%m-%d}: {remedy}"
        )
    named = kept["scores"].iloc[-1].dropna().index
    shared = named.intersection(panel.tickers)
    if len(shared) < MIN_SHARED * len(named):
        raise DataError(
            f"the bars hold {len(shared)} of the {len(named)} names that {folder.version} scored last: another "
            "universe; name its own with --bars or --universe"
        )
    if panel.sessions[0] > kept["scores"].index[0]:
        raise DataError(
            f"bars begin {panel.sessions[0]:%Y-%m-%d}, after the test span of {folder.version} does "
            f"({kept['scores'].index[0]:%Y-%m-%d}): load bars with its history"
        )
    so_far = panel.until(last)
    same = so_far.fingerprint() == folder.body["panel"]
    own = so_far if same else _kept_bars(frozen)
    return _Watched(frozen=frozen, panel=panel, own=own, is_own_past=same, kept=kept, unseen=unseen)


def _kept_bars(frozen: FrozenStrategy) -> Panel | None:
    """The bars that lie in a version, or of its built-in market; None where it keeps none."""
    body = frozen.folder.body
    return None if body["bars"] == GIVEN else version_bars(frozen.folder, body)


def _test_numbers(watched: _Watched) -> pd.DataFrame:
    """Measures of the test span, of the scores and returns that the version kept."""
    spec, scores, returns = watched.frozen.spec, watched.kept["scores"], watched.kept["returns"]
    forward = forward_returns(watched.reference, spec.execution, horizon=spec.label.horizon)
    book = trading_numbers(*(returns[name] for name in ("turnover", "gross", "net"))).iloc[
        1:
    ]  # the first one builds it
    return score_numbers(scores, forward, are_returns=not spec.uncertainty.weigh).join(book, how="outer")


def _live_numbers(watched: _Watched, made: Recomputed) -> pd.DataFrame:
    """The same of the unseen sessions."""
    spec, unseen, result = watched.frozen.spec, watched.unseen, made.result
    forward = forward_returns(watched.panel, spec.execution, horizon=spec.label.horizon)
    scored = score_numbers(made.scores.loc[unseen], forward, are_returns=not spec.uncertainty.weigh)
    book = trading_numbers(result.turnover, result.gross_returns, result.net_returns)
    return scored.join(book.reindex(unseen))


def _quantiles(watched: _Watched, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Expected and realised returns by quantile of the scores; empty with too few sessions, or of weighed scores."""
    spec, spans = watched.frozen.spec, {}
    if spec.uncertainty.weigh:
        return {}
    given = {
        "test span": (watched.kept["scores"], watched.reference),
        "since": (scores.loc[watched.unseen], watched.panel),
    }
    for name, (theirs, panel) in given.items():
        forward = forward_returns(panel, spec.execution, horizon=spec.label.horizon).reindex(theirs.index)
        if int((forward.notna().any(axis=1) & theirs.notna().any(axis=1)).sum()) < MIN_LIVE:
            return {}
        spans[name] = quantile_returns(theirs, forward, predicted=theirs, horizon=spec.label.horizon).summary
    return spans


def _coverage(watched: _Watched, scores: pd.DataFrame) -> Coverage:
    kept, live = watched.kept["scores"].notna().sum(axis=1), scores.loc[watched.unseen].notna().sum(axis=1)
    eligible = watched.reference.universe.sum(axis=1).reindex(kept.index)
    latest = watched.panel.universe.loc[watched.unseen].sum(axis=1).iloc[-LATEST:]
    return Coverage(
        test_scored=float(kept.median()),
        live_scored=float(live.iloc[-LATEST:].median()),
        test_eligible=float(eligible.median()),
        live_eligible=float(latest.median()),
        n_live=len(live),
        unscored=tuple(pd.Timestamp(each) for each in live.index[live == 0]),
    )


def _switch_state(book: Book, unseen: pd.DatetimeIndex) -> SwitchState:
    lines = book.diagnostics.reindex(unseen)
    out = lines["out"].astype(bool) if "out" in lines else None
    scale = float(lines["scale"].iloc[-1]) if "scale" in lines else None
    events = book.events if book.events is not None else pd.DataFrame(columns=["session", "rule", "action"])
    since = events[events["session"].isin(unseen)]
    return SwitchState(
        is_out=None if out is None else bool(out.iloc[-1]),
        sessions_out=0 if out is None else int(out.sum()),
        scale=None if scale is None or np.isnan(scale) else scale,
        events=tuple(f"{each.session:%Y-%m-%d} {each.rule}: {each.action}" for each in since.itertuples()),
    )


def _drift(watched: _Watched, features: Mapping[str, pd.DataFrame]) -> tuple[FeatureDrift | None, str]:
    """Distances of the features from the training rows of the version's own bars, and a sentence on them."""
    own, spec = watched.own, watched.frozen.spec
    if own is None:
        return None, f"not compared: the training bars of {watched.frozen.folder.version} are not among these"
    before = features if watched.is_own_past else model_features(spec, own)
    split = resolve_split(own.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    eligible, today = tradable(own).to_numpy(), tradable(watched.panel).loc[watched.unseen].to_numpy()
    counts = {}
    for name, frame in before.items():
        values = frame.loc[own.sessions].to_numpy(dtype=float)
        edges = quantile_edges(values[split.train][eligible[split.train]])
        if len(edges):
            live = features[name].loc[watched.unseen].to_numpy(dtype=float)
            parts = (binned_counts(values, eligible, edges), binned_counts(live, today, edges))
            counts[name] = np.concatenate(parts)
    if not counts:
        return None, "not compared: no feature has a value in the training sessions"
    n_seen, sessions = len(own.sessions), pd.DatetimeIndex([*own.sessions, *watched.unseen])
    drift = feature_drift(counts, sessions, training=split.train, n_seen=n_seen)
    return drift, drift_words(drift)


def _remarks(watched: _Watched) -> tuple[str, ...]:
    made = []
    if watched.own is None:
        made.append("the version does not hold its bars: its test span is measured on the bars of today")
    if watched.frozen.spec.uncertainty.weigh:
        made.append("scores are weighed by their uncertainty: calibration and errors are not compared")
    if watched.frozen.spec.holdout is not None:
        made.append("the sealed hold-out stays sealed: its sessions are not among these")
    return tuple(made)
