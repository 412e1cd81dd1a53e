"""Contenders: the models of a table, by the words that name them, and the strategy that each is judged under.

A word is a kind with keys of its own (``lightgbm:leaves=7``), a shipped strategy or a TOML file: of a
strategy the table takes what is learned, features, model, loss, training and label. Book, split, clock and costs are
the table's, the same for all.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from models.model_kinds import DEFAULT_KIND, kind_of, known_kinds
from models.model_settings import TERM_HEADS, LossTerm, RecurrentSettings, TrainingSettings
from strategy.definitions.spec import StrategySpec, load_spec, override, shipped_strategies

__all__ = ["DEFAULT_LOSS", "SMALL", "Contender", "contenders", "words_of"]

BOOK = "quintile_long_short"  # reads the order of scores alone, so that every model's scores can be traded
DEFAULT_LOSS = "default"
LEARNED = ("features", "model", "loss", "training", "label")
SMALL: Mapping[str, int] = {"lookback": 40, "hidden": 32}  # networks that two cores train by the hundred
SMALL_TRAINING: Mapping[str, int] = {"burn_in": 40, "max_epochs": 30, "patience": 6}
COMMA = re.compile(r",(?![^\[({]*[\])}])")  # in no bracket


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One row of the table on every market.

    Parameters
    ----------
    model, loss : str
        The words that named it; no loss for a model that is not trained by epochs, or that brings its own.
    spec : StrategySpec
        The strategy under which it is judged, with the seed of its settings.
    """

    model: str
    loss: str
    spec: StrategySpec

    @property
    def name(self) -> str:
        """Model and loss, for people."""
        return self.model if self.loss in ("", DEFAULT_LOSS) else f"{self.model}, {self.loss}"

    @property
    def is_seeded(self) -> bool:
        """Whether a seed changes anything: ridge draws nothing."""
        return self.spec.model.kind != "ridge"


def words_of(text: str) -> list[str]:
    """The words of a list that commas part, brackets aside.

    Examples
    --------
    >>> from strategy.studies.model_table.contenders import words_of
    >>> words_of("ridge, lstm:hidden=[64,32]")
    ['ridge', 'lstm:hidden=[64,32]']
    """
    return [word.strip() for word in COMMA.split(text) if word.strip()]


def contenders(
    models: Sequence[str],
    losses: Sequence[str] = (DEFAULT_LOSS,),
    *,
    assignments: Sequence[str] = (),
    full: bool = False,
) -> tuple[Contender, ...]:
    """Every model with every loss that applies to it.

    Parameters
    ----------
    models : sequence of str
        Words; ridge joins, for all are compared with it.
    losses : sequence of str
        ``default``, a term such as ``listnet``, or terms with weights, ``huber=0.3+listnet=0.7``; for models that are
        trained by epochs and are no file.
    assignments : sequence of str
        ``KEY=VALUE`` of the strategy; one of ``model`` goes to the kinds that have the key, one of ``loss`` or
        ``training`` to those trained by epochs.
    full : bool
        Networks of their full size; else ``SMALL`` ones, but for sizes that a TOML file sets itself.

    Raises
    ------
    ValueError
        If a word names nothing, twice the same, an assignment fits no model, or labels span different sessions.
    """
    wanted = ["ridge", *(model for model in models if model != "ridge")]
    if len(set(wanted)) < len(wanted) or len(set(losses)) < len(losses) or models.count("ridge") > 1:
        raise ValueError(f"models and losses are named once each, were {', '.join(models)} and {', '.join(losses)}")
    told = [_assignment(text) for text in assignments]
    found = [each for model in wanted for each in _with_losses(model, losses, told, full)]
    for key, _ in told:
        if not any(_applies(each.spec, key) for each in found):
            raise ValueError(f"--set {key} fits none of the models {', '.join(wanted)}: see `quintile definition`")
    _check_horizons(found)
    return tuple(found)


def _check_horizons(found: Sequence[Contender]) -> None:
    """Refuse labels of different horizons: rank ICs over different sessions, and the books on them, do not compare."""
    first = found[0].spec.label.horizon
    for each in found:
        if (horizon := each.spec.label.horizon) != first:
            raise ValueError(
                f"{each.name} learns returns of {horizon} sessions and {found[0].name} of {first}: say one horizon for "
                f"all with --set label.horizon={horizon}"
            )


def _with_losses(model: str, losses: Sequence[str], told: Sequence[tuple[str, str]], full: bool) -> Iterator[Contender]:
    if model in shipped_strategies() or Path(model).suffix == ".toml":
        spec = _sized(_of_strategy(load_spec(model)), told, full, shipped=model in shipped_strategies())
        yield Contender(model=Path(model).stem, loss="", spec=spec)
        return
    kind, *keys = model.split(":")
    if kind not in known_kinds():
        raise ValueError(f"{kind!r} is no model: name one of {', '.join(known_kinds())}, a strategy or a TOML file")
    by_epochs = kind_of(kind).settings.learns_by_epochs
    for loss in losses if by_epochs else ("",):
        spec = override(load_spec(BOOK), {"model.kind": kind})
        own = [f"model.{key}" for key in keys]
        yield Contender(model=model, loss=loss, spec=_with_loss(_sized(spec, told, full, own), loss))


def _of_strategy(strategy: StrategySpec) -> StrategySpec:
    """The table's book with what another strategy learns."""
    return load_spec(BOOK).model_copy(update={section: getattr(strategy, section) for section in LEARNED})


def _sized(
    spec: StrategySpec, told: Sequence[tuple[str, str]], full: bool, own: Sequence[str] = (), *, shipped: bool = True
) -> StrategySpec:
    """The spec with small sizes, what was told, and keys of its own, each where it applies."""
    changes: dict[str, Any] = {"split.train": 0.6, "split.validation": 0.2}
    if not full:
        numbers, defaults = spec.model_dump(mode="json", exclude_none=True), TrainingSettings()
        changes["model"] = _small(numbers["model"], shipped=shipped)
        if spec.model.learns_by_epochs:
            own_keys = [key for key in SMALL_TRAINING if getattr(spec.training, key) != getattr(defaults, key)]
            kept = () if shipped else own_keys
            changes |= {f"training.{key}": size for key, size in SMALL_TRAINING.items() if key not in kept}
    spec = override(spec, changes)
    return override(spec, [*(f"{key}={value}" for key, value in told if _applies(spec, key)), *own])


def _small(section: Mapping[str, Any], *, shipped: bool) -> dict[str, Any]:
    """A section ``[model]`` with small sizes: a user's own stand where they are not the kind's; so of its members."""
    settings, small = kind_of(section.get("kind", DEFAULT_KIND)).settings, dict(section)
    for key, size in SMALL.items():
        default = settings.model_fields[key].default if key in settings.model_fields else None
        told = section.get(key, default)
        if type(told) is int and size < told and (shipped or told == default):
            small[key] = size
    if issubclass(settings, RecurrentSettings) and isinstance(small.get("hidden"), int):
        default = settings.model_fields["layers"].default
        told = section.get("layers", default)
        small["layers"] = 1 if shipped or told == default else told
    if "members" in section:
        members = section["members"].items()
        small["members"] = {name: {**each, "model": _small(each["model"], shipped=shipped)} for name, each in members}
    return small


def _with_loss(spec: StrategySpec, loss: str) -> StrategySpec:
    if loss in ("", DEFAULT_LOSS):
        return spec
    parts = [part.partition("=") for part in loss.split("+")]
    terms = {name.strip(): _weight(name.strip(), weight) for name, _, weight in parts}
    unknown = sorted(terms.keys() - set(get_args(LossTerm)))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no term of a loss: name {DEFAULT_LOSS}, {', '.join(get_args(LossTerm))}")
    heads = ["score", *(TERM_HEADS[name] for name in terms if name in TERM_HEADS)]
    changes: dict[str, Any] = {"loss.terms": terms}
    if len(heads) > 1:
        changes["model.heads"] = heads
    return override(spec, changes)


def _weight(term: str, text: str) -> float:
    try:
        weight = float(text or 1.0)
    except ValueError:
        weight = math.nan
    if not 0.0 < weight < math.inf:
        raise ValueError(f"the weight of {term} must be a positive number, was {text!r}: write {term}=0.5")
    return weight


def _applies(spec: StrategySpec, key: str) -> bool:
    """Whether an assignment means something to the spec's model."""
    section, _, name = key.partition(".")
    if section == "model":
        return name.partition(".")[0] in type(spec.model).model_fields
    return section not in ("loss", "training") or name == "seed" or spec.model.learns_by_epochs


def _assignment(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is not an assignment: write section.key=value")
    return key.strip(), value.strip()
