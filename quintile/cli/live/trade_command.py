"""``quintile trade``: the last committed decision of a frozen version, taken to a broker."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.options import (
    AllowDrift,
    ExchangeCode,
    Hedge,
    Json,
    Out,
    Outside,
    OwnUniverse,
    Quiet,
    Verbose,
    Versions,
    run_store,
)

if TYPE_CHECKING:
    from live.broker.alpaca_broker import AlpacaBroker
    from live.broker.trade_session import TradeReport

__all__ = ["TRADE_EXAMPLES", "trade_command"]

FAKE_URL = "http://127.0.0.1:8790"
TRADE_EXAMPLES = """\b
Examples:
  quintile trade filter_negative@1.1.0 --bars latest.parquet --broker fake             # dry run: orders and obstacles
  quintile trade filter_negative@1.1.0 --bars latest.parquet --broker fake --submit    # after `quintile paper`
  quintile trade filter_negative@1.1.0 --bars latest.parquet --broker alpaca --submit --limits names=300
  touch runs/KILL                                                                      # no order goes any more"""


def trade_command(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    bars: Annotated[str, typer.Option(metavar="PATH", help="Bars that hold the decision's close.")],
    broker: Annotated[
        str, typer.Option(metavar="fake|alpaca|URL", help="The fake broker, Alpaca's paper endpoint, or its protocol.")
    ],
    submit: Annotated[
        bool, typer.Option("--submit", help="Send orders; without it nothing is sent or written.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take the positions at the broker as they are, with --submit.")
    ] = False,
    limits: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=N,...", help="order_notional, session_notional, names, volume_share and gross; see the docs."
        ),
    ] = None,
    live: Annotated[
        str | None, typer.Option(metavar="real-money", help="Trade Alpaca's live account; this very word.")
    ] = None,
    kill_file: Annotated[
        Path | None, typer.Option("--kill-file", metavar="FILE", help="While it is there nothing is sent; OUT/KILL.")
    ] = None,
    universe: OwnUniverse = None,
    hedge: Hedge = None,
    outside: Outside = None,
    exchange: ExchangeCode = None,
    allow_drift: AllowDrift = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Trade the last committed decision: a dry run by default, with --submit market-on-open orders.

    Exit 0; 1 if orders were to be sent and something stood in the way, which is printed.
    """
    from dataclasses import replace

    from live.broker.told_numbers import told_numbers
    from live.broker.trade_limits import TradeLimits
    from live.broker.trade_session import TradeDesk, trade_session
    from market.inputs import load_inputs
    from quintile.cli.version_commands import find, told_request
    from strategy.frozen.run_version import open_frozen
    from strategy.trading.paper import open_paper
    from strategy.trials.log import TrialLog

    if adopt and not submit:
        raise ValueError("--adopt writes into the paper log: give --submit with it")
    allowed, folder = told_numbers(TradeLimits, limits, option="--limits"), find(version, versions)
    frozen = open_frozen(folder, TrialLog(run_store(out).root), allow_drift=allow_drift)
    newest = told_request(folder, bars, universe=universe, hedge=hedge, exchange=exchange, outside=outside)
    panel = load_inputs(replace(newest, end=None), holdout=frozen.spec.holdout).panel
    desk = TradeDesk(
        log=open_paper(folder, out),
        broker=_opened(broker, live),
        lock=folder.sha256,
        limits=allowed,
        kill_file=kill_file or out / "KILL",
    )
    report = trade_session(desk, panel, submit=submit, adopt=adopt)
    if as_json:
        print(json.dumps(_as_json(report), indent=2))
    else:
        _print(report)
    raise typer.Exit(1 if submit and report.obstacles else 0)


def _opened(word: str, live: str | None) -> "AlpacaBroker":
    from live.broker.alpaca_broker import open_alpaca

    if word == "alpaca":
        return open_alpaca(live=live)
    if word == "fake" or "://" in word:
        return open_alpaca(FAKE_URL if word == "fake" else word, live=live)
    raise ValueError(f"--broker takes fake, alpaca or the address of a server, was {word!r}")


def _as_json(report: "TradeReport") -> dict[str, Any]:
    return {
        "session": report.session,
        "submitted": report.submitted,
        "orders": list(report.orders),
        "blocked": dict(report.blocked),
        "obstacles": list(report.obstacles),
        "fills": report.n_fills,
        "equity": f"{report.equity:f}",
        "cash_gap": None if report.cash_gap is None else f"{report.cash_gap:f}",
        "differences": {name: f"{shares:f}" for name, shares in report.differences.items()},
    }


def _print(report: "TradeReport") -> None:
    from quintile.cli.console import table

    what = "orders" if report.submitted else "DRY RUN, nothing was sent or written: orders"
    print(f"{what} of the decision of {report.session}; equity at the broker {report.equity:,.2f}")
    if report.n_fills:
        print(f"{report.n_fills} new fills{'' if report.submitted else ' at the broker'}")
    if report.cash_gap:
        print(f"CASH: the broker has {report.cash_gap:+,.2f} beyond what the paper log comes to")
    for obstacle in report.obstacles:
        print(obstacle)
    waits = "planned" if report.submitted else "not sent"
    states = [waits if each["state"] == "planned" else each["state"] for each in report.orders]
    words = [[each["ticker"], each["side"], each["shares"], _price(each)] for each in report.orders]
    rows = [[*told, state] for told, state in zip(words, states, strict=True)]
    rows += [[ticker, "", "", "", f"blocked: {reason}"] for ticker, reason in report.blocked]
    if rows:
        table("", ["ticker", "side", "shares", "last close", "state"], rows)
    elif not report.obstacles:
        print("nothing to trade: what is held is what was decided, to a whole share, or its orders were sent before")


def _price(order: dict[str, Any]) -> str:
    return f"{order['last_close']:,.4f}"
