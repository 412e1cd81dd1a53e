"""The pages' links and paths: whatever a page points to or names is there."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from strategy.definitions.spec import load_spec
from tests.test_docs_site import toctree_entries

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")))
HISTORY = ("LOG.md", "CHANGELOG.md")  # they tell of what was there at the time
PACKAGES = "core|market|signals|models|portfolio|backtests|strategy|live|quintile|tests|benchmarks|docs|notebooks"
A_PATH = re.compile(rf"(?<![\w/.])((?:{PACKAGES})/[\w./-]*\w(?:\.\w+)?/?)")
A_MODULE = re.compile(rf"`((?:{PACKAGES})(?:\.\w+)+)(?:\(\))?`")


def links_of(text: str) -> list[str]:
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]


def anchor_of(heading: str) -> str:
    """The anchor that a heading gets: lower case, words joined by hyphens, other marks dropped."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def tracked() -> frozenset[str]:
    """Every file of the tree and every folder that holds one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = [Path(name) for name in listed if (ROOT / name).is_file()]
    return frozenset(part.as_posix() for file in files for part in (file, *file.parents))


def missing_paths(text: str) -> list[str]:
    named = {found.rstrip("/") for found in A_PATH.findall(text)}
    return sorted(name for name in named if name not in tracked())


def missing_modules(text: str) -> list[str]:
    keys = {f"{section}.{key}" for section, numbers in load_spec().model_dump().items() for key in _keys(numbers)}
    return sorted({name for name in A_MODULE.findall(text) if name not in keys and not _defined(name)})


def _keys(section: object) -> list[str]:
    """The keys of a section of a strategy, which are written like the module of a package."""
    return list(section) if isinstance(section, dict) else []


def _defined(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name that stands in the source of one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        module = ROOT.joinpath(*parts[:end])
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        if file.is_file():
            words = file.read_text(encoding="utf-8")
            return all(re.search(rf"\b{name}\b", words) for name in parts[end : end + 1])
        if module.exists():
            return end == len(parts)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = [target for target in links_of(page.read_text(encoding="utf-8")) if target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_anchor_of_a_page_has_its_heading(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\[[^\]]*\]\(([\w./-]*)#([^)\s]+)\)", text):
        aimed = (page.parent / target if target else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", aimed, re.MULTILINE)
        assert anchor in [anchor_of(heading) for heading in headings], f"{target}#{anchor}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in HISTORY], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_path_and_module_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert missing_paths(text) == []
    assert missing_modules(text) == []


def test_every_test_that_a_page_names_is_there() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    for page in PAGES:
        if page.name not in HISTORY:
            named = re.findall(r"`(test_\w+)(?:\[[^`]*\])?`", page.read_text(encoding="utf-8"))
            assert [name for name in named if f"def {name}(" not in sources] == [], page.name


def test_what_is_not_there_is_found() -> None:
    text = "`strategy/prove/twins/` and `market/panel.py`; `market.panel.Panel`, `market.pannel`, `core.files.no_word`"
    assert missing_paths(text) == ["strategy/prove/twins"]
    assert missing_modules(text) == ["core.files.no_word", "market.pannel"]
    assert links_of("[a](docs/a.md#b), [b](https://example.org), [c](#d)") == ["docs/a.md", ""]


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    for page in (ROOT / "docs").rglob("*.md"):
        linked = (
            (other.parent / target).resolve() == page
            for other, text in texts.items()
            if other != page
            for target in [*links_of(text), *(f"{entry}.md" for entry in toctree_entries(text))]
        )
        assert any(linked), f"no page links to {page.relative_to(ROOT)}"
