"""``quintile retrain``: a challenger trained on newer bars, judged beside a frozen version, promoted by the rule."""

import json
from collections.abc import Iterable
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
    Sectors,
    Verbose,
    Versions,
    command_line,
    interruptible,
    run_store,
    versions_folder,
)
from quintile.redrawn_board import redraw_board

if TYPE_CHECKING:
    from live.retraining.challenger_plan import ChallengerPlan
    from live.retraining.champion import Newer
    from live.retraining.retrain import Retrained, RetrainOptions
    from live.retraining.retrained_months import DueMonth
    from strategy.frozen.run_version import FrozenStrategy

__all__ = ["RETRAIN_EXAMPLES", "retrain_command"]

RETRAIN_EXAMPLES = """\b
Examples:
  quintile retrain filter_negative --bars us --dry-run
  quintile retrain filter_negative --bars latest
  quintile retrain filter_negative@1.1.0 --bars bars.parquet --judge 252
  quintile retrain filter_negative --bars latest --every month --json"""

MONTH = "month"


def retrain_command(
    version: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="A frozen version; of a name alone, its newest.")
    ],
    bars: Annotated[
        str,
        typer.Option(
            help="latest (the data set that was stored last), a stored data set, or a file or folder of bars."
        ),
    ] = "latest",
    every: Annotated[
        str | None,
        typer.Option(metavar="month", help="Judge each month since the freeze that is over and not judged yet."),
    ] = None,
    judge: Annotated[
        int, typer.Option(metavar="SESSIONS", help="Sessions with a known return that both are judged on.")
    ] = 126,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print spans and cost; train and log nothing.")] = False,
    universe: Annotated[
        str | None, typer.Option(help="The version's member file, where its universe is one; filters as it has them.")
    ] = None,
    exchange: ExchangeCode = None,
    sectors: Sectors = None,
    hedge: Hedge = None,
    outside: Outside = None,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a challenger under a version's own spec on newer bars, judge both on sessions that neither learned from.

    By a written rule it is frozen as the next version, or the champion stays. Each retraining is a trial.
    """
    from live.latest_bars import LATEST, latest_data_set
    from live.retraining.retrain import RetrainOptions
    from quintile.progress_display import progress_bars

    if every not in (None, MONTH):
        raise ValueError(f"--every must be {MONTH}, was {every!r}")
    if bars.startswith("builtin+"):
        raise ValueError(f"{bars} cannot be loaded again by a challenger's run: write it to a file, and name that")
    named = latest_data_set() if bars == LATEST else bars
    beside = {"universe": universe, "exchange": exchange, "sectors": sectors, "hedge": hedge, "outside": outside}
    told, store = told_fields({"bars": named, **beside}), run_store(out)
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        options = RetrainOptions(
            versions=versions_folder(versions), store=store, judge=judge, command=command_line(), progress=progress
        )
        if dry_run:
            _show_plans(version, told, options, monthly=every is not None, as_json=as_json)
            return
        made = _made(version, told, options, monthly=every is not None)
        shown = [_shown(each, as_json=as_json) for each in made]
    redraw_board(store.root)
    if as_json:
        print(json.dumps(shown, indent=2))
    elif not shown:
        print("nothing is due: every month that is over was judged")


def _made(
    version: str, told: dict[str, Any], options: "RetrainOptions", *, monthly: bool
) -> "Iterable[Retrained | DueMonth]":
    from live.retraining.retrain import retrain
    from live.retraining.retrained_months import retrain_months

    return retrain_months(version, told, options=options) if monthly else [retrain(version, told, options=options)]


def _shown(made: "Retrained | DueMonth", *, as_json: bool) -> dict[str, Any]:
    """What came out as JSON values; as tables it is printed at once, for a month may take hours."""
    from live.retraining.retrain import Retrained

    if isinstance(made, Retrained):
        if not as_json:
            _print_judgement(made)
        return made.as_dict()
    facts = {"version": made.champion, "as_of": f"{made.end:%Y-%m-%d}", "missing": made.missing}
    if not as_json:
        print(f"{made.end:%Y-%m}  waits: {made.missing} sessions are missing after {made.champion} was frozen")
    return facts


def _print_judgement(made: "Retrained") -> None:
    from quintile.cli.console import table

    facts = made.facts
    judged, ic, net = facts["judgement"], facts["rank_ic"], facts["net"]
    title = f"{facts['version']} and a challenger, {judged['first']} to {judged['last']}"
    rows = [
        ["rank IC", *_cells(ic, 1.0, 4)],
        ["net return, bps", *_cells(net, 1e4, 2)],
        ["verdict", *facts["verdicts"], "", ""],
    ]
    table(title, ["", "champion", "challenger", "difference", "95 % range"], rows)
    for note in facts["notes"]:
        print(f"note: {note}")
    print(f"{facts['sessions']} sessions with a rank IC of both; net returns are per session, after costs")
    print(facts["sentence"])
    if made.promoted is not None:
        print(f"frozen as {made.promoted}")
    print(f"report  {made.run / 'report.html'}")


def _cells(told: dict[str, Any], unit: float, digits: int) -> list[str]:
    champion, challenger, gap, low, high = (
        "n/a" if told[name] is None else f"{unit * told[name]:+.{digits}f}"
        for name in ("champion", "challenger", "gap", "low", "high")
    )
    return [champion, challenger, gap, f"{low} to {high}"]


def _show_plans(version: str, told: dict[str, Any], options: "RetrainOptions", *, monthly: bool, as_json: bool) -> None:
    """Print where the spans would lie, and what it would cost."""
    from live.retraining.champion import champion_of, load_newer, retraining_request
    from live.retraining.retrain import open_champion, plan_of
    from live.retraining.retrained_months import due_months, month_plan

    champion = champion_of(version, options.versions)
    frozen = open_champion(champion, options=options)
    newer = load_newer(retraining_request(champion, told), frozen)
    if monthly:
        due = due_months(frozen, newer, options=options)
        plans = [month_plan(frozen, newer, month, judge=options.judge) for month in due if not month.missing]
    else:
        plans = [plan_of(frozen, newer, judge=options.judge)]
    rows = [_span_cells(plan) for plan in plans]
    cost = _cost(frozen, plans, newer, options)
    if as_json:
        print(json.dumps({"version": str(champion.version), "plans": rows, "cost": cost}, indent=2))
        return
    from quintile.cli.console import table

    if rows:
        table(f"spans of the challengers of {champion.version}", list(rows[0]), [list(row.values()) for row in rows])
    print(cost)


def _span_cells(plan: "ChallengerPlan") -> dict[str, str]:
    spans = {"training": plan.train, "validation": plan.validation, "judged": plan.judged}
    counts = (plan.n_train, plan.n_validation, plan.n_judged)
    return {
        name: f"{first:%Y-%m-%d} to {last:%Y-%m-%d} ({count:,})"
        for (name, (first, last)), count in zip(spans.items(), counts, strict=True)
    }


def _cost(frozen: "FrozenStrategy", plans: "list[ChallengerPlan]", newer: "Newer", options: "RetrainOptions") -> str:
    """Trainings and the level of the next judgement, in one sentence."""
    from live.retraining.judgement_log import judgements_of, next_level
    from strategy.trials.log import TrialLog

    if not plans:
        return "cost: no training, nothing is due"
    epochs = len(frozen.checkpoint.model.card.history)
    each = f" of {plans[0].n_train:,} sessions and {len(newer.panel.tickers):,} names"
    took = f"; the champion took {epochs} epochs" if epochs else ""
    before = judgements_of(
        TrialLog(options.store.root).entries(), frozen.folder.version.name, synthetic=newer.panel.facts.synthetic
    )
    first, last = (f"{day:%Y-%m-%d}" for day in plans[0].judged)
    number, allowed = next_level(before, (first, last))
    return (
        f"cost: {len(plans)} training{'s' if len(plans) > 1 else ''}{each}{took}; judgement {number} of "
        f"{frozen.folder.version.name} here is allowed p {allowed:.2g}"
    )
