"""MLflow store: runs in a sqlite file with their artefacts beside it; the extra ``mlflow``.

A store of plain files (``file:``) is refused by MLflow itself. An experiment is a strategy, a run of it is found by its
id; one that is exported again and has changed takes the place of the former, which MLflow keeps as deleted.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import MissingExtraError, RunError
from strategy.tracking.tracked_run import TrackedRun, cut_text

__all__ = ["DATABASE", "require_mlflow", "store_address", "store_run"]

DATABASE = "mlflow.db"
RUN_TAG, DIGEST_TAG = "quintile.run", "quintile.export"  # the second is written last: without it an export was cut
MAX_PARAM, MAX_TAG, MAX_NAME = 6_000, 8_000, 250  # characters
MAX_METRICS, MAX_PARAMS = 1_000, 100  # of one request
UNNAMED = re.compile(r"[^\w./ :-]", re.ASCII)  # characters that a name may not hold
PAGE = 1_000  # runs that are looked through at once


def require_mlflow() -> Any:
    """The library, which is told to send nothing anywhere.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # it reports its use over the network otherwise
    try:
        import mlflow
    except ImportError as missing:
        raise MissingExtraError("MLflow is not installed: `pip install 'quintile[mlflow]'`") from missing
    for name in ("alembic", "mlflow"):  # a line a table of a new store
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


def store_address(into: Path) -> str:
    """What ``mlflow ui --backend-store-uri`` is given for a folder.

    Raises
    ------
    ValueError
        If the folder's name cannot stand in an address.
    """
    path = (into / DATABASE).resolve().as_posix()
    if re.search(r"[?#%]", path):
        raise ValueError(f"--into must be a folder without ?, # and % in its path for MLflow, was {path}")
    return f"sqlite:///{path}"


def store_run(run: TrackedRun, into: Path) -> bool:
    """Store a run under its strategy's experiment; False where the same lies there already.

    Parameters
    ----------
    run : TrackedRun
        What is stored.
    into : Path
        Folder of the sqlite file and of the artefacts.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    RunError
        If the experiment was deleted there.
    """
    library, address = require_mlflow(), store_address(into)
    into.mkdir(parents=True, exist_ok=True)
    client, digest = library.MlflowClient(tracking_uri=address), run.digest
    experiment = _experiment(client, run.strategy, into)
    known = [each for each in _runs(client, experiment) if each.data.tags.get(RUN_TAG) == run.run]
    if any(each.data.tags.get(DIGEST_TAG) == digest for each in known):
        return False
    _store(library, client, experiment, run, digest)
    for each in known:  # last, so that an export that fails takes nothing away
        client.delete_run(each.info.run_id)
    return True


def _store(library: Any, client: Any, experiment: str, run: TrackedRun, digest: str) -> None:
    tags = {_name(name): cut_text(value, MAX_TAG) for name, value in run.tags.items()}
    tags |= {
        "mlflow.note.content": cut_text(run.sentence, MAX_TAG),
        "mlflow.source.git.commit": tags["quintile.commit"],
    }
    made = client.create_run(experiment, start_time=_milliseconds(run.started.timestamp()), tags=tags, run_name=run.run)
    number = made.info.run_id
    params = [library.entities.Param(_name(name), cut_text(value, MAX_PARAM)) for name, value in run.params.items()]
    for some in _batches(params, MAX_PARAMS):
        client.log_batch(number, params=some)
    for some in _batches(_metrics(library, run), MAX_METRICS):
        client.log_batch(number, metrics=some)
    for path in run.artefacts:
        client.log_artifact(number, str(path))
    client.set_terminated(number, status="FINISHED", end_time=_milliseconds(run.ended.timestamp()))
    client.set_tag(number, DIGEST_TAG, digest)


def _metrics(library: Any, run: TrackedRun) -> list[Any]:
    ended, metric = _milliseconds(run.ended.timestamp()), library.entities.Metric
    single = [metric(_name(name), value, ended, 0) for name, value in run.metrics.items()]
    curves = (
        metric(_name(name), point.value, _milliseconds(point.time), point.step)
        for name, points in run.curves.items()
        for point in points
    )
    return [*single, *curves]


def _experiment(client: Any, strategy: str, into: Path) -> str:
    """The number of a strategy's experiment, made where there is none; its artefacts lie beside the sqlite file."""
    found = client.get_experiment_by_name(strategy)
    if found is None:
        return str(client.create_experiment(strategy, artifact_location=(into / "artefacts").resolve().as_uri()))
    if found.lifecycle_stage != "active":
        raise RunError(
            f"experiment {strategy} was deleted in {into / DATABASE}: restore it with `mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`, or choose another --into"
        )
    return str(found.experiment_id)


def _runs(client: Any, experiment: str) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _name(name: str) -> str:
    return UNNAMED.sub("_", name)[:MAX_NAME]


def _milliseconds(seconds: float) -> int:
    return round(1_000 * seconds)
