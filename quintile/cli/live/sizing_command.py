"""``quintile size-book``: agents of reinforcement learning size a finished book, beside a volatility target."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import (
    Json,
    Open,
    Quiet,
    Verbose,
    Versions,
    command_line,
    interruptible,
    run_store,
    runs_named_by,
)

if TYPE_CHECKING:
    from live.sizing.sized_book import SizedBook
    from live.sizing.sizing_result import SizingStudy
    from live.sizing.sizing_settings import SizingSettings
    from strategy.runs.store import RunStore

__all__ = ["SIZING_EXAMPLES", "size_book_command"]

SIZING_EXAMPLES = """\b
Examples:
  quintile size-book filter_negative@1.1.0
  quintile size-book latest --agents ppo --seeds 5 --steps 20000
  quintile size-book 20261129 --scales 0.5,2 --open
  quintile size-book latest --seeds 10 --out sizing --json

First the future is planted in the agents' state, which they must find; then they act on a market with nothing to find;
then on the book. A study, not a default: no run sizes its book by an agent. Every sized book of the test span is
counted as a trial in --runs. Repeat an interrupted command to resume it: trained agents' decisions are kept in --out.
Needs stable-baselines3 and gymnasium: pip install 'quintile[sizing]'."""


def size_book_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of a finished run, latest, or a version NAME@1.0.0.")
    ] = "latest",
    agents: Annotated[str, typer.Option(metavar="LIST", help="Agents: ppo, dqn.")] = "ppo,dqn",
    seeds: Annotated[int, typer.Option(min=2, max=50, help="Trainings of each agent, seeds 1, 2, …")] = 5,
    steps: Annotated[int, typer.Option(min=64, help="Sessions that a training acts in.")] = 20_000,
    scales: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Bounds of the scale, around 1, of the volatility target too.")
    ] = "0.25,1.5",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of decisions, table and page.")] = Path(
        "sizing"
    ),
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs; its log counts trials.")] = Path("runs"),
    versions: Versions = None,
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Size a finished book by agents (PPO, DQN), beside volatility targeting and constant exposure."""
    from live.sizing.sizing_files import study_json, write_study
    from live.sizing.sizing_study import size_book
    from live.sizing.trained_paths import PathStore
    from quintile.progress_display import progress_bars
    from strategy.trials.log import TrialLog

    if out.is_file():
        raise ValueError(f"{out} is a file: choose a folder with --out")
    settings = _settings(agents, seeds, steps, scales)
    kept = f"repeat the command to resume, decisions of trained agents are in {out}"
    with interruptible(kept), runs_named_by("--runs"), progress_bars(quiet=quiet or as_json) as progress:
        store = run_store(runs)
        book = _book(run, store, versions)
        study = size_book(book, settings=settings, store=PathStore(out), log=TrialLog(store.root), progress=progress)
        paths = write_study(study, out, command=command_line())
    if as_json:
        print(json.dumps(study_json(study) | {"files": [str(path) for path in paths]}, indent=2))
    else:
        _print(study)
        print("\n".join(str(path) for path in paths))
    if open_:
        typer.launch(paths[-1].resolve().as_uri())


def _print(study: "SizingStudy") -> None:
    from live.sizing.sizing_words import conditions, sentence, text_tables
    from quintile.cli.console import table

    for shown in text_tables(study):
        table(*shown, in_parts=True)
        print()
    print("\n".join([*conditions(study), "", sentence(study)]))


def _book(run: str, store: "RunStore", versions: Path | None) -> "SizedBook":
    from live.sizing.sizing_subject import run_book, version_book
    from quintile.cli.version_commands import find

    return version_book(find(run, versions)) if "@" in run else run_book(store.find(run))


def _settings(agents: str, seeds: int, steps: int, scales: str) -> "SizingSettings":
    from pydantic import ValidationError

    from core.settings import first_problem
    from live.sizing.sizing_settings import AGENTS, SizingSettings

    chosen = tuple(word.strip().lower() for word in agents.split(",") if word.strip())
    if not chosen or not set(chosen) <= set(AGENTS):
        raise ValueError(f"--agents takes {', '.join(AGENTS)}, was {agents!r}")
    try:
        low, high = (float(part) for part in scales.split(","))
    except ValueError as error:
        raise ValueError(f"--scales takes two numbers such as 0.25,1.5, was {scales!r}") from error
    try:
        return SizingSettings(agents=chosen, seeds=seeds, steps=steps, low=low, high=high)
    except ValidationError as error:
        raise ValueError(first_problem(error, keys="`quintile size-book --help`")) from error
