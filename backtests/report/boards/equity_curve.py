"""Run curve: a run's equity as a short text: first date, days since it, and wealth in ten-thousandths of the start.

    2016-05-02|0,1,2|10000,10021,9987

At most ``MAX_POINTS`` sessions are kept, evenly spaced, the highest and the lowest among them. The list of runs and the
board keep it, and the board's page reads the same text.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import RunError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MAX_POINTS", "curve_of_file", "curve_text", "sparkline"]

MAX_POINTS: Final = 120
UNIT: Final = 10_000
WIDTH, HEIGHT = 120.0, 30.0  # of a sparkline, in its own units
LARGEST: Final = 1e9  # wealth beyond it is not drawn


def curve_of_file(path: Path, column: str) -> str:
    """The curve of one column of net returns in a parquet file of sessions.

    Raises
    ------
    RunError
        If the file or its column cannot be read.
    """
    import numpy as np
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    try:
        with pq.ParquetFile(path) as opened:
            if column not in opened.schema_arrow.names:
                raise RunError(f"{path} has no column {column}: restore it, or make the run again")
            read = opened.read(columns=["session", column], use_threads=False)
        net = read.column(column).to_numpy().astype(float)
        days = read.column("session").to_numpy().astype("datetime64[D]").astype(np.int64)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArrowException) as error:
        reason = str(error).partition("\n")[0][:120]
        raise RunError(f"{path} cannot be read ({reason}): restore it, or make the run again") from error
    known = np.isfinite(net)
    return curve_text(days[known], net[known])


def curve_text(days: "np.ndarray", net: "np.ndarray") -> str:
    """The curve of net returns by day since 1970; empty with fewer than two sessions, or where wealth is no number."""
    import numpy as np

    with np.errstate(over="ignore"):
        wealth = np.cumprod(1.0 + net)
    if len(wealth) < 2 or not np.isfinite(wealth).all() or np.abs(wealth).max() > LARGEST:
        return ""
    evenly = np.linspace(0, len(wealth) - 1, MAX_POINTS - 2).round().astype(int)
    kept = np.unique([*evenly, wealth.argmin(), wealth.argmax()])
    gaps, levels = days[kept] - days[kept[0]], np.rint(wealth[kept] * UNIT).astype(np.int64)
    first = str(np.datetime64(int(days[kept[0]]), "D"))
    return f"{first}|{','.join(map(str, gaps))}|{','.join(map(str, levels))}"


def sparkline(curve: str) -> str:
    """A path for SVG of 120 × 30 units, the start of wealth at its own height; empty where there is no curve."""
    parts = curve.split("|")
    if len(parts) != 3:
        return ""
    try:
        days, levels = ([int(each) for each in part.split(",")] for part in parts[1:])
    except ValueError:
        return ""
    if len(days) != len(levels) or len(days) < 2 or days[-1] <= 0:
        return ""
    low, high = min(*levels, UNIT), max(*levels, UNIT)
    across, up = WIDTH / days[-1], (HEIGHT - 2.0) / (high - low) if high > low else 0.0
    heights = [HEIGHT - 1.0 - (level - low) * up for level in levels]
    points = [f"{day * across:.0f} {height:.1f}" for day, height in zip(days, heights, strict=True)]
    return "M" + "L".join(dict.fromkeys(points))
