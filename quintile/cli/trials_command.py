"""``quintile trials``: the trial log, listed or checked."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.options import Json, Out, Quiet, Verbose, Versions, run_store, versions_folder

if TYPE_CHECKING:
    from strategy.trials.log import TrialLog

__all__ = ["trials_command"]


def trials_command(
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="List only this strategy.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the log for edits and deletions; exit 1 if there are any.")
    ] = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the trial log, or check it against the runs and versions that recorded it."""
    from quintile.cli.console import table
    from strategy.frozen.check_log import check_log
    from strategy.trials.chained_log import broken_links
    from strategy.trials.log import TrialLog, distinct

    log = TrialLog(run_store(out).root)
    if check:
        problems, notes = check_log(log, versions_folder(versions), own_versions=versions is not None)
        if as_json:
            print(json.dumps({"problems": problems, "notes": notes}))
        else:
            print("\n".join([*problems, *([] if quiet else notes), *([] if problems else [_whole(log)])]))
        raise typer.Exit(1 if problems else 0)
    entries = [entry for entry in log.entries() if strategy in (None, entry.facts.get("strategy"))]
    if as_json:
        print(json.dumps([{"sequence": e.sequence, "kind": e.kind, **_told(e.facts)} for e in entries], indent=2))
        return
    rows = [[str(e.sequence), e.kind, *_trial_cells(_told(e.facts))] for e in entries]
    table("", ["entry", "kind", "when", "strategy", "Sharpe, net", "test span"], rows)
    print(f"{len(distinct(entries))} trials recorded")
    for broken in broken_links(log.entries(), log.NOUN):
        print(f"{broken}: see `quintile trials --check`")


def _whole(log: "TrialLog") -> str:
    return f"{len(log.entries())} entries, no edit, and no deletion of an entry that a run or version recorded"


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of an entry without the validation numbers that a sweep's guard does not tell."""
    hidden = ("sharpe", "rank_ic") if facts.get("guarded") else ()
    return {name: value for name, value in facts.items() if name not in hidden}


def _trial_cells(facts: dict[str, Any]) -> list[str]:
    sharpe, key = facts.get("sharpe"), facts.get("key")
    span = f"{key.get('first')} to {key.get('last')}" if isinstance(key, dict) else "–"
    return [facts["time"][:16], str(facts.get("strategy", facts.get("version", "–"))), _two(sharpe), span]


def _two(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "–"
