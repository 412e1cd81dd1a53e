"""A small market, a fake broker on it and a paper log: what the broker's tests trade with."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import requests

from live.broker.alpaca_broker import AlpacaBroker, open_alpaca
from live.broker.backoff import Backoff
from live.broker.fake.corporate_actions import CorporateAction, as_known
from live.broker.fake.fake_faults import FakeFaults
from live.broker.fake.fake_market import FakeMarket
from live.broker.fake.fake_server import fake_server, open_account
from live.broker.trade_limits import TradeLimits
from live.broker.trade_session import TradeDesk, TradeReport, trade_session
from market.panel import Panel, PanelFacts
from strategy.trading.paper.decisions import Decided, append_decision
from strategy.trading.paper.paper_fills import held_cash, held_shares
from strategy.trials.paper_log import PaperLog

LOCK = "0" * 64
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
FREE = TradeLimits(order_notional=1e9, session_notional=1e9, volume_share=1.0)
FIRST = 30  # row of the first decision
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


def small_panel(n_sessions: int = 40, seed: int = 1, names: tuple[str, ...] = NAMES, **beside: Any) -> Panel:
    """Random walks from 50, on weekdays, a few hundred thousand shares a session."""
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2026-01-05", periods=n_sessions, name="session").as_unit("ns")
    shape = (n_sessions, len(names))
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, shape), axis=0))
    opened = close * np.exp(rng.normal(0.0, 0.01, shape))
    frames = {
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": rng.uniform(2e5, 4e5, shape).round(),
    }
    frames["dollar_volume"] = frames["close"] * frames["volume"]
    columns = pd.Index(names, name="ticker")
    told: dict[str, Any] = {name: pd.DataFrame(values, index=index, columns=columns) for name, values in frames.items()}
    facts = PanelFacts(source="test", adjustment="splits", volume_basis="splits", lot=1.0)
    return Panel(**told, universe=told["close"].notna(), facts=facts, **beside)


def halted(panel: Panel, ticker: str, rows: slice) -> Panel:
    """The bars without the prints of a name."""
    names = ("open", "high", "low", "close", "volume", "dollar_volume")
    frames = {name: getattr(panel, name).copy() for name in names}
    for frame in frames.values():
        frame.iloc[rows, frame.columns.get_loc(ticker)] = np.nan
    return replace(panel, **frames)


@dataclass
class Desk:
    """A fake broker, a log that keeps its time, and a desk between them."""

    url: str
    folder: Path
    market: FakeMarket
    broker: AlpacaBroker
    limits: TradeLimits = FREE
    slept: list[float] = field(default_factory=list)
    now: dt.datetime = NEVER

    @property
    def log(self) -> PaperLog:
        return PaperLog(self.folder / "paper" / "mine-1.0.0", lambda: self.now)

    @property
    def trade_desk(self) -> TradeDesk:
        return TradeDesk(
            log=self.log, broker=self.broker, lock=LOCK, limits=self.limits, kill_file=self.folder / "KILL"
        )

    @property
    def row(self) -> int:
        """The session that closed last."""
        return self.market.n_closed(self.now) - 1

    @property
    def panel(self) -> Panel:
        """Bars as a vendor has them now."""
        return as_known(self.market.panel, self.market.actions, self.market.panel.sessions[self.row])

    def move(self, to: str) -> None:
        answer = requests.post(f"{self.url}/fake/clock", json={"to": to}, timeout=10)
        assert answer.status_code == 200, answer.text
        self.now = dt.datetime.fromisoformat(answer.json()["timestamp"]).astimezone(dt.UTC)

    def commit(self, weights: Mapping[str, float], *, opening: dt.datetime = NEVER) -> None:
        session = f"{self.panel.sessions[-1]:%Y-%m-%d}"
        facts = {"session": session, "fills": f"after {session}", "flat": False, "panel": "p", "missed": []}
        decided = Decided(facts={**facts, "weights": dict(weights)}, opening=opening)
        who: Any = SimpleNamespace(folder=SimpleNamespace(sha256=LOCK, version="mine@1.0.0"), stamps=())
        log = self.log
        with log.transaction() as held:
            append_decision(held, log, who, decided)
        log.remember()

    def trade(self, *, submit: bool = True, adopt: bool = False) -> TradeReport:
        return trade_session(self.trade_desk, self.panel, submit=submit, adopt=adopt)

    def evening(self) -> None:
        self.move("open")
        self.move("evening")

    def held(self) -> dict[str, Decimal]:
        return held_shares(self.log.entries())

    def worth(self) -> Decimal:
        """Equity by the log's fills and actions and the bars' closes, to the cent."""
        closes = self.panel.close.ffill().iloc[-1]
        shares = self.held()
        marks = {name: Decimal(repr(float(closes[name]))).quantize(Decimal("0.0001")) for name in shares}
        worth = sum((held * marks[name] for name, held in shares.items()), held_cash(self.log.entries()))
        return worth.quantize(Decimal("0.01"))


@contextmanager
def desk(
    folder: Path,
    panel: Panel | None = None,
    *,
    faults: FakeFaults | None = None,
    actions: tuple[CorporateAction, ...] = (),
    cash: int = 100_000,
) -> Iterator[Desk]:
    """A desk on the evening of row ``FIRST``."""
    market, slept = FakeMarket(panel or small_panel(), actions), list[float]()
    account = open_account(
        market, folder / "broker", faults=faults or FakeFaults(), first_row=FIRST, cash=Decimal(cash)
    )
    with fake_server(account) as server:
        broker = open_alpaca(server.url, backoff=Backoff(sleep=slept.append))
        begun = account.now.astimezone(dt.UTC)
        yield Desk(url=server.url, folder=folder, market=market, broker=broker, slept=slept, now=begun)
        broker.client._session.close()
