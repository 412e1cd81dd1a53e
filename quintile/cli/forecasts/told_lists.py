"""Told lists: symbols, forecasters and horizons as the commands of forecasts take them."""

from pathlib import Path

__all__ = ["told_horizons", "told_symbols", "told_words"]

MAX_LIST_BYTES = 1_000_000


def told_symbols(told: str) -> tuple[str, ...] | None:
    """Symbols parted by commas, or of a file with one a line; None for all of the bars, each once.

    Raises
    ------
    ValueError
        If the list or its file names none, or there is no such file.

    Examples
    --------
    >>> from quintile.cli.forecasts.told_lists import told_symbols
    >>> told_symbols("AAPL, MSFT,AAPL")
    ('AAPL', 'MSFT')
    """
    if told == "all":
        return None
    path = Path(told)
    is_file = "\n" not in told and (path.suffix.lower() in (".txt", ".csv", ".list") or len(path.parts) > 1)
    text = _read(path) if is_file else told.replace(",", "\n")
    found = [line.partition("#")[0].strip() for line in text.splitlines()]
    if not any(found):
        where = f"{path} names" if is_file else "the list names"
        raise ValueError(f"{where} no symbol: give AAPL or AAPL,MSFT, a file with one a line, or all")
    return tuple(dict.fromkeys(filter(None, found)))


def told_words(told: str) -> tuple[str, ...]:
    """Words of forecasters parted by commas, each once.

    Raises
    ------
    ValueError
        If there is none, or one names no forecaster.
    """
    from models.forecasters.forecaster_settings import forecaster_settings

    found = tuple(dict.fromkeys(word.strip() for word in told.split(",") if word.strip()))
    if not found:
        raise ValueError("--models names no forecaster: give some such as linear,arima")
    for word in found:
        forecaster_settings(word)
    return found


def told_horizons(told: str) -> tuple[int, ...]:
    """Sessions ahead, such as ``1,5`` or ``1..7``.

    Raises
    ------
    ValueError
        If they are no whole numbers.

    Examples
    --------
    >>> from quintile.cli.forecasts.told_lists import told_horizons
    >>> told_horizons("1..3")
    (1, 2, 3)
    """
    first, dots, last = told.partition("..")
    parts = [first, last] if dots else told.split(",")
    if not all(part.strip().isdecimal() and len(part) < 6 for part in parts):
        raise ValueError(f"--horizons takes whole numbers such as 1,5, or 1..7, was {told!r}")
    numbers = tuple(int(part) for part in parts)
    return tuple(range(numbers[0], numbers[1] + 1)) if dots else numbers


def _read(path: Path) -> str:
    from core.files import read_bounded

    if not path.is_file():
        raise ValueError(f"{path} is no file: give one with a symbol a line, or symbols parted by commas")
    try:
        return read_bounded(path, MAX_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text: give a file with one symbol a line") from error
