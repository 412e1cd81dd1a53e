"""Archive: frames and bars as bytes inside a version, and back; parquet and JSON only."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.errors import DataError
from core.files import read_json
from market.outside.outside_table import joined_rows, split_rows
from market.panel import BAR_FIELDS, Panel, PanelFacts, aligned_frame
from market.returns import forward_returns
from signals.score_metrics import information_coefficient
from strategy.definitions.spec import StrategySpec
from strategy.learning.decide import Recomputed

__all__ = [
    "bar_returns",
    "expected_frames",
    "feature_hashes",
    "figures",
    "frame_bytes",
    "panel_files",
    "read_expected",
    "read_panel",
    "read_sectors",
    "sector_files",
]

EXPECTED = ("scores", "weights", "returns", "bar_returns")
SECTORS = "sectors.parquet"
OUTSIDE = "outside.parquet"
ADJUSTED = "splits and dividends:"  # how the adjustment of adjusted bars began before that was a fact of its own


def expected_frames(panel: Panel, recomputed: Recomputed) -> dict[str, pd.DataFrame]:
    """Frames that a version stores for comparison: scores, decided weights, returns and the bars' returns."""
    tested = recomputed.scores.index
    returns = {
        "turnover": recomputed.result.turnover,
        "gross": recomputed.result.gross_returns,
        "net": recomputed.result.net_returns,
    }
    return {
        "scores": recomputed.scores,
        "weights": recomputed.book.weights.loc[tested],
        "returns": pd.DataFrame(returns).rename_axis(columns="column"),
        "bar_returns": bar_returns(panel).loc[tested],
    }


def bar_returns(panel: Panel) -> pd.DataFrame:
    """Close-to-close returns as 32-bit floats, whose rounding is far below the tolerance of a restatement."""
    last = panel.close.ffill().shift(1)
    returns = panel.close / last - 1.0
    return returns.astype(np.float32)


def figures(spec: StrategySpec, panel: Panel, recomputed: Recomputed) -> dict[str, float | None]:
    """The headline metrics of recomputed returns and scores; NaN is None."""
    from backtests.statistics.metrics import performance_summary, sharpe_ratio

    year = panel.facts.sessions_per_year
    net = performance_summary(recomputed.result.net_returns, sessions_per_year=year)
    forward = forward_returns(panel, spec.execution, horizon=spec.label.horizon).loc[recomputed.scores.index]
    numbers = {
        "sharpe_net": net.sharpe,
        "sharpe_gross": sharpe_ratio(recomputed.result.gross_returns, sessions_per_year=year),
        "annual_return": net.annual_return,
        "volatility": net.volatility,
        "max_drawdown": net.max_drawdown,
        "turnover": float(recomputed.result.turnover.mean()),
        "rank_ic": float(information_coefficient(recomputed.scores, forward).mean()),
    }
    return {name: float(value) if np.isfinite(value) else None for name, value in numbers.items()}


def feature_hashes(features: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """The sha256 of every feature's numbers, all NaN being one."""
    return {name: _numbers_hash(frame.to_numpy(dtype=float)) for name, frame in features.items()}


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as parquet; equal frames give equal bytes."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def read_expected(folder: Path) -> dict[str, pd.DataFrame]:
    """The expected frames of a version, sessions and tickers named as everywhere.

    Raises
    ------
    DataError
        If one of them is no table of numbers by session.
    """
    frames = {name: _numbers(folder / "expected" / f"{name}.parquet") for name in EXPECTED}
    aligned = ("scores", "weights")
    return {name: _framed(frame) if name in aligned else frame for name, frame in frames.items()}


def panel_files(panel: Panel) -> dict[str, bytes]:
    """All of a panel as files under ``bars/``."""
    frames = {name: getattr(panel, name) for name in (*BAR_FIELDS, "universe", "delistings")}
    facts = json.dumps(asdict(panel.facts), indent=2, sort_keys=True).encode()
    files = {f"bars/{name}.parquet": frame_bytes(frame) for name, frame in frames.items()} | {"bars/facts.json": facts}
    return files | ({f"bars/{OUTSIDE}": frame_bytes(joined_rows(panel.outside))} if panel.outside else {})


def read_panel(folder: Path) -> Panel:
    """The panel that ``panel_files`` described, from a version's folder.

    Raises
    ------
    DataError
        If a file of it is of another form.
    """
    bars = folder / "bars"
    frames: Mapping[str, Any] = {
        name: _framed(_numbers(bars / f"{name}.parquet")) for name in (*BAR_FIELDS, "universe")
    }
    facts = read_json(bars / "facts.json", PanelFacts)
    if "adjusted" not in read_json(bars / "facts.json", dict[str, Any]):  # of a release without the word
        facts = replace(facts, adjusted=facts.adjustment.startswith(ADJUSTED))
    delistings = pd.read_parquet(bars / "delistings.parquet")
    outside = split_rows(pd.read_parquet(bars / OUTSIDE)) if (bars / OUTSIDE).is_file() else {}
    return Panel(**frames, delistings=delistings, facts=facts, outside=outside)


def sector_files(sectors: pd.Series) -> dict[str, bytes]:
    """The sector of each ticker as a file."""
    return {SECTORS: frame_bytes(sectors.rename("sector").rename_axis("ticker").to_frame())}


def read_sectors(folder: Path) -> pd.Series | None:
    """The sectors that a version's book was levelled by, by ticker; None where it reads none."""
    path = folder / SECTORS
    if not path.is_file():
        return None
    table = pd.read_parquet(path)
    if list(table) != ["sector"] or not table.index.is_unique:
        raise DataError(f"{SECTORS} of the version is no table of one sector a ticker: take a clean copy")
    return table["sector"].astype(object)


def _numbers_hash(values: np.ndarray) -> str:
    canonical = np.where(np.isnan(values), np.nan, values)
    return hashlib.sha256(np.ascontiguousarray(canonical).tobytes()).hexdigest()


def _numbers(path: Path) -> pd.DataFrame:
    """A table of numbers by session out of a version, which may come from anyone."""
    frame = pd.read_parquet(path)
    index = frame.index
    reasons = {
        "its rows are no sessions": not isinstance(index, pd.DatetimeIndex) or index.tz is not None or index.hasnans,
        "its sessions do not rise": not (index.is_monotonic_increasing and index.is_unique),
        "a column comes twice": not frame.columns.is_unique,
        "a column holds no numbers": not all(dtype.kind in "fiub" for dtype in frame.dtypes),
    }
    wrong = [reason for reason, holds in reasons.items() if holds]
    if wrong:
        raise DataError(f"{path.name} of the version is no table of numbers by session ({wrong[0]}): take a clean copy")
    return frame


def _framed(frame: pd.DataFrame) -> pd.DataFrame:
    return aligned_frame(frame.to_numpy(), pd.DatetimeIndex(frame.index), frame.columns)
