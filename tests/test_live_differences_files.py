"""Trades of other tools as files, the command, the page, and the faults that a user can meet: each in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core.errors import BarsError, DataError, QuintileError, RunError, SourceError
from live.differences.recipe_sources import Told, recipe_of, recipes
from live.differences.stage_groups import stage_groups
from live.differences.trade_files import read_trades, trades_of
from quintile.cli import app
from tests.browser import faults_of, open_browser
from tests.frozen_market import Bench

ORDERS = """Order Id,Column,Timestamp,Size,Price,Fees,Side
0,AAA,2020-01-02 00:00:00,10.0,100.5,1.0,Buy
1,BBB,2020-01-02 00:00:00,4.0,50.0,0.5,Sell
2,AAA,2020-01-06 00:00:00,3.0,101.0,0.2,Sell
"""
TRADES = """Column,Size,Entry Timestamp,Avg Entry Price,Entry Fees,Exit Timestamp,Avg Exit Price,Direction,Status
AAA,3.0,2020-01-02,100.5,1.0,2020-01-06,101.0,Long,Closed
BBB,4.0,2020-01-02,50.0,0.5,2020-01-06,51.0,Short,Open
"""
BT = """Date,Security,price,quantity
2020-01-02,AAA,100.5,10
2020-01-02,BBB,50.0,-4
2020-01-06,AAA,101.0,-3
"""


def written(folder: Path, text: str, name: str = "trades.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [(f"{row.session:%Y-%m-%d}", row.ticker, row.shares, row.price, row.fee) for row in table.itertuples()]


def test_orders_of_vectorbt_are_fills(tmp_path: Path) -> None:
    read = read_trades(written(tmp_path, ORDERS))
    assert read.told_fees
    assert rows(read.fills) == [
        ("2020-01-02", "AAA", 10.0, 100.5, 1.0),
        ("2020-01-02", "BBB", -4.0, 50.0, 0.5),
        ("2020-01-06", "AAA", -3.0, 101.0, 0.2),
    ]


def test_trades_of_vectorbt_are_an_entry_and_where_they_are_closed_an_exit(tmp_path: Path) -> None:
    read = read_trades(written(tmp_path, TRADES))
    assert read.are_round_trips
    assert rows(read.fills) == [
        ("2020-01-02", "AAA", 3.0, 100.5, 1.0),
        ("2020-01-02", "BBB", -4.0, 50.0, 0.5),
        ("2020-01-06", "AAA", -3.0, 101.0, 0.0),
    ]


def test_transactions_of_bt_tell_no_fees(tmp_path: Path) -> None:
    read = read_trades(written(tmp_path, BT))
    assert not read.told_fees
    assert rows(read.fills)[1] == ("2020-01-02", "BBB", -4.0, 50.0, 0.0)


def test_in_a_file_with_decimal_commas_a_point_stands_between_thousands(tmp_path: Path) -> None:
    text = "Date;Ticker;Shares;Price;Fee\n15.01.2020;AAA;1.000;1.100,5;1,25\n16.01.2020;AAA;-10;1.101;\n"
    assert rows(read_trades(written(tmp_path, text)).fills) == [
        ("2020-01-15", "AAA", 1000.0, 1100.5, 1.25),
        ("2020-01-16", "AAA", -10.0, 1101.0, 0.0),
    ]


def test_text_in_place_of_a_number_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(BarsError) as refused:
        read_trades(written(tmp_path, "date,ticker,shares,price,fee\n2020-01-02,A,(10),$1,x\n"))
    assert "has 3 kinds of defects" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", SourceError, "empty"),
        ("date,ticker,shares,price\n", SourceError, "holds no fills"),
        ("date,ticker,price\n2020-01-02,A,1\n", DataError, "no column for shares: looked for shares/size"),
        ("date,ticker,shares,price\n2020-01-02,A,many,1\n", BarsError, "shares"),
        (
            "date,ticker,shares,price\n2020-01-02,A,1,-3\n",
            BarsError,
            "price must be a positive number, was not in row 1",
        ),
        ("date,ticker,shares,price\nsoon,A,1,3\n", BarsError, "soon"),
        (
            "date,ticker,shares,price,side\n2020-01-02,A,1,3,perhaps\n",
            BarsError,
            "side 'perhaps' in row 1 .*: write buy or sell",
        ),
        ("date,ticker,shares,price\n2020-01-02,,1,3\n", BarsError, "no ticker in row 1"),
        ("date,ticker,shares,price\n2020-01-02,A,0,3\n", BarsError, "a number other than 0"),
        ("date,ticker,shares,shares,price\n2020-01-02,A,1,2,3\n", DataError, "column shares more than once: leave one"),
        ("date,ticker,shares,price,fee\n2020-01-02,A,1,3,-1\n", BarsError, "no fee but negative .* without a sign"),
        ("\x00\x01\x02\n\x03", QuintileError, "trades.csv"),
    ],
)
def test_garbage_is_refused_in_one_line(text: str, kind: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(kind, match=words) as refused:
        read_trades(written(tmp_path, text))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": [float("nan"), 50.0, 101.0]}, "trades: price must be a positive number, was not in row 1"),
        ({"shares": ["10", "x", "3"]}, "trades holds text where shares in row 2"),
        ({"ticker": [None, "B", "A"]}, "trades has no ticker in row 1"),
        ({"ticker": [1, "B", "A"]}, "trades cannot be read"),
    ],
)
def test_fills_in_memory_are_held_to_what_a_file_is_held_to(change: dict[str, Any], words: str) -> None:
    days = ["2020-01-02", "2020-01-02", "2020-01-06"]
    fine = pd.DataFrame({"session": days, "ticker": list("ABA"), "shares": [10.0, -4.0, -3.0], "price": 50.0})
    assert rows(trades_of(fine).fills)[1] == ("2020-01-02", "B", -4.0, 50.0, 0.0)
    with pytest.raises(DataError, match=words):
        trades_of(fine.assign(**change))


@pytest.fixture
def orders(bench: Bench, tmp_path: Path) -> Path:
    """What the bench's run traded, as another tool writes it, its first ten sessions."""
    trades = bench.run.read_frame("trades")
    path = tmp_path / "orders.csv"
    trades[["session", "ticker", "shares", "price", "cost"]].rename(columns={"cost": "fee"}).to_csv(path, index=False)
    return path


def told(bench: Bench, **fields: Any) -> Told:
    return Told(store=bench.store, versions=bench.versions, capital=1e6, **fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ticker": "<b>X</b>"}, "of which there are no bars"),
        ({"session": pd.Timestamp("1999-01-04")}, "1999-01-04, which is no session of the bars"),
    ],
)
def test_trades_that_the_bars_do_not_have_are_refused(
    change: dict[str, Any], words: str, bench: Bench, orders: Path
) -> None:
    table = pd.read_csv(orders, parse_dates=["session"])
    for column, value in change.items():
        table.loc[0, column] = value
    table.to_csv(orders, index=False)
    with pytest.raises(DataError, match=words):
        recipes(bench.run.run_id, str(orders), told(bench))


def test_prices_on_another_basis_are_refused(bench: Bench, orders: Path) -> None:
    table = pd.read_csv(orders)
    table["price"] *= 4.0
    table.to_csv(orders, index=False)
    with pytest.raises(DataError, match="are 4 times the closes"):
        recipes(bench.run.run_id, str(orders), told(bench))


def test_two_files_need_bars(bench: Bench, orders: Path) -> None:
    with pytest.raises(RunError, match=r"name with --bars those that orders\.csv was traded on"):
        recipes(str(orders), str(orders), told(bench))


def test_unfinished_damaged_and_unknown_sides_are_refused(bench: Bench, tmp_path: Path) -> None:
    made = bench.copied(tmp_path)
    record = json.loads((made.run.path / "run.json").read_text())
    (made.run.path / "run.json").write_text(json.dumps(record | {"finished": None}))
    with pytest.raises(RunError, match="has not finished"):
        recipes(made.run.run_id, made.run.run_id, told(made))
    (made.run.path / "run.json").write_text(json.dumps(record))
    scores = made.run.path / "scores.parquet"
    scores.write_bytes(scores.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read"):
        recipes(made.run.run_id, made.run.run_id, told(made))
    for word, kind in (("nothing", RunError), ("no_such@1.0.0", ValueError), ("paper:no_such@1.0.0", ValueError)):
        with pytest.raises(kind):
            recipes(word, word, told(made))
    shutil.rmtree(tmp_path / "runs")


def test_the_command_writes_a_page_and_says_what_most_of_the_gap_is(bench: Bench, orders: Path, tmp_path: Path) -> None:
    table = pd.read_csv(orders)
    table["fee"] *= 4.0
    hostile = tmp_path / "<img src=x onerror=alert(1)>.csv"
    table.to_csv(hostile, index=False)
    page = tmp_path / "why.html"
    words = ["explain", bench.run.run_id, str(hostile), "--capital", "1000000", "--store", str(bench.store.root)]
    done = CliRunner().invoke(app, [*words, "--out", str(page), "--quiet"])
    assert done.exit_code == 0, done.output
    assert "of the gap of" in done.output
    assert "is costs:" in done.output
    assert "wanted is inferred from what it held after each session's fills" in done.output
    assert "trials" in done.output
    html = page.read_text(encoding="utf-8")
    assert "Why two results differ" in html
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    page.write_text("mine", encoding="utf-8")
    again = CliRunner().invoke(app, [*words, "--out", str(page)])
    assert isinstance(again.exception, ValueError)
    assert page.read_text(encoding="utf-8") == "mine"


def test_a_run_and_the_version_frozen_of_it_are_the_same_to_the_bit(bench: Bench, frozen: Any) -> None:
    words = ["explain", bench.run.run_id, str(frozen.version), "--store", str(bench.store.root)]
    done = CliRunner().invoke(app, [*words, "--versions", str(bench.versions), "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    assert answer["same"]
    assert [part["figures"]["annual return"] for part in answer["parts"]] == [0.0] * 7


def test_models_of_other_sizes_are_other_weights(bench: Bench, frozen: Any) -> None:
    side = recipe_of(str(frozen.version), told(bench))
    assert side.checkpoint is not None
    model = side.checkpoint.model
    longer = {name: np.tile(value, 3) for name, value in model.stored().tensors.items()}
    other = SimpleNamespace(stored=lambda: SimpleNamespace(tensors=longer), scaler=model.scaler)
    resized: Any = SimpleNamespace(model=other, calibration=side.checkpoint.calibration)
    found = [group for group in stage_groups(side, replace(side, checkpoint=resized)) if group.differs]
    assert [(group.name, group.why) for group in found] == [("scores", "other trained weights")]


def test_a_universe_without_bars_is_refused() -> None:
    done = CliRunner().invoke(app, ["explain", "a", "b", "--universe", "top20"])
    assert "--universe and --exchange need --bars" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "option"), [(["explain", "a", "b", "--store"], "--store"), (["size-book", "latest", "--runs"], "--runs")]
)
def test_a_wrong_folder_of_runs_is_told_with_the_commands_own_word(
    words: list[str], option: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    for place, kind in ((tmp_path, RunError), (tmp_path / "file", ValueError)):
        done = CliRunner().invoke(app, [*words, str(place)])
        assert isinstance(done.exception, kind)
        assert f"folder with {option}" in str(done.exception)
        assert "--out" not in str(done.exception)


@pytest.mark.slow
def test_the_page_has_no_fault_in_a_browser(bench: Bench, orders: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["explain", bench.run.run_id, str(orders), "--capital", "1000000", "--store", str(bench.store.root)]
    assert CliRunner().invoke(app, [*words, "--out", str(page), "--quiet"]).exit_code == 0
    with open_browser() as browser:
        assert faults_of(browser, page) == []
