"""The living part of a report: 500 names over ten years in one file, and a browser that keeps their books again.

Prices are random walks in cents, as bars are; without a tick they are rounded in binary digits. A redraw runs from a
slider's change to the paint after it, and moves the cost, the delay, the long leg and the borrow fee in turn.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.engine.backtest import run_backtest
from backtests.engine.overlay_loop import decide_book
from backtests.evaluation import Evaluation
from backtests.judged_span import judged_span, until_judged
from backtests.report.living.living_part import living_part
from benchmarks.ledger import N_NAMES, N_SESSIONS, workload
from benchmarks.runner import Options, Section
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from portfolio.rules import TradingRules
from strategy.definitions.spec import load_spec

REDRAWS = 20
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Living</title><style>{style}</style></head>
<body>{html}<script type="application/octet-stream" id="living-data">{data}</script>
<script>{script}</script></body></html>"""
REDRAW = """async rounds => {
  const names = ["trade_bps", "delay", "long", "borrow_bps"], taken = [];
  for (let round = 0; round < rounds; round++) {
    const slider = document.getElementById("living-" + names[round % 4]);
    slider.value = Number(slider.value) + (round % 8 < 4 ? 1 : -1);
    const begun = performance.now();
    slider.dispatchEvent(new Event("change"));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    taken.push(performance.now() - begun);
  }
  return taken;
}"""


def traded(*, in_cents: bool) -> Evaluation:
    """The default strategy's book on random walks and scores that remember, with what the part reads."""
    panel, scores = bars(in_cents=in_cents)
    rules = load_spec("filter_negative").rules
    span = judged_span(scores, panel, rules)
    seen = until_judged(Inputs(panel=panel), span)
    book = decide_book(rules, seen.panel, scores)
    result = run_backtest(seen.panel, book.weights, execution=rules.execution, costs=rules.costs)
    return evaluation_of(rules, panel, scores, SimpleNamespace(book=book, result=result, span=span))


def bars(*, in_cents: bool) -> tuple[Panel, pd.DataFrame]:
    """Random walks, and scores of each close of which nine tenths stay the next."""
    panel, _ = workload()
    if in_cents:
        frames = {name: getattr(panel, name).round(2).clip(lower=0.01) for name in ("open", "high", "low", "close")}
        panel = Panel(
            **frames, **{name: getattr(panel, name) for name in ("volume", "dollar_volume", "universe", "facts")}
        )
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 0.002, panel.close.shape)
    for row in range(1, len(scores)):
        scores[row] = 0.9 * scores[row - 1] + np.sqrt(0.19) * scores[row]
    return panel, aligned_frame(scores, panel.sessions, panel.tickers)


def evaluation_of(rules: TradingRules, panel: Panel, scores: pd.DataFrame, traded: Any) -> Evaluation:
    """An evaluation without a signal."""
    return Evaluation(
        rules=rules,
        inputs=Inputs(panel=panel),
        scores=scores,
        signal=cast("Any", None),
        books={rules.name: traded.book},
        results={rules.name: traded.result},
        market=pd.Series(dtype=float),
        span=traded.span,
    )


def row(name: str, evaluation: Evaluation) -> tuple[str, ...]:
    """Seconds to draw the part, its size, and the median redraw."""
    page = SimpleNamespace(
        evaluation=evaluation,
        verdict=SimpleNamespace(standing=SimpleNamespace(sharpes=(0.5,))),
        provenance=SimpleNamespace(command=""),
    )
    began = time.perf_counter()
    part = living_part(cast("Any", page))
    seconds = time.perf_counter() - began
    if part is None or not part.data:
        raise RuntimeError("the run is too large for its page: it should not be")
    text = PAGE.format(style=part.style, html=part.html, data=part.data, script=part.script)
    taken = redraws(text)
    shown = (f"{statistics.median(taken):,.0f}", f"{max(taken):,.0f}") if taken else ("n/a", "n/a")
    return name, f"{seconds:,.1f}", f"{len(text.encode()) / 1e6:,.2f}", *shown


def redraws(text: str) -> list[float]:
    """Milliseconds from a slider's change to the paint after it; none without a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        return []
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        path = Path(folder) / "living.html"
        path.write_text(text, encoding="utf-8")
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("#living-page[data-ready]")
        taken: list[float] = page.evaluate(REDRAW, REDRAWS)
        browser.close()
    return taken


def section(options: Options) -> Section:  # noqa: ARG001 - one page and twenty redraws say enough
    """Measure, and return the section."""
    note = f"{N_SESSIONS:,} sessions × {N_NAMES} names; redraws in Chromium, the median and the slowest of {REDRAWS}."
    return Section(
        heading="The living part of a report",
        clock="wall clock",
        notes=(note,),
        columns=("prices", "drawn, s", "file, MB", "redraw, ms", "slowest, ms"),
        rows=(
            row("in cents", traded(in_cents=True)),
            row("without a tick", traded(in_cents=False)),
        ),
    )
