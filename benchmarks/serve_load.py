"""A served version under load, killed in the middle: ``python -m benchmarks serve_load``.

`quintile serve` runs as a process of its own and is asked over loopback at a steady rate, whether earlier requests were
answered or not. Half-way it is killed with SIGKILL and started again on the same port. The client repeats a request
that was not answered, under the same request id. Every answer is held against what ``next_decision`` says with a scorer
of this process; the log is held against its chain, and against every answer that was received.
"""

import asyncio
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from benchmarks.runner import Options
from benchmarks.runner.measure import ROOT
from benchmarks.runner.page import machine
from live.service.request_log import FILE, log_entries, log_faults
from market.inputs import Inputs, load_inputs
from market.panel import Panel
from strategy.frozen.replay import version_bars
from strategy.frozen.run_version import FrozenStrategy, open_frozen, run_request
from strategy.frozen.versions import SHIPPED, find_version
from strategy.learning.decide import frozen_scores
from strategy.trading.decision import next_decision
from strategy.trading.holdings import CASH_ROW, Holdings
from strategy.trading.kept_scorer import KeptScorer
from strategy.trials.log import TrialLog

__all__ = ["Design", "Found", "section", "under_load"]

BUSY = 503
PAUSE = 0.1  # seconds before a request is repeated, doubled up to a second
STARTS = 300.0  # seconds that a server may take to start


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Which version is asked, how often, for how long."""

    version: str = "filter_negative@1.1.0"
    versions: Path = SHIPPED
    rate: float = 50.0
    seconds: float = 60.0
    n_books: int = 24  # holdings that decisions are asked with
    patience: float = 300.0  # seconds after which a request counts as lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request and what must be answered: a status, and the parts of the JSON that are known."""

    method: str
    path: str
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request came to; times in seconds."""

    id: str
    question: Question
    waited: float  # from when it was due, repetitions included
    took: float  # of the attempt that was answered
    attempts: int
    status: int
    sha256: str
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a load found."""

    replies: tuple[Reply, ...]
    n_asked: int
    n_unlogged: int
    log_faults: tuple[str, ...]
    n_logged: int
    n_mended: int
    away: float  # seconds between the kill and the next server that listens
    exit_code: int  # of the second server, after SIGTERM

    @property
    def n_wrong(self) -> int:
        """Answers that are not what ``next_decision`` says."""
        return sum(not reply.is_right for reply in self.replies)

    @property
    def n_lost(self) -> int:
        """Requests without an answer, and answers that the log lacks."""
        return self.n_asked - len(self.replies) + self.n_unlogged


# --- what must be answered ---


def inputs_of(frozen: FrozenStrategy) -> Inputs:
    """The version's own bars, as it decides on them."""
    request = run_request(frozen.folder, {})
    if request is None:
        found = Inputs(panel=version_bars(frozen.folder, frozen.folder.body))
    else:
        found = load_inputs(request, holdout=frozen.spec.holdout)
    sectors = found.sectors if frozen.sectors is None else frozen.sectors
    return replace(found, panel=frozen.on_own_year(found.panel), sectors=sectors)


def books_held(inputs: Inputs, count: int) -> list[Holdings]:
    """Accounts of a few names each, from a fixed seed."""
    rng = np.random.default_rng(0)
    priced = inputs.panel.close.iloc[-1].dropna().index
    names = [rng.choice(priced, size=5, replace=False) for _ in range(count)]
    return [
        Holdings(
            amounts=pd.Series(rng.integers(-500, 500, 5).astype(float), index=each),
            in_shares=True,
            cash=float(rng.integers(10**6, 10**7)),
            told_cash=True,
        )
        for each in names
    ]


def rows_of(holdings: Holdings) -> list[dict[str, Any]]:
    """Holdings as a body has them."""
    rows = [{"ticker": str(name), "shares": shares} for name, shares in holdings.amounts.items()]
    return [*rows, {"ticker": CASH_ROW, "shares": holdings.cash}]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored(KeptScorer):
    """A scorer that has scored everything, once."""

    made: pd.DataFrame

    def scores(self, panel: Panel) -> pd.DataFrame:  # noqa: ARG002 - one panel is asked for
        return self.made


def questions(frozen: FrozenStrategy, home: Path, *, count: int) -> list[Question]:
    """What is asked, in the order in which it is asked again and again; every eighth is refused by right."""
    inputs = inputs_of(frozen)
    scorer = _Scored(
        home=home,
        spec=frozen.spec,
        model=frozen.folder.path / "model",
        load=lambda: frozen.checkpoint,
        made=frozen_scores(frozen.spec, inputs.panel, frozen.checkpoint),
    )
    origin = {
        "version": str(frozen.folder.version),
        "lock": frozen.folder.sha256,
        "session": f"{inputs.panel.sessions[-1]:%Y-%m-%d}",
    }

    def decided(**told: Any) -> dict[str, Any]:
        made = next_decision(frozen.spec, inputs, scorer, **told)
        return origin | {"decision": json.loads(json.dumps(made.as_dict()))}

    last = scorer.made.iloc[-1]
    scores = {str(name): None if np.isnan(value) else float(value) for name, value in last.items()}
    plain = Question(method="GET", path="/decide", expected=decided())
    kind = {"content-type": "application/json"}
    found = []
    for held in books_held(inputs, count):
        body = json.dumps({"holdings": rows_of(held)}).encode()
        posted = Question(method="POST", path="/decide", body=body, headers=kind, expected=decided(holdings=held))
        found += [plain, posted, plain, Question(method="GET", path="/scores", expected=origin | {"scores": scores})]
    found += [Question(method="GET", path="/health", expected=origin), Question(method="GET", path="/metrics")]
    wrong = [
        Question(method="GET", path="/decide", status=401, headers={"authorization": "Bearer wrong"}),
        Question(method="GET", path="/decide?leverage=2", status=422),
        Question(method="POST", path="/decide", status=422, headers=kind, body=b'{"equity": NaN}'),
        Question(method="POST", path="/decide", status=413, headers=kind, body=b" " * 1_100_000),
        Question(method="POST", path="/scores", status=405, headers=kind, body=b"{}"),
    ]
    return [
        each for place, good in enumerate(found) for each in ([good] if place % 7 else [wrong[place // 7 % 5], good])
    ]


# --- the server ---


def started(design: Design, folder: Path, port: int, token: str) -> "subprocess.Popen[str]":
    """A server that listens."""
    words = ["serve", design.version, "--port", str(port), "--out", str(folder), "--json"]
    made = subprocess.Popen(
        [sys.executable, "-m", "quintile", *words, "--versions", str(design.versions)],
        cwd=ROOT,
        env=os.environ | {"QUINTILE_TOKEN": token, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    with made.stdout as told:
        listens = bool(told.readline())
    if not listens:
        raise RuntimeError(f"the server did not start: exit {made.wait()}")
    return made


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


# --- the client ---


async def answered(client: httpx.AsyncClient, question: Question, name: str, *, patience: float) -> Reply | None:
    """Ask until there is an answer; None where none came in time."""
    due, attempts, pause = time.perf_counter(), 0, PAUSE
    while time.perf_counter() - due < patience:
        attempts, begun = attempts + 1, time.perf_counter()
        try:
            headers = {"x-request-id": name, **question.headers}
            got = await client.request(question.method, question.path, content=question.body, headers=headers)
        except httpx.TransportError:
            got = None
        if got is not None and (got.status_code != BUSY or question.status == BUSY):
            now = time.perf_counter()
            return Reply(
                id=name,
                question=question,
                waited=now - due,
                took=now - begun,
                attempts=attempts,
                status=got.status_code,
                sha256=hashlib.sha256(got.content).hexdigest(),
                is_right=is_right(got, question, name),
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1.0)
    return None


def is_right(got: httpx.Response, question: Question, name: str) -> bool:
    """Whether an answer is that of its own question, in every bit."""
    if got.status_code != question.status or got.headers["x-request-id"] != name:
        return False
    if question.path == "/metrics":
        return "quintile_serve_requests_total" in got.text
    said = got.json()
    if question.status != 200:
        return set(said) >= {"error", "status"} and "\n" not in got.text
    return all(said[key] == value for key, value in question.expected.items())


async def asked(design: Design, asking: Sequence[Question], port: int, token: str) -> list[Reply | None]:
    """Ask at a steady rate, whether earlier requests were answered or not."""
    limits = httpx.Limits(max_connections=48, max_keepalive_connections=48)
    base, borne = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=borne, limits=limits, timeout=30.0) as client:
        begun, jobs = time.perf_counter(), []
        for place in range(round(design.rate * design.seconds)):
            await asyncio.sleep(max(0.0, begun + place / design.rate - time.perf_counter()))
            question = asking[place % len(asking)]
            jobs.append(asyncio.create_task(answered(client, question, f"load-{place:06d}", patience=design.patience)))
        return await asyncio.gather(*jobs)


async def killed_in_the_middle(
    design: Design, folder: Path, server: "subprocess.Popen[str]", port: int, token: str
) -> tuple["subprocess.Popen[str]", float]:
    """Kill the server half-way and start another one; with the seconds until that one listens."""
    await asyncio.sleep(design.seconds / 2)
    server.send_signal(signal.SIGKILL)
    server.wait()
    begun = time.perf_counter()
    again = await asyncio.to_thread(started, design, folder, port, token)
    return again, time.perf_counter() - begun


def under_load(design: Design, folder: Path) -> Found:
    """Serve a version in ``folder``, load it, kill it, and hold every answer against what is right."""
    frozen = open_frozen(find_version(design.version, design.versions), TrialLog(folder))
    own = folder / "own"
    own.mkdir(parents=True)
    asking = questions(frozen, own, count=design.n_books)
    port, token = free_port(), secrets.token_hex(16)

    async def load(server: "subprocess.Popen[str]") -> tuple[list[Reply | None], "subprocess.Popen[str]", float]:
        replies, (again, away) = await asyncio.gather(
            asked(design, asking, port, token), killed_in_the_middle(design, folder, server, port, token)
        )
        return replies, again, away

    server = started(design, folder, port, token)
    try:
        replies, server, away = asyncio.run(load(server))
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=60)
    finally:
        server.kill()
        server.wait()
    got = tuple(reply for reply in replies if reply is not None)
    path = folder / "served" / design.version.replace("@", "-") / FILE
    entries = list(log_entries(path))
    logged = {(entry["id"], entry["sha256"]) for entry in entries if entry["kind"] == "answer"}
    return Found(
        replies=got,
        n_asked=len(replies),
        n_unlogged=sum((reply.id, reply.sha256) not in logged for reply in got),
        log_faults=tuple(log_faults(path)),
        n_logged=sum(entry["kind"] == "answer" for entry in entries),
        n_mended=sum(entry["kind"] == "mended" for entry in entries),
        away=away,
        exit_code=code,
    )


def table(found: Found) -> str:
    """Latencies by what was asked, in milliseconds."""
    groups: dict[str, list[Reply]] = {"all": list(found.replies)}
    for reply in found.replies:
        asked_for = reply.question
        name = f"{asked_for.method} {asked_for.path.partition('?')[0]}"
        groups.setdefault(name if asked_for.status == 200 else "refused by right", []).append(reply)
    undisturbed = [reply for reply in found.replies if reply.attempts == 1]
    groups = {"all": groups.pop("all"), "all, answered at the first attempt": undisturbed, **groups}
    lines = ["| asked | answers | p50 ms | p95 ms | p99 ms |", "|---|---:|---:|---:|---:|"]
    for name, replies in groups.items():
        waits = [1000 * (reply.waited if name == "all" else reply.took) for reply in replies]
        shown = " | ".join(f"{value:,.1f}" for value in np.percentile(waits, (50, 95, 99))) if waits else "– | – | –"
        lines.append(f"| {name} | {len(replies):,} | {shown} |")
    return "\n".join(lines)


def words(design: Design, found: Found) -> str:
    """The finding in words and a table."""
    statuses = ", ".join(f"{n:,} × {status}" for status, n in sorted(Counter(r.status for r in found.replies).items()))
    repeated = sum(reply.attempts > 1 for reply in found.replies)
    return f"""{design.version} on its own bars, {design.rate:g} requests a second for {design.seconds:g} s over
loopback, killed with SIGKILL half-way and started again: {found.n_asked:,} requests, **{found.n_wrong} wrong,
{found.n_lost} lost**. Answers: {statuses}. The second server listened {found.away:.1f} s after the kill; {repeated:,}
requests were repeated under their id. The log holds {found.n_logged:,} answers, {found.n_mended} torn line mended,
{len(found.log_faults)} faults of its chain; after SIGTERM the server left with {found.exit_code}.

{table(found)}

The row "all" counts from when a request was due, with the repetitions of the outage; the others count the attempt that
was answered. The client and the server share the machine."""


def section(_: Options) -> str:
    """The section of the page."""
    design = Design()
    with tempfile.TemporaryDirectory() as folder:
        found = under_load(design, Path(folder))
    return "\n".join(
        [
            "## A served version, killed under load",
            "",
            f"`python -m benchmarks serve_load`: {machine()}.",
            "",
            words(design, found),
            "",
        ]
    )
