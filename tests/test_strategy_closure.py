"""The decision closure: it reaches what decides, stops at what draws, and sees no difference in line ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strategy.runs.closure import BEGINNINGS, ROOT, closure_hash, decides, decision_closure, source_hash
from strategy.runs.provenance import code_fingerprint


def write(root: Path, **sources: str) -> dict[str, str]:
    """Write a tree in which the beginnings are empty but for those given, and return its closure."""
    for name in BEGINNINGS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    for name, source in sources.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    decision_closure.cache_clear()
    return decision_closure(root)


def test_the_closure_follows_imports_wherever_they_stand(tmp_path: Path) -> None:
    source = "from market import top\ndef f():\n    from signals.late import g\n    import models.whole"
    found = write(
        tmp_path,
        strategy__learning__decide=source,
        market__top="import numpy",
        signals__late="",
        models__whole="",
        models__unread="",
    )
    assert {"market/top.py", "signals/late.py", "models/whole.py"} <= found.keys()
    assert "models/unread.py" not in found


def test_imports_for_the_type_checker_do_not_decide(tmp_path: Path) -> None:
    source = "if TYPE_CHECKING:\n    from market.hint import A\nelse:\n    from market.real import A\n"
    found = write(tmp_path, strategy__learning__decide=source, market__hint="", market__real="")
    assert "market/real.py" in found
    assert "market/hint.py" not in found


def test_a_package_that_passes_names_on_is_looked_through(tmp_path: Path) -> None:
    package = '"""Words."""\nfrom market.used import A\nfrom market.other import B\n__all__ = ["A", "B"]\n'
    found = write(tmp_path, strategy__learning__decide="from market import A", market__used="", market__other="")
    (tmp_path / "market" / "__init__.py").write_text(package)
    decision_closure.cache_clear()
    found = decision_closure(tmp_path)
    assert "market/used.py" in found
    assert not {"market/other.py", "market/__init__.py"} & found.keys()
    (tmp_path / "market" / "__init__.py").write_text(package + "A = 1\n")
    decision_closure.cache_clear()
    assert {"market/__init__.py", "market/other.py"} <= decision_closure(tmp_path).keys()


def test_line_ends_do_not_decide_and_every_other_byte_does() -> None:
    assert source_hash(b"a\r\nb\r\n") == source_hash(b"a\nb\n") != source_hash(b"a\nc\n")


def test_the_closure_begins_in_the_rooms_that_decide() -> None:
    decision_closure.cache_clear()
    assert set(BEGINNINGS) <= decision_closure(ROOT).keys()


def test_what_draws_prints_or_records_is_outside() -> None:
    decision_closure.cache_clear()
    names = decision_closure(ROOT)
    for name in (
        "backtests/report/report_page.py",
        "strategy/runs/artefacts.py",
        "quintile/cli/run_commands.py",
        "strategy/trials/log.py",
    ):
        assert name not in names
        assert not decides(name)
    for name in (
        "market/panel.py",
        "models/windows.py",
        "portfolio/book.py",
        "backtests/engine/ledger.py",
        "market/holdout.py",
    ):
        assert name in names
    assert closure_hash(names) == code_fingerprint()


def test_everything_that_a_recomputation_loads_is_in_the_closure_or_known_not_to_decide() -> None:
    code = (
        "import sys, strategy.learning.decide, backtests.engine.vectorbt_engine, market.synthetic; print(*sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name for name in told.stdout.split() if name.split(".")[0] in {"models", "portfolio", "strategy"}}
    files = {f"{name.replace('.', '/')}.py" for name in loaded}
    files = {name for name in files if (ROOT / name).is_file() and decides(name)}
    decision_closure.cache_clear()
    assert files <= decision_closure(ROOT).keys() | {"models/threads.py"}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_every_beginning_is_there(name: str) -> None:
    assert (ROOT / name).is_file()
