"""Rerank words: what re-ranking old results by percentage-return error changes, and what it cannot show."""

import math
from collections.abc import Mapping
from typing import Any

from backtests.forecasts.old_results import OldModel, Reranked

__all__ = ["RERANK_LIMITS", "rerank_findings", "rerank_record", "rerank_table"]

COLUMNS = (
    "symbol",
    "by price error",
    "by return error",
    "its MAE of returns",
    "before",
    "less by",
    "price must have moved by",
)
MAX_MOVED = 1.5  # factor by which a price rarely moves within the weeks or months of a test
RERANK_LIMITS = (
    "NOT EVIDENCE that the new choice forecasts better: the file holds no persistence to compare with, and the same "
    "numbers chose and judge.",
    "No symbol can get worse on the numbers that chose it, so that zero regressions hold for any file; the mean "
    "improvement is the winner's curse at least in part. Judge on later sessions: `quintile forecast tune`, then "
    "`quintile forecast check`.",
    "Both errors of one symbol are of the same returns, the one times the price of the day. The last column is by "
    "which factor that price must at least have moved for both to be of the same forecasts.",
)


def rerank_findings(found: Reranked) -> list[str]:
    """What changes, in plain sentences, with what cannot be told behind it."""
    n, changed = len(found.symbols), found.changed
    said = [f"The choice changes for {len(changed)} of {n} symbol{'s' if n > 1 else ''}."]
    if changed:
        best = changed[0]
        said.append(
            f"Where it changes, the percentage-return MAE is {found.mean_gain:.1%} lower on average, at most "
            f"{best.gain:.1%} ({best.symbol})."
        )
    for which, by_return in (("price", False), ("return", True)):
        said.append(f"By {which} error: {_counts(found.chosen(by_return=by_return))}.")
    odd = [row for row in changed if row.price_moved > MAX_MOVED]
    if odd:
        far = max(odd, key=lambda row: row.price_moved)
        said.append(
            f"On {len(odd)} of them the two errors can only be of the same forecasts if the price moved by a factor of "
            f"more than {MAX_MOVED:g} ({far.symbol}: {far.price_moved:.2f}): look whether they were measured alike."
        )
    if found.left_out:
        said.append(f"Left out, without both errors: {', '.join(found.left_out[:5])}{_more(len(found.left_out))}.")
    return said + list(RERANK_LIMITS)


def rerank_table(found: Reranked) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings and a row a symbol, the greatest change first."""
    rows = [
        [
            row.symbol,
            row.by_price.model,
            row.by_return.model if row.is_changed else "the same",
            f"{row.by_return.pct_return_mae:.3%}",
            f"{row.by_price.pct_return_mae:.3%}",
            f"{row.gain:.1%}" if row.is_changed else "–",
            f"× {row.price_moved:.2f}" if row.is_changed else "–",
        ]
        for row in found.symbols
    ]
    return COLUMNS, rows


def rerank_record(found: Reranked) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "symbols": len(found.symbols),
        "changed": len(found.changed),
        "mean_gain": found.mean_gain if math.isfinite(found.mean_gain) else None,
        "left_out": list(found.left_out),
        "rows": [
            {
                "symbol": row.symbol,
                "by_price": _record(row.by_price),
                "by_return": _record(row.by_return),
                "changed": row.is_changed,
                "gain": row.gain,
                "price_moved": row.price_moved,
            }
            for row in found.symbols
        ],
        "findings": rerank_findings(found),
    }


def _record(model: OldModel) -> dict[str, Any]:
    return {"model": model.model, "price_mae": model.price_mae, "pct_return_mae": model.pct_return_mae}


def _counts(chosen: Mapping[str, int]) -> str:
    return ", ".join(f"{name} on {count}" for name, count in chosen.items())


def _more(n: int) -> str:
    return f" and {n - 5} more" if n > 5 else ""
