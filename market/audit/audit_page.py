"""Audit page: one HTML file that works offline; every string from the data is escaped."""

from importlib import resources
from pathlib import Path

import pandas as pd

from core.files import require_new, write_text
from market.audit.audit import Audit
from market.audit.finding_kinds import KINDS

__all__ = ["PAGE_TITLE", "render_audit", "write_audit"]

PAGE_TITLE = "<title>Audit of "  # of the template

MAX_ROWS = 2_000
BARS = 240  # columns of the picture


def render_audit(audit: Audit) -> str:
    """Render the audit as one HTML page that loads nothing; tables are cut at 2,000 rows, and say so."""
    from jinja2 import Environment, StrictUndefined  # a run that asks only for suspicions draws no page

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        resources.files("market.audit").joinpath("page.html").read_text(encoding="utf-8")
    )
    return template.render(
        source=audit.source,
        summary=[
            (name, f"{value:,}" if isinstance(value, (int, float)) else value) for name, value in audit.summary.items()
        ],
        stamp=audit.survivorship.stamp,
        evidence=audit.survivorship.evidence,
        kinds=[(kind, int(count), KINDS[str(kind)]) for kind, count in audit.counts().items()],
        bars=_bars(audit.sessions["findings"]),
        tables=[
            _table("Findings", audit.findings.sort_values(["kind", "first", "ticker"])),
            _table("Sessions with findings", _worst(audit.sessions)),
            _table("Tickers with findings or gaps", _worst(audit.tickers)),
        ],
    )


def write_audit(audit: Audit, path: str | Path) -> None:
    """Write the page, whole or not at all; a file that is no such page is not replaced."""
    require_new(path, what="audit", ours=PAGE_TITLE)
    write_text(path, render_audit(audit))


def _worst(table: pd.DataFrame) -> pd.DataFrame:
    odd = table[(table["findings"] > 0) | (table["coverage"] < 1)]
    return odd.sort_values("findings", ascending=False, kind="stable").reset_index()


def _table(title: str, frame: pd.DataFrame) -> dict[str, object]:
    shown = frame.head(MAX_ROWS)
    rows = [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    return {"title": title, "columns": list(shown.columns), "rows": rows, "all": len(frame), "shown": len(shown)}


def _cell(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _bars(findings: pd.Series) -> list[dict[str, float | str]]:
    """Findings over time: equal spans of sessions as bars of a picture 720 wide and 90 high."""
    spans = [
        findings.iloc[place : place + max(len(findings) // BARS, 1)]
        for place in range(0, len(findings), max(len(findings) // BARS, 1))
    ]
    most = max(max((int(span.sum()) for span in spans), default=0), 1)
    width = 720 / max(len(spans), 1)
    return [
        {
            "x": round(place * width, 2),
            "h": round(90 * int(span.sum()) / most, 2),
            "w": round(width * 0.9, 2),
            "day": f"{span.index[0]:%Y-%m-%d}",
            "n": int(span.sum()),
        }
        for place, span in enumerate(spans)
    ]
