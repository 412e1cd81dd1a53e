"""Section on the correlation clusters of the holdings, for optimised books."""

from collections.abc import Mapping

from backtests.breakdown.held_clusters import Clusters
from backtests.report.book_report import BookReport
from backtests.report.content import Part, Picture, Section
from backtests.report.figures.clusters_figures import clusters_figure
from backtests.report.formats import ratio

__all__ = ["clusters_section"]


def clusters_section(books: Mapping[str, BookReport]) -> Section | None:
    """Correlation clusters of each optimised book; None where there is none."""
    found = {name: book.study.clusters for name, book in books.items() if book.study is not None}
    pictures = tuple(_picture(name, clusters) for name, clusters in found.items() if clusters is not None)
    if not pictures:
        return None
    lead = "Names that moved together over the past stand side by side; a block of one colour is one bet."
    return Section(slug="clusters", title="Correlation clusters", lead=lead, parts=(Part(pictures=pictures),))


def _picture(name: str, clusters: Clusters) -> Picture:
    n_names, total = len(clusters.correlation), float(clusters.correlation.to_numpy().sum())
    mean = (total - n_names) / (n_names * (n_names - 1))
    return Picture(
        title=f"Correlations of the names that {name} held last",
        summary=f"The {n_names} largest positions at the close of {clusters.session:%Y-%m-%d}, returns of the "
        f"{clusters.sessions} sessions before; mean correlation {ratio(mean)}. Tree: average linkage of √(½ (1 − ρ)).",
        figure=clusters_figure(clusters),
    )
