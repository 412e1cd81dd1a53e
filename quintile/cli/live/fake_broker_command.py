"""``quintile fake-broker``: a broker of our own on loopback that speaks Alpaca's protocol, for trials and tests."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import ExchangeCode, Quiet, Verbose

__all__ = ["FAKE_BROKER_EXAMPLES", "fake_broker_command"]

FAKE_BROKER_EXAMPLES = """\b
Examples:
  quintile fake-broker --bars bars.parquet --begin 2026-01-15
  quintile fake-broker --bars bars.parquet --faults seed=2,slippage_bps=3,reject=.05,drop_after=.05,volume_share=.01
  quintile fake-broker --move open        # the running one: orders fill
  quintile fake-broker --move evening     # 20:00 in New York, when orders for the next open are taken"""


def fake_broker_command(
    bars: Annotated[str | None, typer.Option(metavar="PATH", help="Bars to trade on, on one split basis.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = 8790,
    state: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the account; one that is there goes on.")
    ] = Path("fake-broker"),
    begin: Annotated[
        str | None, typer.Option(metavar="DATE", help="Session on whose evening a new account begins; the last one.")
    ] = None,
    cash: Annotated[float, typer.Option(min=0.01, help="Of a new account.")] = 100_000.0,
    actions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON list of splits and dividends; see the docs.")
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(metavar="KEY=N,...", help="What goes wrong, e.g. reject=.05,too_many=.1; see the docs."),
    ] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of the bars.")] = None,
    exchange: ExchangeCode = None,
    move: Annotated[
        str | None,
        typer.Option(metavar="open|close|evening|TIME", help="Move the clock of the running one, and leave."),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a fake broker until Ctrl-C: it fills market orders at the next open of the bars, with faults on request.

    Its clock stands still until it is moved. It speaks Alpaca's protocol to any client that has some key.
    """
    if move is not None:
        print(_moved(port, move))
        return
    if bars is None:
        raise ValueError("fake-broker needs --bars, or --move for the running one")
    if cash == float("inf"):
        raise ValueError("--cash takes an amount, was inf")
    from decimal import Decimal

    import pandas as pd

    from live.broker.fake.corporate_actions import read_actions
    from live.broker.fake.fake_faults import FakeFaults
    from live.broker.fake.fake_market import FakeMarket
    from live.broker.fake.fake_server import open_account, serve_account
    from live.broker.told_numbers import told_numbers
    from market.inputs import load_inputs
    from quintile.bar_requests import bars_request
    from quintile.cli.options import interruptible

    wrong = told_numbers(FakeFaults, faults, option="--faults")
    panel = load_inputs(bars_request(bars, universe, exchange=exchange)).panel
    market = FakeMarket(panel, () if actions is None else read_actions(actions))
    row = len(panel.sessions) - 1
    if begin is not None:
        if begin not in panel.sessions.strftime("%Y-%m-%d"):
            raise ValueError(
                f"--begin {begin} is no session of the bars: they run from {panel.sessions[0]:%Y-%m-%d} on"
            )
        row = int(panel.sessions.searchsorted(pd.Timestamp(begin)))
    account = open_account(market, state, faults=wrong, first_row=row, cash=Decimal(repr(cash)))
    with interruptible("the account is kept"):
        serve_account(account, port, ready=lambda url: None if quiet else print(f"fake broker at {url}", flush=True))


def _moved(port: int, word: str) -> str:
    """Move the clock of the running fake broker."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/fake/clock", json.dumps({"to": word}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except OSError as error:
        raise ValueError(f"no fake broker answers on port {port}: start one with --bars, or give its --port") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise ValueError(f"the fake broker refused: {told['message']}")
    return f"{told['timestamp'][:16]} in New York, the market is {'open' if told['is_open'] else 'closed'}"
