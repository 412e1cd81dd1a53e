"""Request gate: what every request passes: token, route, size and time; its answer is logged, then given.

What is refused is answered in one line of JSON, ``{"error": …, "status": …, "request": …}``.
"""

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from live.service.request_log import LogWriteError, RequestLog
from live.service.service_limits import ServiceLimits
from live.service.service_metrics import ServiceMetrics
from live.service.service_token import VARIABLE, bears, names_local

__all__ = ["ROUTES", "Answer", "RequestGate", "error_body"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

ROUTES: Mapping[str, tuple[str, ...]] = {
    "/health": ("GET",),
    "/card": ("GET",),
    "/decide": ("GET", "POST"),
    "/scores": ("GET",),
    "/metrics": ("GET",),
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_PATH = 200  # characters of a path that are logged
MAX_URL = 2_048
CLOSING: Headers = ((b"connection", b"close"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, a body and its headers."""

    status: int
    body: bytes
    headers: Headers = ((b"content-type", b"application/json"),)


class _RefusedError(Exception):
    """A request that is not worked on: its status, why in one line, and headers beside."""

    def __init__(self, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


@dataclass(slots=True, kw_only=True)
class _Request:
    scope: Scope
    receive: Receive
    id: str
    begun: float = field(default_factory=time.perf_counter)
    body: bytes = b""
    served: dict[str, str] = field(default_factory=dict)
    unread: bool = False

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self.scope["headers"])

    def told(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.scope["headers"] if each == name]


class RequestGate:
    """An ASGI application around another.

    Parameters
    ----------
    app : callable
        Works out the answers of ``ROUTES``; what it says of where they come from it writes into ``scope["served"]``.
    log : RequestLog
        Every answer goes into it first.
    metrics : ServiceMetrics
        Counts them.
    limits : ServiceLimits
        Sizes, times and numbers.
    token : str or None
        What requests must bear; None asks for a local name instead.
    """

    def __init__(
        self,
        app: Application,
        *,
        log: RequestLog,
        metrics: ServiceMetrics,
        limits: ServiceLimits,
        token: str | None,
    ) -> None:
        self._app, self._log, self._metrics, self._limits, self._token = app, log, metrics, limits, token
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = _Request(scope=scope, receive=receive, id=_request_id(scope))
        self._in_flight += 1
        try:
            answer = await self._logged(request, await self._answer(request))
        finally:
            self._in_flight -= 1  # who takes an answer slowly holds no one up
        seconds = time.perf_counter() - request.begun
        self._metrics.count(request.path if request.path in ROUTES else "none", answer.status, seconds)
        await self._give(request, answer, send)

    async def _answer(self, request: _Request) -> Answer:
        try:
            self._check(request)
            if request.scope["method"] == "POST":
                await self._read_body(request)
            return await self._worked_out(request)
        except _RefusedError as refused:
            body = error_body(refused.status, refused.words, request.id)
            return Answer(status=refused.status, body=body, headers=(JSON, *refused.headers))

    def _check(self, request: _Request) -> None:
        """Refuse what needs no look at the body."""
        request.unread = bool(request.told(b"transfer-encoding")) or request.told(b"content-length") not in ([], [b"0"])
        if request.told(b"x-request-id") and request.told(b"x-request-id") != [request.id.encode()]:
            raise _RefusedError(400, "x-request-id must be 1 to 64 letters, digits, points, - or _, once")
        if self._in_flight > self._limits.in_flight:
            raise _RefusedError(503, "too many requests at a time: ask again", (b"retry-after", b"1"), *CLOSING)
        if self._token is None and not names_local(request.headers):
            raise _RefusedError(421, "this server answers to 127.0.0.1 and localhost alone", *CLOSING)
        if self._token is not None and not bears(request.headers, self._token):
            words = f"the token is missing or wrong: send `Authorization: Bearer` with the server's {VARIABLE}"
            raise _RefusedError(401, words, (b"www-authenticate", b"Bearer"), *CLOSING)
        if len(request.scope.get("raw_path") or b"") + len(request.scope["query_string"]) > MAX_URL:
            raise _RefusedError(414, f"the address is longer than {MAX_URL:,} characters", *CLOSING)
        methods = ROUTES.get(request.path)
        if methods is None:
            raise _RefusedError(404, f"nothing is there: ask {', '.join(ROUTES)}", *CLOSING)
        if request.scope["method"] not in methods:
            allowed = ", ".join(methods)
            raise _RefusedError(405, f"{request.path} takes {allowed}", (b"allow", allowed.encode()), *CLOSING)
        _check_query(request)
        if request.scope["method"] == "GET" and request.unread:
            raise _RefusedError(400, "a GET takes no body: use POST /decide", *CLOSING)

    async def _read_body(self, request: _Request) -> None:
        length, most = request.told(b"content-length"), self._limits.body_bytes
        if request.told(b"transfer-encoding") or len(length) != 1 or not length[0].isdigit():
            raise _RefusedError(411, "a body needs its Content-Length", *CLOSING)
        if int(length[0]) > most:
            raise _RefusedError(413, f"a body of {int(length[0]):,} bytes, at most {most:,} are read", *CLOSING)
        kinds = [each.partition(b";")[0].strip().lower() for each in request.told(b"content-type")]
        if kinds != [b"application/json"]:
            raise _RefusedError(415, "the body must be application/json", *CLOSING)
        parts, more = [], True
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while more:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise _RefusedError(400, "the client went away in the middle of the body", *CLOSING)
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError as error:
            words = f"the body did not arrive within {self._limits.body_seconds:g} seconds"
            raise _RefusedError(408, words, *CLOSING) from error
        request.body, request.unread = b"".join(parts), False

    async def _worked_out(self, request: _Request) -> Answer:
        """The application's answer, collected."""
        given: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            given.append(message)

        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                await self._app({**request.scope, "served": request.served, "request_id": request.id}, receive, send)
        except TimeoutError as error:
            words = f"the answer took longer than {self._limits.answer_seconds:g} seconds: ask again"
            raise _RefusedError(503, words, (b"retry-after", b"1")) from error
        except Exception as error:  # the edge: a fault of ours is answered and logged, and the server goes on
            raise _RefusedError(
                500, f"a fault of Quintile itself ({type(error).__name__}): please report it"
            ) from error
        body = b"".join(each.get("body", b"") for each in given[1:])
        return Answer(status=given[0]["status"], body=body, headers=tuple(given[0]["headers"]))

    async def _logged(self, request: _Request, answer: Answer) -> Answer:
        """The answer once it is logged; one that cannot be is not given."""
        client = request.scope.get("client") or ("", 0)
        try:
            await self._log.append(
                "answer",
                id=self._plain(request.id),
                client=str(client[0])[:64],
                method=self._plain(str(request.scope["method"]))[:16],
                path=self._plain(request.path)[:MAX_PATH],
                asked=_known_keys(request.scope["query_string"]),
                received=len(request.body),
                status=answer.status,
                sent=len(answer.body),
                sha256=hashlib.sha256(answer.body).hexdigest(),
                ms=round(1000 * (time.perf_counter() - request.begun), 3),
                **request.served,
            )
        except LogWriteError as error:
            body = error_body(503, f"nothing is answered that is not logged: {error}", request.id)
            return Answer(status=503, body=body, headers=(JSON, (b"retry-after", b"5")))
        return answer

    async def _give(self, request: _Request, answer: Answer, send: Send) -> None:
        own = ((b"x-request-id", request.id.encode()), (b"cache-control", b"no-store"), NO_SNIFFING)
        length = (b"content-length", str(len(answer.body)).encode())
        told = [pair for pair in answer.headers if pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": answer.status, "headers": [*told, length, *own]})
        await send({"type": "http.response.body", "body": answer.body, "more_body": request.unread})
        if request.unread:  # closing with bytes unread would take the answer from the client
            await self._drain(request)
            await send({"type": "http.response.body", "body": b""})

    async def _drain(self, request: _Request) -> None:
        left = 4 * self._limits.body_bytes
        try:
            async with asyncio.timeout(self._limits.drain_seconds):
                while left > 0:
                    message = await request.receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    def _plain(self, text: str) -> str:
        """Text from outside without the token, wherever a client put it."""
        return text if self._token is None else text.replace(self._token, "[token]")


JSON = (b"content-type", b"application/json")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
QUERY_KEYS = ("equity", "as_of", "session")


def error_body(status: int, words: str, request: str | None = None) -> bytes:
    """One line of JSON that says why."""
    line = " ".join(words.split())[:1_000]
    return json.dumps({"error": line, "status": status} | ({} if request is None else {"request": request})).encode()


def _request_id(scope: Scope) -> str:
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"]
    return told[0] if len(told) == 1 and REQUEST_ID.fullmatch(told[0]) else secrets.token_hex(8)


def _check_query(request: _Request) -> None:
    """Refuse keys that come twice; which keys a route takes is in its form."""
    try:
        keys = [key for key, _ in parse_qsl(request.scope["query_string"].decode(), True, max_num_fields=16)]
    except ValueError as error:  # not UTF-8, or too many
        raise _RefusedError(422, "the query cannot be read: it has at most 16 keys, in UTF-8") from error
    if len(set(keys)) != len(keys):
        raise _RefusedError(422, "the query names a key twice")


def _known_keys(query: bytes) -> list[str]:
    """Which of our keys a query has; its values may be secrets, and are not logged."""
    told = {part.partition(b"=")[0].decode("latin-1") for part in query.split(b"&")}
    return [key for key in QUERY_KEYS if key in told]
