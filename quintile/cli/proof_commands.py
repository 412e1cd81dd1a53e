"""``quintile prove``: test a trained strategy for look-ahead; ``--self-test`` runs the checks on known leaks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.bar_requests import bars_request, told_fields
from quintile.cli.options import (
    End,
    ExchangeCode,
    Json,
    KeepThin,
    Out,
    Outside,
    PointInTime,
    Quiet,
    Start,
    Verbose,
    run_store,
    told_options,
)
from quintile.cli.run_commands import spec_of
from quintile.cli.version_commands import Versions, find, told_request

if TYPE_CHECKING:
    from market.request import BarsRequest
    from strategy.proofs.checks import ProveOptions
    from strategy.runs.proof_file import Proof
    from strategy.runs.store import RunFolder, RunStore

__all__ = ["PROVE_EXAMPLES", "prove_command"]

PROVE_EXAMPLES = """\b
Examples:
  quintile prove
  quintile prove filter_negative --bars bars.parquet --universe top400
  quintile prove 20261121 --deep
  quintile prove filter_negative@1.0.0 --out runs
  quintile prove --self-test"""


def prove_command(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="A run, a strategy with a finished run, or NAME@VERSION.")] = "latest",
    bars: Annotated[
        str | None, typer.Option(help="Bars of the strategy, builtin by default; a run or version knows its own.")
    ] = None,
    universe: Annotated[
        str | None, typer.Option(help="Universe of the strategy, all by default; a run or version knows its own.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="TRAIN,VALIDATION", help="Split of the run: last date of training and of validation."),
    ] = None,
    start: Start = None,
    end: End = None,
    point_in_time: PointInTime = False,
    exchange: ExchangeCode = None,
    outside: Outside = None,
    keep_thin_sessions: KeepThin = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override of the run, e.g. portfolio.k=0.1; repeatable."),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Sample four times the sessions, and permute labels.")] = False,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Run every check on pipelines with a known leak; print the catch table.")
    ] = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Test a trained strategy for look-ahead: PASS, or the first number that saw the future."""
    from strategy.proofs.checks import ProveOptions

    options = ProveOptions(deep=deep)
    if self_test:
        _self_test(options, as_json=as_json, quiet=quiet)
        return
    if "@" in subject:
        if split or set_ or start or end or point_in_time:
            raise ValueError(
                f"{subject} is frozen: of the options of a run only --bars, --universe, --exchange and --outside go "
                "with it"
            )
        chosen = {"bars": bars, "universe": universe, "exchange": exchange, "outside": outside}
        unseen = quiet or as_json
        proof, path = _prove_version(subject, chosen, options=options, versions=versions, out=out, quiet=unseen)
    else:
        folder, request = _trained(subject, run_store(out), told_options(context))
        proof, path = _prove(folder, request, options, quiet=quiet or as_json)
    print(json.dumps(proof.as_json(), indent=2) if as_json else f"{proof}\n  {path}")
    if proof.verdict == "FAIL":
        raise typer.Exit(1)


def _trained(subject: str, store: "RunStore", told: dict[str, Any]) -> "tuple[RunFolder, BarsRequest]":
    """The run to prove and the bars to prove it on: its own, unless others that must hold the same were told."""
    from strategy.definitions.spec import shipped_strategies
    from strategy.proofs.run_proof import find_trained
    from strategy.runs.own_bars import same_request

    if subject in shipped_strategies() or subject.endswith(".toml"):
        request = bars_request(**({"bars": "builtin"} | told_fields(told)))
        spec = spec_of(subject, told.get("split"), told.get("set_") or [], told.get("outside") or ())
        return find_trained(store, spec, request), request
    folder = store.find(subject)
    if told.get("split") or told.get("set_"):
        raise ValueError(f"run {folder.run_id} is finished: --set and --split do not go with a run")
    folder.check_complete()
    return folder, same_request(folder, told_fields(told))


def _prove(
    folder: "RunFolder", request: "BarsRequest", options: "ProveOptions", *, quiet: bool
) -> "tuple[Proof, Path]":
    from quintile.progress_display import progress_bars
    from strategy.proofs.run_proof import prove_run
    from strategy.runs.proof_file import PROOF_FILE

    with progress_bars(quiet=quiet) as progress:
        options = replace(options, progress=progress)
        return prove_run(folder, request=request, options=options), folder.path / PROOF_FILE


def _prove_version(
    version: str,
    chosen: dict[str, Any],
    *,
    options: "ProveOptions",
    versions: Path | None,
    out: Path,
    quiet: bool,
) -> "tuple[Proof, Path]":
    """Prove a frozen version on its own bars, or on the chosen bars with their universe, exchange and tables."""
    from quintile.progress_display import progress_bars
    from strategy.proofs.run_proof import prove_version

    folder = find(version, versions)
    request = told_request(folder, **chosen) if any(chosen.values()) else None
    with progress_bars(quiet=quiet) as progress:
        return prove_version(folder, out=out, request=request, options=replace(options, progress=progress))


def _self_test(options: "ProveOptions", *, as_json: bool, quiet: bool) -> None:
    from quintile.progress_display import progress_bars
    from strategy.proofs.self_test import NULL_MARKET, SELF_TEST_SESSIONS, make_honest_setup, self_test

    with progress_bars(quiet=quiet or as_json) as progress:
        options = replace(options, sessions=SELF_TEST_SESSIONS)
        setup = make_honest_setup()
        markets = (setup, make_honest_setup(NULL_MARKET))
        table = self_test(setup, options=options, inflated_on=markets, progress=progress)
    print(json.dumps(table.as_json(), indent=2) if as_json else table)
    if not table.is_right:
        raise typer.Exit(1)
