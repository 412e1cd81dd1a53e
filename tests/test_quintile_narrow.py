"""Narrow terminals: progress, runs and compared books are read in 80 columns and in 60, with no number cut."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from quintile.cli.compare_commands import _print
from quintile.cli.console import table
from quintile.progress_display import _columns
from strategy.definitions.spec import load_spec
from strategy.runs.store import RunStore
from tests.frozen_market import long_bars
from tests.oracles.small_runs import quintile

NAMES = ("S3 volatility-scaled shorts", "optimised: hierarchical risk parity")


@pytest.mark.parametrize("width", [120, 80, 60])
def test_progress_cuts_names_and_notes_and_never_a_number(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    bars = Progress(*_columns(width), console=console)
    for stage, done, total, note in (
        ("training", 12, 40, "validation IC 0.0123, best epoch 9, patience 3"),
        ("fold 12 of 17, seed 42, training", 1259, 1259, "a"),
    ):
        bars.update(bars.add_task(stage, total=total, note=note), completed=done)
    console.print(bars.get_renderable())
    lines = [line for line in console.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]
    assert len(lines) == 2  # one line a stage: nothing was folded
    assert all(len(line) <= width for line in lines)
    assert "12/40" in lines[0]
    assert "eta -:--:--" in lines[0]
    assert "1259/1259" in lines[1]
    assert "eta 0:00:00" in lines[1]
    assert "━━" in lines[1]


@pytest.mark.parametrize("width", [80, 60])
def test_a_run_is_listed_with_its_whole_id(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", f"{width}")
    folder = RunStore(tmp_path).create(load_spec("quintile_long_short"), BarsRequest(), panel="p")
    folder.write_metrics({"headline": {"sharpe_net": -1.2345, "rank_ic": 0.01234, "verdict": "NOT EVIDENCE"}})
    folder.finish()
    shown = quintile("runs", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys).splitlines()
    assert all(len(line) <= width for line in shown)
    for word in (folder.run_id, "quintile_long_short", "-1.23", "0.0123", "NOT EVIDENCE"):
        assert any(word in line for line in shown), word


@pytest.mark.parametrize("width", [80, 60])
def test_an_audit_is_read_in_a_narrow_terminal(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", f"{width}")
    monkeypatch.chdir(tmp_path)
    panel = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150)).panel
    long_bars(panel).to_parquet("bars.parquet")
    shown = quintile("data", "audit", "bars.parquet", monkeypatch=monkeypatch, capsys=capsys).splitlines()
    assert any("survivorship" in line for line in shown)
    assert all(len(line) <= width for line in shown)


@pytest.mark.parametrize("width", [80, 60])
def test_columns_that_do_not_fit_come_in_further_tables(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", f"{width}")
    columns = ["book", "Sharpe net", "lead", "95 % of it", "verdict", "95 %", "deflated", "drawdown", "net"]
    cells = ["-1.02 ± 0.44", "-0.25", "-1.25 to 0.75", "NOT EVIDENCE", "-1.90 to -0.12", "0.123", "-12.3%", "-30.0%"]
    table("", columns, [[name, *cells] for name in NAMES], in_parts=True)
    shown = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in shown)
    for name in NAMES:
        rows = [line for line in shown if line.startswith(name)]
        assert len(rows) == len([line for line in shown if line.startswith("book ")]) >= 2
        assert " ".join(" ".join(rows).replace(name, " ").split()) == " ".join(cells)


def test_the_columns_that_matter_most_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], comparison: object
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _print(comparison, verbose=False)  # type: ignore[arg-type]
    first = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("book "))
    assert first.split()[:4] == ["book", "Sharpe", "net", "lead"]


@pytest.fixture
def comparison() -> object:
    import pandas as pd

    from strategy.studies.book_comparison import BookComparison

    row = dict.fromkeys(("sharpe", "standard_error", "sharpe_low", "sharpe_high", "gap", "gap_low", "gap_high"), 0.5)
    row |= dict.fromkeys(("deflated", "max_drawdown", "net"), 0.1)
    table = pd.DataFrame([row | {"verdict": "NOT EVIDENCE"}] * 2, index=pd.Index(NAMES, name="book"))
    returns = pd.DataFrame({name: [0.0, 0.1] for name in NAMES}, index=pd.date_range("2020-01-01", periods=2))
    return BookComparison(
        spec=load_spec(),
        table=table,
        returns=returns,
        market=returns.iloc[:, 0],
        n_trials=3,
        facts=("bars", "all", "UNKNOWN"),
        synthetic=False,
    )
