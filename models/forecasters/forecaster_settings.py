"""Forecaster settings: which forecasters there are, by the word that names each.

A forecaster is named by a word, its kind, with keys behind colons: ``arima:p=2:q=1``.
"""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from core.settings import first_problem
from models.forecasters.keys.forecaster_keys import Choices, FitMode, ForecasterSettings, Reach
from models.forecasters.keys.network_keys import (
    AttentiveLstmSettings,
    CompactLstmSettings,
    GruSettings,
    TransformerSettings,
)
from models.forecasters.keys.pretrained_keys import (
    ChronosSettings,
    FracastSettings,
    KronosSettings,
    SamplesSettings,
    TimesfmSettings,
)
from models.forecasters.keys.series_keys import (
    ArimaSettings,
    ArSettings,
    LinearSettings,
    SmoothingSettings,
    TrivialSettings,
)

__all__ = [
    "KINDS",
    "QUICK",
    "TRIVIAL_NAMES",
    "Choices",
    "ForecasterSettings",
    "Reach",
    "fitted_as",
    "forecaster_settings",
]

TRIVIAL_NAMES = ("persistence", "drift", "historical_mean", "historical_volatility", "ema")
KINDS: Mapping[str, type[ForecasterSettings]] = {
    **dict.fromkeys(TRIVIAL_NAMES, TrivialSettings),
    "linear": LinearSettings,
    "ar": ArSettings,
    "arima": ArimaSettings,
    "smoothing": SmoothingSettings,
    "lstm_compact": CompactLstmSettings,
    "lstm_attention": AttentiveLstmSettings,
    "gru": GruSettings,
    "transformer": TransformerSettings,
    "fracast": FracastSettings,
    "chronos": ChronosSettings,
    "timesfm": TimesfmSettings,
    "kronos": KronosSettings,
    "samples": SamplesSettings,
}
QUICK = ("linear", "ar", "smoothing")  # fitted in seconds
STRANGERS = {
    "cross_attention": "compares the names of a session and forecasts no single series: take lstm_attention, or rank "
    "the names with `quintile run`"
}


def fitted_as(word: str, mode: str | None) -> str:
    """The word with a way to fit, where its kind has one and it says none itself.

    Raises
    ------
    ValueError
        If there is no such way.

    Examples
    --------
    >>> from models.forecasters.forecaster_settings import fitted_as
    >>> fitted_as("gru:hidden=8", "each"), fitted_as("arima", "each")
    ('gru:hidden=8:fit=each', 'arima')
    """
    modes = get_args(FitMode)
    if mode is not None and mode not in modes:
        raise ValueError(f"--fit takes {', '.join(modes)}, was {mode!r}")
    kind, *told = word.split(":")
    fields = KINDS[kind].model_fields if kind in KINDS else {}
    says = any(key.partition("=")[0].strip() == "fit" for key in told)
    return word if mode is None or says or "fit" not in fields else f"{word}:fit={mode}"


def forecaster_settings(word: str) -> ForecasterSettings:
    """The settings of a word such as ``arima:p=2:q=1``.

    Raises
    ------
    ValueError
        If the kind, a key or a value is unknown.

    Examples
    --------
    >>> from models.forecasters.forecaster_settings import forecaster_settings
    >>> forecaster_settings("arima:p=2:q=1").q
    1
    """
    kind, *told = word.strip().split(":")
    if kind in STRANGERS:
        raise ValueError(f"{kind} {STRANGERS[kind]}")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no forecaster: name one of {', '.join(KINDS)}")
    pairs = [text.partition("=") for text in told]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError(f"{word!r} must be a kind with keys behind colons, such as arima:p=2:q=1")
    numbers: dict[str, Any] = {key.strip(): value.strip() for key, _, value in pairs}
    if kind in TRIVIAL_NAMES:
        if told:
            raise ValueError(f"{kind} has no keys: write it without {':'.join(told)}")
        numbers = {"name": kind}
    try:
        return KINDS[kind].model_validate(numbers)
    except ValidationError as error:
        known = ", ".join(name for name in KINDS[kind].model_fields if name != "name") or "none"
        raise ValueError(f"{kind}: {first_problem(error, keys=f'give one of {known}')}") from error
