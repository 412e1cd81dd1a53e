"""Served answers: what each route says, as JSON values, with the version, the bars, the session and the clock."""

import datetime as dt
import json
import math
from typing import Any

import pandas as pd

from live.service.prepared_book import PreparedBook
from live.service.served_desk import DeskState

__all__ = [
    "gauges",
    "health_facts",
    "info_labels",
    "joined",
    "origin_facts",
    "scores_text",
    "served_facts",
]


def origin_facts(book: PreparedBook) -> dict[str, Any]:
    """Where an answer comes from, and when it is given.

    ``clock`` holds ``now``; ``closed``, when the session closed by the usual hours of its exchange, None where none
    tells it; and ``fill_opens``, before which orders must be placed. All UTC.
    """
    return {
        "version": str(book.frozen.folder.version),
        "lock": book.lock,
        "bars": dict(book.bars),
        "session": f"{book.session:%Y-%m-%d}",
        "clock": {
            "now": _utc(dt.datetime.now(dt.UTC)),
            "closed": _utc(book.closed),
            "fill_opens": _utc(book.fill_opens),
        },
        "stamps": dict(book.stamps),
    }


def served_facts(book: PreparedBook) -> dict[str, str]:
    """The same in short, for the log."""
    return {
        "version": str(book.frozen.folder.version),
        "bars": str(book.bars["fingerprint"])[:12],
        "session": f"{book.session:%Y-%m-%d}",
    }


def joined(facts: dict[str, Any], name: str, text: str) -> bytes:
    """Facts as JSON, with one more value that is JSON already."""
    return f'{json.dumps(facts, allow_nan=False)[:-1]}, "{name}": {text}}}'.encode()


def scores_text(book: PreparedBook, session: pd.Timestamp) -> str:
    """The scores of a session by ticker; None outside the universe, every bit of the others."""
    row = book.scores.loc[[session]].to_numpy(dtype=float)[0].tolist()
    named = zip(book.scores.columns, row, strict=True)
    return json.dumps({str(ticker): None if math.isnan(score) else score for ticker, score in named}, allow_nan=False)


def health_facts(state: DeskState) -> dict[str, Any]:
    """Which version and bars are served, since when, and why others are not."""
    return {
        "status": "stopped" if state.version_fault else "behind" if state.bars_fault else "serving",
        **origin_facts(state.book),
        "prepared": _utc(state.since),
        "version_fault": state.version_fault,
        "bars_fault": state.bars_fault,
        "undecided": state.book.undecided,
    }


def info_labels(book: PreparedBook) -> dict[str, str]:
    """Labels of the metrics."""
    commit = book.bars["commit"] or ""
    return {**served_facts(book), "lock": book.lock[:12], "commit": commit}


def gauges(state: DeskState) -> dict[str, float]:
    """The numbers of the moment: ages in seconds, and whether the version and the newest bars are served."""
    now, book = dt.datetime.now(dt.UTC), state.book
    ended = book.closed or (book.session + pd.Timedelta(days=1)).to_pydatetime().replace(tzinfo=dt.UTC)
    return {
        "session_age_seconds": round((now - ended).total_seconds(), 3),
        "prepared_age_seconds": round((now - state.since).total_seconds(), 3),
        "version_intact": float(state.version_fault is None),
        "bars_current": float(state.bars_fault is None),
    }


def _utc(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")
