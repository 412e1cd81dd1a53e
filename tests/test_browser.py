"""The browser by which pages are tested finds what is wrong with one, and nothing with a good one."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser import faults_of, open_browser

pytestmark = pytest.mark.slow

GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Good</title></head>
<body><main><h1>Good</h1>{}</main></body></html>"""
FAULTS = {
    "console log: told": "<script>console.log('told')</script>",
    "error: ": "<script>throw new Error('broken')</script>",
    "request: file:///nowhere.png": '<img alt="" src="file:///nowhere.png">',
    "too wide: ": '<p style="width: 3000px">wide</p>',
    "axe image-alt": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">',
    "axe color-contrast": '<details><summary>More</summary><p style="color: #ddd; background: #fff">pale</p></details>',
}


@pytest.fixture(scope="module")
def browser() -> Any:
    with open_browser() as found:
        yield found


def test_a_good_page_has_no_fault(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "good.html"
    page.write_text(GOOD.format("<p>Fine.</p>"))
    assert faults_of(browser, page) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(browser: Any, tmp_path: Path, fault: str) -> None:
    page = tmp_path / "bad.html"
    page.write_text(GOOD.format(FAULTS[fault]))
    assert any(fault in found for found in faults_of(browser, page, widths={390: 844}))
