"""What a kernel of the gallery begins with: plotly's figures are shown as a division and JSON.

The page has loaded plotly.js by itself; nothing is asked of a network.
"""

import html
import itertools
import json
from typing import Any

from IPython import get_ipython
from IPython.display import display

_numbers = itertools.count()


def _division(figure: Any) -> str:
    told = json.loads(figure.to_json())
    layout = {**told["layout"], "autosize": True}
    layout.pop("width", None)
    drawn = json.dumps([told["data"], layout]).replace("</", "<\\/")
    title = (layout.get("title") or {}).get("text") or "figure"
    name, height = f"figure-{next(_numbers)}", layout.get("height") or 450
    label = f'role="figure" aria-label="{html.escape(title)}"'
    return (
        f'<div id="{name}" class="figure" {label} style="height:{height}px"></div>'
        f'<script>window.addEventListener("load", () => Plotly.newPlot("{name}", ...{drawn}, {{responsive: true}}));'
        "</script>"
    )


def _show(figure: Any) -> None:
    display({"text/plain": "a figure", "text/html": _division(figure)}, raw=True)


shell: Any = get_ipython()
shell.display_formatter.ipython_display_formatter.for_type_by_name("plotly.graph_objs._figure", "Figure", _show)
