"""Machine code: kernels without the compiler give the compiler's bits, and are made anew when anything changes."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

from core import machine_code
from core.machine_code import panel_kernel
from signals.features import trailing_kernels

NAMES = ("maxima", "means", "standard_deviations")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="machine code is linked on Linux only")
KERNEL = """
import numpy as np
from core.compilation import compiled

@compiled
def doubled(values, window, spare, result):
    for ticker in range(values.shape[0]):
        for i in range(values.shape[1]):
            result[ticker, i] = {number} * values[ticker, i] + {more}
"""


def numbers() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(7, 2_500))
    values[2, 40:43], values[5, -1] = np.nan, np.inf
    return values


def write_kernel(folder: Path, *, number: float = 2.0, more: str = "0.0") -> tuple[Path, Callable[[], ModuleType]]:
    path = folder / "own.py"
    path.write_text(KERNEL.format(number=number, more=more))

    def load() -> ModuleType:
        spec = util.spec_from_file_location("own", path)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return path, load


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("window", [2, 5, 20, 2_499, 2_500, 2_501, 9_000])
def test_linked_code_gives_the_compilers_bits(name: str, window: int) -> None:
    values, result = numbers(), np.empty((7, 2_500))
    getattr(trailing_kernels, name)(values, window, np.empty((2, machine_code.TILE + window)), result)
    linked = panel_kernel(Path(trailing_kernels.__file__), name, lambda: trailing_kernels)(values, window)
    np.testing.assert_array_equal(linked, result)


@LINUX
def test_features_need_no_compiler_once_their_code_is_kept() -> None:
    code = "import sys, numpy as np\n"
    code += "from signals.features.trailing_windows import trailing_mean, trailing_std, trailing_max\n"
    code += "for each in (trailing_mean, trailing_std, trailing_max): each(np.ones((40, 3)), 5)\n"
    told = f"{code}print('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout == "False\n"


@LINUX
def test_another_source_is_compiled_anew(tmp_path: Path) -> None:
    for number in (2.0, 30.0):
        path, load = write_kernel(tmp_path, number=number)
        panel_kernel.cache_clear()
        doubled = panel_kernel(path, "doubled", load)
        np.testing.assert_array_equal(doubled(np.ones((2, 3)), 1), np.full((2, 3), number))
    assert len(list((tmp_path / "__pycache__").glob("own.doubled-*.o"))) == 2


@LINUX
def test_a_kernel_that_allocates_is_left_to_the_compiler(tmp_path: Path) -> None:
    path, load = write_kernel(tmp_path, more="np.ones(window).sum()")
    doubled = panel_kernel(path, "doubled", load)
    np.testing.assert_array_equal(doubled(np.ones((2, 3)), 7), np.full((2, 3), 9.0))
    assert not list(tmp_path.rglob("*.o"))


@LINUX
def test_where_code_cannot_be_kept_it_is_linked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    path, load = write_kernel(tmp_path)
    monkeypatch.setattr(machine_code, "write_bytes", refuse)
    doubled = panel_kernel(path, "doubled", load)
    np.testing.assert_array_equal(doubled(np.ones((2, 3)), 1), np.full((2, 3), 2.0))
    assert not list(tmp_path.rglob("*.o"))


@LINUX
def test_beside_sources_of_somebody_else_code_is_kept_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_code.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path, load = write_kernel(tmp_path)
    panel_kernel(path, "doubled", load)
    assert [kept.parent for kept in tmp_path.rglob("*.o")] == [tmp_path / "cache" / "quintile"]


@LINUX
@pytest.mark.parametrize("length", [0, 20, 500])
def test_damaged_code_is_made_anew(length: int, tmp_path: Path) -> None:
    path, load = write_kernel(tmp_path)
    panel_kernel(path, "doubled", load)
    (kept,) = tmp_path.rglob("*.o")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:length])
    panel_kernel.cache_clear()
    doubled = panel_kernel(path, "doubled", load)
    np.testing.assert_array_equal(doubled(np.ones((2, 3)), 1), np.full((2, 3), 2.0))
    assert hashlib.sha256(kept.read_bytes()[32:]).digest() == kept.read_bytes()[:32]


@pytest.mark.parametrize(("shape", "window"), [((2, 3), 0), ((2, 3), -5), ((6,), 2), ((1, 2, 3), 2)])
def test_what_a_kernel_would_not_stay_within_is_refused(shape: tuple[int, ...], window: int) -> None:
    means = panel_kernel(Path(trailing_kernels.__file__), "means", lambda: trailing_kernels)
    with pytest.raises(ValueError, match="means needs two axes and a window of at least 1"):
        means(np.ones(shape), window)


def test_without_compiling_the_kernel_is_called_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as uncompiled:
        uncompiled.setenv("NUMBA_DISABLE_JIT", "1")
        path, load = write_kernel(tmp_path)
        doubled = panel_kernel(path, "doubled", load)
        np.testing.assert_array_equal(doubled(np.ones((2, 3)), 1), np.full((2, 3), 2.0))
    numba.config.reload_config()  # the compiler remembers the switch, and kernels imported next would not be compiled
    assert not list(tmp_path.rglob("*.o"))
