"""Mutation run: break the arithmetic on purpose, one place at a time, and count how often a test notices.

Run by ``make mutation``, or ``python tests/mutation.py [--sample N] [--seed S] [--only PART] [--out FILE]``. It works
on a copy of the tree in a temporary folder. Libraries are imported once; every mutant runs in a child process of its
own with the tests of its module, and a child that takes too long counts as killed. A survivor that is known is listed
in ``EXPLAINED`` with the reason; the run fails below nine kills in ten.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "core",
    "market",
    "signals",
    "models",
    "portfolio",
    "backtests",
    "strategy",
    "quintile",
    "tests",
    "pyproject.toml",
)
LIBRARIES = ("numpy", "pandas", "scipy.stats", "pydantic", "hypothesis", "pytest", "torch", "vectorbt", "quantstats")
LIMIT = 120  # seconds a mutant
MIN_KILLED = 0.9

TESTS: dict[str, tuple[str, ...]] = {
    "market/returns.py": ("test_market_panel.py",),
    "market/delistings.py": ("test_market_panel.py", "test_backtests_ledger.py"),
    "models/losses/rank_loss.py": ("test_models_rank_loss.py",),
    "backtests/statistics/metrics.py": ("test_backtests_metrics.py", "test_backtests_holding_periods.py"),
    "backtests/engine/due_weights.py": ("test_backtests_engine.py", "test_backtests_ledger.py"),
    "backtests/engine/ledger.py": (
        "test_backtests_ledger.py",
        "test_backtests_frictions.py",
        "test_backtests_engine.py",
    ),
    "backtests/engine/kernel.py": ("test_backtests_ledger.py", "test_backtests_frictions.py"),
    "backtests/engine/frictions.py": ("test_backtests_frictions.py",),
    "backtests/engine/vectorbt_engine.py": ("test_backtests_engine.py",),
}

EXPLAINED: dict[str, str] = {
    "held = (due.notna() & (due != 0)).any().to_numpy()  →  1": "leaves out names never held, for speed alone",
    "→  prints | ~leaves": "an order without a print has no price, and vectorbt drops it",
    "clamp(min=1)": "sessions with fewer than five names do not count, whatever their mean",
    "right.square().sum(dim=1), 1.0)  →  2.0": "the stand-in scale is read only where the result is set to 0",
    "if table.shape[0] > 0:  →  1": "differs only for bars of a single session, where nothing can fill",
    "if volume[i] > 0.0 else 1.0  →  1.0": "differs only for names that trade for less than one dollar a day",
    "else terms.borrowing) * free  →  free >= 0.0": "interest on cash of 0 is 0 at any rate",
    "equity / gross if gross > 0.0": "a flat book has no margin call, whether its level is infinite or NaN",
    "has_impact else np.empty((0, 0)),  →  1": "the volume of a book without impact is never read",
    "capital: float = 1e6": "the engine always says the capital",
    "BLOCK = 2**19": "the size of a block changes memory and no result",
    "height = max(1, block //": "the size of a block changes memory and no result",
    "predictions, 0.0)  →  1.0": "a stand-in for a NaN outside the mask, where nothing reads",
    "targets, 0.0)  →  1.0": "a stand-in for a NaN outside the mask, where nothing reads",
    "_mean(centred.square(), mask), 1.0)": "the stand-in variance divides deviations that are all 0",
    "max(len(excess), 1)))  →  2": "a variance of fewer than twenty returns is NaN, whatever divides it",
    "under.shift(1, fill_value=False)": "spells are numbered from 0 instead of from 1",
    "(moved > 0).mean()": "returns of 0 are left out the line before",
    "observed[observed < 0].sum()": "a return of 0 adds nothing",
    "→  observed >= 0": "a return of 0 adds nothing",
    "covariance = np.cov(both": "beta and R² are ratios of two entries",
    "variance.where(variance > 0)": "0 ÷ 0 is NaN too",
    "rows, -1), axis=0)  →  2": "any negative row says that there was no print yet",
    "net >= 1.0 + ROUNDING": "differs only for a net exposure of exactly 1 + 1e-9",
    "missing.all(axis=1)]] = 0.0  →  1.0": "a row without a decision counts as net 1, which is allowed too",
}

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    what: str
    source: str

    @property
    def name(self) -> str:
        """Where and what, without the line number that any edit moves."""
        return f"{self.module}: {self.what}"


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module: swapped operators, moved numbers, flipped flags, denied conditions."""
    text = (ROOT / module).read_text(encoding="utf-8")
    lines = text.splitlines()
    places = [place for place, node in enumerate(_nodes(ast.parse(text))) if _variants(node)]
    for place in places:
        for variant in range(len(_variants(_nodes(ast.parse(text))[place]))):
            tree = ast.parse(text)
            node = _nodes(tree)[place]
            change = _variants(node)[variant]
            line = node.lineno
            before = lines[line - 1].strip()
            _become(node, change)
            after = ast.unparse(tree)
            yield Mutant(module, line, f"{before}  →  {ast.unparse(change)}", after)


def _nodes(tree: ast.Module) -> list[ast.expr]:
    """Return the expressions that compute: no annotation, no docstring, no message of an error, no ``__all__``."""
    expressions: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("__all__", "ENGINE"):
            return
        if isinstance(node, ast.expr):
            expressions.append(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child)

    visit(tree)
    return expressions


def _variants(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp | ast.BoolOp):
        return [_with(node, op=SWAPS[type(node.op)]())] if type(node.op) in SWAPS else []
    if isinstance(node, ast.Compare):
        swapped = [_with(node, ops=[SWAPS[type(op)]() for op in node.ops if type(op) in SWAPS])]
        return swapped if all(type(op) in SWAPS for op in node.ops) else []
    if isinstance(node, ast.UnaryOp):
        return [node.operand] if isinstance(node.op, ast.USub | ast.Not | ast.Invert) else []
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if not isinstance(node, ast.Constant):
        return []
    if isinstance(node.value, bool):
        return [ast.Constant(not node.value)]
    return [ast.Constant(node.value + 1)] if isinstance(node.value, int | float) else []


def _with(node: ast.expr, **changes: object) -> ast.expr:
    changed = copy.copy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _become(node: ast.expr, change: ast.expr) -> None:
    """Turn a node of a tree into another expression, in place."""
    replacement = copy.deepcopy(change)
    node.__class__ = replacement.__class__
    node.__dict__.clear()
    node.__dict__.update(replacement.__dict__)


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Return whether the module's tests fail on the mutant, or never end, in a child process."""
    target = tree / mutant.module
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.source, encoding="utf-8")
    try:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _run_tests(mutant.module, tree)
            finally:
                os._exit(code)  # never unwind into the parent's work
        return _outcome(child) != 0
    finally:
        target.write_text(original, encoding="utf-8")


def _run_tests(module: str, tree: Path) -> int:
    import pytest

    os.setsid()
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--rootdir", str(tree)]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # libraries are imported before pytest starts
    return int(pytest.main([*options, *(str(tree / "tests" / name) for name in TESTS[module])]))


def _outcome(child: int) -> int:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def copied_tree(folder: Path) -> Path:
    """Copy what the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def preload() -> None:
    """Import the libraries once, and nothing of ours: each child imports that from its own mutated tree."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, ROOT / "tests")]
    sys.dont_write_bytecode = True
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # a mutated kernel runs as it is written, and nothing is compiled or kept
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)


def main() -> int:
    """Run, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="mutants a module at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="modules whose path contains this")
    parser.add_argument("--out", type=Path, help="write the table there too")
    options = parser.parse_args()
    preload()
    table, survivors = [], []
    with tempfile.TemporaryDirectory() as folder:
        tree = copied_tree(Path(folder))
        for module in TESTS:
            if options.only in module:
                row, lived = _module_run(module, tree, options)
                table.append(row)
                survivors += lived
    killed, tried = (sum(row[place] for row in table) for place in (1, 2))
    lines = [f"{name:<32} {hit:>4} of {all_:>4} killed ({hit / all_:.1%})" for name, hit, all_ in table]
    lines += [f"{'all':<32} {killed:>4} of {tried:>4} killed ({killed / tried:.1%})"]
    lines += [f"survivor  {mutant.name}  ({_reason(mutant)})" for mutant in survivors]
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(killed / tried < MIN_KILLED)


def _module_run(module: str, tree: Path, options: argparse.Namespace) -> tuple[tuple[str, int, int], list[Mutant]]:
    chosen = list(mutants_of(module))
    if options.sample and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    untouched = Mutant(module, 0, "unchanged", (ROOT / module).read_text(encoding="utf-8"))
    if is_killed(untouched, tree):
        raise SystemExit(f"the tests of {module} fail without a mutation: mend them first")
    lived = []
    for number, mutant in enumerate(chosen, start=1):
        if not is_killed(mutant, tree):
            lived.append(mutant)
            print(f"{module}:{mutant.line} lives: {mutant.what}", file=sys.stderr)
        print(f"{module} {number} of {len(chosen)}", end="\r", file=sys.stderr)
    return (module, len(chosen) - len(lived), len(chosen)), lived


def _reason(mutant: Mutant) -> str:
    return next((why for part, why in EXPLAINED.items() if part in mutant.name), "not explained")


if __name__ == "__main__":
    sys.exit(main())
