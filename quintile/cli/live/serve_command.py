"""``quintile serve``: a frozen version's decisions and scores over HTTP."""

import json
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
    OwnUniverse,
    Quiet,
    Sectors,
    Verbose,
    Versions,
    told_options,
)
from quintile.cli.version_commands import find

if TYPE_CHECKING:
    from live.service.served_desk import ServedDesk
    from strategy.frozen.versions import VersionFolder

__all__ = ["SERVE_EXAMPLES", "serve_command"]

SERVE_EXAMPLES = """\b
Examples:
  quintile serve filter_negative@1.1.0
  quintile serve filter_negative@1.1.0 --bars us --port 8080
  QUINTILE_TOKEN=$(openssl rand -hex 32) quintile serve filter_negative@1.1.0 --bars us --host 0.0.0.0
  quintile serve filter_negative@1.1.0 --check-log

Then, from another terminal:
  curl http://127.0.0.1:8000/decide"""
FOLDER = "served"


def serve_command(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    bars: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A stored data set, followed to its newest commit, or bars as run takes them; the version's own by "
            "default.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with QUINTILE_TOKEN.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8000,
    universe: OwnUniverse = None,
    sectors: Sectors = None,
    hedge: Hedge = None,
    outside: Outside = None,
    exchange: ExchangeCode = None,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Serve although code has changed; stamps DRIFTED.")
    ] = False,
    check_log: Annotated[
        bool, typer.Option("--check-log", help="Check the request log and leave; exit 1 if it was edited.")
    ] = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Serve a version's decisions and scores over HTTP, each answer logged before it is given.

    It listens on this machine alone unless the environment variable QUINTILE_TOKEN holds a token, which every request
    then has to bear. A version that does not verify is refused.
    """
    from live.service.request_log import FILE, RequestLog
    from live.service.service_limits import ServiceLimits
    from live.service.service_metrics import ServiceMetrics
    from live.service.service_token import read_token, require_token
    from models.forecasters.forecast_extra import forecast_library

    folder = find(version, versions)
    home = out / FOLDER / f"{folder.version.name}-{folder.version.semver}"
    if check_log:
        _check_log(home / FILE, as_json=as_json)
    token = read_token()
    require_token(host, token)
    for library in ("fastapi", "uvicorn"):
        forecast_library(library, extra="serve")
    from live.service.service_app import served_app
    from live.service.service_server import bound_socket, serve_app

    with bound_socket(host, port) as made:
        told, hidden = told_options(context), quiet or as_json
        desk = _desk(folder, told, home=home, allow_drift=allow_drift, out=out, quiet=hidden)
        log, limits, metrics = RequestLog(home / FILE), ServiceLimits(), ServiceMetrics()
        try:
            app = served_app(desk, log, metrics=metrics, limits=limits, token=token)

            def listens(name: str, number: int) -> None:
                _tell(desk, name, number, log=log.path, token=token, shown=(as_json, quiet))

            serve_app(app, made, desk=desk, limits=limits, metrics=metrics, listens=listens)
        finally:
            desk.close()
            log.close()
    if not (quiet or as_json):
        print("stopped: every answer that was given is in the log")


def _desk(
    folder: "VersionFolder", told: dict[str, Any], *, home: Path, allow_drift: bool, out: Path, quiet: bool
) -> "ServedDesk":
    """The version, verified, with its book prepared."""
    from live.service.served_desk import ServedDesk
    from quintile.progress_display import progress_bars
    from strategy.frozen.run_version import open_frozen, run_request
    from strategy.frozen.versions import plain
    from strategy.trials.log import TrialLog

    frozen = open_frozen(folder, TrialLog(out), allow_drift=allow_drift)
    name = told.get("bars") or plain(folder.body["bars"])
    with progress_bars(quiet=quiet) as progress:
        return ServedDesk(
            frozen, lambda: run_request(folder, told_fields(told)), home=home, name=name, progress=progress
        )


def _tell(desk: "ServedDesk", host: str, port: int, *, log: Path, token: str | None, shown: tuple[bool, bool]) -> None:
    """Say what is served where, once it is."""
    as_json, quiet = shown
    book = desk.state.book
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    facts = {
        "version": str(book.frozen.folder.version),
        "lock": book.lock,
        "session": f"{book.session:%Y-%m-%d}",
        "address": address,
        "log": str(log),
    }
    if as_json:
        print(json.dumps(facts), flush=True)
    elif not quiet:
        asked = "every request needs the token" if token else "without a token, for this machine alone"
        print(f"{facts['version']}, lock {book.lock[:12]}, bars {book.bars['name']} to {facts['session']}")
        print("\n".join(f"{label}: {words}" for label, words in book.stamps), end="\n" if book.stamps else "")
        print(f"{address}  {asked}\nlog  {log}\nstop with Ctrl-C", flush=True)


def _check_log(path: Path, *, as_json: bool) -> None:
    """Hold a request log against its chain, say what is wrong, and leave."""
    from core.errors import RunError
    from live.service.request_log import log_entries, log_faults

    if not path.is_file():
        raise RunError(f"there is no request log {path}: name its folder of runs with --out")
    faults = list(log_faults(path))
    answers = sum(entry["kind"] == "answer" for entry in log_entries(path))
    if as_json:
        print(json.dumps({"log": str(path), "answers": answers, "faults": faults}, indent=2))
    else:
        print("\n".join(faults or [f"{path}: {answers:,} answers, nothing edited, nothing missing before the last"]))
    raise typer.Exit(1 if faults else 0)
