"""Scoring handler: expected returns of one exported model over HTTP, with numpy and onnxruntime alone.

This file is copied beside ``model.onnx`` and ``card.json`` and needs nothing else of Quintile. ``handler`` answers
events of AWS Lambda (HTTP API or function URL, payload 2.0); ``application`` is the same for any ASGI server. At start
the model must have the sha256 that its card states, and a token must be set, or every request is refused in one line.

Row *t* of the features was known at the close of session *t*; a score at *t* reads the ``lookback`` rows that end
there. Missing is null, never 0. Settings come from the environment: ``QUINTILE_TOKEN``; ``QUINTILE_MAX_BODY`` in bytes;
``QUINTILE_BUNDLE``, the folder of the model; ``QUINTILE_CARD_SHA256``, where the card itself is to be held to a hash.
"""

import base64
import hashlib
import hmac
import json
import math
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from mangum import Mangum

__all__ = ["Application", "Refused", "Scorer", "application", "handler", "opened_application", "opened_scorer"]

FORMAT = "quintile export 1"
MODEL, CARD = "model.onnx", "card.json"
MAX_CARD_BYTES, MAX_BODY = 2**20, 6 * 2**20  # AWS Lambda takes no larger body
MAX_NAMES = 10_000
MAX_SCORED = 260  # sessions that one request scores
KEYS = ("features", "sessions", "names", "values")
ROUTES = {"/health": "GET", "/card": "GET", "/scores": "POST"}
HASH = re.compile(r"[0-9a-f]{64}")
ADDRESSES = {"host": re.compile(r"[^:]*(:\d{1,5})?"), "x-forwarded-port": re.compile(r"\d{1,5}")}
TOKEN = re.compile(r"[!-~]{16,512}")  # as of `quintile serve`
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Refused(Exception):  # noqa: N818  an answer, not a fault
    """A request that is answered by a status and one line."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Scorer(NamedTuple):
    """A model in memory, of the bytes whose hash its card states, and that card."""

    card: Mapping[str, Any]
    session: Any

    def expected_returns(self, features: np.ndarray, universe: np.ndarray) -> np.ndarray:
        """Expected returns, (sessions − lookback + 1, names), NaN where the universe or a window has a gap.

        ``features`` float32 (sessions, names, features), raw, NaN where missing; ``universe`` bool (sessions, names).
        """
        length = int(self.card["lookback"])
        # one window after the other: a long request needs the memory of one session
        windows = (slice(first, first + length) for first in range(len(features) - length + 1))
        given = ({"features": features[each], "universe": universe[each]} for each in windows)
        return np.concatenate([self.session.run(["expected_returns"], each)[0] for each in given])


def opened_scorer(folder: Path, *, card_sha256: str = "") -> Scorer:
    """Load the model of a folder; what is hashed is what is loaded.

    Raises
    ------
    Refused
        If a file is missing, is not the one that the card describes, or the card is no card of an export.
    """
    content = _bytes_of(folder / CARD, MAX_CARD_BYTES)
    if card_sha256 and hashlib.sha256(content).hexdigest() != card_sha256.strip().lower():
        raise Refused(503, f"{CARD} does not have the sha256 of QUINTILE_CARD_SHA256: deploy the export again")
    card = _card(content)
    model = _bytes_of(folder / MODEL, 2**31)
    if hashlib.sha256(model).hexdigest() != card["files"][MODEL]:
        raise Refused(503, f"{MODEL} is not the file that {CARD} describes: deploy the export again")
    shape = (card["lookback"] + 1, 2, len(card["features"]))
    try:
        scorer = Scorer(card, onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]))
        tried = scorer.expected_returns(np.zeros(shape, dtype=np.float32), np.ones(shape[:2], dtype=bool)).shape
    except Exception as error:  # the library's errors have no name in common
        raise Refused(503, f"{MODEL} cannot be run as {CARD} says ({type(error).__name__}): export it again") from error
    if tried != (2, 2):
        raise Refused(503, f"{MODEL} does not look back as {CARD} says: export it again")
    return scorer


def _bytes_of(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise Refused(503, f"{path.name} is missing: deploy the whole folder")
    if path.stat().st_size > limit:
        raise Refused(503, f"{path.name} is larger than any that an export writes: deploy the export again")
    return path.read_bytes()


def _card(content: bytes) -> dict[str, Any]:
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(503, f"{CARD} is not JSON: deploy the export again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise Refused(503, f"{CARD} is not a card of this form ({FORMAT}): export the version again")
    features, files, lookback = card.get("features"), card.get("files"), card.get("lookback")
    has_shape = _are_words(features) and isinstance(lookback, int) and 1 <= lookback <= 10_000
    has_hash = isinstance(files, dict) and HASH.fullmatch(str(files.get(MODEL)))
    if not (has_shape and has_hash and all(isinstance(card.get(key), str) for key in ("version", "lock"))):
        raise Refused(503, f"{CARD} lacks features, lookback, version, lock or the sha256 of {MODEL}: export it again")
    return card


class Asked(NamedTuple):
    """Raw features of a request, checked; the arrays are those of ``Scorer.expected_returns``."""

    sessions: tuple[str, ...]
    names: tuple[str, ...]
    features: np.ndarray
    universe: np.ndarray


def asked_of(body: bytes, card: Mapping[str, Any]) -> Asked:
    """Read the body of a request; what is no JSON is refused by 400, what has another shape than the card's by 422."""
    told = _json_object(body)
    strangers = sorted(set(told) - {*KEYS, "universe"})
    missing = [key for key in KEYS if key not in told]
    if strangers or missing:
        word = f"unknown key {_shown(strangers[0])}" if strangers else f"{missing[0]} is missing"
        raise Refused(422, f"{word}: a request holds {', '.join(KEYS)} and perhaps universe")
    _check_features(told["features"], card["features"])
    sessions, names = _sessions(told["sessions"], int(card["lookback"])), _names(told["names"])
    shape = (len(sessions), len(names), len(card["features"]))
    return Asked(sessions, names, _features(told["values"], shape), _universe(told.get("universe"), shape[:2]))


def _json_object(body: bytes) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise Refused(400, f"the body holds {word}, which is no JSON: write null where a value is missing")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise Refused(400, "the body holds a key twice: send each once")
        return found

    try:
        told = json.loads(body.decode(), parse_int=float, parse_constant=refuse, object_pairs_hook=once)
    except RecursionError as error:
        raise Refused(400, "the body is nested too deep: send one object") from error
    except ValueError as error:  # also what is no UTF-8
        raise Refused(400, "the body is not JSON: send one object in UTF-8") from error
    if not isinstance(told, dict):
        raise Refused(422, f"the body must be one object with {', '.join(KEYS)}")
    return told


def _check_features(told: Any, wanted: list[str]) -> None:
    if not _are_words(told):
        raise Refused(422, "features must be a list of names")
    for place, (given, name) in enumerate(zip(told, wanted, strict=False), start=1):
        if given != name:
            raise Refused(422, f"feature {place} must be {name} as in the card, was {_shown(given)}: keep its order")
    if len(told) != len(wanted):
        raise Refused(422, f"features must be the {len(wanted)} of the card, were {len(told)}")


def _sessions(told: Any, lookback: int) -> tuple[str, ...]:
    if not _are_words(told) or not all(_is_date(each) for each in told):
        raise Refused(422, "sessions must be a list of dates such as 2026-01-31")
    if len(told) < lookback:
        raise Refused(422, f"sessions must be at least the {lookback} of the model's lookback, were {len(told)}")
    if len(told) - lookback + 1 > MAX_SCORED:
        most = MAX_SCORED + lookback - 1
        raise Refused(422, f"sessions must be at most {most}, which score {MAX_SCORED}, were {len(told)}: ask in parts")
    if any(before >= after for before, after in pairwise(told)):
        raise Refused(422, "sessions must rise from one to the next: sort them and keep each once")
    return tuple(told)


def _is_date(word: str) -> bool:
    try:
        return bool(DATE.fullmatch(word)) and date.fromisoformat(word) is not None
    except ValueError:
        return False


def _names(told: Any) -> tuple[str, ...]:
    if not _are_words(told) or len(told) > MAX_NAMES or max(map(len, told)) > 100:
        raise Refused(422, f"names must be a list of 1 to {MAX_NAMES:,} texts of at most 100 characters")
    if len(set(told)) != len(told):
        raise Refused(422, "names must each stand once")
    return tuple(told)


def _features(told: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """The values as float32; null becomes NaN, and nothing else does."""
    words = f"values must be {shape[0]} sessions of {shape[1]} names of {shape[2]} features"
    rows = _lists(told, shape[0], words)
    cells = [cell for row in rows for cell in _lists(row, shape[1], words)]
    numbers = list(chain.from_iterable(_lists(cell, shape[2], words) for cell in cells))
    if strangers := set(map(type, numbers)) - {float, type(None)}:
        raise Refused(422, f"values must be numbers or null, held a {strangers.pop().__name__}")
    with np.errstate(over="ignore"):
        values: np.ndarray = np.array(numbers, dtype=np.float64).astype(np.float32).reshape(shape)
    if np.isinf(values).any():
        raise Refused(422, "values hold a number beyond the range of float32: write null where a value is missing")
    return values


def _universe(told: Any, shape: tuple[int, int]) -> np.ndarray:
    if told is None:
        return np.ones(shape, dtype=bool)
    words = f"universe must be {shape[0]} sessions of {shape[1]} names, each true or false"
    flags = list(chain.from_iterable(_lists(row, shape[1], words) for row in _lists(told, shape[0], words)))
    if set(map(type, flags)) - {bool}:
        raise Refused(422, words)
    return np.array(flags, dtype=bool).reshape(shape)


def _lists(told: Any, length: int, words: str) -> list[Any]:
    if not isinstance(told, list) or len(told) != length:
        raise Refused(422, words)
    return told


def _are_words(told: Any) -> bool:
    return isinstance(told, list) and bool(told) and all(isinstance(each, str) for each in told)


def _shown(word: str) -> str:
    """A stranger's word, short and without control characters."""
    return ascii(word[:60])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Application:
    """An ASGI application over one model; without one it says why nothing is served."""

    scorer: Scorer | None
    refusal: str = ""
    token: str = ""
    max_body: int = MAX_BODY

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = []
        try:
            status, told = 200, await self._told(scope, receive)
        except Refused as refused:
            status, told = refused.status, {"error": str(refused)}
            allowed = ROUTES.get(scope["path"], "").encode()
            headers = {401: [(b"www-authenticate", b"Bearer")], 405: [(b"allow", allowed)]}.get(status, [])
        body = json.dumps(told, allow_nan=False).encode()
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _told(self, scope: Message, receive: Receive) -> Any:
        path, method = scope["path"], ROUTES.get(scope["path"])
        if method is None:
            raise Refused(404, f"nothing is here: ask {', '.join(ROUTES)}")
        if scope["method"] != method:
            raise Refused(405, f"{path} is asked by {method}")
        if self.scorer is None:
            raise Refused(503, self.refusal)
        card = self.scorer.card
        identity = {key: card[key] for key in ("version", "lock")}
        if path == "/health":
            return {"status": "ok", **identity}
        self._check_token(scope)
        if path == "/card":
            return card
        return identity | self._scores(asked_of(await self._body(scope, receive), card))

    def _scores(self, asked: Asked) -> dict[str, Any]:
        assert self.scorer is not None
        card = self.scorer.card
        scores = self.scorer.expected_returns(asked.features, asked.universe)
        if np.isinf(scores).any():
            raise Refused(422, "values are so large that an expected return is beyond float32: send raw features")
        scored = asked.sessions[len(asked.sessions) - len(scores) :]
        until = str(card.get("learned_until") or "")[:10]
        return {
            "model_sha256": card["files"][MODEL],
            "clock": {"known": "at the close of each session", "answered": datetime.now(UTC).isoformat()},
            "learned_until": until or None,
            "in_sample_sessions": sum(each <= until for each in scored),
            "sessions": scored,
            "names": asked.names,
            "expected_returns": [[None if math.isnan(each) else each for each in row] for row in scores.tolist()],
        }

    def _check_token(self, scope: Message) -> None:
        told = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        scheme, _, given = (told[0] if len(told) == 1 else b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given, self.token.encode()):
            raise Refused(401, "the token is missing or wrong: send Authorization: Bearer TOKEN")

    async def _body(self, scope: Message, receive: Receive) -> bytes:
        """The body, read no further than its limit."""
        stated = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"")
        if stated.isdigit() and int(stated[:20]) > self.max_body:
            raise _too_large(self.max_body)
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the body ended before its end: send it again")
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > self.max_body:
                raise _too_large(self.max_body)
        return b"".join(parts)


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body has more than {limit:,} bytes: ask for fewer sessions or names, or raise the limit")


async def _live(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def opened_application(environment: Mapping[str, str], beside: Path) -> Application:
    """The application of an environment; one that refuses everything, and says why, where it may serve nothing."""
    try:
        token, limit = environment.get("QUINTILE_TOKEN", ""), environment.get("QUINTILE_MAX_BODY", str(MAX_BODY))
        if not TOKEN.fullmatch(token):
            told = "must be 16 to 512 visible ASCII characters without spaces" if token else "is not set"
            raise Refused(503, f"QUINTILE_TOKEN {told}: make one with `openssl rand -hex 32`")
        if not limit.isdecimal() or len(limit) > 10 or not 1 <= int(limit) <= 2**30:
            raise Refused(503, "QUINTILE_MAX_BODY must be a number of bytes, at most 1073741824")
        folder = Path(environment.get("QUINTILE_BUNDLE") or beside)
        scorer = opened_scorer(folder, card_sha256=environment.get("QUINTILE_CARD_SHA256", ""))
    except Refused as refused:
        return Application(scorer=None, refusal=str(refused))
    return Application(scorer=scorer, token=token, max_body=int(limit))


application = opened_application(os.environ, Path(__file__).resolve().parent)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer one event of AWS Lambda, payload 2.0; what is none, or holds no body that can be read, is answered 4xx."""
    try:
        _check_event(event, application.max_body)
    except Refused as refused:
        said, kind = json.dumps({"error": str(refused)}), {"content-type": "application/json"}
        return {"statusCode": refused.status, "body": said, "headers": kind, "isBase64Encoded": False}
    answer: dict[str, Any] = _adapter()(event, context)
    return answer


@cache
def _adapter() -> Any:
    return Mangum(application, lifespan="off")  # makes an event loop, which the first event needs and an import not


def _check_event(event: Any, limit: int) -> None:
    """Refuse what the adapter cannot read: it would answer with a traceback, or skip what is no base64."""
    about = event.get("requestContext") if isinstance(event, dict) and event.get("version") == "2.0" else None
    http = about.get("http") if isinstance(about, dict) else None
    if not isinstance(http, dict) or not all(isinstance(http.get(key), str) for key in ("method", "path", "sourceIp")):
        raise Refused(400, "the event is no request of an HTTP API or function URL with payload 2.0")
    headers, cookies, body = event.get("headers", {}), event.get("cookies") or [], event.get("body") or ""
    beside = [*chain(*headers.items()), *cookies] if isinstance(headers, dict) and isinstance(cookies, list) else [None]
    texts = [body, event.get("rawQueryString", ""), *beside]
    if not all(isinstance(each, str) for each in texts):
        raise Refused(400, "the event's headers, cookies, query and body must be texts")
    if not all(ADDRESSES[key.lower()].fullmatch(headers[key]) for key in headers if key.lower() in ADDRESSES):
        raise Refused(400, "the event's host is no name with a port")
    if len(body) > 4 * limit // 3 + 4:
        raise _too_large(limit)
    try:
        "".join(texts).encode()
        if event.get("isBase64Encoded"):
            base64.b64decode(body, validate=True)
    except ValueError as error:  # half a surrogate pair, or a letter that base64 does not have
        raise Refused(400, "the event's body is neither text nor base64: send it again") from error
