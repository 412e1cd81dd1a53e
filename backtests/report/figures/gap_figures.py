"""Gap figures: the steps from one figure to the other, and the gap through time, by stage."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backtests.report.theme import BOOK_COLOURS, MARKET_COLOUR, blank_figure, line, plain

__all__ = ["path_figure", "steps_figure"]

DASHES = ("solid", "dash", "dot")
ROW = 34  # pixels


def steps_figure(names: Sequence[str], steps: Sequence[float], *, ends: tuple[str, str], form: str) -> go.Figure:
    """Draw a waterfall, from the first figure over each step to the last; a step down is orange.

    Parameters
    ----------
    names : sequence of str
        Of the steps.
    steps : sequence of float
        The first figure, then what each name adds to it.
    ends : tuple of str
        Names of the figure that is begun with and of the one that is reached.
    form : str
        d3 format of the numbers.
    """
    levels = np.cumsum(np.asarray(steps, dtype=float))
    begin, moved = levels[0], np.asarray(steps[1:], dtype=float)
    bases = [0.0, *levels[:-1], 0.0]
    heights = [begin, *moved, levels[-1]]
    tints = [BOOK_COLOURS[0] if step >= 0 else BOOK_COLOURS[1] for step in moved]
    figure = blank_figure(height=90 + ROW * len(heights))
    figure.add_trace(
        go.Bar(
            y=[plain(name) for name in (ends[0], *names, ends[1])],
            x=heights,
            base=bases,
            orientation="h",
            marker={"color": [MARKET_COLOUR, *tints, MARKET_COLOUR]},
            customdata=heights,
            hovertemplate=f"%{{customdata:{form}}}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": MARKET_COLOUR, "width": 1.2})
    figure.update_layout(hovermode="closest", showlegend=False, bargap=0.35)
    figure.update_xaxes(showgrid=True, tickformat=form, nticks=5, tickangle=0)
    return figure.update_yaxes(type="category", autorange="reversed", showgrid=False)


def path_figure(paths: pd.DataFrame) -> go.Figure:
    """Draw the summed difference of session returns, the whole in grey and a line a part.

    Parameters
    ----------
    paths : DataFrame of float, shape (n_sessions, n_parts)
        Summed up to each session; a part that is 0 throughout is not drawn.
    """
    figure = blank_figure(height=420, y_format=".1%")
    figure.add_trace(line(paths.sum(axis=1), name="whole gap", line={"color": MARKET_COLOUR, "width": 2.4}))
    moved = [name for name in paths if paths[name].abs().max() > 0.0]
    for place, name in enumerate(moved):
        colour, dash = BOOK_COLOURS[place % len(BOOK_COLOURS)], DASHES[place // len(BOOK_COLOURS) % len(DASHES)]
        style = {"color": colour, "width": 1.8, "dash": dash}
        figure.add_trace(line(paths[name], name=plain(str(name)), line=style))
    return figure
