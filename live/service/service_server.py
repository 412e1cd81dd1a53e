"""Service server: the socket, the signals and the clockwork around the app; it returns when it was told to stop."""

import asyncio
import errno
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from core.errors import RunError
from live.service.head_guard import guarded_protocol
from live.service.request_gate import RequestGate
from live.service.served_desk import ServedDesk
from live.service.service_limits import ServiceLimits
from live.service.service_metrics import ServiceMetrics

__all__ = ["ToldServer", "bound_socket", "serve_app", "server_config"]

BACKLOG = 256
STOP_SECONDS = 15


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that has its address, before anything slow is done; it does not listen yet.

    Raises
    ------
    RunError
        If the address is taken, is not this machine's, or may not be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise RunError(f"--host {host} is no address of this machine: keep 127.0.0.1") from error
    made = socket.socket(found[0], found[1])
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(found[4])
    except OSError as error:
        made.close()
        raise _worded(error, host, port) from error
    return made


def serve_app(
    app: RequestGate,
    made: socket.socket,
    *,
    desk: ServedDesk,
    limits: ServiceLimits,
    metrics: ServiceMetrics,
    listens: Callable[[str, int], None],
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those in work get their answer first.

    Parameters
    ----------
    app : RequestGate
        What answers.
    made : socket
        From ``bound_socket``.
    desk : ServedDesk
        Renewed while it is served.
    limits : ServiceLimits
        Sizes, times and numbers.
    metrics : ServiceMetrics
        Counts what is no request, too.
    listens : callable
        Told host and port once requests are answered.

    Raises
    ------
    RunError
        If the address was taken meanwhile.
    """
    host, port = made.getsockname()[:2]
    config = server_config(app, limits=limits, metrics=metrics)
    with _own_signals(), _renewed(desk, limits.renewal_seconds):
        try:
            asyncio.run(ToldServer(config, lambda: listens(host, port)).serve(sockets=[made]))
        except OSError as error:
            raise _worded(error, host, port) from error


def server_config(app: RequestGate, *, limits: ServiceLimits, metrics: ServiceMetrics) -> uvicorn.Config:
    """How uvicorn serves an app within these limits: HTTP/1.1 alone, and silent."""
    return uvicorn.Config(
        app,
        http=guarded_protocol(limits, lambda status: metrics.count("none", status)),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(1, round(limits.idle_seconds)),
        timeout_graceful_shutdown=math.ceil(limits.body_seconds + limits.answer_seconds + limits.drain_seconds),
        h11_max_incomplete_event_size=limits.head_bytes,
    )


class ToldServer(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._listens()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Let the server end by a signal without the process dying of it: it stopped as it was told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_told: None) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _renewed(desk: ServedDesk, seconds: float) -> Iterator[None]:
    """Look at version and bars every few seconds, in a thread of its own."""
    ends = threading.Event()

    def look() -> None:
        while not ends.wait(seconds):
            desk.renew()

    thread = threading.Thread(target=look, name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(timeout=STOP_SECONDS)


def _worded(error: OSError, host: str, port: int) -> RunError:
    if error.errno == errno.EADDRINUSE:
        return RunError(f"port {port} of {host} is taken: stop what listens there, or give another --port")
    if error.errno == errno.EADDRNOTAVAIL:
        return RunError(f"--host {host} is no address of this machine: keep 127.0.0.1")
    if error.errno in (errno.EACCES, errno.EPERM):
        return RunError(f"port {port} of {host} may not be used: give a --port above 1023")
    return RunError(f"{host} port {port} cannot be used ({error.strerror}): give another --port")
