"""``quintile paper``: paper trading of a frozen version."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import (
    AllowDrift,
    ExchangeCode,
    Hedge,
    Json,
    Out,
    Outside,
    OwnUniverse,
    Quiet,
    Verbose,
    run_store,
)
from quintile.cli.version_commands import Versions, find, told_request

__all__ = ["PAPER_EXAMPLES", "paper_command"]

PAPER_EXAMPLES = """\b
Examples:
  quintile paper filter_negative@1.1.0 --bars latest.parquet          # daily, after the close and before the next open
  quintile paper filter_negative@1.1.0                                # results so far
  quintile paper filter_negative@1.1.0 --bars latest.parquet --replay # recompute the log; exit 1 if it differs"""


def paper_command(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    bars: Annotated[
        str | None, typer.Option(metavar="PATH", help="Bars up to the last close; without them, show the log.")
    ] = None,
    universe: OwnUniverse = None,
    hedge: Hedge = None,
    outside: Outside = None,
    exchange: ExchangeCode = None,
    replay: Annotated[bool, typer.Option("--replay", help="Recompute and compare every entry; write nothing.")] = False,
    allow_drift: AllowDrift = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Paper-trade a version: commit decisions before the open, score the fills, check the gates."""
    from dataclasses import replace

    from market.inputs import load_inputs
    from strategy.frozen.run_version import open_frozen
    from strategy.trading import paper
    from strategy.trials.log import TrialLog

    if replay and bars is None:
        raise ValueError("--replay needs --bars: the bars that the log was decided on")
    folder = find(version, versions)
    frozen = open_frozen(folder, TrialLog(run_store(out).root), allow_drift=allow_drift)
    log, lines, different = paper.open_paper(folder, out), [], []
    if bars is not None:
        newest = told_request(folder, bars, universe=universe, hedge=hedge, exchange=exchange, outside=outside)
        request = replace(newest, end=None)  # the version's last date does not cut what came after it
        panel = load_inputs(request, holdout=frozen.spec.holdout).panel
        if replay:
            different = paper.replay_paper(log, frozen, panel)
            lines = different or ["the log agrees with the bars: every decision, every score"]
        else:
            lines = str(paper.trade_session(log, frozen, panel)).splitlines()
    record = paper.paper_record(log, frozen.spec.gates)
    print(
        json.dumps(record.as_dict() | {"differences": different}, indent=2)
        if as_json
        else "\n".join([*lines, str(record)])
    )
    raise typer.Exit(1 if different else 0)
