"""Broker days: 200 random days at the fake broker with faults and 40 kills; positions, orders and equity must agree.

They are two accounts of 100 days, each on a market of its own: a call reads its whole log, so that long ones are slow.
"""

import datetime as dt
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.broker_market import random_actions, random_book, random_market
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from live.broker.alpaca_broker import AlpacaBroker, open_alpaca
from live.broker.backoff import Backoff
from live.broker.fake.corporate_actions import as_known
from live.broker.fake.fake_faults import FakeFaults
from live.broker.fake.fake_market import FakeMarket
from live.broker.fake.fake_server import FakeServer, open_account
from live.broker.fill_ledger import CENT, night_equity
from live.broker.trade_limits import TradeLimits
from live.broker.trade_session import MAX_ATTEMPTS, TradeDesk, trade_session
from market.panel import Panel
from strategy.trading.paper.decisions import Decided, append_decision
from strategy.trading.paper.paper_fills import held_shares, last_attempts, noted, order_states
from strategy.trading.paper.traded_record import traded_record
from strategy.trials.paper_log import PaperLog

__all__ = ["Study", "section", "study"]

SEEDS = (11, 3)  # of the accounts
N_NAMES, N_DAYS, N_KILLS, N_BROKER_KILLS = 40, 100, 20, 8  # of each
FIRST = 21  # row of the first decision
FAULTS = FakeFaults(
    seed=7,
    slippage_bps=4.0,
    fee_bps=1.0,
    volume_share=0.02,
    reject=0.06,
    too_many=0.03,
    retry_after=0.01,
    drop_before=0.02,
    drop_after=0.03,
    multiplier=2.0,
)
FREE = TradeLimits(order_notional=1e9, session_notional=1e9, names=1_000, volume_share=1.0, gross=2.0)
LOCK = "0" * 64
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(kw_only=True)
class Study:
    """What the days came to.

    Parameters
    ----------
    days, kills, broker_kills : int
        Lived through; kills of the trading process that found it alive, and of the broker.
    stages : Counter
        Where the kills struck.
    wrong : list of str
        Nights on which positions or equity differed, and orders that were there twice.
    states : Counter
        What became of the orders.
    actions : Counter
        Corporate actions and fees in the log.
    told : str
        Decided against held.
    seconds : float
        Of the whole.
    """

    days: int = 0
    kills: int = 0
    broker_kills: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    told: str = ""
    seconds: float = 0.0


@dataclass(kw_only=True)
class _Days:
    """The parties of the study: a broker in a process of its own, a log, and the clock that both go by."""

    folder: Path
    market: FakeMarket
    port: int = 0
    now: dt.datetime = NEVER
    serving: BaseProcess | None = None

    @property
    def row(self) -> int:
        return self.market.n_closed(self.now) - 1

    @property
    def panel(self) -> Panel:
        return as_known(self.market.panel, self.market.actions, self.market.panel.sessions[self.row])

    @property
    def log(self) -> PaperLog:
        return PaperLog(self.folder / "paper" / "mine-1.0.0", lambda: self.now)

    def broker(self) -> AlpacaBroker:
        patience = Backoff(attempts=8, base=0.02, cap=0.2, rng=random.Random(os.getpid()))
        return open_alpaca(f"http://127.0.0.1:{self.port}", backoff=patience)

    def trade(self) -> None:
        desk = TradeDesk(log=self.log, broker=self.broker(), lock=LOCK, limits=FREE, kill_file=self.folder / "KILL")
        trade_session(desk, self.panel, submit=True)

    def commit(self, weights: dict[str, float]) -> None:
        session = f"{self.panel.sessions[-1]:%Y-%m-%d}"
        facts = {"session": session, "fills": f"after {session}", "flat": False, "panel": "p", "missed": []}
        who: Any = SimpleNamespace(folder=SimpleNamespace(sha256=LOCK, version="mine@1.0.0"), stamps=())
        with self.log.transaction() as held:
            append_decision(held, self.log, who, Decided(facts={**facts, "weights": weights}, opening=NEVER))
        self.log.remember()

    def move(self, to: str) -> None:
        """Move the broker's clock; this request is not subject to the faults."""
        import json

        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/fake/clock", json.dumps({"to": to}))
        told = json.loads(connection.getresponse().read())
        connection.close()
        self.now = dt.datetime.fromisoformat(told["timestamp"]).astimezone(dt.UTC)

    def serve(self) -> None:
        """Start the broker on the port that it had."""
        ours, theirs = FORK.Pipe(duplex=False)
        self.serving = FORK.Process(target=_serve, args=(self, theirs), daemon=True)
        self.serving.start()
        self.port = ours.recv()

    def kill_broker(self) -> None:
        """Kill the broker and start it again on what is on disk."""
        assert self.serving is not None
        _kill(self.serving)
        self.serve()


FORK = multiprocessing.get_context("fork")


def study(*, days: int = N_DAYS, kills: int = N_KILLS, seed: int = 3, folder: Path | None = None) -> Study:
    """Live through the days.

    Parameters
    ----------
    days, kills : int
        How many; a kill that finds the process gone is not counted, and another is tried.
    seed : int
        Of market, books and moments.
    folder : Path, optional
        Where log and account are left; by default they are removed.
    """
    rng, found = np.random.default_rng(seed), Study()
    panel = random_market(rng, n_names=N_NAMES, n_sessions=FIRST + days + 3)
    home = folder or Path(tempfile.mkdtemp(prefix="broker_days_"))
    at = _Days(folder=home, market=FakeMarket(panel, random_actions(rng, panel)))
    at.now = (at.market.closing(FIRST) + dt.timedelta(hours=4)).astimezone(dt.UTC)
    started = time.perf_counter()
    _warm(at)
    at.serve()
    try:
        book: dict[str, float] = {}
        lasts = 0.3
        for day in range(days):
            book = random_book(rng, list(panel.tickers), book)
            at.commit(book)
            share = (kills - found.kills) / max(1, days - day)
            strikes = rng.random() < min(0.9, 2.0 * share) and found.kills < kills
            if strikes:
                _strike(at, found, rng.uniform(0.1, 1.0) * lasts)
            if rng.random() < N_BROKER_KILLS / days:
                at.kill_broker()
                found.broker_kills += 1
            lasts = 0.8 * lasts + 0.2 * _finish(at)
            _hold(at, found)
            at.move("open")
            at.move("evening")
            _show(day, days, found)
        _end(at, found)
    finally:
        if at.serving is not None:
            _kill(at.serving)
        if folder is None:
            shutil.rmtree(home)
    found.seconds = time.perf_counter() - started
    return found


def section(_: Options) -> str:
    """The section of the benchmarks' page."""
    found = [study(seed=seed) for seed in SEEDS]
    seconds = sum(each.seconds for each in found)
    facts = f"`python -m benchmarks broker_days`: {machine()}; {seconds:.0f} s."
    return "\n\n".join(["## Days at a broker", facts, _how(), *map(_table, found)]) + "\n"


def _warm(at: _Days) -> None:
    """Import and compile here what every child would."""
    at.broker()
    at.panel  # noqa: B018


def _serve(at: _Days, said: Any) -> None:
    account = open_account(at.market, at.folder / "broker", faults=FAULTS, first_row=FIRST)
    server = FakeServer(account, at.port)
    said.send(server.server_address[1])
    server.serve_forever()


def _kill(process: BaseProcess) -> bool:
    """Kill a process; whether it was alive."""
    alive = process.is_alive()
    if alive and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive and process.exitcode == -signal.SIGKILL


def _strike(at: _Days, found: Study, after: float) -> None:
    """Trade in a child and kill it after some seconds."""
    child = FORK.Process(target=at.trade, daemon=True)
    child.start()
    time.sleep(after)
    if _kill(child):
        found.kills += 1
        found.stages[_stage(at)] += 1


def _stage(at: _Days) -> str:
    """Where a kill struck, by what log and broker hold of the day's orders."""
    session = f"{at.panel.sessions[-1]:%Y-%m-%d}"
    own = [facts for facts in order_states(at.log.entries()).values() if facts["session"] == session]
    if not own:
        return "before the orders were written"
    broker = at.broker()
    there = sum(broker.order(facts["client_order_id"]) is not None for facts in own)
    if any(facts["state"] != "planned" for facts in own):
        return "after the answers were written"
    return f"orders written, {'none' if there == 0 else 'some' if there < len(own) else 'all'} sent"


def _finish(at: _Days) -> float:
    """Trade until nothing is left to send, in children as a command would, and how long the first took."""
    began, took = time.perf_counter(), 0.0
    for _ in range(4):
        child = FORK.Process(target=at.trade, daemon=True)
        child.start()
        child.join()
        if child.exitcode:
            raise RuntimeError(f"the call of {at.panel.sessions[-1]:%Y-%m-%d} failed")
        took = took or time.perf_counter() - began
        if not _unfinished(at):
            break
    return took


def _unfinished(at: _Days) -> bool:
    """Whether another call has something to send: what was not sent, or the further attempt of what was rejected."""
    session = f"{at.panel.sessions[-1]:%Y-%m-%d}"
    own = [facts for (day, _, _), facts in last_attempts(at.log.entries()).items() if day == session]
    again = (each["state"] == "rejected" and each["attempt"] < MAX_ATTEMPTS for each in own)
    return any(again) or any(each["state"] == "planned" for each in own)


def _hold(at: _Days, found: Study) -> None:
    """Hold positions, orders and equity of the broker against the log."""
    found.days += 1
    notes, broker = noted(at.log.entries()), at.broker()
    night = f"{at.panel.sessions[-1]:%Y-%m-%d}"
    held, there = held_shares(notes), broker.positions()
    if held != there:
        found.wrong.append(f"{night}: the broker holds {there}, the log {held}")
    ours, theirs = night_equity(notes, at.panel), broker.account().equity.quantize(CENT)
    if ours != theirs:
        found.wrong.append(f"{night}: equity {theirs} at the broker, {ours} by the log")
    known = order_states(notes)
    alive = Counter(
        (known[each.client_order_id]["session"], each.ticker, each.side)
        for each in broker.recent_orders()
        if each.client_order_id in known and each.state != "rejected"
    )
    found.wrong += [f"{night}: {count} orders of {what}" for what, count in alive.items() if count > 1]
    found.wrong += [
        f"{night}: a stranger's order" for each in broker.recent_orders() if each.client_order_id not in known
    ]


def _end(at: _Days, found: Study) -> None:
    log = at.log
    found.wrong += list(log.faults())
    found.states = Counter(str(facts["state"]) for facts in order_states(log.entries()).values())
    found.actions = Counter(note.facts["type"] for note in noted(log.entries()) if note.kind == "action")
    found.told = str(traded_record(log))


def _how() -> str:
    words = ", ".join(f"{name} {value:g}" for name, value in FAULTS.model_dump().items() if name != "seed")
    return (
        f"{len(SEEDS)} accounts of {N_DAYS} days each, random long-short books on a random market of {N_NAMES} names "
        f"with halts, splits, dividends and delistings; faults: {words}. `quintile trade` is a forked process that is "
        "killed at random moments; the broker is a process of its own, killed too. Every night positions are held "
        "against the log to the share, equity by the log's fills and the bars' closes against the broker's to the cent."
    )


def _table(found: Study) -> str:
    rows = [
        ("days", found.days),
        ("kills that found the process alive", found.kills),
        *((f"… {stage}", count) for stage, count in sorted(found.stages.items())),
        ("kills of the broker", found.broker_kills),
        *((f"orders {state}", count) for state, count in sorted(found.states.items())),
        *((f"{kind} in the log", count) for kind, count in sorted(found.actions.items())),
        ("nights with another position or equity, orders sent twice", len(found.wrong)),
    ]
    lines = ["| what | count |", "| --- | ---: |", *(f"| {name} | {count:,} |" for name, count in rows)]
    return "\n".join([*lines, "", *found.told.splitlines(), *found.wrong[:10]])


def _show(day: int, days: int, found: Study) -> None:
    if day % 10 == 9:
        print(f"{day + 1}/{days} days, {found.kills} kills, {len(found.wrong)} wrong", file=sys.stderr, flush=True)
