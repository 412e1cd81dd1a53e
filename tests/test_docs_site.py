"""The site: every page in the navigation, every public name, command and setting in the reference, every link whole.

The fast tests read the sources and need no Sphinx. The slow ones build the site as ``make docs`` does, follow every
link of its pages, and see a build fail where something is broken on purpose.
"""

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer

import quintile as qt
from quintile.cli import app
from strategy.definitions.spec import StrategySpec
from tests.browser import faults_of, open_browser

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FIRST = DOCS / "index.md"
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
SECTIONS = (
    *("Parameters", "Returns", "Yields", "Raises", "Warns", "See Also", "Notes", "References", "Examples"),
    "Attributes",
)
TOLD = ("name", "title", "summary")  # of a strategy; the page of settings says them in prose
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def pages_of_docs() -> list[Path]:
    return [page for page in sorted(DOCS.rglob("*.md")) if not page.relative_to(DOCS).parts[0].startswith("_")]


# --- the navigation ---


def toctree_entries(text: str) -> list[str]:
    """What the toctrees of a page list, in their order."""
    blocks = re.findall(r"^```\{toctree\}[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


def listed_pages(page: Path) -> Iterator[Path]:
    """The files that the toctrees of a page list; an entry without a file is given as it is written."""
    for entry in toctree_entries(text_of(page)):
        aimed = (page.parent / entry).resolve()
        found = sorted(aimed.parent.glob(f"{aimed.name}.md")) + sorted(aimed.parent.glob(f"{aimed.name}.ipynb"))
        yield from found or [aimed]


def navigation() -> list[Path]:
    """Every page that the first page leads to through toctrees, each as often as it is listed."""
    reached, left = [FIRST], [FIRST]
    while left:
        page = left.pop()
        for listed in listed_pages(page) if page.suffix == ".md" and page.is_file() else ():
            left += [] if listed in reached else [listed]
            reached.append(listed)
    return reached


def test_every_page_is_in_the_navigation_once() -> None:
    counted = Counter(navigation())
    assert [page for page in counted if not page.is_file()] == []
    assert [page for page, times in counted.items() if times > 1] == []
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    root = sorted(ROOT.glob("*.md"))
    wanted = [*pages_of_docs(), *root, *(ROOT / name / "README.md" for name in ("benchmarks", "notebooks")), *notebooks]
    lost = [page.relative_to(ROOT).as_posix() for page in wanted if page not in counted]
    assert lost == [], "list it in a toctree of docs/index.md"


def test_an_entry_of_a_toctree_is_found() -> None:
    text = "# A\n\n```{toctree}\n:hidden:\n:caption: B\n\nverdict\nhow-to/index\n```\n\n```text\nno\n```\n"
    assert toctree_entries(text) == ["verdict", "how-to/index"]


# --- the reference ---


def documented_names(text: str) -> list[str]:
    """Public names that a page of the reference documents from their docstrings."""
    found = re.findall(r"^\.\. auto(?:function|class|data|module):: quintile\.(\w+)", text, re.MULTILINE)
    return [str(name) for name in found]


def blocks_called(directive: str, text: str) -> list[str]:
    return [str(name) for name in re.findall(rf"^```\{{{directive}\}} (.+)$", text, re.MULTILINE)]


def test_every_public_name_is_in_the_reference_once() -> None:
    names = [name for page in REFERENCE for name in documented_names(text_of(page))]
    assert sorted(names) == sorted(qt.__all__), "one autofunction or autoclass for each, in docs/reference"


def test_every_command_is_in_the_reference_once() -> None:
    page: Any = typer.main.get_command(app)
    shown = sorted(name for name, command in page.commands.items() if not command.hidden)
    named = blocks_called("command", text_of(DOCS / "reference" / "command_line.md"))
    assert sorted(named) == shown, "one block {command} for each, in docs/reference/command_line.md"


def test_every_section_of_a_strategy_is_in_the_reference_once() -> None:
    named = blocks_called("settings", text_of(DOCS / "reference" / "settings.md"))
    assert len(named) == len(set(named))
    assert {name for name in named if "." not in name} == set(StrategySpec.model_fields) - set(TOLD)


def live_pages() -> Any:
    """The module that says the reference's pages; it lies beside the pages and needs no Sphinx."""
    place = DOCS / "_extensions" / "live_pages.py"
    described = importlib.util.spec_from_file_location("live_pages", place)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def test_the_page_of_a_command_has_each_of_its_options_and_examples() -> None:
    pages = live_pages()
    for words, command in pages.commands_below():
        text = " ".join(pages.command_page(words).replace("\\", "").split())
        options = [option for each in command.params for option in getattr(each, "opts", ()) if option.startswith("--")]
        hidden = [option for each in command.params if getattr(each, "hidden", False) for option in each.opts]
        assert [each for each in options if each not in hidden and f"{each}" not in text] == [], words
        examples = re.findall(r"^ *(quintile .+)$", command.epilog or "", re.MULTILINE)
        assert [each for each in examples if " ".join(each.split()) not in text] == [], words


def test_the_page_of_a_section_has_each_key_with_its_meaning() -> None:
    pages = live_pages()
    for section in ("costs", "portfolio", "risk", "model"):
        text = pages.settings_page(section)
        assert re.findall(r"^\| `\w+` \| [^|]+ \| +\|$", text, re.MULTILINE) == [], section
    costs = pages.settings_page("costs")
    assert "| `trade_bps` | `5.0` | half-spread and commission, one way, basis points of traded notional |" in costs


# --- docstrings ---


def wrong_sections(docstring: str) -> list[str]:
    """Headings of a docstring that numpydoc does not know, or whose underline is not as long as they are."""
    found = re.findall(r"^(.+)\n(-{3,})$", docstring, re.MULTILINE)
    return [heading for heading, line in found if heading not in SECTIONS or len(heading) != len(line)]


def public_docstrings() -> Iterator[tuple[str, str]]:
    for name in qt.__all__:
        item = getattr(qt, name)
        if callable(item):
            yield name, inspect.getdoc(item) or ""
        for inner, member in vars(item).items() if inspect.isclass(item) else ():
            if not inner.startswith("_") and (callable(member) or isinstance(member, property)):
                yield f"{name}.{inner}", inspect.getdoc(member) or ""


def test_docstrings_of_public_names_have_sections_that_are_read() -> None:
    assert {name: wrong for name, doc in public_docstrings() if (wrong := wrong_sections(doc))} == {}
    assert wrong_sections("A.\n\nParamters\n---------\nx : int\n\nReturns\n------\nint") == ["Paramters", "Returns"]


# --- words of a page ---


def test_every_picture_of_a_page_has_words_in_its_place() -> None:
    pages = [*pages_of_docs(), *sorted(ROOT.glob("*.md")), ROOT / "benchmarks" / "README.md"]
    pictures = [(page.name, words, aim) for page in pages for mark, words, aim in LINK.findall(text_of(page)) if mark]
    assert pictures
    assert [each for each in pictures if len(each[1].split()) < 2] == []


def test_links_to_other_sites_are_well_formed() -> None:
    for page in [*pages_of_docs(), *sorted(ROOT.glob("*.md"))]:
        for _, _, aim in LINK.findall(text_of(page)):
            parts = urlsplit(aim)
            assert not parts.scheme or (parts.scheme == "https" and "." in parts.netloc), f"{page.name}: {aim}"


# --- the built site ---


def build(root: Path, into: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
    command += ["--conf-dir", str(root / "docs"), "--builder", "html", str(root), str(into / "html")]
    environment = {**os.environ, "QUINTILE_SITE": str(into), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=root, env=environment | changed, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, notebooks executed, without a warning."""
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    into = tmp_path_factory.mktemp("site")
    done = build(ROOT, into)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return into / "html"


class Page(HTMLParser):
    """What a built page points to, what can be pointed to in it, and its pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.aims: list[str] = []
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.silent: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.aims.append(given["href"])
        if tag in ("script", "img", "iframe") and "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "prefetch"):
            self.loads.append(given["href"])
        if tag == "img" and re.search(r"\.(png|svg)$|^\s*$", given.get("alt", "")):
            self.silent.append(given.get("src", ""))


def _leads_nowhere(pages: dict[Path, Page], page: Path, aim: str) -> bool:
    parts = urlsplit(aim)
    if parts.scheme or parts.netloc:
        return False
    aimed = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if aimed not in pages:
        return not aimed.is_file()
    return bool(parts.fragment) and unquote(parts.fragment) not in pages[aimed].anchors


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_every_link_leads_somewhere(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 80
    lost = [
        f"{path.relative_to(site.resolve())} → {aim}"
        for path, page in pages.items()
        for aim in (*page.aims, *page.loads)
        if _leads_nowhere(pages, path, aim)
    ]
    assert lost == []
    assert [load for page in pages.values() for load in page.loads if urlsplit(load).netloc] == []
    assert [name for page in pages.values() for name in page.silent] == []


@pytest.mark.slow
def test_the_built_reference_has_every_name_and_every_command(site: Path) -> None:
    anchors = {anchor for path in (site / "docs" / "reference").glob("*.html") for anchor in Page(path).anchors}
    assert [name for name in qt.__all__ if f"quintile.{name}" not in anchors and name != "errors"] == []
    assert [
        name for name in qt.errors.__all__ if name.endswith("Error") and f"quintile.errors.{name}" not in anchors
    ] == []
    commands = ["-".join(("quintile", *words)) for words, _ in live_pages().commands_below() if words]
    assert [name for name in commands if name not in anchors] == []


LOOKED_AT = ("docs/index", "docs/reference/command_line", "docs/data", "notebooks/02_what_the_signal_knows")


@pytest.mark.slow
def test_pages_of_the_site_read_well_at_every_width(site: Path) -> None:
    """No message, no request beyond the site's own files, nothing wider than the page, nothing that axe finds."""
    with open_browser() as browser:
        found = [fault for name in LOOKED_AT for fault in faults_of(browser, site / f"{name}.html")]
    assert [fault for fault in found if f"request: {site.resolve().as_uri()}/" not in fault] == []


@pytest.mark.slow
def test_a_notebook_of_the_gallery_shows_what_it_found(site: Path) -> None:
    shown = (site / "notebooks" / "02_what_the_signal_knows.html").read_text(encoding="utf-8")
    assert shown.count("Plotly.newPlot(") == 6
    assert "plotly-cartesian.min.js" in shown
    assert "plotly-cartesian.min.js" not in (site / "docs" / "verdict.html").read_text(encoding="utf-8")


FAULTS = {
    "docs/verdict.md": ("\nSee [there](intervals.md#no-such-heading) and [that](nowhere.md).\n", "no-such-heading"),
    "docs/orphan.md": ("# Orphan\n", "isn't included in any toctree"),
    "quintile/research.py": ("", "nowhere_at_all"),
}
PACKAGES = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile")
FAILING = "this notebook fails on purpose"


@pytest.mark.slow
def test_what_is_broken_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    copy = tmp_path / "copy"
    for name in (*PACKAGES, "docs", "benchmarks", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.ipynb"))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, copy)
    for name, (words, _) in FAULTS.items():
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write(words)
    research = copy / "quintile" / "research.py"
    research.write_text(
        research.read_text(encoding="utf-8").replace(
            '"""Train, score', '"""See :func:`quintile.nowhere_at_all`. Train, score'
        ),
        encoding="utf-8",
    )
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "# Fails"},
        {**cell, "source": f"raise RuntimeError('{FAILING}')"},
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (copy / "notebooks" / "fails.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    failing = build(copy, tmp_path / "built")
    assert failing.returncode != 0
    assert FAILING in failing.stderr
    built = build(copy, tmp_path / "built", QUINTILE_NOTEBOOKS="off")
    assert built.returncode != 0
    assert [words for _, words in FAULTS.values() if words not in built.stderr] == []
