"""Cut and strange files: a cut file is told, a pipe is not waited for, want of memory is not the fault of a file."""

import gzip
import os
import resource
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from core.errors import SourceError
from core.files import require_apart
from market.bars import bar_files, csv
from market.bars.bar_files import bars_from_path, read_whole_table
from market.inputs import load_inputs
from market.sources import load_bars
from market.sources.fetch import read_tickers
from market.sources.sectors import load_sectors
from quintile.bar_requests import bars_request
from signals.score_file import cut_scores, read_scores
from strategy.trading.holdings import read_holdings

HEADER = "date,ticker,open,high,low,close,volume\n"
ROWS = "".join(f"2020-01-{day:02},AB,10.5,11.5,10,11,1234\n" for day in range(1, 29))


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz"])
@pytest.mark.parametrize("cut", range(1, 6))
def test_a_row_cut_in_its_last_cell_is_named(tmp_path: Path, name: str, cut: int) -> None:
    path = write(tmp_path / name, (HEADER + ROWS)[:-cut])
    line = "2020-01-28,AB,10.5,11.5,10,11,1234"[: 35 - cut]
    assert load_bars(path).facts.notes[0] == (
        f"the last line of {name} has no line end: a file that was cut ends so, look at '{line}'"
    )


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz"])
@pytest.mark.parametrize("cut", [6, 12, 20, 24, 30, 34])
def test_a_row_cut_before_its_last_cell_is_refused(tmp_path: Path, name: str, cut: int) -> None:
    with pytest.raises(SourceError, match=rf"{name} is not a readable CSV file: .*Expected 7 columns, got \d: 2"):
        load_bars(write(tmp_path / name, (HEADER + ROWS)[:-cut]))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n,,,,,,\n"])
def test_a_file_that_ends_its_last_line_has_no_note(tmp_path: Path, end: str) -> None:
    assert not bars_from_path(write(tmp_path / "b.csv", HEADER + ROWS.rstrip("\n") + end)).notes


def test_files_of_a_folder_that_were_cut_are_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "daily"
    folder.mkdir()
    for ticker, cut in (("A", -1), ("B", -2), ("C", len(HEADER + ROWS))):
        write(folder / f"{ticker}.csv", (HEADER + ROWS).replace(",ticker", "").replace(",AB", "")[:cut])
    assert bars_from_path(folder).notes == (
        "the last line of A.csv has no line end, nor have 1 other files: a file that was cut ends so, look at "
        "'2020-01-28,10.5,11.5,10,11,1234'",
    )


def test_a_compressed_file_that_was_cut_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv.gz", HEADER + ROWS * 50)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"b\.csv\.gz is not a readable CSV file"):
        load_bars(path)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz"])
def test_a_row_of_another_length_that_is_no_text_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    path, content = tmp_path / name, (HEADER + ROWS).encode() + b"2020-01-09,\xce\xff,1\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    number = content.count(b"\n")
    with pytest.raises(SourceError, match=rf"b\.csv.* line {number} holds b'\\xce', which is no UTF-8 text"):
        load_bars(path)


@pytest.mark.parametrize("place", [30, -30])
def test_a_compressed_file_with_a_flipped_byte_is_refused(tmp_path: Path, place: int) -> None:
    path = tmp_path / "b.csv.gz"
    content = bytearray(gzip.compress((HEADER + ROWS * 50).encode()))
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"b\.csv\.gz is not a readable CSV file"):
        load_bars(path)


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz", "b.parquet"])
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match="is a pipe or a device: give an ordinary file"):
        load_bars(tmp_path / name)
    with pytest.raises(SourceError):
        read_whole_table(tmp_path / name, what="benchmark")
    with pytest.raises(SourceError, match="is a pipe or a device"):
        read_tickers(tmp_path / name)


def test_a_pipe_in_a_folder_is_passed_over_and_named(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", HEADER + ROWS)
    os.mkfifo(tmp_path / "f.csv")
    assert bars_from_path(tmp_path).notes == ("1 files without bars passed over: f.csv",)


@pytest.mark.parametrize("name", ["b.csv", "b.parquet"])
def test_want_of_memory_is_not_told_as_a_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 40000000 failed")

    monkeypatch.setattr(csv.arrow_csv, "read_csv", full)
    monkeypatch.setattr(bar_files.parquet, "ParquetFile", full)
    with pytest.raises(MemoryError):
        load_bars(write(tmp_path / name, HEADER + ROWS))


@pytest.mark.parametrize("limited", [False, True])
def test_no_library_starts_threads_where_memory_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    asked, real = [], csv.arrow_csv.ReadOptions
    monkeypatch.setattr(
        csv.arrow_csv, "ReadOptions", lambda **words: asked.append(words["use_threads"]) or real(**words)
    )
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**31 if limited else resource.RLIM_INFINITY, 0))
    load_bars(write(tmp_path / "b.csv", HEADER + ROWS))
    assert asked == [not limited]


@pytest.mark.parametrize(
    ("raw", "told"), [(b"AA\nB\x1b[2J\n", r"names 'B\\x1b\[2J', which is no ticker"), (b"\xff\xfe", "UTF-8")]
)
def test_a_file_of_tickers_holds_words_that_can_be_typed(tmp_path: Path, raw: bytes, told: str) -> None:
    (tmp_path / "t.txt").write_bytes(raw)
    with pytest.raises((ValueError, SourceError), match=told):
        read_tickers(tmp_path / "t.txt")


def test_a_link_to_itself_is_refused_like_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "loop.csv"
    link.symlink_to(link.name)
    assert bars_request("builtin", benchmark=link).benchmark == str(link)
    with pytest.raises(SourceError, match="no benchmark at"):
        read_whole_table(link, what="benchmark")
    require_apart(tmp_path / "page.html", link, what="--out")


def test_sectors_without_a_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"s\.csv holds no rows: it needs one for each ticker"):
        load_sectors(write(tmp_path / "s.csv", "ticker,sector\n"), pd.Index(["A"]))


def test_holdings_whose_last_line_was_cut_say_so(tmp_path: Path) -> None:
    text = "ticker,shares\nA,10\nB,250\n"
    assert read_holdings(write(tmp_path / "held.csv", text)).notes == ()
    cut = read_holdings(write(tmp_path / "held.csv", text[:-2]))
    assert cut.amounts["B"] == 25
    assert cut.notes == ("the last line of held.csv has no line end: a file that was cut ends so, look at 'B,25'",)


@pytest.mark.parametrize("end", ["", "\n"])
def test_members_sectors_and_scores_that_may_have_been_cut_are_told(tmp_path: Path, end: str) -> None:
    bars = write(tmp_path / "b.csv", HEADER + "".join(f"2020-01-{day:02},A,9,9,9,9,1\n" for day in range(2, 29)))
    members = write(tmp_path / "m.csv", "date,ticker\n2020-01-02,AB\n2020-01-03,A" + end)
    sectors = write(tmp_path / "s.csv", "ticker,sector\nA,Energy" + end)
    scores = write(tmp_path / "scores.csv", "date,A\n2020-01-02,0.5\n2020-01-03,0.25" + end)
    request = bars_request(str(bars), str(members), sectors=sectors)
    inputs = load_inputs(request)
    told = [
        *inputs.panel.facts.notes,
        *inputs.notes,
        *cut_scores(read_scores(scores), "2020-01-03", None).attrs["notes"],
    ]
    cut = [note for note in told if "has no line end" in note]
    assert len(cut) == (0 if end else 3), told
