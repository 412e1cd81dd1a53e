"""Section: what one workload says on the page, and the ratios that the chart draws of it."""

from dataclasses import dataclass, field

__all__ = ["Ratio", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One bar of the chart: how many times faster a form was than its rival, both in the same run.

    Parameters
    ----------
    form, rival : str
        What was compared.
    times : float
        Median time of the rival ÷ median time of the form.
    """

    form: str
    rival: str
    times: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    heading : str
        Without its marks.
    clock : str
        Which clock, how often, how many threads.
    notes : tuple of str
        Paragraphs: what was run, and what was left out.
    columns : tuple of str
        Names of the table's columns.
    rows : tuple of tuple of str
        Its cells.
    ratios : tuple of Ratio
        For the chart; may be empty.
    """

    heading: str
    clock: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    ratios: tuple[Ratio, ...] = field(default=())

    def table(self) -> str:
        """Table in Markdown; columns of numbers stand to the right."""
        by_column = zip(*self.rows, strict=True)
        rules = ["---:" if all(_is_number(cell) for cell in cells) else "---" for cells in by_column]
        lines = [self.columns, tuple(rules), *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _is_number(cell: str) -> bool:
    return not cell or cell.lstrip("+-−<±").startswith(tuple("0123456789"))
