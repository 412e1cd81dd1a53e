"""Machine code: panel kernels that run without the compiler.

numba takes most of a second to start, even when it only loads its cache. A *panel kernel*,
``kernel(values, window, spare, result)`` in loops, allocates nothing and cannot fail, so its machine code needs nothing
around it. numba compiles it once; the code is cached beside the kernel's source, or in the user's cache, under a name
made of the source, the processor and the compiler. From then on llvmlite links it and ctypes calls it, without the
interpreter's lock.

Where that cannot be (another system than Linux, a kernel that allocates, ``NUMBA_DISABLE_JIT``, ``NUMBA_BOUNDSCHECK``)
the kernel is called as it is, compiled by numba or not at all. All give the same bits.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from core.files import write_bytes

__all__ = ["TILE", "panel_kernel"]

Floats = NDArray[np.float64]
PanelKernel = Callable[[Floats, int], Floats]

TILE = 1024  # sessions whose windows a kernel combines together: they stay in the first cache
ENTRY = "panel_kernel"
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_ssize_t] * 3, *[ctypes.c_void_p] * 2)
SWITCHES = ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK")
DIGEST = 32  # bytes
MATHEMATICS = ("sqrt",)  # what a processor lacks and the system has
_linking = Lock()
_engines: list[Any] = []  # they own the code that they linked


@cache
def panel_kernel(source: Path, name: str, load: Callable[[], ModuleType]) -> PanelKernel:
    """Link a kernel, compiled at the first use, ready to be called.

    Parameters
    ----------
    source : Path
        File of the kernel.
    name : str
        Its name there: a kernel decorated by ``core.compilation.compiled`` that takes ``values`` and ``result`` of
        shape (n_tickers, n_sessions), the ``window`` between them, and ``spare`` of shape (2, ``TILE`` + window).
    load : callable
        Imports that file as a module; called only to compile.

    Returns
    -------
    callable
        Takes values and window and returns the filled result. Refuses, with a ValueError, a window below 1 and values
        that have not two axes: nothing in the kernel looks at bounds.
    """
    fill = _linked(source, name, load) or getattr(load(), name)

    def computed(values: Floats, window: int) -> Floats:
        if values.ndim != 2 or window < 1:
            raise ValueError(f"{name} needs two axes and a window of at least 1, had {values.ndim} and {window}")
        given, result = np.ascontiguousarray(values, dtype=np.float64), np.empty(values.shape)
        fill(given, window, np.empty((2, TILE + window)), result)
        return result

    return computed


def _linked(source: Path, name: str, load: Callable[[], ModuleType]) -> Callable[..., None] | None:
    """Link the machine code, compiled at the first use; None where there can be none."""
    if sys.platform != "linux" or any(os.environ.get(switch, "0") != "0" for switch in SWITCHES):
        return None
    with _linking:
        machine, path = _this_machine(), _cache_path(source, name)
        code = _cached(path)
        if code is None:
            code = _compiled(getattr(load(), name), machine)
            if code is None:
                return None
            _write_cache(code, path)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        _engines.append(engine)
    function = SIGNATURE(engine.get_function_address(ENTRY))

    def fill(values: Floats, window: int, spare: Floats, result: Floats) -> None:
        function(values.ctypes.data, *values.shape, window, spare.ctypes.data, result.ctypes.data)

    return fill


def _this_machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    cpu = llvm.get_host_cpu_name()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="default", codemodel="jitdefault")


def _cache_path(source: Path, name: str) -> Path:
    """Path of the cached machine code; anything that could change the code changes the path."""
    processor = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    build = (name, processor, version("numba"), version("llvmlite"))
    sources = (source, Path(__file__), Path(__file__).with_name("compilation.py"))
    facts = [*(each.read_bytes() for each in sources), *map(str.encode, build)]
    key = hashlib.sha256(b"\0".join(facts)).hexdigest()[:24]
    return _folder(source) / f"{source.stem}.{name}-{key}.o"


def _folder(source: Path) -> Path:
    """Folder beside a source; the user's cache where that belongs to somebody else."""
    home, cache = os.environ.get("HOME"), os.environ.get("XDG_CACHE_HOME")
    if os.access(source.parent, os.W_OK) or not (home or cache):
        return source.parent / "__pycache__"
    return Path(cache or f"{home}/.cache") / "quintile"


def _cached(path: Path) -> bytes | None:
    """Read cached machine code; None unless it is whole: its sha256 stands before it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:DIGEST], content[DIGEST:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write_cache(code: bytes, path: Path) -> None:
    with suppress(OSError):  # where nothing can be written it is compiled again
        write_bytes(path, hashlib.sha256(code).digest() + code)


def _compiled(kernel: Callable[..., None], machine: llvm.TargetMachine) -> bytes | None:
    """Compile a kernel to machine code; None if it needs something around it."""
    code = llvm.parse_assembly(_assembly(kernel))
    for function in code.functions:
        if not function.is_declaration and function.name != ENTRY:
            function.linkage = "internal"  # so that unreachable code, the raising of errors, can be dropped
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(code, passes)
    needed = [function.name for function in code.functions if function.is_declaration]
    if any(not name.startswith("llvm.") and name not in MATHEMATICS for name in needed):
        return None
    emitted: bytes = machine.emit_object(code)
    return emitted


def _assembly(kernel: Callable[..., None]) -> str:
    """LLVM's assembly of a kernel under the name ``ENTRY``, with the arguments of ``SIGNATURE``."""
    from numba import carray, cfunc  # type: ignore[attr-defined]

    tile = TILE

    @cfunc("void(CPointer(double), intp, intp, intp, CPointer(double), CPointer(double))")
    def entry(values, tickers, sessions, window, spare, result):  # type: ignore[no-untyped-def]
        shape = (tickers, sessions)
        kernel(carray(values, shape), window, carray(spare, (2, tile + window)), carray(result, shape))

    text: str = entry.inspect_llvm()
    return text.replace(entry.native_name, ENTRY)
