"""The report in a browser: first screen, folds, zoom, a picture to keep, two pages of paper, nothing wrong."""

from pathlib import Path

import pytest

from backtests.report.report_page import write_report
from tests.browser import COLOURS, faults_of, open_browser, opened
from tests.test_backtests_report_pages import studied

pytestmark = pytest.mark.slow

SHEETS = b"/Type /Page\n"  # of a file that Chromium prints, one a page
BOX = "name => { const box = document.querySelector(name).getBoundingClientRect(); return [box.top, box.bottom]; }"
RANGE = "() => document.querySelector('.plot')._fullLayout.xaxis.range"
DRAWN = "() => document.querySelectorAll('.plot .main-svg').length"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(studied(2500), tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser():
    with open_browser() as running:
        yield running


def test_nothing_is_wrong_with_the_page_at_any_width_or_colour(browser, report):
    assert faults_of(browser, report) == []


def test_verdict_curve_and_cards_stand_on_the_first_screen(browser, report):
    with opened(browser, report, lawful=False) as page:
        for name in (".verdict", ".glance .plot", ".glance .cards"):
            top, bottom = page.evaluate(BOX, name)
            assert 0 <= top < bottom <= 900, name


def test_a_link_opens_its_fold_and_draws_what_is_in_it(browser, report):
    with opened(browser, report, lawful=False) as page:
        before = page.evaluate(DRAWN)
        page.click("nav a[href='#performance']")
        page.wait_for_timeout(1500)
        assert page.evaluate("() => document.querySelector('#performance details.fold').open")
        assert page.evaluate(DRAWN) > before
        page.keyboard.press("Tab")
        assert not page.evaluate("() => document.querySelector('#signal details.fold').open")


def test_keys_zoom_a_figure_and_put_it_back(browser, report):
    with opened(browser, report, lawful=False) as page:
        whole = page.evaluate(RANGE)
        page.focus(".glance [aria-label='Zoom in']")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        near = page.evaluate(RANGE)
        assert whole[0] < near[0] < near[1] < whole[1]
        page.focus(".glance [aria-label='Reset zoom']")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert page.evaluate(RANGE) == whole


def test_a_figure_is_kept_as_a_png_under_its_own_name(browser, report):
    with opened(browser, report) as page:
        with page.expect_download() as kept:
            page.click(".glance [aria-label='Save as PNG']")
        assert kept.value.suggested_filename == "growth-of-1-with-drawdown.png"
        assert Path(kept.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert page.heard == []


@pytest.mark.parametrize("colour", COLOURS)
def test_the_sheet_is_two_pages_of_paper_in_light_colours(browser, report, tmp_path, colour):
    with opened(browser, report, colour=colour, lawful=False) as page:
        page.pdf(path=tmp_path / "sheet.pdf", prefer_css_page_size=True)
        assert (tmp_path / "sheet.pdf").read_bytes().count(SHEETS) == 2
        page.emulate_media(media="print", color_scheme=colour)
        page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        page.wait_for_timeout(300)
        ink = page.evaluate("() => document.querySelector('.plot')._fullLayout.font.color")
        assert ink == "#444444"
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("() => getComputedStyle(document.querySelector('#signal')).display") == "none"
