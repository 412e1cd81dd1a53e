"""What a screen reader and a keyboard need and the theme leaves out, added to each page once it is written."""

from pathlib import Path

from sphinx.application import Sphinx

__all__ = ["accessible", "setup"]

ADDED = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages of the site">',
    '<aside class="toc-drawer no-toc">': '<aside class="toc-drawer no-toc" aria-label="Parts of the page">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="Parts of the page">',
    "<pre>": '<pre tabindex="0">',  # a block that scrolls can be reached
    "<th></th>": "<td></td>",  # the corner of a frame is no heading
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}


def accessible(page: str) -> str:
    """The page with what is missing; one that has it stays as it is."""
    for lacking, whole in ADDED.items():
        page = page.replace(lacking, whole)
    return page


def _mend(app: Sphinx, failed: Exception | None) -> None:
    for path in Path(app.outdir).rglob("*.html") if failed is None and app.builder.format == "html" else ():
        before = path.read_text(encoding="utf-8")
        after = accessible(before)
        if after != before:
            path.write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Enter the last step of a build."""
    app.connect("build-finished", _mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
