"""Directives of the reference: what the product says of itself, read when the site is built."""

from typing import Any, ClassVar

from docutils import nodes
from live_pages import command_page, settings_page
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

__all__ = ["setup"]


class CommandDirective(SphinxDirective):
    """``{command} forecast``: the help of a command and of those below it."""

    required_arguments = 1
    final_argument_whitespace = True
    page: ClassVar[Any] = staticmethod(lambda words: command_page(words.split()))

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown that the product says, and read the page again in every build."""
        self.env.note_reread()
        return self.parse_text_to_nodes(type(self).page(self.arguments[0]), allow_section_headings=True)


class SettingsDirective(CommandDirective):
    """``{settings} costs``: the keys of a section of a strategy."""

    page: ClassVar[Any] = staticmethod(settings_page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Enter the directives."""
    app.add_directive("command", CommandDirective)
    app.add_directive("settings", SettingsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
