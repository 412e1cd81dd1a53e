"""Trading desk: tomorrow's book of a run, and a frozen version on paper."""

from dataclasses import asdict
from pathlib import Path

from market.hedge import with_hedge
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.sources import load_bars
from market.sources.sectors import load_sectors
from quintile.bar_frames import Bars, as_recorded, inputs_for, recorded_request, with_outside
from quintile.frozen_version import FrozenVersion
from quintile.lookup import require
from strategy.frozen.own_request import described_bars
from strategy.frozen.run_version import open_frozen
from strategy.runs.own_bars import decision_request
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE
from strategy.trading.decision import Decision, scorer_of
from strategy.trading.holdings import Holdings, read_holdings
from strategy.trading.paper import PaperRecord, open_paper, paper_record, trade_session
from strategy.trading.run_decision import run_decision
from strategy.trials.log import TrialLog

__all__ = ["decide", "paper"]


def decide(
    run: Run,
    bars: Bars | None = None,
    *,
    holdings: str | Path | Holdings | None = None,
    equity: float | None = None,
    as_of: str | None = None,
) -> Decision:
    """Say what a run's strategy wants to hold after the last close, the trades that lead there, and what blocks them.

    Parameters
    ----------
    run : Run
        A finished run with a model.
    bars : Panel, Inputs or DataFrame, optional
        Bars up to the last close, with history; loaded without a universe, they take that of the run. By default the
        run's own, loaded again.
    holdings : str, Path or Holdings, optional
        CSV file with ticker and shares, or ticker and weight; ``$CASH`` is cash.
    equity : float, optional
        Value of the account, where the holdings do not say it.
    as_of : str, optional
        The day to decide for, an ISO date; now by default.

    Returns
    -------
    Decision
        Prints, and shows itself in a notebook; ``orders`` is a DataFrame.

    Raises
    ------
    RunError
        If the run has no model, or the bars hold none of its names.
    DataError
        If nothing can be decided at the last close of the bars.

    Examples
    --------
    >>> decision = qt.decide(run, bars, equity=1e6)
    >>> decision.decided == bars.sessions[-1]
    True
    """
    require(run, Run, name="run", made_by="qt.run or qt.load_run")
    scorer_of(run.folder)
    held = read_holdings(holdings) if isinstance(holdings, str | Path) else holdings
    if held is not None:
        require(held, Holdings, name="holdings", made_by="the path of a CSV file with ticker and shares")
    inputs, request = _latest(run, bars)
    return run_decision(run.folder, inputs, request=request, holdings=held, equity=equity, as_of=as_of)


def paper(
    version: FrozenVersion,
    bars: Bars | None = None,
    *,
    store: str | Path = DEFAULT_STORE,
    allow_drift: bool = False,
) -> PaperRecord:
    """Commit a version's decision before the next open, score the fills of earlier ones, and say what they came to.

    Parameters
    ----------
    version : FrozenVersion
        Whose decisions are committed, in a log that only grows.
    bars : Panel, Inputs or DataFrame, optional
        Bars up to the last close, later than the freeze, whose universe is the version's unless they were loaded with
        one; without bars the log is only read.
    store : str or Path
        Folder of runs; the log lies in it.
    allow_drift : bool
        Go on with changed code.

    Returns
    -------
    PaperRecord
        Prints; ``decisions`` and ``scores`` are DataFrames.

    Raises
    ------
    DataError
        If the bars end before the freeze or the last decision.
    RunError
        If the version is not intact, its code changed, or the log is broken.

    Examples
    --------
    >>> len(qt.paper(version, bars, store=store).decisions)
    1
    """
    require(version, FrozenVersion, name="version", made_by="qt.freeze or qt.load_version")
    frozen = open_frozen(version.folder, TrialLog(Path(store)), allow_drift=allow_drift)
    log = open_paper(version.folder, Path(store))
    if bars is not None:
        panel = as_recorded(inputs_for(bars, frozen.spec.holdout).panel, described_bars(version.folder))
        trade_session(log, frozen, panel)
    return paper_record(log, frozen.spec.gates)


def _latest(run: Run, bars: Bars | None) -> tuple[Inputs, BarsRequest]:
    """The bars with the hedge and the sectors that the run was made with, unless they bring their own."""
    if bars is None:
        own = decision_request(run.folder)
        return load_inputs(own, holdout=run.folder.spec.holdout), own
    inputs, request, given = inputs_for(bars), run.folder.request, recorded_request(bars)
    if isinstance(bars, Inputs):
        return inputs, given
    panel, sectors = as_recorded(inputs.panel, asdict(request)), inputs.sectors
    if request.hedge is not None and run.folder.spec.portfolio.hedge not in panel.tickers:
        panel = with_hedge(panel, load_bars(request.hedge, exchange=panel.facts.exchange))
    missing = {name: path for name, path in request.outside.items() if name not in panel.outside}
    if missing:
        panel = with_outside(panel, missing)
    if request.sectors is not None:
        sectors = load_sectors(request.sectors, panel.tickers)
    return Inputs(panel=panel, sectors=sectors), given
