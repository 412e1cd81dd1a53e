"""Links between docstrings: a type that has a place in the reference is linked, under whichever name it is said."""

import inspect
import pkgutil
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring

import quintile

__all__ = ["setup"]

INNER = ("core.", "market.", "signals.", "models.", "portfolio.", "backtests.", "strategy.", "quintile.")


def _home(target: str) -> str | None:
    """The public name behind ``Panel`` or ``market.panel.Panel``, and the error behind ``DataError``."""
    name = target.rpartition(".")[2]
    if name in quintile.__all__:
        return f"quintile.{name}"
    return f"quintile.errors.{name}" if name in quintile.errors.__all__ else None


def _is_there(target: str) -> bool:
    """Whether a dotted name of the packages behind the face leads to something."""
    if not target.startswith(INNER):
        return False
    try:
        pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


def resolve(app: Sphinx, env: Any, node: Any, words: nodes.Node) -> nodes.Node | None:
    """Link what is public; leave plain a type of another library, and a part of the house that has no page.

    What is neither is reported by Sphinx as a reference that leads nowhere.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    home = _home(target)
    if home is not None and home != target:
        domain = env.get_domain("py")
        found: nodes.Node | None = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, words)
        if found is not None:
            return found
    in_field = node.get("refspecific", False)  # the words of a docstring's type, such as "DataFrame of float"
    return words if in_field or _is_there(target) else None


def _whole_docstring(docstring: Any) -> tuple[str, list[str]]:
    """A property's docstring as it stands; napoleon would take what precedes a colon for its type."""
    return "", docstring._consume_to_end()


def shorten(*given: Any) -> tuple[str, None] | None:
    """Name a class with its parameters alone; their defaults stand in its docstring and in the settings."""
    _, what, _, item, _, signature, _ = given
    if what != "class" or not signature or issubclass(item, Exception):
        return None
    names = list(inspect.signature(item).parameters)
    return f"({', '.join(names)})", None


def setup(app: Sphinx) -> dict[str, bool]:
    """Enter both."""
    NumpyDocstring._consume_inline_attribute = _whole_docstring  # type: ignore[method-assign]
    app.connect("autodoc-process-signature", shorten)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
