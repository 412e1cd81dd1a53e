"""Prepared book: what a frozen version decides at the last close of bars, computed once and held for many answers.

A decision that is asked for goes through ``next_decision``, as ``quintile decide`` does; only the book, which costs
seconds, is the held one. Holdings, equity and the checks of the data are worked out anew.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.book_checks import check_book
from backtests.engine.overlay_loop import decide_book
from core.errors import DataError
from core.progress import ProgressCallback, silent
from market.calendar import opening_after
from market.exchanges import NO_EXCHANGE, exchange_of
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.store.data_set_names import Reference
from models.threads import threads
from portfolio.book import Book
from strategy.frozen.replay import version_bars, version_threads
from strategy.frozen.run_version import FrozenStrategy, restatement
from strategy.runs.closure import DEFAULT_KIND
from strategy.trading.decision import Decision, next_decision
from strategy.trading.holdings import Holdings
from strategy.trading.kept_scorer import KeptScorer

__all__ = ["PreparedBook", "prepare_book"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldScorer(KeptScorer):
    """A scorer whose scores and book of one panel are made already."""

    last: pd.Timestamp
    held: Book

    @property
    def learned_until(self) -> pd.Timestamp:
        """As the model says, read once."""
        return self.last

    def book(self, panel: Panel, *, sectors: pd.Series | None = None) -> Book:  # noqa: ARG002 - those it was made with
        """The held book; no panel but the prepared one comes here."""
        if not self.held.weights.index[-1] == panel.sessions[-1]:
            raise DataError("the held book is of other bars: prepare it again")
        return self.held


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedBook:
    """A version on bars, ready to answer.

    Parameters
    ----------
    frozen : FrozenStrategy
        The version, verified.
    inputs : Inputs
        The bars, with the version's sectors.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns, known at each close; NaN outside the universe.
    scorer : KeptScorer
        Holds scores and book.
    lock : str
        The sha256 that is the version's identity.
    card : mapping
        What the lock says of how the version was judged: with period, costs, trials and standard error.
    bars : mapping
        ``name`` as it was told, ``commit`` of a stored data set or None, ``fingerprint`` of the panel.
    stamps : tuple of (label, sentence)
        What every answer must say, such as DRIFTED or RESTATED.
    undecided : str or None
        Why nothing can be decided at the last close; None where something can.
    """

    frozen: FrozenStrategy
    inputs: Inputs
    scores: pd.DataFrame
    scorer: KeptScorer
    lock: str
    card: Mapping[str, Any]
    bars: Mapping[str, str | None]
    stamps: tuple[tuple[str, str], ...] = ()
    undecided: str | None = None

    @property
    def session(self) -> pd.Timestamp:
        """The session at whose close everything was known."""
        return self.inputs.panel.sessions[-1]

    @property
    def closed(self) -> dt.datetime | None:
        """When that session closed, in UTC by the usual hours of its exchange; None where none tells it."""
        code = self.inputs.panel.facts.exchange
        return None if code == NO_EXCHANGE else exchange_of(code).closing(self.session.date()).astimezone(dt.UTC)

    @property
    def fill_opens(self) -> dt.datetime | None:
        """The moment in UTC before which an order must be placed; None for a fill at the very close."""
        delay = self.frozen.spec.execution.delay
        if delay == 0:
            return None
        return opening_after(self.inputs.panel, delay=delay).astimezone(dt.UTC)

    def decision(
        self, *, holdings: Holdings | None = None, equity: float | None = None, as_of: str | None = None
    ) -> Decision:
        """What ``next_decision`` says on these bars; see there."""
        spec = self.frozen.spec
        return next_decision(spec, self.inputs, self.scorer, holdings=holdings, equity=equity, as_of=as_of)


def prepare_book(
    frozen: FrozenStrategy,
    request: BarsRequest | None,
    *,
    home: Path,
    name: str,
    progress: ProgressCallback = silent,
) -> PreparedBook:
    """Load bars, score what no earlier preparation left in ``home``, and decide the book.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``open_frozen``.
    request : BarsRequest or None
        Which bars; None for those that lie in the version.
    home : Path
        Folder of the scores that are kept from one preparation to the next.
    name : str
        The bars as they were told, for the answers.
    progress : callable
        Told each stage.

    Raises
    ------
    DataError
        If the bars cannot be loaded, or end before the model's test span.
    """
    progress("loading bars", 0, 1)
    inputs = _inputs(frozen, request)
    spec, panel = frozen.spec, inputs.panel
    check_book(spec.rules.portfolio, inputs)
    plain = KeptScorer(home=home, spec=spec, model=frozen.folder.path / "model", load=lambda: frozen.checkpoint)
    last = plain.learned_until
    if panel.sessions[-1] <= last:
        end = f"{panel.sessions[-1]:%Y-%m-%d}"
        raise DataError(f"the bars end {end}, the model learned until {last:%Y-%m-%d}: load later bars")
    progress("scoring", 0, 1)
    with threads(version_threads(frozen.folder.body)):
        scores = plain.scores(panel)
    book = decide_book(spec.rules, panel, scores, sectors=inputs.sectors)
    scorer = _HeldScorer(home=home, spec=spec, model=plain.model, load=plain.load, last=last, held=book)
    stored = None if request is None else Reference.parse(request.bars)
    prepared = PreparedBook(
        frozen=frozen,
        inputs=inputs,
        scores=scores,
        scorer=scorer,
        lock=frozen.folder.sha256,
        card=_card(frozen, last),
        bars={"name": name, "commit": None if stored is None else stored.version, "fingerprint": panel.fingerprint()},
        stamps=(*frozen.stamps, *restatement(frozen.folder, panel, None)),
    )
    progress("scoring", 1, 1)
    return replace(prepared, undecided=_undecided(prepared))


def _inputs(frozen: FrozenStrategy, request: BarsRequest | None) -> Inputs:
    if request is None:
        inputs = Inputs(panel=version_bars(frozen.folder, frozen.folder.body))
    else:
        inputs = load_inputs(request, holdout=frozen.spec.holdout)
    changed: dict[str, Any] = {"panel": frozen.on_own_year(inputs.panel)}
    if frozen.sectors is not None:
        changed["sectors"] = frozen.sectors
    return replace(inputs, **changed)


def _card(frozen: FrozenStrategy, learned_until: pd.Timestamp) -> dict[str, Any]:
    body = frozen.folder.body
    return {
        "frozen": body["frozen"],
        "kind": body.get("kind", DEFAULT_KIND),
        "learned_until": f"{learned_until:%Y-%m-%d}",
        "request": body["request"],
        "judged": body["headline"],
        "figures": body["figures"],
        "spec": frozen.spec.fingerprint(),
        "dependencies": body["dependencies"],
    }


def _undecided(prepared: PreparedBook) -> str | None:
    """Why nothing can be traded at the last close, as between two rebalances."""
    try:
        prepared.decision()
    except DataError as error:
        return str(error)
    return None
