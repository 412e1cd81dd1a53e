"""Head guard: uvicorn's HTTP protocol with a deadline for the head of a request, and with errors in our form.

uvicorn waits for a head as long as the client likes, and calls a head that is too large malformed.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from live.service.request_gate import error_body
from live.service.service_limits import ServiceLimits

__all__ = ["guarded_protocol"]

TOO_LARGE = 431


class _GuardedProtocol(H11Protocol):
    """One connection."""

    limits: ServiceLimits
    refused: Callable[[int], None]

    def __init__(self, *told: Any, **named: Any) -> None:
        super().__init__(*told, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _forget_dead_peers(transport, self.limits.answer_seconds)
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "too many connections: ask again")
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        fault = sys.exc_info()[1]
        if getattr(fault, "error_status_hint", 400) == TOO_LARGE:
            self._refuse(TOO_LARGE, f"the head is longer than {self.limits.head_bytes:,} bytes")
        else:
            self._refuse(400, "this is no HTTP request")

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._refuse(408, f"the head of the request did not arrive within {self.limits.head_seconds:g} seconds")

    def _refuse(self, status: int, words: str) -> None:
        """Answer what is no request, and close; where an answer has begun already, only close."""
        self._stop_waiting()
        self.refused(status)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = error_body(status, words)
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            with suppress(h11.LocalProtocolError):
                for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body)):
                    self.transport.write(self.conn.send(event) or b"")
                self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()


def guarded_protocol(limits: ServiceLimits, refused: Callable[[int], None]) -> type[H11Protocol]:
    """The protocol of a server with these limits; ``refused`` is told the status of what is no request."""
    return type("GuardedProtocol", (_GuardedProtocol,), {"limits": limits, "refused": staticmethod(refused)})


def _forget_dead_peers(transport: asyncio.Transport, seconds: float) -> None:
    """Drop a client that does not take its answer, where the system can."""
    opened = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if opened is not None and option is not None:
        with suppress(OSError):
            opened.setsockopt(socket.IPPROTO_TCP, option, int(1000 * seconds))
