"""Study store: the folder of tuning studies, one folder a study, everything in it written whole or not at all.

::

    forecasts/studies/<id>/study.json        the whole study as far as it is, renewed as symbols finish
                           study.html        its page
                           losses.parquet    absolute errors of returns on test, by session and symbol
                           symbols/<name>.json        one symbol's result
                           searches/<name>.journal    one search, which Optuna keeps
"""

import re
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pandas as pd

from backtests.forecasts.tuning_results import StudyResults
from core.errors import RunError, SourceError
from core.files import read_json, write_json
from strategy.forecasts.best_log import Configuration

__all__ = [
    "LOSSES",
    "STUDY_FILE",
    "configurations",
    "load_losses",
    "load_study",
    "safe_name",
    "studies",
    "study_folder",
    "write_study",
]

STUDIES, STUDY_FILE, LOSSES_FILE = "studies", "study.json", "losses.parquet"
LOSSES = ("selected", "price_pick", "persistence")  # columns of the losses, beside session and symbol
MAX_NAME = 24


def study_folder(store: Path, study: str) -> Path:
    """The folder of a study in a store of forecasts."""
    return store / STUDIES / study


def studies(store: Path) -> list[str]:
    """Ids of the studies of a store, the one that was written last at the end."""
    found = [path for path in (store / STUDIES).glob(f"*/{STUDY_FILE}") if path.is_file()]
    return [path.parent.name for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.parent.name))]


def load_study(store: Path, name: str = "latest") -> StudyResults:
    """Read a study by its id, the beginning of its id, or ``latest``.

    Raises
    ------
    RunError
        If none or several match.
    SourceError
        If its file is damaged or is no study.
    """
    known = studies(store)
    if not known:
        raise RunError(f"no studies in {store}: start one with `quintile forecast tune`, or name its folder with --out")
    matching = known[-1:] if name == "latest" else [each for each in known if each.startswith(name)]
    chosen = [each for each in matching if each == name] or matching
    if not name or len(chosen) != 1:
        raise RunError(f"{len(matching)} studies match {name!r}: they are {', '.join(known[-5:])}")
    path = study_folder(store, chosen[0]) / STUDY_FILE
    results: StudyResults = read_json(path, StudyResults)
    if results.study != chosen[0]:
        raise SourceError(f"{path} is of study {results.study!r}, not of {chosen[0]}: restore it, or tune again")
    return results


def load_losses(store: Path, study: str) -> pd.DataFrame:
    """Absolute errors of returns on test: a row a session and symbol, columns ``session``, ``symbol`` and ``LOSSES``.

    Raises
    ------
    SourceError
        If the file is missing or damaged.
    """
    from pyarrow.lib import ArrowException

    path = study_folder(store, study) / LOSSES_FILE
    try:
        return pd.read_parquet(path, columns=["session", "symbol", *LOSSES])
    except (OSError, ValueError, ArrowException) as error:
        raise SourceError(f"{path} cannot be read: give the study's command again, which writes it anew") from error


def write_study(store: Path, results: StudyResults) -> Path:
    """Write a study as far as it is."""
    path = study_folder(store, results.study) / STUDY_FILE
    write_json(path, asdict(results))
    return path


def configurations(results: StudyResults) -> dict[str, Configuration]:
    """What the study selected, by symbol, as it is put in force; symbols without a test are left out."""
    found = {}
    for each in results.tested:
        selection = each.selection
        if selection is not None and selection.pct_return_mae is not None:
            found[each.symbol] = Configuration(
                forecaster=each.selected,
                error=selection.pct_return_mae,
                study=results.study,
                bars=each.bars,
                code=results.code,
                persistence_error=each.persistence_validation,
                horizons=tuple(results.settings.get("horizons", (1,))),
                clock=results.settings.get("clock", "close"),
                seed=results.settings.get("seed", 0),
            )
    return found


def safe_name(word: str) -> str:
    """A file name of a symbol or word: readable, and another for every other one, whatever characters it has."""
    readable = re.sub("[^A-Za-z0-9]+", "_", word)[:MAX_NAME]
    return f"{readable}-{sha256(word.encode(errors='surrogatepass')).hexdigest()[:8]}"
