"""Figures of notebooks on the site: drawn by the reader's browser from the site's own plotly.js.

Kernels of the gallery begin with ``kernel_startup.py``. The library is the one that reports carry; it is copied once,
and loaded by the gallery's pages.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["prepare_kernels", "setup"]

LIBRARY = "plotly-cartesian.min.js"


def prepare_kernels(folder: Path) -> None:
    """Put the startup file below a folder, and let kernels of this process begin with it."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("kernel_startup.py"), startup / "00-figures.py")
    (folder / "profile_default" / "ipython_kernel_config.py").write_text('c.IPKernelApp.log_level = "ERROR"\n')
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    os.environ["IPYTHONDIR"] = str(folder)


def _add_library(app: Sphinx, page: str, *_: Any) -> None:
    """Load plotly.js on the pages of notebooks alone."""
    if page.startswith("notebooks/"):
        app.add_js_file(LIBRARY)


def setup(app: Sphinx) -> dict[str, bool]:
    """Enter the library."""
    app.connect("html-page-context", _add_library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
