import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from core.spreadsheet import quoted, unquoted, write_csv
from market.ticker_names import clean_ticker

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(1)", "\tx", "\rx", "＝1", "=HYPERLINK(1)")
PLAIN = ("BRK-B", "BF.B", "A=B", "'A", "", "日本", "O'Neil", "5'", "7203.T")


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN, *(f"'{each}" for each in FORMULAS), "''=A", "'", "''"])
def test_what_is_quoted_is_no_formula_and_is_read_back(text: str) -> None:
    assert not quoted(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert unquoted(quoted(text)) == text
    assert (quoted(text) == text) is (text in PLAIN or text in ("'", "''"))
    if not set(text) & set("\t\r"):
        assert clean_ticker(quoted(text)) == text


def test_no_text_of_a_csv_is_a_formula_and_numbers_stay(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"@weight": [-0.5, 0.25], "=ticker": list(FORMULAS[:2]), "session": pd.to_datetime(["2020-01-02", None])},
        index=pd.Index(["=A", "B"], name="+name"),
    )
    before = frame.copy()
    write_csv(frame, tmp_path / "trades.csv")
    pd.testing.assert_frame_equal(frame, before)
    rows = list(csv.reader(io.StringIO((tmp_path / "trades.csv").read_text(encoding="utf-8"))))
    assert rows == [
        ["+name", "'@weight", "'=ticker", "session"],
        ["'=A", "-0.5", f"'{FORMULAS[0]}", "2020-01-02"],
        ["B", "0.25", "'+1+1", ""],
    ]


def test_columns_of_several_levels_and_of_dates_are_written(tmp_path: Path) -> None:
    sessions = pd.to_datetime(["2020-01-02", "2020-01-03"])
    wide = pd.DataFrame(
        [[1.0, -2.0]], index=sessions[:1], columns=pd.MultiIndex.from_tuples([("=a", "b"), ("c", "-d")])
    )
    write_csv(wide, tmp_path / "wide.csv")
    assert (tmp_path / "wide.csv").read_text() == ",'=a,c\n,b,'-d\n2020-01-02,1.0,-2.0\n"
    write_csv(pd.DataFrame({"n": [1]}, index=pd.MultiIndex.from_tuples([(sessions[0], "@x")])), tmp_path / "long.csv")
    assert "2020-01-02,'@x,1" in (tmp_path / "long.csv").read_text()


def test_a_ticker_holds_nothing_that_nobody_sees() -> None:
    hostile = "\x1b]0;pwn\x07A\u202eB\x9b\u2066\n"
    assert clean_ticker(hostile) == "]0;pwnAB"
    assert clean_ticker(" \t@ES\r\n") == "@ES"
