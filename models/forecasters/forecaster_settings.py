"""Forecaster settings: which forecasters there are, by the word that names each.

A forecaster is named by a word, its kind, with keys behind colons: ``arima:p=2:q=1``.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.settings import first_problem
from models.forecasters.keys.forecaster_keys import Choices, ForecasterSettings, Reach
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

__all__ = ["KINDS", "QUICK", "TRIVIAL_NAMES", "Choices", "ForecasterSettings", "Reach", "forecaster_settings"]

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
        numbers = {"name": kind, **numbers}
    try:
        return KINDS[kind].model_validate(numbers)
    except ValidationError as error:
        known = ", ".join(name for name in KINDS[kind].model_fields if name != "name") or "none"
        raise ValueError(f"{kind}: {first_problem(error, keys=f'give one of {known}')}") from error
