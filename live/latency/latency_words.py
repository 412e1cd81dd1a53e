"""Latency words: a latency table as cells and sentences."""

from live.latency.latency_table import LatencyRow, LatencyTable

__all__ = ["conditions_line", "told_rows"]


def told_rows(made: LatencyTable) -> list[list[str]]:
    """The cells of every row, form after form, each form with its peak of memory and its difference behind it."""
    told = []
    for form in dict.fromkeys(row.form for row in made.rows):
        told += [_cells(row) for row in made.rows if row.form == form]
        peak = made.peaks[form]
        told.append([form, "memory", "–" if peak is None else f"{peak / 1e6:.0f} MB", *[""] * 5])
        told.append([form, "from ours", f"{made.differences[form]:.0e} sd", *[""] * 5])
    return told


def conditions_line(made: LatencyTable) -> str:
    """Where and how it was measured, and what else the machine did."""
    facts = made.conditions
    load = facts["load_average"]
    beside = "" if load is None else f", load average up to {load:.1f} on {facts['processors']} processors"
    threads = "1 thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    rounds = "1 round" if facts["rounds"] == 1 else f"{facts['rounds']} rounds"
    libraries = f"torch {facts['torch']}, onnxruntime {facts['onnxruntime'] or 'not installed'}"
    return f"{facts['processor']}, {threads}, {rounds}{beside}; {libraries}"


def _cells(row: LatencyRow) -> list[str]:
    bound = "" if row.bound is None else _seconds(row.bound)
    answer = {None: "", True: "within", False: "OVER"}[row.is_within]
    processor = "" if row.processor is None else _seconds(row.processor)
    return [row.form, row.what, *map(_seconds, row.seconds), processor, bound, answer]


def _seconds(seconds: float) -> str:
    """Three figures, in milliseconds below a second."""
    if seconds >= 1.0:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1e3
    digits = 0 if milliseconds >= 100.0 else 1 if milliseconds >= 10.0 else 2
    return f"{milliseconds:.{digits}f} ms"
