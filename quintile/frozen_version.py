"""Frozen versions: a run that nobody can quietly change, its check and its replay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quintile.bar_frames import Bars, as_inputs, as_recorded, inputs_for, require_loadable
from quintile.lookup import require
from quintile.progress_display import shown_progress
from strategy.frozen.freeze import FreezeOptions
from strategy.frozen.freeze import freeze as freeze_run
from strategy.frozen.own_request import described_bars
from strategy.frozen.replay import Replay, attest, replay, version_bars
from strategy.frozen.run_version import open_frozen
from strategy.frozen.verify import Verification, verify
from strategy.frozen.versions import SHIPPED, Version, VersionFolder, find_version
from strategy.runs.result import Run
from strategy.runs.store import DEFAULT_STORE, RunStore
from strategy.trials.log import TrialLog

if TYPE_CHECKING:
    from backtests.report.monitor.monitored_version import MonitoredVersion
    from live.export.bundle import Bundle

__all__ = ["FrozenVersion", "freeze", "load_version"]

VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class FrozenVersion:
    """A frozen strategy: weights, settings, expected numbers, and a lock over all of them.

    Parameters
    ----------
    folder : VersionFolder
        Where it lies.

    Examples
    --------
    >>> version.verify().is_intact
    True
    >>> version.replay().same
    True
    """

    folder: VersionFolder

    @property
    def name(self) -> str:
        """``name@major.minor.patch``."""
        return str(self.folder.version)

    @property
    def sha256(self) -> str:
        """The hash of its lock: its identity."""
        return self.folder.sha256

    def verify(self) -> Verification:
        """Whether every file is as it was frozen, and code and libraries those that froze it or replayed the same."""
        return verify(self.folder)

    def replay(self, bars: Bars | None = None, *, quiet: bool = False) -> Replay:
        """Run it again from weights and bars, compare every stage with what it kept, and attest the same numbers.

        The attestation lies beside the version's folder, and ``verify`` believes it for exactly this code and these
        libraries. A replay that finds other numbers removes one that said the same.

        Parameters
        ----------
        bars : Panel, Inputs or DataFrame, optional
            The version's bars, where it holds none.
        quiet : bool
            No progress bars.

        Raises
        ------
        RunError
            If it is not intact, or its bars are not there.
        """
        panel = None if bars is None else as_inputs(bars).panel
        with shown_progress(quiet=quiet) as progress:
            found = replay(self.folder, panel=panel, progress=progress)
        return attest(self.folder, found, bars_given=panel is not None)

    def export(
        self,
        out: str | Path,
        *,
        to: str | Sequence[str] = "onnx",
        int8: bool = False,
        prune: float | None = None,
        bars: Bars | None = None,
        quiet: bool = False,
    ) -> "Bundle":
        """Export it as one graph from raw features to expected returns, written only where it scores as the version.

        Parameters
        ----------
        out : str or Path
            Folder of the bundle; a former export there is replaced.
        to : {"onnx", "torchscript"} or several
            Formats of float weights.
        int8 : bool
            Also an archive whose recurrent and dense layers are int8.
        prune : float, optional
            Share of every matrix of a network that is set to zero first.
        bars : Panel, Inputs or DataFrame, optional
            The version's bars, where it holds none.
        quiet : bool
            No progress bars.

        Raises
        ------
        ExportError
            If its kind cannot be a graph, a file does not keep the written limits of parity, or code that decides has
            changed.
        RunError
            If it is not intact.
        """
        from live.export.exported_version import export_version, opened_version
        from live.export.graph_set import export_options

        frozen = opened_version(self.folder, TrialLog(Path(DEFAULT_STORE)))
        panel = version_bars(self.folder, self.folder.body) if bars is None else as_inputs(bars).panel
        with shown_progress(quiet=quiet) as progress:
            formats = (to,) if isinstance(to, str) else to
            options = export_options(formats, int8=int8, prune=prune, progress=progress)
            return export_version(frozen, panel, Path(out), options=options)

    def monitor(
        self,
        bars: Bars | str = "latest",
        *,
        store: str | Path = DEFAULT_STORE,
        allow_drift: bool = False,
        quiet: bool = False,
    ) -> "MonitoredVersion":
        """Score it on sessions that it had not seen and hold them against its test span; counts no trial.

        Parameters
        ----------
        bars : Panel, Inputs, DataFrame or str
            Bars with sessions after the freeze, or words for them: ``"latest"``, a stored data set, a file,
            ``"builtin+250"``.
        store : str or Path
            Folder of runs, whose log knows whether its hold-out was opened.
        allow_drift : bool
            Go on with changed code.
        quiet : bool
            No progress bars.

        Returns
        -------
        MonitoredVersion
            Prints; ``verdict`` is HOLDING, TOO EARLY, WATCH or BROKEN.

        Raises
        ------
        DataError
            If the bars hold no session after the freeze, none of the test span, or other names.
        RunError
            If it is not intact or its code changed.
        """
        from live.monitor.watched_version import monitor_version
        from quintile.later_inputs import later_inputs

        frozen = open_frozen(self.folder, TrialLog(Path(store)), allow_drift=allow_drift)
        seal = frozen.spec.holdout
        if isinstance(bars, str):
            inputs = later_inputs(self.folder, bars, holdout=seal)
        else:
            given = inputs_for(bars, seal)
            inputs = replace(given, panel=as_recorded(given.panel, described_bars(self.folder)))
        with shown_progress(quiet=quiet) as progress:
            return monitor_version(frozen, inputs, progress=progress)


def freeze(
    run: Run,
    version: str,
    *,
    versions: str | Path = VERSIONS,
    with_bars: bool = True,
    notes: str | None = None,
    quiet: bool = False,
) -> FrozenVersion:
    """Freeze a finished run as a version that nobody can quietly change.

    Parameters
    ----------
    run : Run
        Finished, of the code that is running now, on bars that can be loaded again.
    version : str
        ``"name@1.0.0"``: the strategy's name or one of your own, and a number above every frozen one.
    versions : str or Path
        Folder of versions.
    with_bars : bool
        Keep the bars in the version, so that it replays anywhere.
    notes : str, optional
        Text that is kept beside it.
    quiet : bool
        No progress bars.

    Raises
    ------
    RunError
        If the run cannot be frozen or does not recompute to what it shows.
    ValueError
        If the text is no version.

    Examples
    --------
    >>> qt.freeze(run, "mine@1.1.0", versions=versions).name
    'mine@1.1.0'
    """
    require(run, Run, name="run", made_by="qt.run or qt.load_run")
    require_loadable(run)
    store = RunStore(run.folder.path.parents[1])
    with shown_progress(quiet=quiet) as progress:
        options = FreezeOptions(versions=Path(versions), with_bars=with_bars, notes=notes, progress=progress)
        return FrozenVersion(freeze_run(run.folder, Version.parse(version), store=store, options=options))


def load_version(version: str, *, versions: str | Path | None = None) -> FrozenVersion:
    """Open a version that was frozen before.

    Parameters
    ----------
    version : str
        ``"name@1.0.0"``.
    versions : str or Path, optional
        Folder of versions; the shipped ones by default.

    Raises
    ------
    ValueError
        If the folder does not hold it.

    Examples
    --------
    >>> qt.load_version("filter_negative@1.0.0").name
    'filter_negative@1.0.0'
    """
    return FrozenVersion(find_version(version, SHIPPED if versions is None else Path(versions)))
