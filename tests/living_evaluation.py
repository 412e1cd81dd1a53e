"""A run's evaluation with what a living report reads of it, and random settings, told to Python and to node."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from backtests.engine.backtest import run_backtest
from backtests.engine.overlay_loop import decide_book
from backtests.evaluation import Evaluation
from backtests.judged_span import judged_part, judged_scores, judged_span, until_judged
from backtests.report.living.number_code import written
from backtests.report.living.setting_twin import Carried, Setting
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from portfolio.rules import TradingRules

LEDGER = Path(__file__).parent.parent / "backtests" / "report" / "living" / "ledger.js"
SHARPES = (0.4, -0.2, 0.9, float("nan"), 1.3, 0.1)


def random_scores(rng: np.random.Generator, panel: Panel, *, first: int, kept: float = 0.9) -> pd.DataFrame:
    """Scores that remember the session before, from a row on, for nine names in ten."""
    values = rng.normal(0, 0.01, panel.close.shape)
    for t in range(1, len(values)):
        values[t] += 0.7 * values[t - 1]
    values[rng.random(values.shape) > kept] = np.nan
    return aligned_frame(values, panel.sessions, panel.tickers).iloc[first:]


def traded_evaluation(
    rules: TradingRules, panel: Panel, scores: pd.DataFrame, *, sectors: pd.Series | None = None
) -> Evaluation:
    """An evaluation without a signal: book, backtest and judged span alone."""
    inputs, span = Inputs(panel=panel, sectors=sectors), judged_span(scores, panel, rules)
    seen, scores = until_judged(inputs, span), judged_scores(scores, span)
    book = decide_book(rules, seen.panel, scores, sectors=sectors)
    whole = run_backtest(seen.panel, book.weights, execution=rules.execution, costs=rules.costs)
    return Evaluation(
        rules=rules,
        inputs=inputs,
        scores=scores,
        signal=cast(Any, None),
        books={rules.name: book},
        results={rules.name: judged_part(whole, span)},
        market=pd.Series(dtype=float),
        span=span,
    )


def random_settings(rng: np.random.Generator, carried: Carried, n: int) -> list[Setting]:
    """Settings that a reader could reach, several things moved at once."""
    own, n_sessions, n_names = carried.own, len(carried.header["days"]), len(carried.header["tickers"])
    book, settings = carried.header["book"], []
    shorts = [own.short] if book["builder"] == "long_only" else [0.0, 0.35, 0.5]
    for _ in range(n):
        moved: dict[str, Any] = {
            "trade_bps": rng.choice([0.0, 2.0, 7.5, 40.0]),
            "borrow_bps": rng.choice([0.0, 30.0, 500.0]),
            "delay": int(own.delay + rng.integers(0, 4)),
            "long": float(rng.choice([0.3, 0.65, 0.9])),
            "short": float(rng.choice(shorts)),
            "first": int(rng.integers(own.first, n_sessions // 3)),
            "last": int(rng.integers(2 * n_sessions // 3, n_sessions)),
            "left_out": tuple(sorted(map(int, rng.choice(n_names, rng.integers(0, 4), replace=False)))),
        }
        if book["reach"]:
            moved["k"] = float(rng.choice([0.05, 0.1, 0.2, 0.25])) if book["k_is_share"] else int(rng.integers(1, 5))
        elif book["steps"]:
            moved["k"] = rng.choice(book["steps"]).item()
        settings.append(own.moved(**{name: value for name, value in moved.items() if rng.random() < 0.6}))
    return settings


def node_says(blob: bytes, settings: list[Setting], folder: Path, **more: Any) -> dict[str, Any]:
    """What the page's ledger says of settings, by node; the test is skipped where there is none."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: chromium runs the same ledger in a slow test")
    asked = folder / "asked.json"
    asked.write_text(
        json.dumps(
            {"data": written(blob), "settings": [asdict(each) for each in settings], **more},
            default=float,
        )
    )
    program = Path(__file__).with_name("living_ledger.mjs")
    told = subprocess.run([node, program, LEDGER, asked], check=True, capture_output=True, text=True)
    answers: dict[str, Any] = json.loads(told.stdout)
    return answers
