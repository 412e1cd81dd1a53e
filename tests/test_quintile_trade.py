"""``quintile trade`` and ``quintile fake-broker``: from a committed decision to fills that ``paper`` reports."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from quintile.cli import app
from strategy.runs.closure import ROOT
from strategy.trading import paper
from strategy.trading.paper import commit_decision, open_paper
from tests.frozen_market import small_bars
from tests.test_strategy_paper import Clock, Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.slow

VERSION = "filter_negative@1.0.0"
DECIDED = 460  # row


def started(*words: str, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    """A fake broker in a process of its own, and its port."""
    command = [sys.executable, "-m", "quintile", "fake-broker", *words, "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    said = process.stdout.readline()
    return process, int(said.rpartition(":")[2])


@pytest.fixture
def broker(tmp_path: Path, desk: Desk) -> Iterator[list[str]]:
    """The words that start a fake broker on the evening of the decision, and its port."""
    bars = small_bars(tmp_path / "later.parquet", n_sessions=480)
    words = ["--bars", str(bars), "--state", str(tmp_path / "account")]
    words += ["--begin", f"{desk.panel.sessions[DECIDED]:%Y-%m-%d}", "--faults", "slippage_bps=2,fee_bps=1"]
    process, port = started(*words)
    yield [*words, str(port)]
    process.send_signal(signal.SIGINT)
    process.wait()
    process.stdout and process.stdout.close()


def test_a_decision_goes_from_the_log_to_the_broker_and_comes_back(
    desk: Desk, broker: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, port, runs = Clock(), broker[-1], tmp_path / "runs"
    clock.after_the_close_of(desk.panel.sessions[DECIDED])
    monkeypatch.setattr(paper, "open_paper", partial(open_paper, clock=clock))
    log = paper.open_paper(desk.frozen.folder, runs)
    commit_decision(log, desk.frozen, desk.panel.until(desk.panel.sessions[DECIDED]))
    known = ["--versions", str(desk.frozen.folder.path.parents[1]), "--bars", broker[1], "--out", str(runs)]

    def said(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    trade = ("trade", VERSION, *known, "--broker", f"http://127.0.0.1:{port}")
    dry = said(*trade)
    assert dry.exit_code == 0, dry.output
    assert "DRY RUN, nothing was sent or written" in dry.output
    refused = said(*trade, "--submit", "--limits", "names=2")
    assert refused.exit_code == 1
    assert "beyond the limit names: give --limits names=NUMBER" in refused.output
    loose = ("--limits", "order_notional=1e9,session_notional=1e9,volume_share=1")
    (runs / "KILL").touch()
    assert "the kill file" in said(*trade, *loose, "--submit").output
    (runs / "KILL").unlink()
    sent = said(*trade, *loose, "--submit", "--json")
    assert sent.exit_code == 0, sent.output
    orders = json.loads(sent.output)["orders"]
    assert {order["state"] for order in orders} == {"accepted"}
    assert "the market is open" in said("fake-broker", "--port", port, "--move", "open").output
    assert "the market is closed" in said("fake-broker", "--port", port, "--move", "evening").output
    clock.after_the_close_of(desk.panel.sessions[DECIDED + 1])
    after = said(*trade, *loose, "--submit")
    assert after.exit_code == 1, "the decision was traded, and no other is committed"
    assert f"{len(orders)} new fills" in after.output
    told = said("paper", VERSION, *known[:2], "--out", str(runs))
    assert f"at the broker: 1 sessions, {len(orders)} orders, {len(orders)} filled" in told.output
    assert "slippage +2.0 bps against the open" in told.output
    assert "decided against held:" in told.output


def test_a_killed_broker_goes_on_with_the_account_that_it_had(broker: list[str]) -> None:
    import requests

    *words, port = broker
    head = {"APCA-API-KEY-ID": "any"}
    name = requests.get(f"http://127.0.0.1:{port}/v2/assets", headers=head, timeout=10).json()[0]["symbol"]
    order = {"symbol": name, "qty": "3", "side": "buy", "type": "market", "time_in_force": "opg"}
    url = f"http://127.0.0.1:{port}/v2/orders"
    assert requests.post(url, json=order | {"client_order_id": "one"}, headers=head, timeout=10).status_code == 200
    second, again = started(*words)
    try:
        seen = requests.get(f"http://127.0.0.1:{again}/v2/orders", headers=head, timeout=10).json()
        assert [each["client_order_id"] for each in seen] == ["one"]
    finally:
        second.kill()
        second.wait()
        second.stdout and second.stdout.close()


def test_a_command_line_that_cannot_be_meant_is_told_in_one_line(tmp_path: Path) -> None:
    for words, told in [
        (["fake-broker"], "needs --bars"),
        (["fake-broker", "--bars", "builtin", "--cash", "inf"], "--cash takes an amount, was inf"),
        (["fake-broker", "--port", "9", "--move", "open"], "no fake broker answers on port 9"),
        (["fake-broker", "--bars", "builtin", "--begin", "1999-01-01"], "is no session of the bars"),
    ]:
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == 1
        assert told in str(answer.exception), words
