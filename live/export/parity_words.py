"""Parity words: the tables of a bundle as rows of text, for the terminal and the documents."""

from collections.abc import Mapping
from typing import Any

__all__ = ["COST_COLUMNS", "FILE_COLUMNS", "NAMES_COLUMNS", "bundle_lines", "cost_rows", "file_rows", "names_rows"]

FILE_COLUMNS = ["file", "max error", "in sd", "rank mean", "rank min", "changed positions"]
NAMES_COLUMNS = ["names a call", "file", "compared", "max error", "in sd", "rank min"]
COST_COLUMNS = ["cost of", "rank mean", "rank min", "rank IC", "frozen", "changed positions", "apart"]

Row = list[str]


def file_rows(parity: Mapping[str, Any]) -> list[Row]:
    """One row a file: every test session beside our own scoring of the same weights."""
    return [_file_row(name, each) for name, each in parity["files"].items()]


def names_rows(parity: Mapping[str, Any]) -> list[Row]:
    """One row a count of names and file: sampled sessions, each in a call of its own."""
    counts = [str(count) for count in parity["panels_of_names"]]
    return [_names_row(count, name, each["names"][count]) for count in counts for name, each in parity["files"].items()]


def cost_rows(parity: Mapping[str, Any]) -> list[Row]:
    """One row a change of weights, int8 or pruning, beside the weights before it."""
    return [_cost_row(way, each) for way, each in parity["cost"].items()]


def bundle_lines(card: Mapping[str, Any]) -> list[str]:
    """What the card says beside the tables."""
    sizes = [f"{name} {card['bytes'][name]:,} bytes, sha256 {sha256[:12]}" for name, sha256 in card["files"].items()]
    pruned = card.get("pruned")
    told = [] if pruned is None else [f"pruned: {pruned['zeros']:,} of {pruned['weights']:,} weights are zero"]
    return [*sizes, *told, *(f"note: {note}" for note in card["notes"])]


def _file_row(name: str, each: Mapping[str, Any]) -> Row:
    whole, book = each["all"], each["book"]
    return [
        name,
        f"{whole['max_error']:.1e}",
        f"{whole['max_error_scores']:.1e}",
        _rank(whole["rank_mean"]),
        _rank(whole["rank_min"]),
        _changed(book),
    ]


def _names_row(count: str, name: str, each: Mapping[str, Any]) -> Row:
    return [
        f"{int(count):,}",
        name,
        f"{each['compared']:,}",
        f"{each['max_error']:.1e}",
        f"{each['max_error_scores']:.1e}",
        _rank(each["rank_min"]),
    ]


def _cost_row(way: str, each: Mapping[str, Any]) -> Row:
    whole, book = each["all"], each["book"]
    return [
        way,
        _rank(whole["rank_mean"]),
        _rank(whole["rank_min"]),
        _signed(each["rank_ic"]),
        _signed(each["frozen_rank_ic"]),
        _changed(book),
        f"{book['distance']:.2%}",
    ]


def _changed(book: Mapping[str, Any]) -> str:
    return f"{book['changed_positions']:,} of {book['positions']:,}"


def _rank(value: float | None) -> str:
    return "–" if value is None else f"{value:.6f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
