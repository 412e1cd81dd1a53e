"""Settings of the documentation's site; ``make docs`` builds it, offline.

The sources are the repository as it lies: its root is the root of the site, so that a link that works in a checkout
works on the site. The pages at the root, the benchmarks' page and the notebooks are pages of the site too.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from kept_outputs import kept_outputs  # noqa: E402
from kernel_figures import prepare_kernels  # noqa: E402

project = "Quintile"
author = "the authors of Quintile"
html_title = "Quintile"
language = "en"

# --- what is a page ---

root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "benchmarks/README.md", "notebooks/*.ipynb", "notebooks/README.md"]
exclude_patterns = [
    ".*",
    "backtests",
    "build",
    "core",
    "data",
    "dist",
    "forecasts",
    "market",
    "models",
    "portfolio",
    "quintile",
    "runs",
    "signals",
    "strategy",
    "tests",
    "benchmarks/.*",
    "benchmarks/*/**",
    "docs/_*",
    "**/.ipynb_checkpoints",
    "**/__pycache__",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "accessible_pages",
    "kernel_figures",
    "live_reference",
    "public_names",
]
suppress_warnings: list[str] = []
nitpicky = True

# --- Markdown ---

myst_heading_anchors = 4  # as in a checkout: lower case, joined by hyphens
myst_enable_extensions = ["colon_fence"]

# --- docstrings ---

autodoc_typehints = "none"  # the docstring says what a type cannot
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

# --- notebooks ---

# Outputs are kept for as long as neither the notebook nor the code below it changes. A cell that fails fails the build.
BUILT = Path(os.environ.get("QUINTILE_SITE", ROOT / "build" / "docs"))
nb_execution_mode = os.environ.get("QUINTILE_NOTEBOOKS", "cache")
nb_execution_cache_path = str(kept_outputs(ROOT, BUILT / "notebooks"))
nb_execution_timeout = 600
nb_execution_show_tb = True  # and the warning fails the build
nb_execution_in_temp = True
nb_merge_streams = True
prepare_kernels(BUILT / "ipython")

# --- the page ---

html_theme = "furo"
html_static_path = ["_static", "../backtests/report/vendor/plotly-cartesian.min.js"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_additional_pages = {"index": "redirect.html"}  # the site's first page lies where it lies in the repository
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
