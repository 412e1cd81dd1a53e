"""A small market as files, a small network, and the command line called in this process."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from market.panel import Panel
from market.synthetic import SyntheticMarket, SyntheticSettings, synthetic_market
from quintile.cli import main

SMALL = (
    "model.hidden=8",
    "model.layers=1",
    "model.lookback=30",
    "training.burn_in=30",
    "training.max_epochs=2",
    "training.batch_sessions=64",
)


def small_market(n_sessions: int = 500) -> SyntheticMarket:
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=n_sessions))


def long_bars(panel: Panel) -> pd.DataFrame:
    fields = {name: getattr(panel, name).stack() for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(fields).reset_index().rename(columns={"session": "date"})


def assignments(words: tuple[str, ...] = SMALL) -> list[str]:
    return [part for word in words for part in ("--set", word)]


def quintile(*words: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command that succeeds prints."""
    code, printed, error = left_with(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert code in (0, None), error
    return printed


def refusal(*words: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of a command that fails."""
    code, printed, error = left_with(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert code not in (0, None), printed
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith("quintile: ")
    return lines[0]


def left_with(
    *words: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["quintile", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr()
    return left.value.code, told.out, told.err


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
