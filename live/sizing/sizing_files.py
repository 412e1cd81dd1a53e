"""Sizing files: a study as JSON and as a page, beside the decisions that it was made of."""

import hashlib
import re
from pathlib import Path
from typing import Any

from backtests.report.html_page import PAGE_MARK
from core.files import require_new, write_json, write_text
from live.sizing.sizing_page import render_sizing
from live.sizing.sizing_result import SizingStudy
from live.sizing.sizing_words import sentence

__all__ = ["study_json", "study_stem", "write_study"]


def write_study(study: SizingStudy, folder: Path, *, command: str = "") -> list[Path]:
    """Write ``<stem>.json`` and ``<stem>.html``; return the paths. The stem of other settings is another one."""
    stem = study_stem(study)
    table, page = folder / f"{stem}.json", folder / f"{stem}.html"
    require_new(page, what="page", ours=PAGE_MARK)
    write_json(table, study_json(study) | {"command": command})
    write_text(page, render_sizing(study, command=command))
    return [table, page]


def study_json(study: SizingStudy) -> dict[str, Any]:
    """Everything of a study as plain JSON values, its sentence first."""
    return {"sentence": sentence(study), **study.as_json()}


def study_stem(study: SizingStudy) -> str:
    """The book's name in letters that any file system takes, and a hash of book, test span and settings."""
    slug = re.sub(r"[^a-z0-9.]+", "-", study.book.lower()).strip("-.")
    told = "\n".join((study.book, study.conditions["test"], study.settings.model_dump_json()))
    return f"{slug}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
