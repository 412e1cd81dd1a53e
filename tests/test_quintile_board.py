"""The board: everything of a store on one page, whatever is in it, drawn anew as runs end."""

import json
import multiprocessing
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from filelock import FileLock

import quintile as qt
from backtests.report.boards.board_page import BoardRow, Measure, render_board
from backtests.report.boards.page_frame import script_json
from backtests.report.html_page import PAGE_MARK
from core.errors import RunError
from core.files import write_json
from quintile.redrawn_board import redraw_board
from strategy.desk.board import LOCK, draw_board, refresh_board
from strategy.runs.store import RunFolder
from tests.browser import faults_of, open_browser, opened
from tests.frozen_market import Bench
from tests.oracles.many_runs import copied_run, many_runs
from tests.oracles.small_runs import quintile, refusal

HOSTILE = "</script><script>alert('x')</script>\"'&"
MAX_BYTES = 6_000_000  # of 500 runs


class Found(HTMLParser):
    """The elements of a page: their names, and what their attributes say."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str, key: str) -> list[str]:
        return [str(attributes[key]) for name, attributes in self.tags if name == tag and key in attributes]


@pytest.fixture(scope="module")
def root(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of runs of which some are damaged, unfinished, quick or pruned, with a sweep."""
    root = tmp_path_factory.mktemp("board") / "runs"
    folders = [copied_run(bench.run, root, number=number, seed=number) for number in range(8)]
    (folders[1].path / "metrics.json").write_text("{")
    (folders[2].path / "run.json").write_text("[]")
    (folders[3].path / "returns.parquet").write_bytes(b"PAR1")
    write_json(folders[4].path / "run.json", folders[4].record | {"finished": None})
    write_json(folders[5].path / "run.json", folders[5].record | {"quick": True})
    (folders[5].path / "report.html").unlink()
    (folders[6].path / "run.json").rename(folders[6].path / "pruned.json")
    sweep = root / "filter_negative" / "sweeps" / "sweep-1"
    sweep.mkdir(parents=True)
    best = {"number": 7, "settings": {"model.hidden": 64}, "rank_ic": 0.03, "sharpe": 1.2}
    points = {"done": 3, "total": 60}
    write_json(sweep / "sweep.json", {"finished": None, "points": points, "best": best, "winner": None})
    (sweep.parent / "sweep-2").mkdir()
    (sweep.parent / "sweep-2" / "sweep.json").write_text("[")
    study = root.parent / "forecasts" / "studies" / "study-1"
    study.mkdir(parents=True)
    symbols = [{"symbol": "AAA", "test": {"skill": 0.01}}]
    write_json(study / "study.json", {"study": "study-1", "synthetic": True, "symbols": symbols, "trials": 5})
    (study / "study.html").write_text("a page")
    return root


def test_everything_is_on_the_board_and_nothing_is_dropped(root: Path) -> None:
    board = draw_board(root)
    rows = {row.name: row for row in board.rows}
    runs = sorted(path.name for path in root.glob("*/2*"))
    assert set(runs) <= set(rows)
    stamps = [set(rows[run].stamps) & {"DAMAGED", "UNFINISHED", "QUICK", "PRUNED"} for run in runs]
    assert stamps == [set(), {"DAMAGED"}, {"DAMAGED"}, set(), {"UNFINISHED"}, {"QUICK"}, {"PRUNED"}, set()]
    assert [bool(rows[run].curve) for run in runs] == [True, False, False, False, False, True, True, True]
    assert "metrics.json is not JSON" in rows[runs[1]].problem
    assert str(root) not in rows[runs[1]].problem
    assert rows["sweep-1"].conditions[0] == "3 of 60 points"
    assert "DAMAGED" in rows["sweep-2"].stamps
    assert "median 1.00" in rows["study-1"].conditions[-1]
    assert {row.name for row in board.rows if row.kind == "version"} >= {"filter_negative@1.0.0"}
    assert board.counts.endswith("; 3 cannot be read")
    assert str(board).endswith(f"page  {board.page}")


def test_links_are_relative_and_lead_to_files(root: Path) -> None:
    board = draw_board(root)
    page = Found(board.page.read_text(encoding="utf-8"))
    hrefs = [href for href in page.all("a", "href") if not href.startswith("#")]
    assert hrefs
    for href in hrefs:
        assert href.startswith("./")
        assert (root / unquote(href)).is_file(), href
    with FileLock(root / LOCK):  # what is drawn elsewhere asks nothing of the store, which may be read-only
        elsewhere = draw_board(root, page=root.parent / "pages" / "all.html").page
    for href in Found(elsewhere.read_text(encoding="utf-8")).all("a", "href"):
        assert href.startswith("#") or (elsewhere.parent / unquote(href)).is_file(), href


def test_the_page_is_one_file_that_asks_for_nothing_and_has_the_same_bytes_again(root: Path) -> None:
    first = draw_board(root).page.read_bytes()
    assert draw_board(root).page.read_bytes() == first
    html = first.decode()
    assert PAGE_MARK in html
    assert "default-src 'none'" in html
    page = Found(html)
    assert page.all("script", "src") == page.all("link", "href") == page.all("img", "src") == []
    assert html.count("sha256-") == len([tag for tag, facts in page.tags if tag == "script" and not facts])


def test_hostile_words_stay_words() -> None:
    row = BoardRow(
        kind=HOSTILE, name=HOSTILE, strategy=HOSTILE, path=f"{HOSTILE}/report.html", verdict=HOSTILE, stamps=(HOSTILE,),
        sharpe=Measure(value=1.0, shown=HOSTILE), conditions=(HOSTILE,), differs=HOSTILE, problem=HOSTILE,
        started=HOSTILE, curve="2020-01-01|0,1|10000,10001",
    )  # fmt: skip
    broken = BoardRow(kind="run", name="b", strategy="s", curve=HOSTILE)
    html = render_board((row, broken), counts=HOSTILE)
    plain = render_board((BoardRow(kind="run", name="b", strategy="s"),), counts="")
    assert len(re.findall("<script", html)) == len(re.findall("<script", plain))
    assert "alert('x')" not in html
    page = Found(html)
    assert page.all("tr", "data-name") == [HOSTILE, "b"]
    assert page.all("a", "href")[-1].startswith("./%3C/script%3E")
    curves = re.search(r'<script type="application/json" id="curves">(.*?)</script>', html, re.DOTALL)
    assert curves is not None
    assert json.loads(curves[1]) == {"0": "2020-01-01|0,1|10000,10001"}


def test_json_ends_no_script_element() -> None:
    shown = script_json({HOSTILE: HOSTILE})
    assert not set(shown) & set("<>&")
    assert json.loads(shown) == {HOSTILE: HOSTILE}


def test_a_run_of_a_hostile_strategy_is_drawn(bench: Bench, tmp_path: Path) -> None:
    folder = copied_run(bench.run, tmp_path / "runs", number=1)
    renamed = folder.path.rename(folder.path.parent / "2026'\"><b>x")
    record = json.loads((renamed / "run.json").read_text())
    write_json(renamed / "run.json", record | {"strategy": HOSTILE, "command": HOSTILE})
    metrics = json.loads((renamed / "metrics.json").read_text())
    metrics["headline"] |= {"universe": HOSTILE, "stamps": [HOSTILE], "verdict": HOSTILE}
    write_json(renamed / "metrics.json", metrics)
    page = Found(draw_board(tmp_path / "runs").page.read_text(encoding="utf-8"))
    assert page.all("tr", "data-strategy")[0] == HOSTILE
    assert "b" not in [tag for tag, _ in page.tags if tag == "script"]


def test_the_board_is_drawn_anew_only_where_there_is_one(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    copied_run(bench.run, root, number=1)
    refresh_board(root)
    assert not (root / "board.html").exists()
    draw_board(root)
    copied_run(bench.run, root, number=2)
    redraw_board(root)
    assert "-000002" in (root / "board.html").read_text(encoding="utf-8")


def test_a_board_that_cannot_be_drawn_does_not_spoil_the_run(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied_run(bench.run, tmp_path, number=1)
    (tmp_path / "board.html").write_text("somebody's own page")
    redraw_board(tmp_path)
    told = capsys.readouterr().err
    assert told.startswith("quintile: the board was not drawn anew (the board ")
    assert len(told.splitlines()) == 1
    assert (tmp_path / "board.html").read_text() == "somebody's own page"


def test_a_run_of_the_command_line_redraws_the_board(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    made = bench.copied(tmp_path)
    quintile("board", "--out", made.store.root, **told)
    scores = made.run.path / "scores.parquet"
    words = ("evaluate", scores, "--bars", made.bars, "--quick", "--out", made.store.root, "--quiet", "--json")
    run = json.loads(quintile(*words, **told))["run"]
    assert run in (made.store.root / "board.html").read_text(encoding="utf-8")
    drawn = json.loads(quintile("board", "--out", made.store.root, "--json", **told))
    assert drawn == {"path": str(made.store.root / "board.html")}
    assert "no runs in" in refusal("board", "--out", tmp_path / "none", **told)


def end_a_run(origin: RunFolder, root: Path, number: int) -> None:
    copied_run(origin, root, number=number)
    redraw_board(root)


@pytest.mark.slow
def test_processes_that_end_runs_at_once_leave_a_board_of_all(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    copied_run(bench.run, root, number=0)
    draw_board(root)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=end_a_run, args=(bench.run, root, number)) for number in range(1, 7)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
        assert worker.exitcode == 0
    html = (root / "board.html").read_text(encoding="utf-8")
    assert all(f"-{number:06x}" in html for number in range(7))
    assert [path.name for path in root.glob(".*.partial")] == []


def test_the_face_draws_a_board(bench: Bench, tmp_path: Path) -> None:
    made = bench.copied(tmp_path)
    board: Any = qt.board(made.store.root)
    assert board.page.show
    assert "1 × run" in str(board)
    assert board.page.name in board._repr_html_()
    with pytest.raises(RunError, match="is a file: choose a folder"):
        qt.board(made.bars)


@pytest.mark.slow
def test_five_hundred_runs_are_listed_and_fit_the_page(bench: Bench, tmp_path: Path) -> None:
    many_runs(bench.run, tmp_path / "runs", 500, longer=2520)
    board = draw_board(tmp_path / "runs")
    assert sum(row.kind == "run" and bool(row.curve) for row in board.rows) == 500
    assert board.page.stat().st_size < MAX_BYTES


@pytest.mark.slow
def test_the_board_is_quiet_and_usable_in_a_browser(root: Path) -> None:
    page = draw_board(root).page
    with open_browser() as browser:
        assert faults_of(browser, page) == []
        with opened(browser, page) as shown:
            with_law = shown.locator("#board tbody tr:not(.group)")
            total = with_law.count()
            shown.locator("#search").fill("damaged")
            assert with_law.count() == 3
            shown.locator("#search").fill("")
            shown.locator("#group").check()
            assert shown.locator("#board tbody tr.group").count() >= 2
            shown.locator("#group").uncheck()
            shown.locator("th[data-key=sharpe] button").press("Enter")
            assert shown.locator("th[data-key=sharpe]").get_attribute("aria-sort") == "descending"
            values = [row.get_attribute("data-sharpe") for row in with_law.all()]
            known = [float(value) for value in values if value]
            assert known == sorted(known, reverse=True)
            assert not any(values[len(known) :])
            for place in (0, 1):
                shown.locator("#board tbody input[type=checkbox]").nth(place).check()
            assert shown.locator("#overlay canvas").count() == 1
            assert shown.locator("#overlay-command").inner_text().startswith("quintile compare ")
            shown.locator("#clear").press("Enter")
            assert shown.locator("#overlay").is_hidden()
            assert with_law.count() == total
            assert shown.heard == []
