"""``quintile data audit``: findings, one HTML page, and with ``--fix`` repaired bars beside those that were given."""

import json
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.options import ExchangeCode, Json, Quiet, Verbose, interruptible

if TYPE_CHECKING:
    from market.audit import Audit, Audited
    from market.store import Change, DataFolder, Version

__all__ = ["audit_command"]

MAX_CHANGES = 20
MAX_PLACES = 3
WIDTH = 80


def audit_command(
    source: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A stored data set, or bars in a file or folder.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="Path of the HTML page.")] = None,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Write a new version, or of a file FILE-fixed.parquet, without certain errors."),
    ] = False,
    exchange: ExchangeCode = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Audit bars for errors: findings, tables and one HTML page; nothing is changed in place."""
    from market.audit import audit_source, write_audit
    from market.store import find_version

    stored = find_version(source)
    page = Path(f"audit-{Path(source).stem}.html") if out is None else out
    _require_page(page, source)
    target = _target(source, stored) if fix else None
    with interruptible("bars and data sets are as they were"):
        audited = audit_source(source, exchange=exchange)
        write_audit(audited.audit, page)
    facts: dict[str, Any] = {"path": str(page), "findings": audited.audit.counts().to_dict()}
    if not (quiet or as_json):
        _print_audit(audited)
        print(page)
    if fix:
        with interruptible("nothing is half done: repeat the audit"):
            facts["fix"] = _fix(audited, stored, target)
        if not (quiet or as_json):
            _print_fix(facts["fix"], verbose=verbose)
    if as_json:
        print(json.dumps(facts, indent=2))


def _require_page(page: Path, source: str) -> None:
    from core.files import require_apart, require_new
    from market.audit.audit_page import PAGE_TITLE

    if page.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out is an HTML page, was {page}: give it a name that ends in .html")
    require_apart(page, source, what="--out")
    require_new(page, what="--out", ours=PAGE_TITLE)


def _target(source: str, stored: "tuple[DataFolder, Version] | None") -> Path | None:
    """File that a fix of a file or folder writes, which must not be there; None for a stored data set, if newest."""
    from core.errors import SourceError

    if stored is None:
        target = Path(f"{Path(source).stem}-fixed.parquet")
        if target.exists():
            raise SourceError(f"{target} is there already: move or remove it, then --fix again")
        return target
    folder, version = stored
    if version.fingerprint != folder.fingerprints[-1]:
        raise SourceError(
            f"{source} is not the newest version of {version.name}, and a fix of it would lose what came after: "
            f"audit {version.name}"
        )
    return None


def _fix(audited: "Audited", stored: "tuple[DataFolder, Version] | None", target: Path | None) -> dict[str, Any]:
    """Write what a fix leaves of the rows, and say where, what was done, and what was not and why."""
    from market.audit import fixed_rows, left_alone, write_rows
    from market.store import commit_repair, read_rows

    rows, changes = fixed_rows(audited, audited.rows if stored is None else read_rows(*stored))
    written = None
    if stored is not None:
        kept = commit_repair(stored[0], rows, changes, of=stored[1])
        written = f"{kept.version.name}@{kept.version.fingerprint[:12]}" if kept.is_new else None
    elif changes and target is not None:
        write_rows(rows, target)
        written = str(target)
    return {
        "written": written,
        "rows": len(rows.dates),
        "changes": [_change(change) for change in changes],
        "left": [{"kind": kind, "findings": n, "why": why} for kind, (n, why) in left_alone(audited).items()],
    }


def _change(change: "Change") -> dict[str, Any]:
    return {name: value for name, value in change.model_dump(mode="json").items() if value not in ("", None)} | {
        "told": str(change)
    }


def _print_audit(audited: "Audited") -> None:
    from market.audit import KINDS

    audit = audited.audit
    for fact, value in audit.summary.items():
        print(f"{fact:<16} {value:,}" if isinstance(value, int) else f"{fact:<16} {value}")
    _print_wrapped(f"{'survivorship':<17}", f"{audit.survivorship.stamp}: {audit.survivorship.evidence}")
    n = len(audit.findings)
    print(f"\n{n:,} finding{'' if n == 1 else 's'}")
    for kind, count in audit.counts().items():
        if count:
            _print_wrapped(f"{count:>7,}  {kind:<18}", f"{KINDS[str(kind)]}: {_places(audit, str(kind))}")


def _places(audit: "Audit", kind: str) -> str:
    """The first places of a kind: ticker, where it has one, and session."""
    found = audit.findings[audit.findings["kind"] == kind]
    told = [f"{row.ticker} {row.first:%Y-%m-%d}".strip() for row in found.head(MAX_PLACES).itertuples()]
    return ", ".join(told) + (", …" if len(found) > MAX_PLACES else "")


def _print_fix(fix: dict[str, Any], *, verbose: bool) -> None:
    changes, shown = fix["changes"], None if verbose else MAX_CHANGES
    print(f"fixed: {fix['written']}, {fix['rows']:,} rows" if fix["written"] else "nothing to fix: nothing is written")
    for change in changes[:shown]:
        print(f"  {_plain(change['told'])}")
    if shown is not None and len(changes) > shown:
        print(f"  … {len(changes) - shown:,} more changes: --verbose shows all")
    if fix["left"]:
        print("left as they are")
    for left in fix["left"]:
        _print_wrapped(f"{left['findings']:>7,}  {left['kind']:<18}", left["why"])


def _print_wrapped(head: str, text: str) -> None:
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    print(
        textwrap.fill(
            _plain(text), width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
        )
    )


def _plain(text: str) -> str:
    """Text from the data without what a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
