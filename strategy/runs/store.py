"""Store: where every run lives, ``<store>/<strategy>/<run id>/``, and how one is found again."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.errors import RunError
from market.request import BarsRequest
from strategy.definitions.spec import StrategySpec
from strategy.runs.run_folder import DEFAULT_STORE, RunFolder, RunOrigin, identity_of
from strategy.runs.run_order import in_order

__all__ = ["CHAIN_FILE", "DEFAULT_STORE", "PRUNED_FILE", "RunFolder", "RunOrigin", "RunStore", "identity_of"]

CHAIN_FILE = "trials.json"  # where the trial log stood, see ``strategy.trials``
TRIES = 5
PRUNED_FILE = "pruned.json"  # what is left of the record of a run that was pruned


@dataclass(frozen=True, slots=True)
class RunStore:
    """A folder of runs.

    Parameters
    ----------
    root : Path
        Made when the first run is written.
    csv : bool
        Whether runs that are written keep CSV copies of their frames.
    """

    root: Path = field(default_factory=lambda: Path(DEFAULT_STORE))
    csv: bool = False

    def create(
        self,
        spec: StrategySpec,
        request: BarsRequest,
        *,
        panel: str,
        command: str = "",
        origin: RunOrigin | None = None,
    ) -> RunFolder:
        """Make the folder of a new run and record the request.

        Parameters
        ----------
        spec : StrategySpec
            The resolved strategy.
        request : BarsRequest
            Where the bars come from.
        panel : str
            Fingerprint of the bars.
        command : str
            What reproduces the run.
        origin : RunOrigin, optional
            Of a run that does not train a model of its own.
        """
        folder = self.reserve(spec, suffix="" if origin is None else origin.suffix)
        folder.begin(spec, request, panel=panel, command=command, origin=origin)
        return folder

    def reserve(self, spec: StrategySpec, *, suffix: str = "") -> RunFolder:
        """Make the empty folder of a run that is still to begin, and so its id."""
        return RunFolder(self._new_path(spec.name, suffix), csv=self.csv)

    def folders(self) -> list[RunFolder]:
        """All runs in the order in which they were made, see :func:`strategy.runs.run_order.in_order`."""
        paths = in_order(self.root.glob("*/*/run.json"), claim=CHAIN_FILE)
        return [RunFolder(path, csv=self.csv) for path in paths]

    def readable(self) -> list[RunFolder]:
        """The runs whose record can be read, in the order of ``folders``; others are left out."""
        return [folder for folder in self.folders() if folder.damage is None]

    def find(self, run: str = "latest") -> RunFolder:
        """A run by its id, the beginning of its id, or ``latest``.

        Raises
        ------
        RunError
            If none or several match.
        """
        folders = self.folders()
        if self.root.is_file():
            raise RunError(f"{self.root} is a file: choose a folder with --out")
        if run != "latest" and not any(folder.run_id.startswith(run) for folder in folders):
            self._refuse_pruned(run)
        if not folders:
            raise RunError(f"no runs in {self.root}: start one with `quintile run`, or name its folder with --out")
        if run == "latest":
            return folders[-1]
        matching = [folder for folder in folders if folder.run_id.startswith(run)]
        exact = [folder for folder in matching if folder.run_id == run]
        if len(exact or matching) != 1:
            raise RunError(f"{len(matching)} runs match {run!r}: `quintile runs` lists the ids")
        return (exact or matching)[0]

    def _refuse_pruned(self, run: str) -> None:
        """Refuse a run of which its record alone is left."""
        left = sorted(path.parent.name for path in self.root.glob(f"*/*/{PRUNED_FILE}"))
        gone = next((name for name in left if name.startswith(run)), None)
        if gone is not None:
            raise RunError(f"run {gone} was pruned, only its record for the trial log is left: run its strategy again")

    def _new_path(self, strategy: str, suffix: str) -> Path:
        path = self.root / strategy / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}{suffix}"
        try:
            _make(path)
        except OSError as error:
            blocked = next((place for place in (self.root, *self.root.parents) if place.is_file()), None)
            if blocked is not None:
                raise RunError(f"{blocked} is a file: choose a folder with --out") from error
            reason = os.strerror(error.errno or 0).lower()
            raise RunError(f"cannot write runs to {self.root}: {reason}; choose a folder with --out") from error
        return path


def _make(path: Path) -> None:
    """Make a folder and those above it, though another process may be removing one of them as empty."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            path.mkdir(parents=True)
            return
    path.mkdir(parents=True)
