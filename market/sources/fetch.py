"""Fetch: many tickers from a vendor that limits, forgets and hangs, into a stored data set.

Tickers go out in batches, a few at a time. What did not arrive is retried in smaller batches with exponential backoff
and jitter. Nothing that arrived is requested twice, not even after an interruption.
"""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from core.errors import SourceError
from core.files import read_bounded
from core.progress import ProgressCallback, silent
from market.bars.long_form import LongBars, join_bars
from market.exchanges import exchange_code
from market.sources.answers import Answer, read_answer
from market.sources.fetch_ledger import Entry, Ledger, read_ledger, save_bars, saved_bars, write_ledger
from market.sources.yahoo import download_daily, hushed
from market.store.commit import Commit, commit_rows
from market.store.data_versions import Provenance
from market.store.folder import data_folder
from market.store.parts import in_key_order
from market.store.restatements import compare
from market.store.stored_rows import read_rows

__all__ = ["FetchOptions", "Fetched", "fetch", "fetch_rows", "read_tickers", "update_from_yahoo"]

OVERLAP = timedelta(days=45)  # of an update with what is stored, so that restatements show
ENDED_EARLY = timedelta(days=10)
MAX_PAUSE_SECONDS = 120.0
MAX_TICKERS_BYTES = 4 * 2**20
ADJUSTMENT = "auto_adjust=False: open, high, low, close and volume split adjusted by the vendor, adj_close beside"
LICENCE = "Yahoo's terms: personal use, no redistribution"

Download = Callable[..., pd.DataFrame | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """How a fetch behaves.

    Parameters
    ----------
    download : callable
        Takes tickers, start, end and actions; returns a frame with columns (field, ticker).
    workers, batch : int
        Batches in flight, and tickers in each at first; every further attempt halves the batch.
    attempts : int
        Requests per ticker at most.
    pause : float
        Seconds before the second attempt, doubled before each further one, with jitter.
    timeout : float
        Seconds after which a request is given up.
    exchange : str, optional
        Whose sessions the tickers trade in; by default the one that their suffixes name, or as the data set says.
    progress : callable
        Called as tickers arrive.
    sleep, now : callable
        The clock, replaced in tests.
    seed : int
        Of the jitter.
    """

    download: Download = download_daily
    workers: int = 4
    batch: int = 40
    attempts: int = 4
    pause: float = 5.0
    timeout: float = 180.0
    exchange: str | None = None
    progress: ProgressCallback = silent
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("workers", "batch", "attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, was {getattr(self, name)}")
        if self.exchange is not None:
            object.__setattr__(self, "exchange", exchange_code(self.exchange))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fetched:
    """The bars that arrived, and the ledger that says what did not and why."""

    rows: LongBars
    ledger: Ledger

    @property
    def failed(self) -> dict[str, str]:
        """Reason by ticker, for those that never arrived."""
        return {ticker: entry.reason for ticker, entry in self.ledger.tickers.items() if entry.status == "failed"}

    @property
    def ended_early(self) -> dict[str, str]:
        """Last date by ticker, for those that end well before the newest bar: delisted, or a truncated answer."""
        last = pd.Series(self.rows.dates).groupby(self.rows.codes).max()
        early = last[last < last.max() - ENDED_EARLY]
        return {self.rows.tickers[int(str(code))]: f"{day:%Y-%m-%d}" for code, day in early.items()}


def fetch(
    tickers: Sequence[str],
    *,
    name: str,
    start: str | None,
    end: str | None = None,
    resume: bool = False,
    options: FetchOptions | None = None,
) -> tuple[Commit, Fetched]:
    """Fetch daily bars, dividends and splits and store them as data set ``name``.

    Parameters
    ----------
    tickers : sequence of str
        In the vendor's spelling.
    name : str
        Name of the data set.
    start, end : str or None
        ISO dates, both included; None is an open side.
    resume : bool
        Continue an unfinished fetch of the same name and dates.
    options : FetchOptions, optional
        Batches, retries and progress.

    Raises
    ------
    SourceError
        If nothing arrived, or an unfinished fetch of the same name is neither resumed nor the same.
    ValueError
        If there is no ticker, or the name is not valid for a data set.
    """
    options = options or FetchOptions()
    folder = data_folder(name)
    staging = folder.path.parent / f".fetch-{name}"
    fetched = fetch_rows(tickers, folder=staging, span=(start, end), resume=resume, options=options)
    return commit_rows(folder, fetched.rows, _provenance(len(fetched.rows.tickers), options)), fetched


def update_from_yahoo(name: str, *, options: FetchOptions | None = None) -> Commit:
    """Fetch what is newer than a stored data set, and the full history of every ticker restated since.

    Raises
    ------
    SourceError
        If the data set did not come from yfinance, or nothing arrived.
    """
    options, folder = options or FetchOptions(), data_folder(name)
    version = folder.find()
    if options.exchange is None:
        options = replace(options, exchange=version.provenance.exchange)
    if version.provenance.vendor != "yfinance":
        raise SourceError(f"{name} was imported from {version.provenance.source}: update it with --from FILE")
    stored = read_rows(folder, version)
    room = folder.path.parent / f".update-{name}"
    since = str((pd.Timestamp(version.span[1]) - OVERLAP).date())
    recent = fetch_rows(list(stored.tickers), folder=room, span=(since, None), resume=False, options=options).rows
    rebased = compare(stored, in_key_order(recent)).rebased
    rows = recent
    if rebased:
        full = fetch_rows(list(rebased), folder=room, span=(version.span[0], None), resume=False, options=options).rows
        rows = join_bars([full, _without(recent, full.tickers)]) if len(full.tickers) < len(recent.tickers) else full
    return commit_rows(folder, rows, _provenance(version.tickers, options), onto=version)


def fetch_rows(
    tickers: Sequence[str],
    *,
    folder: Path,
    span: tuple[str | None, str | None],
    resume: bool,
    options: FetchOptions,
) -> Fetched:
    """Fetch the bars of all tickers that can be had; they are saved in ``folder`` as they arrive.

    Parameters
    ----------
    tickers : sequence of str
        In the vendor's spelling.
    folder : Path
        Folder of the ledger and of the bars that have arrived.
    span : tuple of str or None
        First and last date, ISO, both included; None is an open side.
    resume : bool
        Continue the unfinished fetch in that folder.
    options : FetchOptions
        Batches, retries and progress.

    Raises
    ------
    SourceError
        If nothing arrived at all, or another process fetches into the folder.
    """
    with _alone(folder), hushed():
        return _fetch_rows(tickers, folder=folder, span=span, resume=resume, options=options)


def _fetch_rows(
    tickers: Sequence[str], *, folder: Path, span: tuple[str | None, str | None], resume: bool, options: FetchOptions
) -> Fetched:
    ledger = _opened(tickers, folder, span, resume)
    jitter = random.Random(options.seed)  # noqa: S311 - jitter, not a secret
    for attempt in range(options.attempts):
        waiting = ledger.waiting()
        if not waiting:
            break
        if attempt:
            options.sleep(min(options.pause * 2 ** (attempt - 1), MAX_PAUSE_SECONDS) * jitter.uniform(0.5, 1.5))
        last = attempt == options.attempts - 1
        for answers in _batched_answers(waiting, max(options.batch >> attempt, 1), span, options):
            ledger = _noted(ledger, answers, folder, last=last)
            done = len(ledger.tickers) - len(ledger.waiting())
            options.progress("fetch", done, len(ledger.tickers), f"attempt {attempt + 1} of {options.attempts}")
    return _collected(ledger, folder)


def read_tickers(path: str | Path) -> list[str]:
    """Read tickers from a text file, one or several per line, each once; what follows a # is a comment.

    Raises
    ------
    ValueError
        If there is none, or one could not be typed.
    SourceError
        If it is no text file.
    """
    try:
        lines = read_bounded(path, MAX_TICKERS_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is no text in UTF-8 ({error.reason}): write one ticker a line") from error
    tickers = [word for line in lines for word in line.split("#")[0].replace(",", " ").split()]
    strange = next((word for word in tickers if not word.isprintable()), None)
    if strange is not None:
        raise ValueError(f"{path} names {strange!r}, which is no ticker: take out what cannot be printed")
    if not tickers:
        raise ValueError(f"{path} names no ticker: write one a line, such as AAPL")
    return list(dict.fromkeys(tickers))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the only right to fetch into a folder: answers to two requests must not mix."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise SourceError(
            f"another process is fetching into {folder.name}: wait for it, or give another --name"
        ) from error


def _opened(tickers: Sequence[str], folder: Path, span: tuple[str | None, str | None], resume: bool) -> Ledger:
    """A new ledger, or the unfinished one: what is done and can be read stays done."""
    if not tickers:
        raise ValueError("a fetch needs at least one ticker, was given none")
    ledger = Ledger(start=span[0], end=span[1], tickers={ticker: Entry() for ticker in tickers})
    before = read_ledger(folder) if resume else None
    if before is not None:
        if (before.start, before.end) != span:
            raise SourceError(
                f"the unfinished fetch is of {before.start} to {before.end}: ask for the same, or drop --resume"
            )
        entries = before.tickers.items()
        done = {t: e for t, e in entries if e.status == "done" and saved_bars(folder, t, e.sha256) is not None}
        ledger = ledger.model_copy(update={"tickers": {t: done.get(t, Entry()) for t in tickers}})
    write_ledger(folder, ledger)
    return ledger


def _batched_answers(
    tickers: list[str], size: int, span: tuple[str | None, str | None], options: FetchOptions
) -> Iterator[list[Answer]]:
    """Yield answers batch by batch, several batches in flight."""
    batches = [tickers[first : first + size] for first in range(0, len(tickers), size)]
    with ThreadPoolExecutor(max_workers=options.workers) as pool:
        yield from pool.map(lambda batch: _answer_of(batch, span, options), batches)


def _answer_of(batch: list[str], span: tuple[str | None, str | None], options: FetchOptions) -> list[Answer]:
    """Request a batch in a thread of its own, which is abandoned if it hangs."""
    returned: queue.SimpleQueue[tuple[pd.DataFrame | None, str]] = queue.SimpleQueue()

    def call() -> None:
        try:
            returned.put((options.download(batch, start=span[0], end=span[1], actions=True), ""))
        except Exception as error:
            returned.put((None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))

    threading.Thread(target=call, daemon=True).start()
    try:
        frame, reason = returned.get(timeout=options.timeout)
    except queue.Empty:
        frame, reason = None, f"no answer within {options.timeout:g} s"
    if reason:
        return [Answer(ticker=ticker, reason=reason) for ticker in batch]
    return read_answer(frame, batch, now=options.now(), exchange=options.exchange)


def _noted(ledger: Ledger, answers: list[Answer], folder: Path, *, last: bool) -> Ledger:
    for answer in answers:
        if answer.bars is not None:
            ledger = ledger.arrived(answer.ticker, save_bars(folder, answer.bars))
        else:
            ledger = ledger.missed(answer.ticker, "failed" if last else "waiting", answer.reason)
    write_ledger(folder, ledger)
    return ledger


def _collected(ledger: Ledger, folder: Path) -> Fetched:
    done = [(ticker, entry.sha256) for ticker, entry in ledger.tickers.items() if entry.status == "done"]
    arrived = [bars for ticker, sha256 in done if (bars := saved_bars(folder, ticker, sha256)) is not None]
    if not arrived:
        reason = next(iter(ledger.tickers.values())).reason
        raise SourceError(
            f"none of {len(ledger.tickers)} tickers arrived ({reason}): check network and rate limit, then --resume"
        )
    return Fetched(rows=in_key_order(join_bars(arrived)), ledger=ledger)


def _without(rows: LongBars, tickers: Sequence[str]) -> LongBars:
    dropped = [code for code, ticker in enumerate(rows.tickers) if ticker in set(tickers)]
    return rows.select(~pd.Series(rows.codes).isin(dropped).to_numpy())


def _provenance(n_tickers: int, options: FetchOptions) -> Provenance:
    return Provenance(
        source=f"Yahoo Finance through yfinance, {n_tickers} tickers",
        adjustment=ADJUSTMENT,
        fetched_at=options.now().astimezone(UTC).isoformat(timespec="seconds"),
        licence=LICENCE,
        split_adjusted=True,
        exchange=options.exchange,
        vendor="yfinance",
    )
