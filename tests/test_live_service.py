"""The service: what it answers is what ``decide`` says, bit for bit, and everything else gets its one line."""

import asyncio
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from live.service import served_desk
from live.service.bars_watch import folder_state
from live.service.prepared_book import PreparedBook
from live.service.request_gate import RequestGate
from live.service.request_log import FILE, RequestLog, log_entries, log_faults
from live.service.served_desk import Asked, ServedDesk
from live.service.service_app import served_app
from live.service.service_limits import ServiceLimits
from live.service.service_metrics import ServiceMetrics
from market.inputs import Inputs
from market.request import BarsRequest
from market.store import import_bars, update_bars
from quintile.bar_requests import told_fields
from strategy.frozen.replay import version_bars
from strategy.frozen.run_version import FrozenStrategy, open_frozen, run_request
from strategy.frozen.verify import Verification
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import frozen_scores
from strategy.trading.data_checks import DataChecks
from strategy.trading.decision import Decision, next_decision
from strategy.trading.holdings import read_holdings
from strategy.trading.kept_scorer import KeptScorer
from strategy.trials.log import TrialLog

TOKEN = "a-token-of-the-tests-0123456789"
BORNE = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def opened(frozen: VersionFolder, tmp_path_factory: pytest.TempPathFactory) -> FrozenStrategy:
    return open_frozen(frozen, TrialLog(tmp_path_factory.mktemp("trials")))


@pytest.fixture(scope="module")
def desk(opened: FrozenStrategy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDesk]:
    made = ServedDesk(opened, lambda: None, home=tmp_path_factory.mktemp("home"), name="embedded")
    yield made
    made.close()


@pytest.fixture(scope="module")
def inputs(opened: FrozenStrategy) -> Inputs:
    return Inputs(panel=opened.on_own_year(version_bars(opened.folder, opened.folder.body)), sectors=opened.sectors)


@contextmanager
def served(desk: ServedDesk, folder: Path, token: str | None = None, **limits: Any) -> Iterator[RequestGate]:
    log = RequestLog(folder / FILE)
    try:
        yield served_app(desk, log, metrics=ServiceMetrics(), limits=ServiceLimits(**limits), token=token)
    finally:
        log.close()


def asked(gate: RequestGate, method: str, path: str, **told: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=gate, client=("127.0.0.1", 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, **told)

    return asyncio.run(ask())


def told(decision: Decision) -> Any:
    return json.loads(json.dumps(decision.as_dict()))


# --- what is answered ---


def test_the_decision_served_is_that_of_scoring_everything_bit_for_bit(
    desk: ServedDesk, opened: FrozenStrategy, inputs: Inputs, tmp_path: Path
) -> None:
    with served(desk, tmp_path) as gate:
        answer = asked(gate, "GET", "/decide", params={"equity": "1000000"}).json()
    decision = next_decision(opened.spec, inputs, opened.checkpoint, equity=1e6)
    assert answer["decision"] == told(decision)
    assert len(answer["decision"]["orders"]) > 3


def test_holdings_in_a_body_are_those_of_the_file(
    desk: ServedDesk, opened: FrozenStrategy, inputs: Inputs, tmp_path: Path
) -> None:
    first, second = inputs.panel.tickers[:2]
    rows = [{"ticker": first, "shares": 12.5}, {"ticker": second, "shares": -3}, {"ticker": "$CASH", "shares": 50_000}]
    (tmp_path / "held.csv").write_text("ticker,shares\n" + "".join(f"{r['ticker']},{r['shares']}\n" for r in rows))
    with served(desk, tmp_path) as gate:
        answer = asked(gate, "POST", "/decide", json={"holdings": rows, "as_of": "2024-01-02"}).json()
    held = read_holdings(tmp_path / "held.csv")
    decision = next_decision(opened.spec, inputs, opened.checkpoint, holdings=held, as_of="2024-01-02")
    expected = told(decision)
    strip = [note for note in expected["notes"] if "no line end" not in note]
    assert answer["decision"] == expected | {"notes": strip}
    assert {row["ticker"] for row in answer["decision"]["orders"]} >= {first, second}


def test_the_scores_served_are_those_of_the_model_bit_for_bit(
    desk: ServedDesk, opened: FrozenStrategy, inputs: Inputs, tmp_path: Path
) -> None:
    whole = frozen_scores(opened.spec, inputs.panel, opened.checkpoint)
    day = whole.index[3]
    with served(desk, tmp_path) as gate:
        last = asked(gate, "GET", "/scores").json()
        earlier = asked(gate, "GET", "/scores", params={"session": f"{day:%Y-%m-%d}"}).json()
        before = asked(gate, "GET", "/scores", params={"session": "2001-01-01"})
    for answer, session in ((last, whole.index[-1]), (earlier, day)):
        row = pd.Series(answer["scores"], dtype=float).reindex(whole.columns)
        assert np.array_equal(row.to_numpy(), whole.loc[session].to_numpy(dtype=float), equal_nan=True)
        assert answer["scored"] == f"{session:%Y-%m-%d}"
    assert before.status_code == 422
    assert "has no scores" in before.json()["error"]


def test_every_answer_says_version_lock_bars_session_and_clock(
    desk: ServedDesk, opened: FrozenStrategy, inputs: Inputs, tmp_path: Path
) -> None:
    with served(desk, tmp_path) as gate:
        answers = [asked(gate, "GET", path) for path in ("/health", "/card", "/decide", "/scores")]
    for answer in answers:
        facts = answer.json()
        assert answer.status_code == 200
        assert (facts["version"], facts["lock"]) == (str(opened.folder.version), opened.folder.sha256)
        assert facts["bars"] == {"name": "embedded", "commit": None, "fingerprint": inputs.panel.fingerprint()}
        assert facts["session"] == f"{inputs.panel.sessions[-1]:%Y-%m-%d}"
        assert set(facts["clock"]) == {"now", "closed", "fill_opens"}
        assert facts["clock"]["now"].endswith("+00:00")
    assert answers[1].json()["judged"]["costs"] == opened.folder.body["headline"]["costs"]


def test_metrics_count_by_route_and_status(desk: ServedDesk, tmp_path: Path) -> None:
    with served(desk, tmp_path) as gate:
        for path in ("/decide", "/decide", "/nothing"):
            asked(gate, "GET", path)
        text = asked(gate, "GET", "/metrics").text
    assert 'quintile_serve_requests_total{route="/decide",status="200"} 2' in text
    assert 'quintile_serve_requests_total{route="none",status="404"} 1' in text
    assert 'quintile_serve_latency_seconds_bucket{le="+Inf"} 3' in text
    assert "quintile_serve_session_age_seconds " in text
    assert f'lock="{desk.state.book.lock[:12]}"' in text


def test_a_decision_is_worked_out_once_for_the_same_question(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    made = type(desk.state.book).decision
    monkeypatch.setattr(type(desk.state.book), "decision", lambda *a, **k: calls.append(k) or made(*a, **k))
    with served(desk, tmp_path) as gate:
        for equity in ("7", "7", "8"):
            asked(gate, "GET", "/decide", params={"equity": equity})
    assert [call["equity"] for call in calls] == [7.0, 8.0]


def test_a_decision_is_worked_out_anew_when_the_checks_of_the_data_change(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(desk, tmp_path) as gate:
        before = asked(gate, "GET", "/decide").json()["decision"]
        for place in ("live.service.served_desk", "strategy.trading.decision"):
            monkeypatch.setattr(f"{place}.check_data", lambda *_a, **_k: DataChecks(blocking=("stale since now",)))
        after = asked(gate, "GET", "/decide").json()["decision"]
    assert before["blocked_by"] != after["blocked_by"]
    assert after["blocked_by"] == ["stale since now"]
    assert {row["blocked_by"] for row in after["orders"]} == {"stale since now"}


def test_a_decision_during_which_the_checks_change_is_not_kept(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, now = 0, DataChecks()
    made = type(desk.state.book).decision

    def meanwhile(*told: Any, **named: Any) -> Decision:
        nonlocal calls, now
        calls, now = calls + 1, DataChecks(blocking=("the close passed",) if calls == 0 else ())
        return made(*told, **named)

    monkeypatch.setattr(type(desk.state.book), "decision", meanwhile)
    monkeypatch.setattr(served_desk, "check_data", lambda *_a, **_k: now)
    with served(desk, tmp_path) as gate:
        for _ in range(3):
            now = DataChecks()
            assert asked(gate, "GET", "/decide", params={"equity": "77"}).status_code == 200
    assert calls == 2


def test_between_two_rebalances_a_decision_is_409_and_scores_are_given(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = replace(desk.state.book, undecided="nothing to trade: keep what is held")
    monkeypatch.setattr(desk, "state", replace(desk.state, book=held))
    with served(desk, tmp_path) as gate:
        answer = asked(gate, "GET", "/decide")
        assert (answer.status_code, answer.json()["error"]) == (409, "nothing to trade: keep what is held")
        assert asked(gate, "GET", "/scores").status_code == 200
        assert asked(gate, "GET", "/health").json()["undecided"] == "nothing to trade: keep what is held"


def test_what_cannot_be_logged_is_not_answered(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_told: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with served(desk, tmp_path) as gate:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            answers = [asked(gate, "GET", path) for path in ("/decide", "/health", "/nothing")]
        assert asked(gate, "GET", "/decide").status_code == 200
    for answer in answers:
        assert answer.status_code == 503
        assert set(answer.json()) == {"error", "status", "request"}
        assert "No space left on device" in answer.json()["error"]
    assert [entry["status"] for entry in log_entries(tmp_path / FILE) if entry["kind"] == "answer"] == [200]


# --- what is refused ---

ROWS = [{"ticker": "A", "shares": 1}]
JSON = {"content-type": "application/json"}
REFUSED: dict[str, tuple[int, str, tuple[Any, ...], dict[str, Any]]] = {
    "an unknown path": (404, "nothing is there", ("GET", "/orders"), {}),
    "a path that climbs": (404, "nothing is there", ("GET", "/decide/%2e%2e/%2e%2e/etc/passwd"), {}),
    "a trailing slash": (404, "nothing is there", ("GET", "/decide/"), {}),
    "a wrong method": (405, "/scores takes GET", ("DELETE", "/scores"), {}),
    "an unknown key": (422, "query.strategy: Extra inputs", ("GET", "/decide?strategy=x"), {}),
    "a key of another route": (422, "/health takes no query", ("GET", "/health?equity=1"), {}),
    "a key twice": (422, "names a key twice", ("GET", "/decide?equity=1&equity=2"), {}),
    "many keys": (422, "at most 16 keys", ("GET", "/decide?" + "&".join(f"k{i}=1" for i in range(20))), {}),
    "no number": (422, "query.equity", ("GET", "/decide?equity=much"), {}),
    "an infinite equity": (422, "query.equity", ("GET", "/decide?equity=inf"), {}),
    "no equity at all": (422, "query.equity", ("GET", "/decide?equity=0"), {}),
    "no date": (422, "query.as_of", ("GET", "/decide?as_of=today"), {}),
    "a day that is none": (422, "2024-02-31", ("GET", "/decide?as_of=2024-02-31"), {}),
    "a long address": (414, "longer than 2,048", ("GET", "/decide?equity=" + "1" * 3000), {}),
    "a GET with a body": (400, "takes no body", ("GET", "/decide"), {"content": b"{}"}),
    "another type": (
        415,
        "application/json",
        ("POST", "/decide"),
        {"content": b"x", "headers": {"content-type": "text/csv"}},
    ),
    "no JSON": (422, "Expecting value", ("POST", "/decide"), {"content": b"x", "headers": JSON}),
    "an empty body": (411, "Content-Length", ("POST", "/decide"), {"headers": JSON | {"transfer-encoding": "chunked"}}),
    "a key of a body twice": (
        422,
        "a key is there twice",
        ("POST", "/decide"),
        {"content": b'{"equity": 1, "equity": 2}', "headers": JSON},
    ),
    "NaN": (422, "NaN is no number", ("POST", "/decide"), {"content": b'{"equity": NaN}', "headers": JSON}),
    "Infinity": (
        422,
        "Infinity is no number",
        ("POST", "/decide"),
        {"content": b'{"equity": Infinity}', "headers": JSON},
    ),
    "a number out of range": (
        422,
        "beyond the range",
        ("POST", "/decide"),
        {"content": b'{"equity": 1e999}', "headers": JSON},
    ),
    "deep JSON": (
        422,
        "nested more than 64 deep",
        ("POST", "/decide"),
        {"content": b"[" * 9000 + b"]" * 9000, "headers": JSON},
    ),
    "other bytes": (422, "not UTF-8", ("POST", "/decide"), {"content": b'{"as_of": "\xff"}', "headers": JSON}),
    "an unknown field": (422, "leverage: Extra inputs", ("POST", "/decide"), {"json": {"leverage": 3}}),
    "a query beside a body": (422, "leave the query out", ("POST", "/decide?equity=1"), {"json": {}}),
    "a list": (422, "valid dictionary", ("POST", "/decide"), {"json": [1]}),
    "text for a number": (
        422,
        "holdings.0.shares",
        ("POST", "/decide"),
        {"json": {"holdings": [{"ticker": "A", "shares": "1"}]}},
    ),
    "both kinds": (
        422,
        "ticker and weight",
        ("POST", "/decide"),
        {"json": {"holdings": [*ROWS, {"ticker": "B", "weight": 0.1}]}},
    ),
    "a ticker twice": (422, "again", ("POST", "/decide"), {"json": {"holdings": ROWS + ROWS}}),
    "no price of a name": (
        422,
        "no price",
        ("POST", "/decide"),
        {"json": {"holdings": [{"ticker": "ZZZZ", "shares": 1}]}},
    ),
    "holdings without a sum": (
        422,
        "beyond the range of a number: ask with smaller",
        ("POST", "/decide"),
        {"json": {"holdings": [{"ticker": "SYN001", "shares": 1e308}, {"ticker": "SYN002", "shares": 1e308}]}},
    ),
    "the year 0": (422, "query.session", ("GET", "/scores?session=0000-01-01"), {}),
    "a year beyond the calendars": (422, "query.as_of", ("GET", "/decide?as_of=9999-12-31"), {}),
    "the same in a body": (422, "as_of", ("POST", "/decide"), {"json": {"as_of": "1677-01-01"}}),
    "other digits": (422, "query.session", ("GET", "/scores?session=\uff12016-10-06"), {}),
    "a strange request id": (400, "x-request-id", ("GET", "/decide"), {"headers": {"x-request-id": "a\tb"}}),
    "another host": (421, "127.0.0.1", ("GET", "/decide"), {"headers": {"host": "evil.example:8000"}}),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_is_wrong_is_refused_in_one_line(which: str, desk: ServedDesk, refusing: RequestGate) -> None:
    status, words, request, told = REFUSED[which]
    answer = asked(refusing, *request, **told)
    assert answer.status_code == status
    said = json.loads(answer.content)
    assert words in said["error"]
    assert (said["status"], said["request"]) == (status, answer.headers["x-request-id"])
    assert b"\n" not in answer.content


@pytest.fixture(scope="module")
def refusing(desk: ServedDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestGate]:
    with served(desk, tmp_path_factory.mktemp("refusing")) as gate:
        yield gate


def test_a_405_says_what_is_allowed(refusing: RequestGate) -> None:
    for method in ("PUT", "HEAD"):
        answer = asked(refusing, method, "/decide")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("path", ["/health", "/card", "/decide", "/scores", "/metrics", "/nothing"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}])
def test_without_the_token_every_path_is_401(
    path: str, headers: dict[str, str], guarded: tuple[RequestGate, Path]
) -> None:
    answer = asked(guarded[0], "GET", path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.fixture(scope="module")
def guarded(desk: ServedDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RequestGate, Path]]:
    folder = tmp_path_factory.mktemp("guarded")
    with served(desk, folder, TOKEN) as gate:
        yield gate, folder / FILE


def test_with_the_token_it_answers_by_any_name_and_never_logs_it(guarded: tuple[RequestGate, Path]) -> None:
    gate, path = guarded
    answer = asked(gate, "GET", "/decide", headers=BORNE | {"host": "desk.example"})
    assert answer.status_code == 200
    asked(gate, "GET", f"/decide/{TOKEN}", headers=BORNE)
    asked(gate, "GET", f"/decide?equity={TOKEN}", headers=BORNE | {"x-request-id": TOKEN})
    twice = asked(gate, "GET", "/decide", headers=[("authorization", f"Bearer {TOKEN}")] * 2)
    assert twice.status_code == 401
    assert TOKEN not in path.read_text()
    assert "[token]" in path.read_text()


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(desk: ServedDesk, tmp_path: Path) -> None:
    read: list[int] = []

    async def endless() -> Any:
        while True:
            read.append(1)
            yield b" " * 1000

    with served(desk, tmp_path, body_bytes=100, drain_seconds=1.0) as gate:
        headers = JSON | {"content-length": "1000000"}
        answer = asked(gate, "POST", "/decide", content=endless(), headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert "1,000,000 bytes" in answer.json()["error"]
    assert len(read) < 10  # drained up to four times the limit


def test_a_body_that_does_not_arrive_is_408(desk: ServedDesk, tmp_path: Path) -> None:
    async def slow() -> Any:
        yield b"{"
        await asyncio.sleep(3600)

    with served(desk, tmp_path, body_seconds=0.05, drain_seconds=0.05) as gate:
        answer = asked(gate, "POST", "/decide", content=slow(), headers=JSON | {"content-length": "9"})
    assert answer.status_code == 408


def test_an_answer_that_takes_too_long_is_503_and_the_next_is_given(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_asked: Asked) -> Any:
        await asyncio.sleep(3600)

    with served(desk, tmp_path, answer_seconds=0.05) as gate:
        with monkeypatch.context() as patched:
            patched.setattr(desk, "decide", never)
            assert asked(gate, "GET", "/decide").status_code == 503
        assert asked(gate, "GET", "/scores").status_code == 200


def test_a_fault_of_ours_is_500_in_one_line_and_logged(
    desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_asked: Asked) -> Any:
        raise KeyError("secret")

    with served(desk, tmp_path) as gate:
        monkeypatch.setattr(desk, "decide", broken)
        answer = asked(gate, "GET", "/decide")
    assert answer.status_code == 500
    assert "KeyError" in answer.json()["error"]
    assert "secret" not in answer.text
    assert [entry["status"] for entry in log_entries(tmp_path / FILE) if entry["kind"] == "answer"] == [500]


def test_concurrent_requests_each_get_their_own_answer(desk: ServedDesk, tmp_path: Path) -> None:
    async def ask(gate: RequestGate) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            jobs = [
                client.post("/decide", json={"equity": 1000.0 + n}, headers={"x-request-id": f"r{n}"}) for n in range(6)
            ]
            return await asyncio.gather(*jobs)

    with served(desk, tmp_path) as gate:
        answers = asyncio.run(ask(gate))
    assert [answer.json()["decision"]["equity"] for answer in answers] == [1000.0 + n for n in range(6)]
    assert [answer.headers["x-request-id"] for answer in answers] == [f"r{n}" for n in range(6)]
    assert {entry["id"] for entry in log_entries(tmp_path / FILE) if "id" in entry} == {f"r{n}" for n in range(6)}
    assert list(log_faults(tmp_path / FILE)) == []


def test_more_than_it_works_on_at_a_time_are_sent_away(desk: ServedDesk, tmp_path: Path) -> None:
    async def ask(gate: RequestGate) -> list[int]:
        transport = httpx.ASGITransport(app=gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [each.status_code for each in await asyncio.gather(*(client.get("/scores") for _ in range(5)))]

    with served(desk, tmp_path, in_flight=2) as gate:
        assert sorted(asyncio.run(ask(gate))) == [200, 200, 503, 503, 503]
        assert sorted(asyncio.run(ask(gate))) == [200, 200, 503, 503, 503], "none is counted for ever"


# --- the version and the bars, while it serves ---


def copied(opened: FrozenStrategy, folder: Path) -> FrozenStrategy:
    path = folder / opened.folder.version.name / opened.folder.version.semver
    shutil.copytree(opened.folder.path, path)
    return replace(opened, folder=VersionFolder(path, opened.folder.version))


def test_a_version_that_is_damaged_answers_nothing_until_it_is_whole(
    opened: FrozenStrategy, desk: ServedDesk, tmp_path: Path
) -> None:
    frozen = copied(opened, tmp_path)
    own = ServedDesk(frozen, lambda: None, home=desk._home, name="embedded")
    file = frozen.folder.path / "model.safetensors"
    whole = file.read_bytes()
    with served(own, tmp_path) as gate:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        own.renew()
        assert [asked(gate, "GET", path).status_code for path in ("/decide", "/scores", "/card", "/health")] == [
            503
        ] * 4
        assert "NOT INTACT" in asked(gate, "GET", "/decide").json()["error"]
        assert asked(gate, "GET", "/health").json()["status"] == "stopped"
        file.write_bytes(whole)
        own.renew()
        assert asked(gate, "GET", "/decide").status_code == 200
    own.close()


def test_no_book_is_made_from_a_version_with_another_lock(
    opened: FrozenStrategy, desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, bars, made = copied(opened, tmp_path), tmp_path / "bars", list[int]()
    bars.touch()
    monkeypatch.setattr(served_desk, "prepare_book", lambda *_a, **_k: made.append(1) or desk.state.book)
    own = ServedDesk(frozen, lambda: BarsRequest(bars=str(bars)), home=tmp_path, name="bars")
    bars.write_text("new")
    with monkeypatch.context() as patched:
        other = Verification(damage=(), sha256="0" * 64)
        patched.setattr(served_desk, "verify", lambda _folder: other)
        for _ in range(3):
            os.utime(frozen.folder.path / "lock.json", ns=(0, len(made)))
            own.renew()
            own.renew()
            assert "another lock" in (own.state.version_fault or "")
    assert made == [1]
    os.utime(frozen.folder.path / "lock.json")
    own.renew()
    own.renew()
    assert (made, own.state.version_fault) == ([1, 1], None)
    own.close()


def test_a_book_that_was_made_while_the_version_changed_is_made_again(
    opened: FrozenStrategy, desk: ServedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, bars, made = copied(opened, tmp_path), tmp_path / "bars", list[PreparedBook]()

    def prepared(*_told: Any, **_named: Any) -> PreparedBook:
        if len(made) == 1:
            os.utime(frozen.folder.path / "lock.json", ns=(0, 0))
        made.append(replace(desk.state.book))
        return made[-1]

    bars.touch()
    monkeypatch.setattr(served_desk, "prepare_book", prepared)
    own = ServedDesk(frozen, lambda: BarsRequest(bars=str(bars)), home=tmp_path, name="bars")
    bars.write_text("new")
    for expected in (0, 0, 2, 2):
        own.renew()
        assert own.state.book is made[expected]
    own.close()


def test_a_link_to_nothing_hides_no_change_of_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".#lock").symlink_to(tmp_path / "nothing")
    (tmp_path / "a.csv").write_text("a")
    before = folder_state(tmp_path)
    (tmp_path / "a.csv").write_text("ab")
    assert folder_state(tmp_path) != before


def test_new_bars_take_the_place_of_the_old_ones_in_one_step(
    opened: FrozenStrategy, bench: Any, desk: ServedDesk, tmp_path: Path
) -> None:
    bars = pd.read_parquet(bench.bars)
    days = sorted(bars["date"].unique())
    file = tmp_path / "bars.parquet"
    bars[bars["date"] <= days[-2]].to_parquet(file)
    own = ServedDesk(opened, lambda: BarsRequest(bars=str(file)), home=tmp_path / "home", name="bars.parquet")
    with served(own, tmp_path) as gate:
        session: Callable[[], Any] = lambda: asked(gate, "GET", "/health").json()  # noqa: E731
        assert session()["session"] == f"{days[-2]:%Y-%m-%d}"
        file.write_bytes(b"half")
        own.renew()
        own.renew()
        behind = session()
        assert (behind["status"], behind["session"]) == ("behind", f"{days[-2]:%Y-%m-%d}")
        assert asked(gate, "GET", "/decide").status_code == 200
        file.unlink()
        own.renew()
        own.renew()
        assert "bars.parquet" in session()["bars_fault"]
        bars.to_parquet(file)
        own.renew()
        assert session()["session"] == f"{days[-2]:%Y-%m-%d}"  # it might still be written
        own.renew()
        after = session()
        assert (after["status"], after["session"], after["bars_fault"]) == ("serving", f"{days[-1]:%Y-%m-%d}", None)
        served_now = asked(gate, "GET", "/decide").json()["decision"]
    inputs = own.state.book.inputs
    assert served_now == told(next_decision(opened.spec, inputs, opened.checkpoint))
    own.close()


def test_a_stored_data_set_is_followed_to_its_newest_commit(
    opened: FrozenStrategy, desk: ServedDesk, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.state.book.scores  # of the same bars
    monkeypatch.setattr(KeptScorer, "scores", lambda _self, panel: made.loc[: panel.sessions[-1]])
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "data"))
    bars = pd.read_parquet(bench.bars)
    days = sorted(bars["date"].unique())
    file = tmp_path / "bars.parquet"
    bars[bars["date"] <= days[-2]].to_parquet(file)
    first = import_bars(file, name="us").version
    own = ServedDesk(
        opened, lambda: run_request(opened.folder, told_fields({"bars": "us"})), home=tmp_path / "home", name="us"
    )
    assert own.state.book.bars["commit"] == first.fingerprint[:12]
    before = own.state
    bars.to_parquet(file)
    second = update_bars(file, name="us").version
    own.renew()
    own.renew()
    assert own.state.book.bars["commit"] == second.fingerprint[:12] != first.fingerprint[:12]
    assert own.state.book.session == pd.Timestamp(days[-1])
    assert before.book.session == pd.Timestamp(days[-2])  # who holds the old one goes on with it
    own.renew()
    assert own.state.bars_fault is None
    shutil.move(tmp_path / "data" / "us", tmp_path / "away")
    own.renew()
    own.renew()
    assert own.state.bars_fault is not None
    assert own.serving().book.session == pd.Timestamp(days[-1])
    shutil.move(tmp_path / "away", tmp_path / "data" / "us")
    own.renew()
    assert own.state.bars_fault is None
    own.close()


def test_a_fault_of_ours_in_the_renewal_is_said_and_what_is_served_goes_on(
    desk: ServedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = desk.state
    with monkeypatch.context() as patched:
        patched.setattr(desk, "_request", lambda: {}["no such key"])
        desk.renew()
    assert "KeyError" in (desk.state.bars_fault or "")
    assert desk.state.book is before.book
    desk.renew()
    assert desk.state.bars_fault is None
