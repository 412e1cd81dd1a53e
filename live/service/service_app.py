"""Service app: the routes, by FastAPI; a request has passed the gate before it comes here.

What FastAPI refuses is worded as everything else is: one line of JSON. Its pages of documentation load scripts of
another site, and are off.
"""

import json
from collections.abc import Callable
from typing import Annotated

import pandas as pd
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response

from core.errors import QuintileError
from live.service import served_answers
from live.service.asked_decision import DecideQuery, ScoresQuery, asked_in_body, words_of
from live.service.request_gate import RequestGate, error_body
from live.service.request_log import RequestLog
from live.service.served_desk import Asked, NothingToTradeError, ServedDesk, UnservedError
from live.service.service_limits import ServiceLimits
from live.service.service_metrics import ServiceMetrics

__all__ = ["served_app"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def served_app(
    desk: ServedDesk, log: RequestLog, *, metrics: ServiceMetrics, limits: ServiceLimits, token: str | None
) -> RequestGate:
    """The ASGI application of a desk, behind its gate.

    Parameters
    ----------
    desk : ServedDesk
        What is served.
    log : RequestLog
        Every answer goes into it first.
    metrics : ServiceMetrics
        Counts the answers.
    limits : ServiceLimits
        Sizes, times and numbers.
    token : str or None
        What requests must bear.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_decisions(app, desk)
    _add_facts(app, desk, metrics)
    app.add_exception_handler(RequestValidationError, _refuse_form)
    for error, status in ((UnservedError, 503), (NothingToTradeError, 409), (QuintileError, 422), (ValueError, 422)):
        app.add_exception_handler(error, _refusal(status))
    return RequestGate(app, log=log, metrics=metrics, limits=limits, token=token)


def _add_decisions(app: FastAPI, desk: ServedDesk) -> None:
    async def answer(request: Request, asked: Asked) -> Response:
        book, text = await desk.decide(asked)
        request.scope["served"].update(served_answers.served_facts(book))
        return _json(served_answers.joined(served_answers.origin_facts(book), "decision", text))

    @app.get("/decide")
    async def decide(request: Request, query: Annotated[DecideQuery, Query()]) -> Response:
        told = query.model_dump(exclude_none=True)
        return await answer(request, Asked(**told, text=json.dumps(told, sort_keys=True)))

    @app.post("/decide")
    async def decide_with_holdings(request: Request) -> Response:
        if request.url.query:
            raise ValueError("POST /decide takes everything in its body: leave the query out")
        return await answer(request, asked_in_body(await request.body()))

    @app.get("/scores")
    async def scores(request: Request, query: Annotated[ScoresQuery, Query()]) -> Response:
        book = desk.serving().book
        asked = book.session if query.session is None else pd.Timestamp(query.session)
        first, last = book.scores.index[0], book.scores.index[-1]
        if asked not in book.scores.index:
            raise ValueError(f"{asked.date()} has no scores: sessions from {first:%Y-%m-%d} to {last:%Y-%m-%d} have")
        request.scope["served"].update(served_answers.served_facts(book))
        facts = served_answers.origin_facts(book) | {"scored": f"{asked:%Y-%m-%d}"}
        return _json(served_answers.joined(facts, "scores", served_answers.scores_text(book, asked)))


def _add_facts(app: FastAPI, desk: ServedDesk, metrics: ServiceMetrics) -> None:
    @app.get("/health")
    async def health(request: Request) -> Response:
        _refuse_query(request)
        facts = served_answers.health_facts(desk.state)
        request.scope["served"].update(served_answers.served_facts(desk.state.book))
        return _json(json.dumps(facts, allow_nan=False).encode(), status=503 if desk.state.version_fault else 200)

    @app.get("/card")
    async def card(request: Request) -> Response:
        _refuse_query(request)
        book = desk.serving().book
        request.scope["served"].update(served_answers.served_facts(book))
        return _json(json.dumps(served_answers.origin_facts(book) | dict(book.card), allow_nan=False).encode())

    @app.get("/metrics")
    async def metrics_text(request: Request) -> Response:
        _refuse_query(request)
        state = desk.state
        text = metrics.text(info=served_answers.info_labels(state.book), gauges=served_answers.gauges(state))
        return PlainTextResponse(text, media_type=METRICS_TYPE)


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content=content, status_code=status, media_type="application/json")


def _refuse_query(request: Request) -> None:
    if request.url.query:
        raise ValueError(f"{request.url.path} takes no query")


def _refuse_form(request: Request, error: Exception) -> Response:
    words = words_of(error.errors()) if isinstance(error, RequestValidationError) else str(error)
    return _json(error_body(422, words, request.scope["request_id"]), status=422)


def _refusal(status: int) -> Callable[[Request, Exception], Response]:
    def refuse(request: Request, error: Exception) -> Response:
        return _json(error_body(status, str(error), request.scope["request_id"]), status=status)

    return refuse
