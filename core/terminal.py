r"""Terminal: what is printed cannot steer the terminal, and no character ends a command.

Names, notes and sentences come from files of other people. On their way to standard output or error control characters
(escape codes, C1, carriage returns) and marks that turn the direction of text become escapes such as ``\u001b``; a
character that the stream's encoding lacks is written in plain letters, or as an escape.
"""

import codecs
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO, cast

from core.user_file import is_in_user_code

__all__ = ["PlainStream", "plain_streams", "printable", "styled"]

STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
LETTERS: Final = str.maketrans(
    {
        **{"±": "+/-", "×": "x", "÷": "/", "·": ".", "²": "^2", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "√": "sqrt"},
        **{"α": "alpha", "β": "beta", "κ": "kappa", "λ": "lambda", "ρ": "rho", "σ": "sigma", "τ": "tau", "Σ": "sum"},
        **{"−": "-", "–": "-", "—": "-", "‑": "-", "…": "...", "→": "->", "←": "<-", "’": "'", "“": '"', "”": '"'},
        **dict.fromkeys("━╸╺─", "-"),
        **{"•": "*", "✓": "yes", "✗": "no", "€": "EUR", "\N{NO-BREAK SPACE}": " "},
    }
)
ERRORS: Final = "quintile.letters"
TAIL: Final = 200  # characters that are remembered


def printable(text: object, *, encoding: str | None = "utf-8") -> str:
    r"""Text that moves no cursor and that a stream of this encoding can take; lines and tabs stay.

    Parameters
    ----------
    text : object
        Whatever its ``str`` says.
    encoding : str or None
        What the stream writes; None for one that takes everything.

    Examples
    --------
    >>> printable("\x1b[31mred")
    '\\u001b[31mred'
    >>> printable("0.77 ± 0.12", encoding="ascii")
    '0.77 +/- 0.12'
    """
    return _encodable(STEERING.sub(lambda found: _escaped(found[0]), str(text)), encoding)


class PlainStream(io.TextIOBase):
    """A text stream before another one: all that passes is printable.

    Parameters
    ----------
    stream : TextIO
        Where it is written.
    aside : TextIO, optional
        Where it is written while a user's own code runs, so that its prints do not mix with what a command answers.
    styles : bool
        Let control characters pass: the writer styles its text and has made it printable before.
    """

    def __init__(self, stream: TextIO, *, aside: TextIO | None = None, styles: bool = False) -> None:
        self.stream, self._aside, self._styles = stream, aside, styles
        self.tail = ""  # the last that was written

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream behind."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what is printable of a text."""
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        target = self.stream
        if self._aside is not None and is_in_user_code():
            target = self._aside
        else:
            self.tail = (self.tail + text)[-TAIL:]
        encoding = getattr(target, "encoding", None)
        target.write(_encodable(text, encoding) if self._styles else printable(text, encoding=encoding))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Number of the stream behind."""
        return self.stream.fileno()

    def writable(self) -> bool:
        """Yes."""
        return True


def styled(stream: TextIO) -> TextIO:
    """The stream for a writer that styles its text: it must make what comes from files printable itself."""
    return cast("TextIO", PlainStream(stream.stream, styles=True)) if isinstance(stream, PlainStream) else stream


@contextmanager
def plain_streams() -> Iterator[None]:
    """Standard output and error are plain while the block runs; a closed one stays closed."""
    kept = sys.stdout, sys.stderr
    if sys.stderr is not None and not isinstance(sys.stderr, PlainStream):
        sys.stderr = PlainStream(sys.stderr)
    if sys.stdout is not None and not isinstance(sys.stdout, PlainStream):
        sys.stdout = PlainStream(sys.stdout, aside=cast("TextIO", sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _encodable(text: str, encoding: str | None) -> str:
    return text if text.isascii() or encoding is None else text.encode(encoding, ERRORS).decode(encoding)


def _in_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(each if each.isascii() else _escaped(each) for each in missing.translate(LETTERS)), error.end


codecs.register_error(ERRORS, _in_letters)
