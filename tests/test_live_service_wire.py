"""The service on a real socket: slow, malformed and oversized heads, and what a connection may do."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.errors import RunError
from live.service.request_gate import Receive, RequestGate, Scope, Send
from live.service.request_log import FILE, RequestLog, log_entries
from live.service.service_limits import ServiceLimits
from live.service.service_metrics import ServiceMetrics
from live.service.service_server import ToldServer, bound_socket, server_config

GET = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
POST = b"POST /decide HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
Ask = Callable[..., Awaitable[bytes]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body; the desk is another test's."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(len(body)).encode()})


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send parts with pauses, reading meanwhile, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)

    sends, got = asyncio.create_task(send()), b""
    with suppress(TimeoutError, ConnectionError):
        while part := await asyncio.wait_for(reader.read(65_536), 20):
            got += part
    sends.cancel()
    writer.close()
    return got


def over_the_wire(folder: Path, talk: Callable[[int], Awaitable[Any]], **limits: Any) -> tuple[Any, str]:
    """What a talk with a server gave, and the server's metrics."""
    log, metrics, bounds = RequestLog(folder / FILE), ServiceMetrics(), ServiceLimits(**limits)
    gate = RequestGate(echo, log=log, metrics=metrics, limits=bounds, token=None)

    async def serve() -> Any:
        with bound_socket("127.0.0.1", 0) as made:
            listening = asyncio.Event()
            server = ToldServer(server_config(gate, limits=bounds, metrics=metrics), listening.set)
            running = asyncio.create_task(server._serve([made]))
            await listening.wait()
            try:
                return await talk(made.getsockname()[1])
            finally:
                server.should_exit = True
                await running

    try:
        return asyncio.run(serve()), metrics.text(info={}, gauges={})
    finally:
        log.close()


def said(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["error"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str, Path]:
    """What each of many wrong clients got of one server, all at the same time."""
    folder = tmp_path_factory.mktemp("wire")
    big = b'"' + b"x" * 20_000 + b'"'
    sent: dict[str, tuple[float, tuple[bytes, ...]]] = {
        "silent": (0.0, ()),
        "slow head": (0.15, tuple(bytes([byte]) for byte in GET[:8])),
        "slow second head": (0.15, (GET, *(bytes([byte]) for byte in GET[:8]))),
        "garbage": (0.0, (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",)),
        "no version": (0.0, (b"GET /health\r\n\r\n",)),
        "huge head": (0.0, (b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"x" * 20_000,)),
        "endless line": (0.0, (b"GET /" + b"x" * 20_000,)),
        "two lengths": (0.0, (POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\n11",)),
        "length and chunks": (0.0, (POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",)),
        "chunks": (0.0, (POST + b"transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",)),
        "no length": (0.0, (POST + b"\r\n",)),
        "slow body": (0.15, (POST + b"content-length: 9\r\n\r\n", b"1", b"2", b"3", b"4", b"5")),
        "large body": (0.0, (POST + b"content-length: 20002\r\n\r\n", big)),
        "good": (0.0, (GET,)),
        "two in one": (0.0, (GET + GET,)),
        "upgrade": (0.0, (GET[:-2] + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n",)),
        "gone": (0.0, (POST + b"content-length: 9\r\n\r\n1",)),
    }

    async def talk(port: int) -> dict[str, bytes]:
        jobs = (exchange(port, *parts, pause=pause) for pause, parts in sent.values())
        return dict(zip(sent, await asyncio.gather(*jobs), strict=True))

    got, metrics = over_the_wire(
        folder,
        talk,
        head_seconds=0.5,
        body_seconds=0.5,
        idle_seconds=1.0,
        body_bytes=1000,
        head_bytes=8192,
        drain_seconds=0.2,
    )
    return got, metrics, folder / FILE


@pytest.mark.parametrize(
    ("client", "status", "words"),
    [
        ("silent", 408, "did not arrive within 0.5 seconds"),
        ("slow head", 408, "did not arrive within 0.5 seconds"),
        ("garbage", 400, "no HTTP request"),
        ("no version", 400, "no HTTP request"),
        ("huge head", 431, "longer than 8,192 bytes"),
        ("endless line", 431, "longer than 8,192 bytes"),
        ("two lengths", 400, "no HTTP request"),
        ("length and chunks", 411, "Content-Length"),
        ("chunks", 411, "Content-Length"),
        ("no length", 411, "Content-Length"),
        ("slow body", 408, "body did not arrive within 0.5 seconds"),
        ("large body", 413, "20,002 bytes, at most 1,000"),
        ("gone", 408, "body did not arrive"),
    ],
)
def test_a_wrong_client_is_told_and_its_connection_closed(
    client: str, status: int, words: str, answers: tuple[dict[str, bytes], str, Path]
) -> None:
    answer = answers[0][client]
    found, error = said(answer)
    assert found == status
    assert words in error
    assert b"connection: close" in answer.lower()


def test_right_clients_are_answered_beside_the_wrong_ones(answers: tuple[dict[str, bytes], str, Path]) -> None:
    got, metrics, log = answers
    assert got["good"].startswith(b"HTTP/1.1 200")
    assert got["upgrade"].startswith(b"HTTP/1.1 200")  # there is no other protocol to change to
    assert got["two in one"].count(b"HTTP/1.1 200") == 2
    assert b"HTTP/1.1 200" in got["slow second head"]
    assert b"HTTP/1.1 408" in got["slow second head"]
    assert 'quintile_serve_requests_total{route="none",status="431"} 2' in metrics
    logged = [entry["status"] for entry in log_entries(log) if entry["kind"] == "answer"]
    assert logged.count(200) == 5
    assert logged.count(413) == 1


def test_no_header_tells_what_serves(answers: tuple[dict[str, bytes], str, Path]) -> None:
    head = answers[0]["good"].lower()
    assert b"server:" not in head
    assert b"cache-control: no-store" in head


def test_more_connections_than_allowed_are_sent_away(tmp_path: Path) -> None:
    async def talk(port: int) -> list[bytes]:
        return await asyncio.gather(*(exchange(port) for _ in range(4)))

    got, _ = over_the_wire(tmp_path, talk, connections=2, head_seconds=0.2)
    assert sorted(said(answer)[0] for answer in got) == [408, 408, 503, 503]


def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        got = await asyncio.wait_for(reader.read(), 20)  # until the server closes
        writer.close()
        return got

    got, _ = over_the_wire(tmp_path, talk, idle_seconds=1.0)
    assert got.count(b"HTTP/1.1 200") == 1


def test_who_takes_an_answer_slowly_holds_no_one_up(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / FILE)
    gate = RequestGate(echo, log=log, metrics=ServiceMetrics(), limits=ServiceLimits(in_flight=1), token=None)
    scope = {"type": "http", "method": "GET", "path": "/health", "query_string": b"", "headers": [(b"host", b"[::1]")]}
    given: list[int] = []

    async def never() -> None:
        await asyncio.Event().wait()

    async def talk() -> None:
        taken = asyncio.Event()

        async def takes_slowly(_message: Any) -> None:
            taken.set()
            await never()

        async def takes(message: Any) -> None:
            given.append(message.get("status", 0))

        slow = asyncio.create_task(gate(dict(scope), never, takes_slowly))
        await taken.wait()
        await gate(dict(scope), never, takes)
        slow.cancel()

    asyncio.run(talk())
    log.close()
    assert given[0] == 200


def test_a_server_that_stops_waits_as_long_as_an_answer_may_take(tmp_path: Path) -> None:
    limits, metrics, log = (
        ServiceLimits(body_seconds=40.0, answer_seconds=70.5),
        ServiceMetrics(),
        RequestLog(tmp_path / FILE),
    )
    gate = RequestGate(echo, log=log, metrics=metrics, limits=limits, token=None)
    stops = server_config(gate, limits=limits, metrics=metrics).timeout_graceful_shutdown
    log.close()
    assert stops is not None
    assert stops >= 40.0 + 70.5


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RunError, match=f"port {port} of 127.0.0.1 is taken: stop what listens there"):
            bound_socket("127.0.0.1", port)


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(RunError, match="no address of this machine"):
        bound_socket("203.0.113.7", 0)
