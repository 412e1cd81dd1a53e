"""Sweep estimate: what the first training of a sweep says that it will take, from its process to whoever looks on."""

from pathlib import Path

from core.files import write_text
from core.progress import ProgressCallback, announcer

__all__ = ["FirstEstimate", "first_estimate"]

ESTIMATE_FILE = "estimate.txt"  # of a sweep: made by its first training, which says it for all


def first_estimate(sweep: Path) -> "FirstEstimate | None":
    """What keeps the estimate of a sweep's first training, given the sweep's folder; None where there was another."""
    path = sweep / ESTIMATE_FILE
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return None
    return FirstEstimate(path)


class FirstEstimate:
    """Words that one process keeps in a file and another one says once.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._is_said = path, False

    @classmethod
    def of(cls, sweep: Path) -> "FirstEstimate":
        """The estimate of a sweep, by its folder."""
        return cls(sweep / ESTIMATE_FILE)

    def keep(self, words: str) -> None:
        """Keep the words."""
        write_text(self._path, words)

    def say(self, progress: ProgressCallback, plan: str) -> None:
        """Say them, and of how many they are one, where progress is shown; not twice."""
        say = announcer(progress)
        if say is None or self._is_said or not self._path.is_file():
            return
        if words := self._path.read_text(encoding="utf-8"):
            self._is_said = True
            say(f"a training takes {words}; {plan}")
