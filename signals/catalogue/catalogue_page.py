"""Catalogue page: one HTML file that works offline; every string from the data is escaped."""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined

from core.files import require_new, write_text
from signals.catalogue.feature_measures import Catalogue

__all__ = ["PAGE_TITLE", "render_catalogue", "write_catalogue"]

PAGE_TITLE = "<title>Features "  # of the template

WIDTH = 240  # of an interval's picture
ROW = 16  # height of a feature in the tree
DEPTH = 420  # width of the tree


def write_catalogue(catalogue: Catalogue, path: str | Path) -> None:
    """Write the page, whole or not at all; a file that is no such page is not replaced."""
    require_new(path, what="catalogue", ours=PAGE_TITLE)
    write_text(path, render_catalogue(catalogue))


def render_catalogue(catalogue: Catalogue) -> str:
    """Render the catalogue as one HTML page that loads nothing."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        resources.files("signals.catalogue").joinpath("page.html").read_text(encoding="utf-8")
    )
    measured = catalogue.table
    reach = float(np.nanmax(np.abs(measured[["rank_ic", "low", "high"]].to_numpy()), initial=1e-9))
    return template.render(
        feature_set=catalogue.feature_set,
        synthetic=catalogue.synthetic,
        facts=list(catalogue.facts.items()),
        sentence=catalogue.sentence,
        reach=f"{reach:.3f}",
        groups=[
            (group, [_row(str(name), row, reach) for name, row in members.iterrows()])
            for group, members in measured.groupby("group", sort=False)
        ],
        clusters=_clusters(measured),
        duplicates=[
            (pair["feature"], pair["other"], f"{pair['correlation']:+.4f}")
            for _, pair in catalogue.duplicates.iterrows()
        ],
        tree=_tree(catalogue),
        width=WIDTH,
    )


def _row(name: str, row: pd.Series, reach: float) -> dict[str, Any]:
    known = not np.isnan(row["rank_ic"])
    return {
        "name": name,
        "definition": row["definition"],
        "warm_up": int(row["warm_up"]),
        "coverage": f"{row['coverage']:.1%}",
        "ic": f"{row['rank_ic']:+.4f}" if known else "–",
        "t": f"{row['t_hac']:+.1f}" if not np.isnan(row["t_hac"]) else "–",
        "n": f"{int(row['n_sessions']):,}",
        "cluster": int(row["cluster"]),
        "near": "–" if pd.isna(row["nearest"]) else f"{row['nearest']} {row['correlation']:+.2f}",
        "same_as": "" if pd.isna(row["same_as"]) else row["same_as"],
        "line": _interval(row, reach) if known else None,
    }


def _interval(row: pd.Series, reach: float) -> dict[str, float | bool]:
    """An IC and its bounds as places in a picture whose middle is 0."""
    low, mean, high = (_place(row[key], reach) for key in ("low", "rank_ic", "high"))
    bounded = not (np.isnan(low) or np.isnan(high))
    return {
        "low": low if bounded else mean,
        "mean": mean,
        "high": high if bounded else mean,
        "tells": bool(row["low"] > 0 or row["high"] < 0),
    }


def _place(value: float, reach: float) -> float:
    return round(WIDTH / 2 + 0.48 * WIDTH * float(value) / reach, 1)


def _clusters(measured: pd.DataFrame) -> list[tuple[int, list[str]]]:
    """Clusters of more than one feature."""
    labels = measured["cluster"]
    members = [(label, [str(name) for name in labels.index[labels == label]]) for label in sorted(set(labels))]
    return [(int(label), names) for label, names in members if len(names) > 1]


def _tree(catalogue: Catalogue) -> dict[str, Any]:
    """Names from top to bottom and the joints as lines, height zero at the names."""
    order, joints = catalogue.tree
    names = [(str(catalogue.table.index[place]), ROW * row + 12) for row, place in enumerate(order)]
    highest = max((max(heights) for _, heights in joints), default=1.0) or 1.0
    lines = [
        " ".join(
            f"{DEPTH - DEPTH * height / highest:.1f},{ROW * place + 8:.1f}"
            for place, height in zip(places, heights, strict=True)
        )
        for places, heights in joints
    ]
    return {"names": names, "lines": lines, "depth": DEPTH, "height": ROW * len(names) + 8}
