"""``quintile data``: named local data sets, from files or from Yahoo Finance, audited, versioned, repaired."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.audit_command import audit_command
from quintile.cli.options import (
    End,
    ExchangeCode,
    Json,
    PointInTime,
    Quiet,
    Start,
    Verbose,
    interruptible,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from market.store import Commit, DataFolder, Version

__all__ = ["add_data_commands"]

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A stored data set, e.g. us, or one of its versions, e.g. us@3f2a.")
]
Licence = Annotated[str, typer.Option(help="Licence of the bars, stored with them.")]
MAX_CHANGES = 20


def import_command(
    source: Annotated[Path, typer.Argument(metavar="FOLDER_OR_FILE", help="File or folder of bars.")],
    name: Annotated[str, typer.Option("--name", help="Name of the data set; an existing one gets a new version.")],
    licence: Licence = "not stated",
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Store bars from a file or folder as a named data set."""
    from market.store import import_bars

    before = _kept_exchange(name)
    with interruptible(f"nothing is half done, `quintile data info {name}` shows what is stored"):
        kept = import_bars(source, name=name, licence=licence, point_in_time=point_in_time, exchange=exchange)
    _print_kept(kept, before, as_json=as_json, quiet=quiet, verbose=verbose)


def update_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A stored data set.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="File of newer bars; without it, fetch them from Yahoo Finance."),
    ] = None,
    exchange: ExchangeCode = None,
    workers: Annotated[int, typer.Option(help="Batches fetched in parallel.")] = 4,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Append newer bars to a data set; restatements of earlier bars are reported, never mixed in."""
    from market.sources.fetch import FetchOptions, update_from_yahoo
    from market.store import update_bars
    from quintile.progress_display import progress_bars

    before = _kept_exchange(name)
    with interruptible(f"nothing is half done, `quintile data info {name}` shows what is stored"):
        if source is not None:
            kept = update_bars(source, name=name, exchange=exchange)
        else:
            with progress_bars(quiet=quiet or as_json) as progress:
                options = FetchOptions(workers=workers, exchange=exchange, progress=progress)
                kept = update_from_yahoo(name, options=options)
    _print_kept(kept, before, as_json=as_json, quiet=quiet, verbose=verbose)


def info_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A stored data set; without one, list all.")] = "",
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the content, source and versions of a data set."""
    from core.errors import SourceError
    from market.store import find_version, restore_manifest, store_home, stored_names

    if not name:
        _print_names(stored_names(), as_json=as_json)
        return
    _print_notes(restore_manifest(name))
    stored = find_version(name)
    if stored is None:
        known = ", ".join(stored_names()) or "none"
        raise SourceError(
            f"no data set {name} in {store_home()} (there: {known}): make one with `quintile data import`"
        )
    folder, version = stored
    _print_notes((*folder.damaged(), *folder.unlisted()))
    if as_json:
        print(json.dumps(version.model_dump(mode="json") | {"versions": folder.fingerprints}, indent=2))
    else:
        _print_version(folder, version, verbose=verbose)


def fetch_command(
    tickers: Annotated[Path, typer.Option("--tickers", metavar="FILE", help="Text file with one ticker per line.")],
    start: Start = None,
    end: End = None,
    name: Annotated[str, typer.Option("--name", help="Name of the data set.")] = "us",
    resume: Annotated[bool, typer.Option("--resume", help="Fetch only what is still missing.")] = False,
    exchange: ExchangeCode = None,
    workers: Annotated[int, typer.Option(help="Batches fetched in parallel.")] = 4,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fetch daily bars from Yahoo Finance and store them as a named data set."""
    from market.sources.fetch import FetchOptions, fetch, read_tickers
    from quintile.progress_display import progress_bars

    names = read_tickers(tickers)
    with (
        interruptible("what arrived is kept: go on with --resume"),
        progress_bars(quiet=quiet or as_json) as progress,
    ):
        options = FetchOptions(workers=workers, exchange=exchange, progress=progress)
        kept, fetched = fetch(names, name=name, start=start, end=end, resume=resume, options=options)
    missing = {"failed": fetched.failed, "ended_early": fetched.ended_early}
    _print_kept(kept, None, as_json=as_json, quiet=quiet, verbose=verbose, **missing)
    if not (quiet or as_json):
        _print_missing(**missing)
    if fetched.failed:
        print(f"{len(fetched.failed)} tickers failed: retry with --resume", file=sys.stderr)


def add_data_commands(app: typer.Typer) -> None:
    """Register ``quintile data`` with its examples."""
    named = (
        (
            "import",
            import_command,
            "quintile data import bars.parquet --name us\n  quintile data import folder_of_csv --name us --licence CC0",
        ),
        (
            "audit",
            audit_command,
            "quintile data audit us\n  quintile data audit bars.parquet --out a.html\n  quintile data audit us --fix",
        ),
        (
            "fetch",
            fetch_command,
            "quintile data fetch --tickers sp500.txt --start 1998-01-01 --name us\n  "
            "quintile data fetch --tickers sp500.txt --start 1998-01-01 --name us --resume --workers 2",
        ),
        ("info", info_command, "quintile data info\n  quintile data info us\n  quintile data info us@3f2a --json"),
        ("update", update_command, "quintile data update us\n  quintile data update us --from newer.parquet"),
    )
    data = typer.Typer(help="Named local data sets: import, fetch, update, audit.", no_args_is_help=True)
    for name, command, example in named:
        data.command(name, epilog=f"\b\nExamples:\n  {example}")(command)
    data.callback()(_data)
    app.add_typer(data, name="data")


def _data() -> None:
    """Named local data sets: import, fetch, update, audit."""


def _print_missing(failed: dict[str, str], ended_early: dict[str, str]) -> None:
    for ticker, reason in failed.items():
        print(f"  {ticker} failed: {reason}")
    for ticker, day in ended_early.items():
        print(f"  {ticker} ends on {day}: delisted, or the response was truncated")


def _kept_exchange(name: str) -> str | None:
    """The exchange of a data set as it stands; None without one that can be read."""
    from core.errors import SourceError
    from market.store import find_version

    try:
        stored = find_version(name)
    except SourceError:
        return None
    return None if stored is None else stored[1].exchange


def _print_notes(notes: "Sequence[str]") -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _print_kept(
    kept: "Commit", before: str | None, *, as_json: bool, quiet: bool, verbose: bool, **also: dict[str, str]
) -> None:
    version = kept.version
    _print_notes(kept.notes)
    if as_json:
        told = {"is_new": kept.is_new, "added": kept.added, "notes": kept.notes}
        print(json.dumps(version.model_dump(mode="json") | told | also, indent=2))
        return
    if quiet:
        return
    if not kept.is_new:
        print(f"{version.name}@{version.fingerprint[:12]}: nothing new")
        return
    first, last = version.span
    print(
        f"{version.name}@{version.fingerprint[:12]}: {version.kind}, {version.rows:,} rows of {version.tickers:,} "
        f"tickers, {first} to {last}; {kept.added:,} rows added"
    )
    changed = f"; {before} until now" if before not in (None, version.exchange) else ""
    if changed and version.provenance.exchange is None:
        changed += f", --exchange {before} keeps it"
    print(f"  sessions of {_exchange(version)}{changed}")
    _print_changes(version, verbose=verbose)


def _print_changes(version: "Version", *, verbose: bool) -> None:
    shown = version.changes if verbose else version.changes[:MAX_CHANGES]
    for change in shown:
        print(f"  {change}")
    if len(shown) < len(version.changes):
        print(f"  … {len(version.changes) - len(shown):,} more: --verbose shows all", file=sys.stderr)


def _print_names(names: tuple[str, ...], *, as_json: bool) -> None:
    from core.errors import SourceError
    from market.store import data_folder, store_home

    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            rows.append(_row(data_folder(name).find()))
        except SourceError as error:  # the others are none the worse
            _print_notes([str(error)])
    if as_json:
        print(json.dumps(rows, indent=2))
    elif rows:
        _print_table(rows)
    elif not names:
        print(f"no data sets in {store_home()}: make one with `quintile data import FILE --name us`")


def _print_version(folder: "DataFolder", version: "Version", *, verbose: bool) -> None:
    known = version.provenance
    facts = {
        "data set": f"{version.name}@{version.fingerprint[:12]}",
        "source": known.source,
        "adjustment": known.adjustment,
        "fetched": known.fetched_at,
        "licence": known.licence,
        "exchange": _exchange(version),
        "point in time": "declared" if known.point_in_time else "not declared",
        "rows": f"{version.rows:,} of {version.tickers:,} tickers, {version.span[0]} to {version.span[1]}",
        "fields": ", ".join(version.fields),
        "size": f"{version.size / 1e6:,.1f} MB in {sum(len(part.files) for part in version.parts)} files",
        "fingerprint": version.fingerprint,
        "panel": version.panel,
    }
    for fact, value in facts.items():
        print(f"{fact:<14} {value}")
    print()
    _print_table([_row(one) for one in folder.versions()])
    _print_changes(version, verbose=verbose)


def _exchange(version: "Version") -> str:
    """Whose sessions a version has, and why; one made before that was kept says nothing."""
    if version.exchange is None:
        return "inferred when loaded"
    return f"{version.exchange}, {version.exchange_reason}" if version.exchange_reason else version.exchange


def _row(version: "Version") -> dict[str, Any]:
    return {
        "version": f"{version.name}@{version.fingerprint[:12]}",
        "kind": version.kind,
        "made": version.made_at,
        "rows": version.rows,
        "tickers": version.tickers,
        "last": version.span[1],
        "changes": len(version.changes),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from quintile.cli.console import table

    if not rows:
        return
    table(
        "",
        list(rows[0]),
        [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.values()] for row in rows],
    )
