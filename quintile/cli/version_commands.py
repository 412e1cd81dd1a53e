"""Frozen strategies: ``freeze``, ``versions``, ``verify``, ``replay``, ``diff``, ``holdout open``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import told_fields
from quintile.cli.options import (
    ExchangeCode,
    Hedge,
    Json,
    Out,
    Outside,
    Quiet,
    Verbose,
    Versions,
    command_line,
    print_rows,
    run_store,
    show_run,
    versions_folder,
)
from quintile.cli.trials_command import trials_command
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from market.inputs import Inputs
    from market.request import BarsRequest
    from strategy.frozen.versions import VersionFolder
    from strategy.runs.store import RunStore

__all__ = ["Versions", "add_versioning_commands", "find", "told_request", "versions_folder"]

Which = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")]
Bars = Annotated[
    str | None, typer.Option("--bars", metavar="PATH", help="Bars of the version, where it does not hold them.")
]


def freeze_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, its first characters, or latest.")],
    as_: Annotated[str, typer.Option("--as", metavar="NAME@VERSION", help="Name and number of the version.")],
    with_bars: Annotated[bool, typer.Option("--with-bars", help="Store the bars in the version.")] = False,
    notes: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file to store as notes.md.")] = None,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Freeze a finished run as a version: spec, weights and expected numbers, locked by their hashes."""
    from quintile.progress_display import progress_bars
    from strategy.frozen.freeze import FreezeOptions, freeze
    from strategy.frozen.versions import Version

    store, text = run_store(out), None if notes is None else _notes(notes)
    with progress_bars(quiet=quiet or as_json) as progress:
        options = FreezeOptions(versions=versions_folder(versions), with_bars=with_bars, notes=text, progress=progress)
        made = freeze(store.find(run), Version.parse(as_), store=store, options=options)
    facts = {"version": str(made.version), "sha256": made.sha256, "path": str(made.path)}
    print(json.dumps(facts) if as_json else f"froze {made.version}, lock {made.sha256}\n{made.path}")


def _notes(path: Path) -> str:
    """The notes that go into a version."""
    from core.bounded_text import MAX_TOML_BYTES
    from core.files import read_bounded

    try:
        return read_bounded(path, MAX_TOML_BYTES).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"--notes {path} is no UTF-8 text: give a text file") from error


def versions_command(
    versions: Versions = None,
    definition: Annotated[
        Path | None,
        typer.Option(
            "--definition", metavar="FILE", help="Write the definition of the newest version, with the history of all."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List all frozen versions."""
    from strategy.frozen.versions import list_versions

    folder = versions_folder(versions)
    if definition is not None:
        from core.files import require_new, write_text
        from strategy.definitions.render import MARK
        from strategy.frozen.history import render_newest

        require_new(definition, what="--definition", ours=MARK)
        write_text(definition, render_newest(folder))
    rows = [_version_row(each) for each in list_versions(folder)]
    empty = "no versions: freeze a finished run with `quintile freeze RUN --as NAME@1.0.0`"
    print_rows(rows, empty=empty, without=(), as_json=as_json, quiet=quiet)


def verify_command(
    version: Which,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Verify the files of a version, and its code and libraries against this installation.

    Exit 0 if nothing changed, or a replay with this code and these libraries gave the same numbers; 1 if the version is
    damaged; 3 if code or libraries changed: replay it. What only comments, documents or formats is no change.
    """
    from strategy.frozen.logged_lock import another_lock
    from strategy.frozen.verify import verify
    from strategy.trials.log import TrialLog

    folder = find(version, versions)
    verification = verify(folder)
    if verification.is_intact and (rewritten := another_lock(folder, TrialLog(out))) is not None:
        verification = replace(verification, damage=(rewritten,))
    if as_json:
        facts = {
            "intact": verification.is_intact,
            "answer": verification.answer,
            "damage": verification.damage,
            "changes": verification.changes,
            "notes": verification.notes,
            "code": verification.code,
            "attestation": _attestation(verification.attestation),
        }
        print(json.dumps(facts | {"sha256": verification.sha256}, indent=2))
    else:
        print(verification)
    raise typer.Exit(verification.exit_code)


def replay_command(
    version: Which,
    bars: Bars = None,
    universe: Annotated[str | None, typer.Option(help="Universe of --bars.")] = None,
    exchange: ExchangeCode = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Also retrain from the seed and compare.")] = False,
    n_threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads; those of the version by default.")
    ] = None,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Replay a version from its weights, compare every stage; exit 0 for the same numbers, else 1.

    The same numbers are attested beside the version's folder, for verify; other numbers withdraw an attestation.
    """
    from market.inputs import load_inputs
    from quintile.progress_display import progress_bars
    from strategy.frozen import replay as replaying
    from strategy.trials.log import TrialLog

    folder = find(version, versions)
    replaying.intact_body(folder)
    panel = None
    if bars is not None or universe is not None:
        request = told_request(folder, bars, universe=universe, exchange=exchange)
        panel = load_inputs(request, holdout=replaying.frozen_spec(folder).holdout).panel
    with progress_bars(quiet=quiet or as_json) as progress:
        found = replaying.replay(folder, panel=panel, n_threads=n_threads, progress=progress)
        if out.is_dir():
            found = replaying.against_log(folder, found, TrialLog(out))
        replayed = replaying.attest(folder, found, bars_given=panel is not None)
        retrained = replaying.retrain(folder, panel=panel, progress=progress) if retrain else None
    replayed = replaying.logged(folder, replayed, TrialLog(out)) if out.is_dir() else replayed
    lines = str(replayed).splitlines() + ([] if retrained is None else _retraining_lines(retrained))
    facts = {
        "same": replayed.same,
        "exact": replayed.exact,
        "difference": str(replayed.difference or ""),
        "notes": replayed.notes,
        "attestation": _attestation(replayed.attestation),
        "words": lines,
    }
    print(json.dumps(facts, indent=2) if as_json else "\n".join(lines))
    raise typer.Exit(0 if replayed.same else 1)


def diff_command(
    left: Which,
    right: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="Another version.")],
    versions: Versions = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare two versions: spec, code, data, dependencies, metrics."""
    from quintile.cli.console import table
    from strategy.frozen.difference import difference

    a, b = find(left, versions), find(right, versions)
    rows = difference(a, b)
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        table("", ["", "", str(a.version), str(b.version)], [_short(row) for row in rows])


def open_command(
    version: Which,
    bars: Bars = None,
    universe: Annotated[str | None, typer.Option(help="Universe of --bars.")] = None,
    exchange: ExchangeCode = None,
    hedge: Hedge = None,
    outside: Outside = None,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Run although code has changed; stamps DRIFTED.")
    ] = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Open a version's sealed hold-out, once, and evaluate the version on it; the opening is logged first."""
    from core.errors import DataError, RunError
    from market.inputs import load_inputs
    from strategy.frozen.run_version import log_opening
    from strategy.trials.log import TrialLog

    folder = find(version, versions)
    sealed = "the hold-out stays sealed: "
    beside: dict[str, Any] = {"universe": universe, "hedge": hedge, "exchange": exchange, "outside": outside}
    request = told_request(folder, bars, purpose=sealed, **beside)
    try:
        inputs = load_inputs(replace(request, end=None))  # the version's last date does not cut what came after it
    except (DataError, ValueError) as error:
        raise RunError(f"{sealed}{error}") from error
    frozen = log_opening(folder, TrialLog(out), panel=inputs.panel, allow_drift=allow_drift)
    shown = {"quiet": quiet or as_json, "as_json": as_json, "verbose": verbose}
    _run_frozen(frozen, inputs, request, store=run_store(out), **shown)


def _run_frozen(
    frozen: Any,
    inputs: "Inputs",
    request: "BarsRequest",
    *,
    store: "RunStore",
    quiet: bool,
    **shown: bool,
) -> None:
    """Run a version on bars, and record what loads them again."""
    from quintile.progress_display import progress_bars
    from strategy.frozen.run_version import run_version
    from strategy.runs.context import RunContext

    with progress_bars(quiet=quiet) as progress:
        context = RunContext(store=store, request=request, command=command_line(), progress=progress)
        made = run_version(frozen, inputs, context=context)
    redraw_board(store.root)
    show_run(made.folder, **shown)


def run_frozen_command(
    version: str, told: dict[str, Any], *, versions: Path | None, allow_drift: bool, store: "RunStore", **shown: bool
) -> None:
    """Run a frozen version on bars, for ``quintile run NAME@VERSION``: on its own, or on those that were told."""
    from market.inputs import Inputs, load_inputs
    from strategy.frozen.own_request import embedded_request
    from strategy.frozen.replay import version_bars
    from strategy.frozen.run_version import open_frozen, run_request
    from strategy.trials.log import TrialLog

    folder = find(version, versions)
    request = run_request(folder, told)
    frozen = open_frozen(folder, TrialLog(store.root), allow_drift=allow_drift)
    if request is None:
        inputs, request = Inputs(panel=version_bars(folder, folder.body)), embedded_request(folder)
    else:
        inputs = load_inputs(request, holdout=frozen.spec.holdout)
    _run_frozen(frozen, inputs, request, store=store, **shown)


def find(text: str, versions: Path | None) -> "VersionFolder":
    """A version by name and number, or by the folder that holds it."""
    from strategy.frozen.versions import LOCK, Version, VersionFolder, find_version

    folder = Path(text)
    if "@" not in text and (folder / LOCK).exists():
        resolved = folder.absolute()
        return VersionFolder(resolved, Version.parse(f"{resolved.parent.name}@{resolved.name}"))
    return find_version(text, versions_folder(versions))


def told_request(folder: "VersionFolder", bars: str | None, *, purpose: str = "", **beside: Any) -> "BarsRequest":
    """A request for the bars that were told or the built-in market, cut as the version's were.

    ``beside`` may hold ``universe``, ``hedge``, ``exchange`` and ``outside``, as the options of a command do.
    """
    from strategy.frozen.own_request import version_request

    return version_request(folder, told_fields({"bars": bars, **beside}), purpose=purpose)


def add_versioning_commands(app: typer.Typer) -> None:
    """Register the commands with their examples."""
    named = (
        ("freeze", freeze_command, "quintile freeze latest --as filter_negative@1.0.0 --notes notes.md"),
        ("versions", versions_command, "quintile versions --json"),
        ("verify", verify_command, "quintile verify filter_negative@1.0.0"),
        ("replay", replay_command, "quintile replay filter_negative@1.0.0 --retrain"),
        ("diff", diff_command, "quintile diff filter_negative@1.0.0 filter_negative@1.1.0"),
        ("trials", trials_command, "quintile trials --check"),
    )
    for name, command, example in named:
        app.command(name, epilog=f"\b\nExamples:\n  {example}")(command)
    holdout = typer.Typer(help="The sealed hold-out of a version.", no_args_is_help=True)
    holdout.command("open", epilog="\b\nExamples:\n  quintile holdout open filter_negative@1.0.0")(open_command)
    holdout.callback()(_holdout)
    app.add_typer(holdout, name="holdout")


def _holdout() -> None:
    """The sealed hold-out of a version."""


def _version_row(folder: "VersionFolder") -> dict[str, Any]:
    from strategy.frozen.versions import plain, read_lock

    row = dict.fromkeys(("version", "frozen", "Sharpe, net", "verdict", "lock")) | {"version": str(folder.version)}
    try:
        body = read_lock(folder.path)
    except (ValueError, OSError) as error:
        return row | {"verdict": plain(error)}
    sharpe = body["figures"]["sharpe_net"]
    return row | {
        "frozen": body["frozen"][:10],
        "Sharpe, net": None if sharpe is None else round(sharpe, 3),
        "verdict": body["headline"]["verdict"],
        "lock": folder.sha256[:12],
    }


def _attestation(attestation: Any) -> dict[str, Any] | None:
    return None if attestation is None else attestation.body


def _retraining_lines(retrained: Any) -> list[str]:
    return [
        f"retrained: rank IC {retrained.rank_ic:+.4f}, frozen {retrained.frozen_rank_ic:+.4f}",
        f"scores correlate {retrained.correlation:.4f}, "
        f"decided weights differ by {retrained.weight_distance:.2%} of equity",
    ]


def _short(row: Any) -> list[str]:
    return [row.section, row.key, row.left[:24], row.right[:24]]
