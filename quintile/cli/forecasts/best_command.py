"""``quintile forecast best``: the registry of the forecaster that each symbol uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.forecasts.forecast_options import ForecastStore
from quintile.cli.options import Json, Verbose

if TYPE_CHECKING:
    from strategy.forecasts.best_log import BestLog

__all__ = ["BEST_EXAMPLES", "best_command"]

BEST_EXAMPLES = """\b
Examples:
  quintile forecast best
  quintile forecast best --diff
  quintile forecast best --apply linear-1a2b3c
  quintile forecast best --restore 2026-01-31
  quintile forecast best --restore forecasts/backups/best-20260131T180000Z-2.json

Every state stays in the log, and a backup of the state that is replaced is written before."""


def best_command(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="Id of a study, its first characters, or latest.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put in force what the study selected, and say so.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Say what applying the study would change.")] = False,
    restore: Annotated[
        str | None, typer.Option(metavar="DATE", help="Put the state of a date, a moment (UTC) or a backup in force.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Say what was applied when.")] = False,
    out: ForecastStore = Path("forecasts"),
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show which forecaster each symbol uses; put a study's in force, or an earlier state."""
    from quintile.cli.forecasts.best_table import show_best, show_history
    from strategy.forecasts.best_log import BestLog, state_at
    from strategy.forecasts.best_log import history as history_of

    asked = {"--apply": apply, "--diff": diff, "--restore": restore is not None, "--history": history}
    told = [name for name, is_told in asked.items() if is_told]
    if len(told) > 1:
        raise ValueError(f"{' and '.join(told)} are two things: give one of them")
    if study is not None and not (apply or diff):
        raise ValueError(f"{study!r} is a study to do what with: give --diff or --apply beside it")
    if out.is_file():
        raise ValueError(f"{out} is a file: choose a folder with --out")
    log = BestLog(out)
    if apply or diff:
        _apply(log, "latest" if study is None else study, only_shown=diff, as_json=as_json)
    elif restore is not None:
        _restore(log, restore, as_json=as_json)
    else:
        entries = log.verified()
        state = state_at(entries, None)
        if not state:
            raise ValueError(f"nothing is in force in {out}: `quintile forecast best --apply` puts a study in force")
        if history:
            show_history(list(history_of(entries)), as_json=as_json)
        else:
            show_best(entries, state, as_json=as_json)


def _apply(log: "BestLog", study: str, *, only_shown: bool, as_json: bool) -> None:
    from backtests.forecasts.compared_forecasts import compare_sides
    from quintile.cli.forecasts.best_table import show_changes
    from strategy.forecasts.best_log import changes
    from strategy.forecasts.forecast_sides import best_side, of_symbols, study_side
    from strategy.forecasts.tuning.study_store import configurations, load_study

    results = load_study(log.store, study)
    found, before = configurations(results), log.state()
    if not found:
        raise ValueError(f"study {results.study} selected nothing that was judged on test: there is nothing to apply")
    if not results.is_complete and not as_json:
        print(f"study {results.study} is under way: {len(results.symbols)} of {results.asked} symbols are through")
    after = {**before, **found}
    changed = list(changes(before, after))
    names = {change.symbol for change in changed}
    new, old = study_side(log.store, results), best_side(log.store, before, name="what is in force")
    compared = compare_sides(of_symbols(old, names & before.keys()), of_symbols(new, names & before.keys()))
    shown = None if not names & before.keys() else compared
    if not as_json or only_shown:
        show_changes(changed, len(after), compared=shown, applied=False, as_json=as_json)
    if not only_shown:
        applied = log.apply(found, why=f"study {results.study}")
        if as_json:
            show_changes(applied, len(after), compared=shown, applied=True, as_json=True)
        elif applied:
            print(f"applied: {len(log.state())} symbols are in force; --restore DATE takes it back")


def _restore(log: "BestLog", told: str, *, as_json: bool) -> None:
    from quintile.cli.forecasts.best_table import show_changes
    from strategy.forecasts.forecast_sides import moment_of

    path = Path(told)
    is_file = path.suffix.lower() == ".json" or len(path.parts) > 1
    changed = log.restore_backup(path) if is_file else log.restore(moment_of(told))
    show_changes(changed, len(log.state()), compared=None, applied=True, as_json=as_json)
