"""Served desk: the one prepared book that a server answers from, and its renewal when bars or version change.

Decisions are worked out one at a time, off the event loop. New bars are prepared beside the old book, which answers
until the new one takes its place in one step. A version whose files are no longer those it was opened with answers
nothing more until they are.
"""

import asyncio
import datetime as dt
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import DataError, QuintileError, RunError
from core.progress import ProgressCallback, silent
from live.service.bars_watch import folder_state, request_state
from live.service.prepared_book import PreparedBook, prepare_book
from market.request import BarsRequest
from strategy.frozen.run_version import FrozenStrategy
from strategy.frozen.verify import verify
from strategy.trading.data_checks import check_data
from strategy.trading.decision import Decision
from strategy.trading.holdings import Holdings

__all__ = ["Asked", "DeskState", "NothingToTradeError", "ServedDesk", "UnservedError"]

KEPT_ANSWERS = 64


class UnservedError(RunError):
    """The version cannot answer now."""


class NothingToTradeError(DataError):
    """Nothing is decided at the last close."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What a decision is asked with.

    Parameters
    ----------
    holdings, equity, as_of
        As ``next_decision`` takes them.
    text : str
        The same as one text, by which an answer that was given before is found.
    """

    holdings: Holdings | None = None
    equity: float | None = None
    as_of: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeskState:
    """What is served at one moment.

    Parameters
    ----------
    book : PreparedBook
        What answers are made of.
    since : datetime
        When it was prepared, UTC.
    version_fault : str or None
        Why the version answers nothing now.
    bars_fault : str or None
        Why newer bars are not served; the book is the one before them.
    answers : OrderedDict
        Decisions of this book that were given, the latest last; touched by the deciding thread alone.
    """

    book: PreparedBook
    since: dt.datetime
    answers: "OrderedDict[tuple[object, ...], str]" = field(default_factory=OrderedDict)
    version_fault: str | None = None
    bars_fault: str | None = None


class ServedDesk:
    """A version on bars, served.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``open_frozen``.
    request : callable
        The bars to serve, named anew each time: of a stored data set with its newest commit. It may give None, for the
        bars that lie in the version.
    home : Path
        Folder of the scores that are kept.
    name : str
        The bars as they were told.
    progress : callable
        Told of the first preparation.
    """

    def __init__(
        self,
        frozen: FrozenStrategy,
        request: Callable[[], BarsRequest | None],
        *,
        home: Path,
        name: str,
        progress: ProgressCallback = silent,
    ) -> None:
        self._frozen, self._request, self._home, self._name = frozen, request, home, name
        self._version_state = folder_state(frozen.folder.path)
        asked = request()
        self._served = self._tried = self._seen = request_state(asked)
        book = prepare_book(frozen, asked, home=home, name=name, progress=progress)
        self.state = DeskState(book=book, since=_now())
        self._lock = book.lock
        self._one = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decision")
        self._renewal = threading.Lock()

    def serving(self) -> DeskState:
        """The state, of a version that may answer.

        Raises
        ------
        UnservedError
            If the version's files changed.
        """
        state = self.state
        if state.version_fault is not None:
            raise UnservedError(state.version_fault)
        return state

    async def decide(self, asked: Asked) -> tuple[PreparedBook, str]:
        """The book and its decision as JSON, worked out off the event loop, one at a time.

        Raises
        ------
        UnservedError
            As ``serving``.
        NothingToTradeError
            If nothing is decided at the last close.
        DataError, ValueError
            As ``next_decision``, of what was asked.
        """
        state = self.serving()
        return await asyncio.get_running_loop().run_in_executor(self._one, self._decided, state, asked)

    def renew(self) -> None:
        """Look whether version or bars changed, and prepare new bars; for a thread, one at a time.

        Files must be the same at two looks before they are read: someone may still be writing them.
        """
        with self._renewal:
            try:
                self._verify_again()
                if self.state.version_fault is None:
                    self._prepare_again()
            except (QuintileError, ValueError, OSError, MemoryError) as error:
                self.state = replace(self.state, bars_fault=_one_line(error))
            except Exception as error:  # the edge: what is served goes on, and /health says that no newer bars are
                fault = f"a fault of Quintile itself ({type(error).__name__}): please report it"
                self.state = replace(self.state, bars_fault=fault)

    def close(self) -> None:
        """Wait for the decision in work."""
        self._one.shutdown(wait=True, cancel_futures=True)

    def _decided(self, state: DeskState, asked: Asked) -> tuple[PreparedBook, str]:
        book = state.book
        if book.undecided is not None:
            raise NothingToTradeError(book.undecided)
        checks = check_data(book.inputs.panel, as_of=asked.as_of)  # the clock enters a decision here alone
        key, answers = (asked.text, checks), state.answers
        if key not in answers:
            decision = book.decision(holdings=asked.holdings, equity=asked.equity, as_of=asked.as_of)
            text = _as_json(decision)
            if check_data(book.inputs.panel, as_of=asked.as_of) != checks:
                return book, text  # the clock passed a close or a midnight meanwhile
            answers[key] = text
            if len(answers) > KEPT_ANSWERS:
                answers.popitem(last=False)
        answers.move_to_end(key)
        return book, answers[key]

    def _verify_again(self) -> None:
        now = folder_state(self._frozen.folder.path)
        if now == self._version_state:
            return
        found = verify(self._frozen.folder)
        fault = None
        if not found.is_intact:
            fault = f"{self._frozen.folder.version} is NOT INTACT ({found.damage[0]}): take a clean copy"
        elif found.sha256 != self._lock:
            fault = f"{self._frozen.folder.version} has another lock than it was opened with: start the server again"
        self._version_state, self._tried = now, self._served
        self.state = replace(self.state, version_fault=fault)

    def _prepare_again(self) -> None:
        asked = self._request()
        seen, before = request_state(asked), self._seen
        self._seen = seen
        if seen == self._served:
            self._tried = seen
            self.state = replace(self.state, bars_fault=None)
        elif seen == before and seen != self._tried:
            self._tried = seen  # once, until it changes again
            book = prepare_book(self._frozen, asked, home=self._home, name=self._name)
            if folder_state(self._frozen.folder.path) != self._version_state:
                return  # the version changed meanwhile: it is verified again, and the book made again
            self._served = seen
            self.state = replace(self.state, book=book, since=_now(), bars_fault=None, answers=OrderedDict())


def _as_json(decision: Decision) -> str:
    try:
        return json.dumps(decision.as_dict(), allow_nan=False)
    except ValueError as error:
        raise ValueError("the orders are beyond the range of a number: ask with smaller holdings or equity") from error


def _one_line(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:500]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
