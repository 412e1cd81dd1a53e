"""Living report in a browser: its ledger against Python's, its controls, its count of trials, its manners."""

import base64
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.report.content import LivingPart
from backtests.report.living.living_part import living_part
from backtests.report.living.setting_twin import carried_in, kept_books
from tests.browser import faults_of, open_browser, opened
from tests.living_evaluation import SHARPES, random_scores, random_settings, traded_evaluation
from tests.test_backtests_living import BOOKS, document_with, page_of, troubled

pytestmark = pytest.mark.slow
TEMPLATE = Path(__file__).parent.parent / "backtests" / "report" / "template.html"
ASK = """async settings => {
  const ledger = globalThis.QuintileLedger, words = document.getElementById("living-data").textContent;
  const known = await ledger.unpack(words), bare = each => isNaN(each) ? null : each;
  return settings.map(setting => {
    try {
      return Array.from(ledger.keepBooks(known, setting, ledger.decide(known, setting)).equity, bare);
    } catch (error) { return error instanceof ledger.Refused ? error.message : String(error); }
  });
}"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Living</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'sha256-{source}'; style-src 'unsafe-inline'">
<style>{style}</style></head><body><main><h1>A run</h1><section><h2>Interrogate</h2>{html}</section></main>
<script type="application/octet-stream" id="living-data">{data}</script><script>{script}</script></body></html>"""


def document_of(part: LivingPart) -> str:
    """The part on a page with the report's style and policy, and nothing else."""
    style = TEMPLATE.read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
    source = base64.b64encode(hashlib.sha256(part.script.encode()).digest()).decode()
    return PAGE.format(source=source, style=style + part.style, html=part.html, data=part.data, script=part.script)


@pytest.fixture(scope="module")
def part() -> LivingPart:
    panel = troubled(in_ticks=False, n_sessions=400)
    sectors = pd.Series([f"Sector {place % 4}" for place in range(len(panel.tickers))], panel.tickers)
    scores = random_scores(np.random.default_rng(5), panel, first=30)
    found = living_part(page_of(traded_evaluation(BOOKS["filter"], panel, scores, sectors=sectors)))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def path(part: LivingPart, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("living") / "living.html"
    path.write_text(document_of(part), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Any:
    with open_browser() as found:
        yield found


def test_a_living_page_is_quiet_narrow_and_accessible(browser: Any, path: Path) -> None:
    assert faults_of(browser, path) == []


def test_the_browser_s_ledger_is_the_python_ledger_on_50_random_settings(
    browser: Any, path: Path, part: LivingPart
) -> None:
    carried = carried_in(document_with(part))
    settings = [carried.own, *random_settings(np.random.default_rng(9), carried, 50)]
    with opened(browser, path, lawful=False) as page:
        page.wait_for_selector("#living-page[data-ready]")
        answers = page.evaluate(ASK, json.loads(json.dumps([asdict(each) for each in settings], default=float)))
    differences = []
    for setting, answer in zip(settings, answers, strict=True):
        record, _, _ = kept_books(carried, setting)
        if isinstance(answer, str):
            assert answer == "cash"
            assert (record.cash < 0).any()
            continue
        equity = np.array(answer, dtype=float)[setting.first : setting.last + 1]
        differences.append(np.abs(equity - record.equity).max() / carried.header["capital"])
    assert len(differences) >= 45
    assert max(differences) <= 1e-9


def test_each_distinct_setting_is_one_trial_more_in_its_tab(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        page.wait_for_selector("#living-page[data-ready]")
        line = page.locator(".living-line")
        assert f"Trials looked at: {len(SHARPES)}, 0 of them on this page" in line.inner_text()
        before = line.inner_text()
        page.locator("#living-trade_bps").press("ArrowRight")
        assert "7, 1 of them" in line.inner_text()
        page.locator("#living-k").press("ArrowLeft")
        assert "8, 2 of them" in line.inner_text()
        page.locator("#living-k").press("ArrowRight")  # seen before
        assert "8, 2 of them" in line.inner_text()
        page.locator("#living-name").fill("T003")
        page.locator("#living-name").press("Enter")
        assert "9, 3 of them" in line.inner_text()
        assert page.get_by_role("button", name="Take T003 back").is_visible()
        page.locator("#living-sector").select_option("Sector 1")
        assert "10, 4 of them" in line.inner_text()
        page.get_by_role("button", name="Reset to the run's settings").click()
        assert "10, 4 of them" in line.inner_text()
        page.reload()
        page.wait_for_selector("#living-page[data-ready]")
        assert "10, 4 of them" in line.inner_text()
        assert line.inner_text().split(",")[0] == before.split(",")[0]
        assert page.heard == []


def test_the_command_says_the_setting_and_what_no_setting_says(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        page.wait_for_selector("#living-page[data-ready]")
        command = page.locator("#living-command")
        assert command.inner_text().strip() == "quintile run filter_negative"
        page.locator("#living-delay").press("ArrowRight")
        page.locator("#living-long").press("ArrowLeft")
        assert command.inner_text().strip() == (
            "quintile run filter_negative --set execution.extra_delay=1 --set portfolio.long=0.6"
        )
        page.locator("#living-last").fill("2015-12-31")
        page.locator("#living-last").press("Tab")
        assert "start and end" in page.locator("#living-told").inner_text()
        assert "to 2015-12-31" in page.locator(".living-line").inner_text()


def test_a_setting_that_cannot_be_kept_says_why(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        page.wait_for_selector("#living-page[data-ready]")
        page.locator("#living-long").press("End")
        assert "borrowed cash" in page.locator(".living-line").inner_text()
        page.get_by_role("button", name="Reset to the run's settings").click()
        assert "0 of them on this page" in page.locator(".living-line").inner_text()
