"""``quintile monitor``: how a frozen version does on sessions that it had not seen."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.options import (
    AllowDrift,
    ExchangeCode,
    Hedge,
    Json,
    Open,
    Out,
    Outside,
    OwnUniverse,
    Quiet,
    Verbose,
    Versions,
    command_line,
    interruptible,
    run_store,
    versions_folder,
)

if TYPE_CHECKING:
    from backtests.report.monitor.monitored_version import MonitoredVersion

__all__ = ["MONITOR_EXAMPLES", "monitor_command"]

MONITOR_EXAMPLES = """\b
Examples:
  quintile monitor filter_negative@1.1.0 --bars latest              # the data set that was stored last
  quintile monitor filter_negative@1.1.0 --bars us --json --quiet   # the newest version of the data set us
  quintile monitor quintile_long_short@1.0.0 --bars builtin+250     # the built-in market and 250 sessions more
  quintile monitor quintile_long_short@1.0.0 --bars builtin+250,planted_ic=0 --record monitor.jsonl

Exit codes for cron: 0 HOLDING or too early, 4 WATCH, 5 BROKEN, 1 an error."""


def monitor_command(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    bars: Annotated[
        str,
        typer.Option(
            metavar="latest|NAME|FILE",
            help="Bars with sessions after the freeze: latest is the data set stored last; builtin+N continues the "
            "built-in market.",
        ),
    ] = "latest",
    universe: OwnUniverse = None,
    hedge: Hedge = None,
    outside: Outside = None,
    exchange: ExchangeCode = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append the JSON line to this file, which only grows.")
    ] = None,
    allow_drift: AllowDrift = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Watch a version on sessions it had not seen: rank IC with an always-valid range, calibration, drift, the book.

    HOLDING, TOO EARLY, WATCH or BROKEN by a written rule (docs/monitor.md). No trial is counted: nothing is chosen.
    """
    from backtests.report.html_page import PAGE_MARK
    from backtests.report.monitor.monitor_page import monitor_page
    from core.files import require_new, write_text
    from live.monitor.watched_version import monitor_version
    from live.record_lines import append_record
    from quintile.cli.version_commands import find
    from quintile.later_inputs import later_inputs
    from quintile.progress_display import progress_bars
    from strategy.frozen.run_version import open_frozen
    from strategy.trials.log import TrialLog

    folder = find(version, versions_folder(versions))
    page = run_store(out).root / "monitor" / f"{folder.version}.html"
    require_new(page, what="the page", ours=PAGE_MARK)
    frozen = open_frozen(folder, TrialLog(run_store(out).root), allow_drift=allow_drift)
    beside: dict[str, Any] = {"universe": universe, "hedge": hedge, "exchange": exchange, "outside": outside}
    with interruptible("no page was written"), progress_bars(quiet=quiet or as_json) as progress:
        inputs = later_inputs(folder, bars, holdout=frozen.spec.holdout, **beside)
        found = monitor_version(frozen, inputs, progress=progress, command=command_line())
        write_text(page, monitor_page(found))
    line = found.as_record() | {"page": str(page)}
    if record is not None:
        append_record(record, line)
    if as_json:
        print(json.dumps(line))
    else:
        _print(found, page)
    if open_:
        typer.launch(page.resolve().as_uri())
    raise typer.Exit(found.exit_code)


def _print(found: "MonitoredVersion", page: Path) -> None:
    from quintile.cli.console import table

    print(found.sentence)
    print(found.evidence)
    columns = ["", "live", "always-valid range", "test span", "n", "rule"]
    table(found.version, columns, [list(each.row()) for each in found.measures.values()], in_parts=True)
    for line in (*found.facts(), *(f"{each.grade}  {each.about}: {each.words}" for each in found.findings)):
        print(line)
    for remark in found.remarks:
        print(f"note: {remark}")
    print(page)
