"""Old results: price errors and percentage-return errors that another system left, and what each of them would choose.

A file holds ``{symbol: {model: {"price_mae": …, "pct_return_mae": …}}}``, both errors positive, the second a fraction:
0.01 is one per cent. It may lie under a key ``results`` or ``symbols``, be a list of records with ``symbol`` and
``model``, and have the two errors of a model under a key ``validation``.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.files import read_json

__all__ = ["OldModel", "OldResults", "Reranked", "RerankedSymbol", "read_old_results", "rerank"]

SHAPE = '{"AAPL": {"toto": {"price_mae": 2.9, "pct_return_mae": 0.015}, …}, …}'
WRAPPERS = ("results", "symbols")
MAX_SYMBOLS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OldModel:
    """What one model erred by on one symbol.

    Parameters
    ----------
    model : str
        Its name.
    price_mae : float
        In the currency of the prices.
    pct_return_mae : float
        Of returns as fractions.
    """

    model: str
    price_mae: float
    pct_return_mae: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OldResults:
    """The models of every symbol, and the symbols that have none with both errors."""

    symbols: Mapping[str, tuple[OldModel, ...]]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankedSymbol:
    """The choice by price error and the choice by percentage-return error for one symbol.

    Parameters
    ----------
    symbol : str
        Which.
    by_price, by_return : OldModel
        The models that err least, by the one and by the other; of equals the first by name.
    """

    symbol: str
    by_price: OldModel
    by_return: OldModel

    @property
    def is_changed(self) -> bool:
        """Whether the two measures choose differently."""
        return self.by_price.model != self.by_return.model

    @property
    def gain(self) -> float:
        """1 − percentage-return error of the new choice ÷ that of the old: never negative, whatever the numbers are."""
        return 1.0 - self.by_return.pct_return_mae / self.by_price.pct_return_mae

    @property
    def price_moved(self) -> float:
        """By which factor the price must at least have moved for both errors to be of the same forecasts.

        An error of a price is an error of the return times the price it runs from. With prices between L and U,
        L × the old choice's return error ≤ its price error and the new choice's price error ≤ U × its return error, so
        that U ÷ L is at least (return errors, old ÷ new) × (price errors, new ÷ old).
        """
        old, new = self.by_price, self.by_return
        return old.pct_return_mae / new.pct_return_mae * (new.price_mae / old.price_mae)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """Every symbol re-ranked, in the order of the gain."""

    symbols: tuple[RerankedSymbol, ...]
    left_out: tuple[str, ...]

    @property
    def changed(self) -> tuple[RerankedSymbol, ...]:
        """The symbols whose choice is another."""
        return tuple(each for each in self.symbols if each.is_changed)

    @property
    def mean_gain(self) -> float:
        """Mean gain of those; NaN without one."""
        return math.fsum(each.gain for each in self.changed) / len(self.changed) if self.changed else math.nan

    def chosen(self, *, by_return: bool) -> Mapping[str, int]:
        """For how many symbols each model is chosen, the most frequent first."""
        names = [(each.by_return if by_return else each.by_price).model for each in self.symbols]
        return dict(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))


def rerank(results: OldResults) -> Reranked:
    """What each symbol would choose by percentage-return error, beside what it chooses by price error.

    Examples
    --------
    >>> from backtests.forecasts.old_results import OldModel, OldResults, rerank
    >>> models = (OldModel(model="a", price_mae=1.0, pct_return_mae=0.03),
    ...           OldModel(model="b", price_mae=2.0, pct_return_mae=0.015))
    >>> row, = rerank(OldResults(symbols={"AAPL": models})).changed
    >>> row.by_return.model, row.gain, row.price_moved
    ('b', 0.5, 4.0)
    """
    rows = [
        RerankedSymbol(
            symbol=symbol,
            by_price=min(models, key=lambda each: (each.price_mae, each.model)),
            by_return=min(models, key=lambda each: (each.pct_return_mae, each.model)),
        )
        for symbol, models in results.symbols.items()
    ]
    ordered = sorted(rows, key=lambda row: (not row.is_changed, -row.gain, row.symbol))
    return Reranked(symbols=tuple(ordered), left_out=results.left_out)


def read_old_results(path: Path) -> OldResults:
    """Read a file of old results.

    Raises
    ------
    SourceError
        If it is not JSON, holds nothing of the kind, or an error that is no positive number.
    """
    if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".joblib"):
        raise SourceError(f"{path} would run whatever is written in it: save the errors as JSON, such as {SHAPE}")
    told: dict[str, list[OldModel]] = {}
    left_out: dict[str, None] = {}
    for symbol, model, facts in _records(path, read_json(path)):
        found = _model(path, symbol, model, facts)
        if found is None:
            left_out[symbol] = None
        else:
            told.setdefault(symbol, []).append(found)
    if not told or len(told) > MAX_SYMBOLS:
        raise SourceError(f"{path} holds the two errors of {len(told):,} symbols: give a file such as {SHAPE}")
    for symbol, models in told.items():
        twice = [name for name, count in Counter(each.model for each in models).items() if count > 1]
        if twice:
            raise SourceError(f"{path} has {twice[0]!r} of {symbol!r} twice: keep one of them")
    symbols = {symbol: tuple(models) for symbol, models in sorted(told.items())}
    return OldResults(symbols=symbols, left_out=tuple(name for name in left_out if name not in told))


def _records(path: Path, value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield symbol, model and facts of each record."""
    if isinstance(value, dict):
        value = next((value[key] for key in WRAPPERS if isinstance(value.get(key), dict | list)), value)
    if isinstance(value, list):
        yield from _of_list(path, value)
        return
    if not isinstance(value, dict) or not all(isinstance(models, dict) for models in value.values()):
        raise SourceError(f"{path} holds no old results: give a file such as {SHAPE}")
    for symbol, models in value.items():
        for model, facts in models.items():
            yield symbol, model, facts


def _of_list(path: Path, records: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
    for place, record in enumerate(records, start=1):
        match record:
            case {"symbol": str(symbol), "model": str(model), **facts}:
                yield symbol, model, facts
            case _:
                raise SourceError(f"{path}: record {place} names no symbol and model: give a file such as {SHAPE}")


def _model(path: Path, symbol: str, model: str, facts: Any) -> OldModel | None:
    """One model's errors; None where it lacks one of the two."""
    if isinstance(facts, dict) and isinstance(facts.get("validation"), dict):
        facts = facts["validation"]
    if not isinstance(facts, dict):
        raise SourceError(f"{path}: {symbol!r} has no errors of {model!r} but {str(facts)[:40]!r}: give {SHAPE}")
    price, returns = facts.get("price_mae"), facts.get("pct_return_mae")
    if price is None or returns is None:
        return None
    for name, each in (("price_mae", price), ("pct_return_mae", returns)):
        if isinstance(each, bool) or not isinstance(each, int | float) or not each > 0.0:
            raise SourceError(
                f"{path}: {name} of {model!r} of {symbol!r} must be a positive number, was {str(each)[:40]!r}: mend or "
                "leave it out"
            )
    return OldModel(model=model, price_mae=float(price), pct_return_mae=float(returns))
