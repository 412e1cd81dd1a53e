"""The serverless handler: events of API Gateway through mangum, scores by hand, every wrong request in one line."""

import asyncio
import base64
import hashlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import MissingExtraError, SourceError
from core.files import file_sha256
from live.serverless import scoring_handler
from live.serverless.serverless_folder import SERVERLESS_FILES, write_serverless
from quintile.cli import app
from tests.tiny_bundle import FEATURES, LOOKBACK, expected_by_hand, tiny_bundle

TOKEN = "0123456789abcdef-of-the-tests"
SESSIONS = ["2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07"]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serverless")
    return write_serverless(tiny_bundle(folder / "bundle"), folder / "lambda")


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


def handler_of(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Any:
    """Load the deployed file as AWS Lambda does, in an environment."""
    for name in ("QUINTILE_MAX_BODY", "QUINTILE_BUNDLE", "QUINTILE_CARD_SHA256"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QUINTILE_TOKEN", TOKEN)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = importlib.util.spec_from_file_location("deployed_handler", folder / "handler.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.handler


@pytest.fixture(scope="module")
def handler(deployed: Path) -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return handler_of(deployed, monkeypatch)


def event(path: str = "/scores", *, method: str = "POST", body: Any = None, token: str | None = TOKEN) -> Any:
    """An event of an HTTP API, payload 2.0, as AWS documents it."""
    headers = {"host": "a1.execute-api.eu-west-1.amazonaws.com", "x-forwarded-port": "443", "accept": "*/*"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "stage": "$default",
            "requestId": "id",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def question(**changed: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(len(SESSIONS), 3, len(FEATURES))).tolist()
    told = {"features": list(FEATURES), "sessions": SESSIONS, "names": ["AAA", "BBB", "CCC"], "values": values}
    return {key: value for key, value in (told | changed).items() if value is not ...}


def answer_of(handler: Any, asked: Any) -> tuple[int, Any]:
    answer = handler(asked, None)
    return answer["statusCode"], json.loads(answer["body"])


def by_hand(asked: dict[str, Any]) -> list[list[float | None]]:
    values = np.array(asked["values"], dtype=float)
    universe = np.array(asked.get("universe", np.ones(values.shape[:2])), dtype=bool)
    rows = expected_by_hand(values, universe).tolist()
    return [[None if math.isnan(each) else each for each in row] for row in rows]


def assert_same(given: list[list[float | None]], wanted: list[list[float | None]]) -> None:
    assert [[each is None for each in row] for row in given] == [[each is None for each in row] for row in wanted]
    numbers = np.array(given, dtype=float), np.array(wanted, dtype=float)
    np.testing.assert_allclose(*numbers, rtol=1e-5, atol=1e-6)


# --- what is answered ---


def test_raw_features_give_the_expected_returns_of_every_session_with_a_window(handler: Any) -> None:
    asked = question()
    status, told = answer_of(handler, event(body=asked))
    assert status == 200
    assert_same(told["expected_returns"], by_hand(asked))
    assert told["sessions"] == SESSIONS[2:]
    assert told["names"] == ["AAA", "BBB", "CCC"]


def test_an_answer_says_version_lock_model_and_clock(handler: Any, deployed: Path) -> None:
    card = json.loads((deployed / "card.json").read_text())
    _, told = answer_of(handler, event(body=question()))
    assert (told["version"], told["lock"]) == ("tiny@1.0.0", "0" * 64)
    assert told["model_sha256"] == card["files"]["model.onnx"]
    assert told["clock"]["known"] == "at the close of each session"
    assert told["clock"]["answered"].endswith("+00:00")


def test_sessions_that_the_model_learned_from_are_counted(deployed: Path, tmp_path: Path, handler: Any) -> None:
    _, told = answer_of(handler, event(body=question()))
    assert (told["learned_until"], told["in_sample_sessions"]) == ("2026-01-05", 0)
    earlier = question(sessions=["2025-12-30", "2026-01-02", "2026-01-05", "2026-01-06"])
    assert answer_of(handler, event(body=earlier))[1]["in_sample_sessions"] == 1


def test_a_missing_value_has_no_score_while_it_is_in_the_window(handler: Any) -> None:
    asked = question()
    asked["values"][1][2][0] = None
    status, told = answer_of(handler, event(body=asked))
    assert status == 200
    assert [row[2] for row in told["expected_returns"]] == [None, None]
    assert_same(told["expected_returns"], by_hand(asked))


def test_an_expected_return_beyond_float32_is_refused(handler: Any) -> None:
    status, told = answer_of(handler, event(body=question(values=[[[3e38, 3e38]] * 3] * 4)))
    assert (status, "beyond float32" in told["error"]) == (422, True)


def test_rows_of_nothing_are_answered_by_nothing(handler: Any) -> None:
    asked = question(values=[[[None, None]] * 3] * 4)
    assert answer_of(handler, event(body=asked))[1]["expected_returns"] == [[None] * 3] * 2


def test_a_name_outside_the_universe_has_no_score(handler: Any) -> None:
    asked = question(universe=[[True, True, True]] * 3 + [[True, False, True]])
    _, told = answer_of(handler, event(body=asked))
    assert told["expected_returns"][1][1] is None
    assert_same(told["expected_returns"], by_hand(asked))


def test_a_later_session_changes_no_earlier_score(handler: Any) -> None:
    asked = question()
    cut = question(sessions=SESSIONS[:3], values=asked["values"][:3])
    whole, shorter = (answer_of(handler, event(body=each))[1]["expected_returns"] for each in (asked, cut))
    assert whole[:1] == shorter


def test_the_order_of_names_is_the_order_of_scores(handler: Any) -> None:
    asked = question()
    turned = question(names=["CCC", "BBB", "AAA"], values=[row[::-1] for row in asked["values"]])
    one, other = (answer_of(handler, event(body=each))[1]["expected_returns"] for each in (asked, turned))
    assert one == [row[::-1] for row in other]


def test_a_base64_body_is_the_same_body(handler: Any) -> None:
    asked = event(body=question())
    packed = asked | {"body": base64.b64encode(asked["body"].encode()).decode(), "isBase64Encoded": True}
    plain, coded = answer_of(handler, asked), answer_of(handler, packed)
    assert plain[1]["expected_returns"] == coded[1]["expected_returns"]


def test_health_needs_no_token_and_the_card_does(handler: Any, deployed: Path) -> None:
    assert answer_of(handler, event("/health", method="GET", token=None)) == (
        200,
        {"status": "ok", "version": "tiny@1.0.0", "lock": "0" * 64},
    )
    assert answer_of(handler, event("/card", method="GET", token=None))[0] == 401
    card = json.loads((deployed / "card.json").read_text())
    assert answer_of(handler, event("/card", method="GET")) == (200, card)


# --- what is refused, each in one line ---

GOOD = question()
LONG = [f"20{year}-{month:02d}-{day:02d}" for year in (10, 11) for month in range(1, 13) for day in range(1, 29)]
WRONG = {
    "no JSON": ("{", 400, "not JSON"),
    "NaN": (json.dumps(question(values=[[[math.nan, 0.0]] * 3] * 4)), 400, "NaN, which is no JSON"),
    "deep": ("[" * 100_000, 400, "nested too deep"),
    "half a surrogate": ('{"names": "\ud800"}', 400, "neither text nor base64"),
    "a key twice": (json.dumps(GOOD)[:-1] + ', "names": []}', 400, "a key twice"),
    "a list": ("[1]", 422, "one object"),
    "unknown key": (question(horizon=3), 422, "unknown key 'horizon'"),
    "missing key": (question(names=...), 422, "names is missing"),
    "features in another order": (question(features=["volume", "momentum"]), 422, "feature 1 must be momentum"),
    "a feature too many": (question(features=[*FEATURES, "more"]), 422, "must be the 2 of the card, were 3"),
    "features by number": (question(features=[1, 2]), 422, "features must be a list of names"),
    "too few sessions": (question(sessions=SESSIONS[:2], values=GOOD["values"][:2]), 422, "at least the 3"),
    "huge sessions": (question(sessions=LONG), 422, "at most 262, which score 260, were 672"),
    "sessions twice": (question(sessions=[SESSIONS[0], *SESSIONS[:3]]), 422, "sessions must rise"),
    "no dates": (question(sessions=["2026-02-30", *SESSIONS[1:]]), 422, "list of dates"),
    "names twice": (question(names=["AAA", "AAA", "CCC"]), 422, "names must each stand once"),
    "a long name": (question(names=["A" * 101, "BBB", "CCC"]), 422, "at most 100 characters"),
    "no names": (question(names=[], values=[[]] * 4), 422, "list of 1 to 10,000"),
    "a session short": (question(values=GOOD["values"][:3]), 422, "4 sessions of 3 names of 2 features"),
    "a name short": (question(values=[*GOOD["values"][:3], GOOD["values"][3][:2]]), 422, "of 3 names of 2 features"),
    "a feature short": (question(values=[[[0.0]] * 3] * 4), 422, "of 2 features"),
    "text for a number": (question(values=[[["1.5", 0.0]] * 3] * 4), 422, "numbers or null, held a str"),
    "truth for a number": (question(values=[[[True, 0.0]] * 3] * 4), 422, "numbers or null, held a bool"),
    "beyond float32": (question(values=[[[1e39, 0.0]] * 3] * 4), 422, "beyond the range of float32"),
    "digits without end": (json.dumps(GOOD)[:-1] + ', "x": ' + "9" * 5000 + "}", 422, "unknown key 'x'"),
    "universe of numbers": (question(universe=[[1, 1, 1]] * 4), 422, "each true or false"),
    "universe too short": (question(universe=[[True] * 3] * 3), 422, "universe must be 4 sessions of 3 names"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_request_is_answered_in_one_line(handler: Any, name: str) -> None:
    body, wanted, words = WRONG[name]
    status, told = answer_of(handler, event(body=body))
    assert (status, list(told)) == (wanted, ["error"])
    assert words in told["error"]
    assert "\n" not in told["error"]
    assert answer_of(handler, event(body=GOOD))[0] == 200, "the next request is served"


@pytest.mark.parametrize("token", [None, "", "another", TOKEN[:-1], f"{TOKEN}0", "é"])
def test_another_token_or_none_is_refused(handler: Any, token: str | None) -> None:
    answer = handler(event(body=GOOD, token=token), None)
    assert answer["statusCode"] == 401
    assert answer["headers"]["www-authenticate"] == "Bearer"
    assert TOKEN not in answer["body"]


def test_a_token_by_another_scheme_or_twice_is_refused(handler: Any, deployed: Path) -> None:
    asked = event(body=GOOD)
    asked["headers"]["authorization"] = f"Basic {TOKEN}"
    assert answer_of(handler, asked)[0] == 401
    application = scoring_handler.opened_application({"QUINTILE_TOKEN": TOKEN}, deployed)
    told = (b"authorization", f"Bearer {TOKEN}".encode())
    application._check_token({"headers": [told]})
    with pytest.raises(scoring_handler.Refused, match="token is missing or wrong"):
        application._check_token({"headers": [told, told]})


def test_an_unauthorised_body_is_not_read(handler: Any) -> None:
    assert answer_of(handler, event(body="{", token=None))[0] == 401


def test_other_paths_and_methods_are_refused(handler: Any) -> None:
    assert answer_of(handler, event("/docs", method="GET"))[0] == 404
    answer = handler(event("/scores", method="GET"), None)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


def test_a_body_above_the_limit_is_refused(deployed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(GOOD))
    exact = handler_of(deployed, monkeypatch, QUINTILE_MAX_BODY=str(size))
    assert answer_of(exact, event(body=GOOD))[0] == 200
    tight = handler_of(deployed, monkeypatch, QUINTILE_MAX_BODY=str(size - 1))
    for body in (GOOD, json.dumps(GOOD) + " " * 10_000):
        status, told = answer_of(tight, event(body=body))
        assert (status, told["error"].split(":")[0]) == (413, f"the body has more than {size - 1:,} bytes")
    assert answer_of(tight, event(body="!" * 2 * size) | {"isBase64Encoded": True})[0] == 413, "before it is decoded"


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"version": "1.0", "requestContext": {}},
        {"version": "2.0", "requestContext": []},
        event() | {"headers": None},
        event() | {"headers": {"accept": 1}},
        event() | {"headers": {"host": "a:b:c"}},
        event() | {"headers": {"x-forwarded-port": "https"}},
        event() | {"body": {"features": []}},
        event() | {"rawQueryString": 5},
        event() | {"rawQueryString": "\ud800"},
        event() | {"cookies": 5},
        event() | {"cookies": [5]},
        event() | {"body": "no base64!", "isBase64Encoded": True},
        event() | {"body": "é", "isBase64Encoded": True},
        event() | {"body": "e30=!!!!", "isBase64Encoded": True},
    ],
    ids=lambda asked: str(asked)[-40:],
)
def test_an_event_that_cannot_be_read_is_answered(handler: Any, asked: Any) -> None:
    status, told = answer_of(handler, asked)
    assert (status, list(told)) == (400, ["error"])


# --- what does not start ---


def refusal(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    handler = handler_of(folder, monkeypatch, **environment)
    asked = [event("/health", method="GET"), event("/card", method="GET"), event(body=GOOD)]
    answers = [answer_of(handler, each) for each in asked]
    assert {status for status, _ in answers} == {503}
    (words,) = {told["error"] for _, told in answers}
    return str(words)


@pytest.fixture
def copied(deployed: Path, tmp_path: Path) -> Path:
    for name in SERVERLESS_FILES:
        (tmp_path / name).write_bytes((deployed / name).read_bytes())
    return tmp_path


def test_a_tampered_model_is_not_served(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = bytearray((copied / "model.onnx").read_bytes())
    model[-1] ^= 1
    (copied / "model.onnx").write_bytes(model)
    assert refusal(copied, monkeypatch).startswith("model.onnx is not the file that card.json describes")


def test_a_model_and_card_of_another_are_not_served_where_the_card_is_held(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = scoring_handler.hashlib.sha256((copied / "card.json").read_bytes()).hexdigest()
    assert answer_of(handler_of(copied, monkeypatch, QUINTILE_CARD_SHA256=told), event(body=GOOD))[0] == 200
    tiny_bundle(copied, version="other@1.0.0")
    assert "does not have the sha256" in refusal(copied, monkeypatch, QUINTILE_CARD_SHA256=told)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": "quintile export 9"}, "no"),
        ({"features": []}, "lacks"),
        ({"lookback": 0}, "lacks"),
        ({"lookback": 10_001}, "lacks"),
        ({"lookback": LOOKBACK - 1}, "does not look back as card.json says"),
        ({"lookback": LOOKBACK + 1}, "does not look back as card.json says"),
        ({"files": {"model.onnx": "1"}}, "lacks"),
        ({"files": {"model.onnx": "1" * 64}}, "not the file"),
    ],
)
def test_a_card_that_says_too_little_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], words: str
) -> None:
    tiny_bundle(copied, **changed)
    assert words in refusal(copied, monkeypatch)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_model_that_cannot_be_read_is_refused_though_its_card_has_its_hash(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (copied / "model.onnx").write_bytes(content)
    card = json.loads((copied / "card.json").read_text())
    card["files"]["model.onnx"] = hashlib.sha256(content).hexdigest()
    (copied / "card.json").write_text(json.dumps(card))
    words = r"model\.onnx cannot be run as card\.json says \(Invalid\w+\): export it again"
    assert re.fullmatch(words, refusal(copied, monkeypatch))
    with pytest.raises(SourceError, match=f"cannot be served: {words}"):
        write_serverless(copied, tmp_path / "out")


def test_a_hash_of_the_card_that_is_none_is_refused(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not have the sha256" in refusal(copied, monkeypatch, QUINTILE_CARD_SHA256="é")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a card of this form"),
        (" " * (2**20 + 1), "larger than any"),
    ],
    ids=["empty", "cut", "deep", "a list", "large"],
)
def test_a_card_that_is_none_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch, content: str, words: str
) -> None:
    (copied / "card.json").write_text(content)
    assert refusal(copied, monkeypatch).startswith(f"card.json is {words}")


@pytest.mark.parametrize("name", ["card.json", "model.onnx"])
def test_a_missing_file_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (copied / name).unlink()
    assert refusal(copied, monkeypatch) == f"{name} is missing: deploy the whole folder"


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "is not set"), ("short", "must be 16"), ("a token with its spaces", "must be 16"), ("é" * 20, "must be 16")],
)
def test_without_a_good_token_nothing_is_served(
    deployed: Path, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    assert refusal(deployed, monkeypatch, QUINTILE_TOKEN=token).startswith(f"QUINTILE_TOKEN {words}")


@pytest.mark.parametrize("limit", ["", "0", "-1", "6 MB", "9" * 5_000])
def test_a_limit_that_is_none_is_refused(deployed: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert "QUINTILE_MAX_BODY" in refusal(deployed, monkeypatch, QUINTILE_MAX_BODY=limit)


# --- the folder ---


def test_the_handler_runs_where_nothing_else_is(deployed: Path, tmp_path: Path) -> None:
    asked = event(body=GOOD)
    code = (
        "import json, sys, handler\n"
        "answer = handler.handler(json.loads(sys.stdin.read()), None)\n"
        "print(json.dumps([answer, sorted(name.partition('.')[0] for name in sys.modules)]))"
    )
    environment = {"QUINTILE_TOKEN": TOKEN, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(asked), cwd=deployed, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    answer, loaded = json.loads(ran.stdout)
    assert_same(json.loads(answer["body"])["expected_returns"], by_hand(GOOD))
    ours = {"core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile"}
    assert ours.isdisjoint(loaded)
    assert {"pandas", "torch", "pydantic", "scipy", "onnx"}.isdisjoint(loaded)
    beyond = set(loaded) - set(sys.stdlib_module_names) - {"__main__", "_distutils_hack", "sitecustomize"}
    assert beyond <= {"handler", "mangum", "numpy", "onnxruntime", "typing_extensions"}


def test_the_folder_holds_no_more_than_it_needs(deployed: Path) -> None:
    assert sorted(path.name for path in deployed.iterdir()) == sorted(SERVERLESS_FILES)
    pins = (deployed / "requirements.txt").read_text().split()
    kept = (Path(__file__).parents[1] / "constraints.txt").read_text().lower().replace("-", "_").split()
    assert [pin for pin in pins if pin.lower().replace("-", "_") not in kept] == []
    assert {pin.partition("==")[0] for pin in pins} >= {"numpy", "onnxruntime", "mangum"}


def test_what_is_there_stays(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="is there already"):
        write_serverless(bundle, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bundle_that_would_be_refused_is_not_written(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle", files={"model.onnx": "1" * 64})
    with pytest.raises(SourceError, match=r"cannot be served: model\.onnx is not the file"):
        write_serverless(bundle, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")

    def full(path: Path, _content: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        if path.name == "handler.py":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("live.serverless.serverless_folder.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_serverless(bundle, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_without_the_extra_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mangum", None)
    with pytest.raises(MissingExtraError, match=r"quintile\[serverless\]"):
        write_serverless(tmp_path, tmp_path / "out")


# --- any ASGI server ---


def sent_by(application: Any, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What an application sends to a server from which it gets these messages."""
    waiting, sent = iter(messages), []

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.get_event_loop().run_until_complete(application(scope, receive, send))
    return sent


def test_a_body_in_parts_is_one_body_and_a_broken_one_is_refused(deployed: Path) -> None:
    application = scoring_handler.opened_application({"QUINTILE_TOKEN": TOKEN}, deployed)
    body = json.dumps(GOOD).encode()
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in (body[:50], body[50:])]

    def asked(*messages: dict[str, Any], length: bytes = b"") -> tuple[int, Any]:
        headers = [(b"Authorization", f"Bearer {TOKEN}".encode()), (b"Content-Length", length)]
        scope = {"type": "http", "path": "/scores", "method": "POST", "headers": headers}
        head, content = sent_by(application, scope, *messages)
        return head["status"], json.loads(content["body"])

    status, told = asked(*parts, {"type": "http.request"})
    assert status == 200
    assert_same(told["expected_returns"], by_hand(GOOD))
    assert asked(*parts, {"type": "http.disconnect"})[0] == 400
    assert asked(length=b"9" * 30)[0] == 413, "a body that says it is too large is not waited for"


def test_the_application_starts_and_ends_with_its_server(deployed: Path) -> None:
    application = scoring_handler.opened_application({"QUINTILE_TOKEN": TOKEN}, deployed)
    told = sent_by(application, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in told] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("token", [TOKEN, ""])
def test_a_websocket_is_closed(deployed: Path, token: str) -> None:
    application = scoring_handler.opened_application({"QUINTILE_TOKEN": token}, deployed)
    told = sent_by(application, {"type": "websocket", "path": "/scores", "headers": []}, {"type": "websocket.connect"})
    assert told == [{"type": "websocket.close", "code": 1003}]


# --- the command ---


def test_the_command_writes_the_folder_and_says_its_hashes(tmp_path: Path) -> None:
    words = ["serverless", str(tiny_bundle(tmp_path / "bundle")), "--out", str(tmp_path / "lambda"), "--json"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)["files"]
    assert told == {name: file_sha256(tmp_path / "lambda" / name) for name in SERVERLESS_FILES}


def test_the_command_needs_a_folder_of_an_export(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["serverless", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert isinstance(ran.exception, SourceError)
    assert str(ran.exception).endswith("cannot be served: card.json is missing: deploy the whole folder")


# --- a real export ---


@pytest.mark.slow
def test_a_served_export_scores_every_test_session_as_the_version_does(
    frozen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from live.export.exported_version import export_version
    from live.export.raw_inputs import raw_inputs
    from strategy.frozen.replay import version_bars
    from strategy.frozen.run_version import open_frozen
    from strategy.learning.decide import frozen_scores
    from strategy.trials.log import TrialLog

    opened, panel = open_frozen(frozen, TrialLog(tmp_path / "runs")), version_bars(frozen, frozen.body)
    handler = handler_of(
        write_serverless(export_version(opened, panel, tmp_path / "bundle").folder, tmp_path / "lambda"), monkeypatch
    )
    features, universe, sessions, tickers = raw_inputs(opened.spec, panel)
    ours = frozen_scores(opened.spec, panel, opened.checkpoint)
    first = int(sessions.get_loc(ours.index[0])) - opened.spec.model.lookback + 1
    asked = {
        "features": list(opened.checkpoint.model.scaler.names),
        "sessions": [f"{session:%Y-%m-%d}" for session in sessions[first:]],
        "names": list(tickers),
        "values": np.where(np.isnan(features), None, features.astype(object))[first:].tolist(),
        "universe": universe[first:].tolist(),
    }
    status, told = answer_of(handler, event(body=asked))
    assert (status, told["version"], told["lock"]) == (200, str(frozen.version), frozen.sha256), told
    assert told["sessions"] == [f"{session:%Y-%m-%d}" for session in ours.index]
    assert told["in_sample_sessions"] == 0
    served = np.array(told["expected_returns"], dtype=float)
    assert (np.isnan(served) == ours.isna().to_numpy()).all()
    assert np.nanmax(np.abs(served - ours.to_numpy())) <= 1e-4 * opened.checkpoint.calibration.slope


@pytest.mark.slow
def test_the_requirements_alone_run_the_handler_in_a_fresh_environment(deployed: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    # as the Containerfile of the folder installs
    words = ["install", "--quiet", "--no-cache-dir", "--only-binary", ":all:", "--requirement", "requirements.txt"]
    subprocess.run([python, "-m", "pip", *words], cwd=deployed, check=True)
    frozen = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    assert sorted(frozen.lower().split()) == sorted((deployed / "requirements.txt").read_text().lower().split())
    code = "import json, sys, handler; print(json.dumps(handler.handler(json.loads(sys.stdin.read()), None)))"
    environment = {"QUINTILE_TOKEN": TOKEN, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [python, "-c", code], input=json.dumps(event(body=GOOD)), cwd=deployed, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert_same(json.loads(json.loads(ran.stdout)["body"])["expected_returns"], by_hand(GOOD))
