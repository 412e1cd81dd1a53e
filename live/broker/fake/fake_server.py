"""Fake server: the fake broker over HTTP on loopback, a request at a time; cut connections and 429 on request."""

import datetime as dt
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.bounded_text import json_value
from live.broker.fake.fake_account import FakeAccount, RefusalError
from live.broker.fake.fake_answers import answer
from live.broker.fake.fake_faults import FakeFaults
from live.broker.fake.fake_market import FakeMarket
from live.broker.fake.fake_state import FakeState

__all__ = ["EVENING", "FakeServer", "fake_server", "open_account", "serve_account"]

HOST = "127.0.0.1"
MAX_BODY = 65_536  # bytes
EVENING = dt.timedelta(hours=4)  # after the close, when the clock of a new account stands
PATIENCE = 60.0  # seconds that a silent connection is kept


def open_account(
    market: FakeMarket, folder: Path, *, faults: FakeFaults, first_row: int = 0, cash: Decimal = Decimal(1_000_000)
) -> FakeAccount:
    """The account in a folder; a new one begins on the evening of a row of the bars."""
    begun = market.closing(first_row) + EVENING
    return FakeAccount(state=FakeState(folder, cash=cash, now=begun.isoformat()), market=market, faults=faults)


class FakeServer(ThreadingHTTPServer):
    """The fake broker on a port; 0 takes a free one."""

    daemon_threads = True

    def __init__(self, account: FakeAccount, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.account, self.turn, self.n_requests = account, threading.Lock(), 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no fault of the broker's; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.server_address[1]}"


@contextmanager
def fake_server(account: FakeAccount, port: int = 0) -> Iterator[FakeServer]:
    """A fake broker that answers in a thread of this process."""
    with FakeServer(account, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            account.state.close()


def serve_account(account: FakeAccount, port: int, *, ready: Callable[[str], None]) -> None:
    """Answer until the process is interrupted; ``ready`` is told where, once the port is taken.

    Raises
    ------
    ValueError
        If the port is taken.
    """
    try:
        server = FakeServer(account, port)
    except OSError as error:
        raise ValueError(f"port {port} is taken: give another --port, or end what listens there") from error
    with server:
        ready(server.url)
        try:
            server.serve_forever()
        finally:
            account.state.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    wbufsize = -1  # head and body in one segment: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    server: FakeServer

    def do_GET(self) -> None:
        self._serve(dict(parse_qsl(urlsplit(self.path).query)))

    def do_DELETE(self) -> None:
        self._serve(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(413, {"code": 41300000, "message": f"a body has a length of at most {MAX_BODY} bytes"})
            return
        try:
            told = json_value(self.rfile.read(int(length)))
        except ValueError as error:
            self._send(400, {"code": 40010000, "message": f"not JSON: {error}"})
            return
        self._serve(told if isinstance(told, dict) else {})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a request may hold what should not be printed."""

    def _serve(self, told: dict[str, Any]) -> None:
        """Answer a request, or fail it as the faults say; the test's own requests never fail."""
        path, faults = urlsplit(self.path).path, self.server.account.faults
        with self.server.turn:
            self.server.n_requests += 1
            number, own = str(self.server.n_requests), path.startswith("/fake/")
            if not own and faults.draw("drop_before", number) < faults.drop_before:
                self._cut()
                return
            if not own and faults.draw("too_many", number) < faults.too_many:
                self._send(429, {"code": 42910000, "message": "too many requests"}, retry_after=faults.retry_after)
                return
            status, body = self._answered(path, told)
        if not own and faults.draw("drop_after", number) < faults.drop_after:
            self._cut()
            return
        self._send(status, body)

    def _answered(self, path: str, told: dict[str, Any]) -> tuple[int, Any]:
        account = self.server.account
        try:
            if not path.startswith("/fake/") and not self.headers.get("APCA-API-KEY-ID"):
                raise RefusalError(401, "request is not authorized: it carries no key")
            with account.state.transaction():
                return answer(account, self.command, path, told)
        except RefusalError as refusal:
            return refusal.status, {"code": refusal.status * 100_000, "message": str(refusal)}

    def _cut(self) -> None:
        """Close the connection without a word."""
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, body: Any, *, retry_after: float | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        self.end_headers()
        self.wfile.write(content)
