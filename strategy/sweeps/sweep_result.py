"""Sweep: a sweep that is through, as a value that prints, shows itself in a notebook and knows its run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import RunError
from core.notebook_html import notebook_card
from strategy.runs.result import ReportPath, Run
from strategy.runs.store import RunFolder
from strategy.sweeps.sweep_folder import SweepFolder

__all__ = ["Sweep"]

NUMBERS = ("rank_ic", "rank_ic_error", "rank_ic_spread", "sharpe", "sharpe_error", "sharpe_spread", "turnover")


@dataclass(frozen=True, slots=True, repr=False)
class Sweep:
    """A finished sweep; print it.

    Parameters
    ----------
    folder : Path
        Where it lies.

    See Also
    --------
    quintile.settings_sweep.sweep
        What makes one.
    """

    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``sweep.json``.

        Raises
        ------
        RunError
            If the sweep has not finished.
        """
        found = SweepFolder(self.folder).record
        if found.get("finished") is None:
            raise RunError(f"sweep {self.folder.name} has not finished: go on with `{found.get('command')} --resume`")
        return found

    @property
    def points(self) -> pd.DataFrame:
        """A row a point, by number: what was set, its state, and its numbers on validation; NaN where there is none."""
        rows = self.record["table"]
        settings = pd.DataFrame([row["settings"] for row in rows], dtype=object)
        numbers = pd.DataFrame([{name: row[name] for name in NUMBERS} for row in rows], dtype=float)
        states = pd.DataFrame([{name: row[name] for name in ("state", "failure")} for row in rows])
        index = pd.Index([row["number"] for row in rows], name="point")
        return pd.concat([settings, numbers, states], axis=1).set_axis(index)

    @property
    def winner(self) -> dict[str, Any]:
        """What the winner sets, by dotted key, as ``qt.load_strategy`` takes it."""
        settings: dict[str, Any] = self.record["winner"]["settings"]
        return settings

    @property
    def run(self) -> Run:
        """The run that judged the winner on test."""
        return Run(RunFolder(self.folder.parents[1] / Path(self.record["winner"]["run"]).name))

    @property
    def importance(self) -> pd.DataFrame:
        """Share of the points' variance that each parameter's means explain, beside what chance explains."""
        return pd.DataFrame(self.record["importance"], columns=["key", "share", "chance", "levels"]).set_index("key")

    @property
    def findings(self) -> list[str]:
        """What it came to, in sentences, the first one first."""
        return list(self.record["findings"])

    @property
    def report(self) -> ReportPath:
        """Its page: a path whose ``show`` opens it."""
        return ReportPath(SweepFolder(self.folder).page)

    def __str__(self) -> str:
        winner = self.record["winner"]
        lines = [*self.findings, "", f"again   {winner['command']}", f"page    {self.report}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        record = SweepFolder(self.folder).record
        points, winner = record["points"], record["winner"]
        if winner is None:
            return f"<Sweep {self.folder.name}, unfinished: {points['done']} of {points['total']} points>"
        return f"<Sweep {self.folder.name} of {record['strategy']}: {points['done']} points, {winner['verdict']}>"

    def _repr_html_(self) -> str:
        first, *others = self.findings
        rows = [(f"{place}", words) for place, words in enumerate(others[:4], start=1)]
        return f"{notebook_card(first, rows)}<p>Page: {self.report._repr_html_()}</p>"
