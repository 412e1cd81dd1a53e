import io
import json
import sys
import unicodedata

import pytest

from core.terminal import PlainStream, plain_streams, printable, styled
from core.user_file import named_failures
from quintile.cli.console import table

HOSTILE = "\x1b]0;pwn\x07\x1b[2J\x9b31m\u202eevil\u2066\r\x08\x7f\udc80\u200f\U000e0041"


class _Narrow(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def steers(text: str) -> bool:
    return any(unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\n\t" for each in text)


def test_no_character_that_steers_a_terminal_is_left() -> None:
    assert steers(HOSTILE)
    assert not steers(printable(HOSTILE))
    everything = "".join(map(chr, (*range(0x3000), *range(0xD800, 0xE000), 0xFEFF, *range(0xFFF0, 0x10000))))
    kept = [each for each in printable(everything) if each in everything and steers(each)]
    assert all(unicodedata.category(each) == "Cf" for each in kept)  # joiners and marks that words are written with
    assert "\u202e" not in kept
    assert "\u2067" not in kept


def test_words_lines_and_tabs_stay_as_they_are() -> None:
    text = "Δ 1.5 ± 0.2\tτ\n日本 株 \u0627 naïve 😀"
    assert printable(text) == text


def test_an_escape_is_read_back_by_json() -> None:
    assert json.loads(f'"{printable(HOSTILE[:20])}"') == HOSTILE[:20]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_stream_takes_what_is_printable_in_its_encoding(encoding: str) -> None:
    text = printable("0.77 ± 2.33 τ ≤ 3 — Δ日\udcff", encoding=encoding)
    text.encode(encoding)
    assert text.startswith("0.77 +/- 2.33 tau <= 3 - \\u0394" if encoding == "ascii" else "0.77 ± 2.33 ")


def test_whatever_is_printed_passes_through_the_plain_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = _Narrow("ascii"), _Narrow("latin-1")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with plain_streams(), plain_streams():
        print(f"τ {HOSTILE}", end="")
        print(f"± τ {HOSTILE}", end="", file=sys.stderr)
        table(f"[red]{HOSTILE}", [HOSTILE, "τ"], [[f"a{HOSTILE}[b]", "±1"]])
    assert (sys.stdout, sys.stderr) == (out, err)
    assert out.getvalue().startswith("tau \\u001b]0;pwn")
    assert err.getvalue().startswith("± tau \\u001b]0;pwn")
    assert "[red]" in out.getvalue()
    assert "+/-1" in out.getvalue()
    assert not steers(out.getvalue() + err.getvalue())


def test_a_closed_stream_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with plain_streams():
        print("nobody reads this")
        assert sys.stdout is None


def test_a_writer_that_styles_keeps_its_styles_and_loses_no_command_to_a_character() -> None:
    behind = _Narrow("ascii")
    styled(PlainStream(behind)).write("\x1b[1mτ\x1b[0m")  # type: ignore[arg-type]
    assert behind.getvalue() == "\x1b[1mtau\x1b[0m"


def test_what_a_users_code_prints_is_set_aside(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_streams():
        print("answer")
        with named_failures("feature gap"):
            print("hello")
        print("more")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("answer\nmore\n", "hello\n")
