"""Spec: a strategy in some thirty named numbers, on disk as TOML, its sha256 its identity."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from backtests.reference_gates import GateSettings
from core.bounded_text import MAX_TOML_BYTES, toml_value
from core.errors import UnsupportedBookError
from core.files import read_bounded
from core.notebook_html import notebook_card
from core.settings import Formerly, Later, Settings, first_problem, is_record
from market.holdout import HoldoutSettings
from market.returns import Execution
from models.labels import LabelSettings
from models.model_kinds import DEFAULT_KIND, kind_of, known_kinds, settings_of
from models.model_settings import KindSettings, LossSettings, SplitSettings, TrainingSettings, refuse_unmatched_heads
from models.uncertainty.uncertainty_settings import (
    UncertaintySettings,
    refuse_idle_weighing,
    refuse_missing_spread,
)
from portfolio.book_settings import BookSettings, RiskSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from portfolio.sleeves import refuse_held_sleeves

__all__ = ["DEFAULT_STRATEGY", "FeatureSettings", "StrategySpec", "load_spec", "override", "shipped_strategies"]

DEFAULT_STRATEGY = "filter_negative"
MAX_KEYS = 8  # parts of a dotted key
WHERE_KEYS = "see `quintile definition` for the keys there are"
DEFINITIONS = Path(__file__).parent
RECORDED_SPEC, RECORDS = "spec.toml", ("run.json", "lock.json")


def _of_its_kind(section: Any, info: ValidationInfo) -> KindSettings:
    """The section ``[model]`` as the settings of the kind that it names."""
    return section if isinstance(section, KindSettings) else settings_of(section, recorded=is_record(info))


OutsideName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ModelSection = Annotated[SerializeAsAny[KindSettings], BeforeValidator(_of_its_kind)]


class FeatureSettings(Settings):
    """Features that the model sees; ``set`` is a name in ``signals.features.FEATURE_SETS``."""

    set: str = Field(default="core14", description="feature set the model sees")
    gap_limit: int = Field(
        default=5, ge=0, le=20, description="sessions a missing feature is carried forward, never across a delisting"
    )
    windows: Annotated[Literal["prints", "sessions"], Formerly("sessions")] = Field(
        default="prints",
        description="a window of n counts a name's own prints, skipping holes up to gap_limit, or sessions",
    )
    outside: Later[Mapping[OutsideName, Annotated[int, Field(ge=1)]]] = Field(
        default={}, description="outside tables that the model sees beside the set, and for how many days a value holds"
    )

    @field_validator("outside")
    @classmethod
    def _in_one_order(cls, outside: Mapping[str, int]) -> dict[str, int]:
        return dict(sorted(outside.items()))  # the order of features decides bits, the order of a file does not

    @property
    def skipped(self) -> int:
        """Longest hole between two prints that windows skip, in sessions."""
        return self.gap_limit if self.windows == "prints" else 0


class StrategySpec(Settings):
    """Everything that decides what a strategy does, and nothing that does not.

    Parameters
    ----------
    name : str
        Lower-case words joined by underscores; names its folder of runs.
    title, summary : str
        For people; not part of the fingerprint.
    features, model, loss, training, split, execution, portfolio, costs
        Sections, each a frozen value of the package that uses it.
    holdout : HoldoutSettings or None
        A last span that no run reads.
    risk : RiskSettings
        Overlays on the whole book, all off by default.
    gates : GateSettings
        Thresholds that the report holds the result against; written down with the strategy, before it is judged.
    label : LabelSettings
        What the model learns, and over how many sessions.
    uncertainty : UncertaintySettings
        The range of an expected return, off by default.

    Examples
    --------
    >>> spec.rules.portfolio == spec.portfolio
    True
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str = Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
    summary: str = Field(default="", max_length=1000)
    features: FeatureSettings = FeatureSettings()
    model: ModelSection = Field(default_factory=lambda: settings_of({"kind": DEFAULT_KIND}))
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    split: SplitSettings = SplitSettings()
    execution: Execution = Execution()
    portfolio: BookSettings = BookSettings()
    costs: Costs = Costs()
    holdout: Later[HoldoutSettings | None] = None
    risk: Later[RiskSettings] = RiskSettings()
    gates: Later[GateSettings] = GateSettings()
    label: Later[LabelSettings] = LabelSettings()
    uncertainty: Later[UncertaintySettings] = UncertaintySettings()

    @property
    def rules(self) -> TradingRules:
        """Trading rules of the strategy; the shipped books of another builder are its companions.

        Shipped strategies of another model have the book of one of them, and are no companion of their own.
        """
        others = {name: book for name, book in _shipped_books().items() if name != self.name}
        return TradingRules(
            name=self.name,
            portfolio=self.portfolio,
            risk=self.risk,
            execution=self.execution,
            costs=self.costs,
            companions={name: book for name, book in others.items() if book.builder != self.portfolio.builder},
            horizon=self.label.horizon,
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        idle = self.training.model_copy(update={"seed": TrainingSettings().seed}) == TrainingSettings()
        if not (self.model.learns_by_epochs or (self.loss == LossSettings() and idle)):
            raise ValueError(
                f"model.kind {self.model.kind} is not trained by epochs: remove [loss], and [training] but for its seed"
            )
        refuse_unmatched_heads(self.model, self.loss)
        refuse_missing_spread(self.uncertainty, self.model)
        refuse_idle_weighing(self.uncertainty, self.portfolio.builder)
        try:
            refuse_held_sleeves(self.portfolio, self.label.horizon)
        except UnsupportedBookError as error:
            raise ValueError(str(error)) from error
        return self

    def __str__(self) -> str:
        rows = [("", self.title), *self._shown()]
        return "\n".join(f"{name:<12}{value}" for name, value in rows)

    def __repr__(self) -> str:
        return f"<StrategySpec {self.name}, {self.portfolio.builder} book, {self.fingerprint()[:12]}>"

    def _repr_html_(self) -> str:
        return notebook_card(f"{self.name}: {self.title}", self._shown())

    def _shown(self) -> list[tuple[str, str]]:
        """Every section in one line, its numbers behind their keys."""
        sections = self.sections().items()
        return [(name, ", ".join(f"{key} {value}" for key, value in section.items())) for name, section in sections]

    def fingerprint(self) -> str:
        """The sha256 of every deciding number, in hexadecimal; title and summary do not decide."""
        deciding = {key: value for key, value in self.deciding().items() if key not in ("title", "summary")}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    def sections(self) -> dict[str, dict[str, Any]]:
        """The deciding numbers by section, in reading order; unset optional ones are left out.

        A section within a section follows it under a dotted name.
        """
        return {
            name: {key: item for key, item in section.items() if item is not None and not isinstance(item, dict)}
            for name, section in _nested("", self.deciding())
        }

    def to_toml(self) -> str:
        """The spec as TOML, which ``load_spec`` reads back to an equal value."""
        return tomli_w.dumps(_without_empty(self.model_dump(mode="json", exclude_none=True)))


def shipped_strategies() -> list[str]:
    """The names of the strategies that come with Quintile."""
    return sorted(path.stem for path in DEFINITIONS.glob("*.toml"))


def load_spec(strategy: str | Path = DEFAULT_STRATEGY) -> StrategySpec:
    """Read a strategy: a shipped name, or a path to a TOML file of a user, or of a run's or version's folder.

    A key that is missing has its default; in the spec of a run or version, which is older than the key, what was done
    before there was one.

    Raises
    ------
    ValueError
        If there is no such strategy, the TOML is malformed, or a key or value is not allowed.
    """
    path = Path(strategy)
    if str(strategy) in shipped_strategies():
        path = DEFINITIONS / f"{strategy}.toml"
    elif path.suffix or path.parent != Path():
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "no file"
            raise ValueError(f"there is {kind} {strategy}: give a TOML strategy, or one of {shipped_strategies()}")
    elif not path.is_file():
        raise ValueError(f"unknown strategy {str(strategy)!r}: give a TOML file or one of {shipped_strategies()}")
    try:
        numbers = toml_value(read_bounded(path, MAX_TOML_BYTES))
    except ValueError as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from error
    return _validated(numbers, path.name, recorded=_is_record(path))


@cache
def _shipped_books() -> dict[str, BookSettings]:
    """The books of the strategies that are named after their builder."""
    books = {name: load_spec(name).portfolio for name in shipped_strategies()}
    return {name: book for name, book in books.items() if book.builder == name}


def override(spec: StrategySpec, assignments: Iterable[str] | Mapping[str, object]) -> StrategySpec:
    """``spec`` with assignments applied in order: texts such as ``"model.hidden=64"``, or values by dotted key.

    A value of None unsets an optional key. Another ``model.kind`` begins with that kind's own defaults, its lookback
    aside; one without epochs leaves ``loss`` behind, and of ``training`` takes the seed.

    Raises
    ------
    ValueError
        If an assignment has no ``=``, or names an unknown key, or its value is not allowed.
    """
    numbers = spec.model_dump(mode="json", exclude_none=True)
    pairs = list(assignments.items() if isinstance(assignments, Mapping) else map(_assignment, assignments))
    kinds = [str(value) for dotted, value in pairs if dotted == "model.kind" and value != spec.model.kind]
    if kinds:
        numbers |= _of_another_kind(spec, kinds[-1])
    for dotted, value in pairs:
        _assign(numbers, dotted.split("."), value)
    return _validated(numbers, "overrides" if isinstance(assignments, Mapping) else "--set")


def _of_another_kind(spec: StrategySpec, kind: str) -> dict[str, Any]:
    """The sections on learning where the strategy's model becomes one of another kind."""
    model = {"kind": kind, "lookback": spec.model.lookback}
    if kind not in known_kinds() or kind_of(kind).settings.learns_by_epochs:
        return {"model": model}
    return {"model": model, "loss": {}, "training": {"seed": spec.training.seed}}


def _assignment(text: str) -> tuple[str, object]:
    dotted, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is not an assignment: write section.key=value")
    return dotted.strip(), _parsed(value.strip())


def _without_empty(numbers: dict[str, Any]) -> dict[str, Any]:
    """Numbers without tables that hold none."""
    return {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in numbers.items()
        if value != {}
    }


def _nested(prefix: str, numbers: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, section in numbers.items():
        if isinstance(section, dict):
            yield prefix + name, section
            yield from _nested(f"{prefix}{name}.", section)


def _assign(numbers: dict[str, Any], keys: list[str], value: object) -> None:
    if len(keys) > MAX_KEYS:
        raise ValueError(f"a key of a strategy has at most {MAX_KEYS} parts, {'.'.join(keys)[:40]}… has {len(keys):,}")
    for key in keys[:-1]:
        numbers = numbers.setdefault(key, {})
        if not isinstance(numbers, dict):
            raise ValueError(f"{'.'.join(keys)} is not a key of a strategy: {key} holds no section")
    numbers[keys[-1]] = value


def _parsed(text: str) -> object:
    try:
        return toml_value(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError as error:
        raise ValueError(f"the value {text[:40]!r} cannot be read: {error}") from error


def _is_record(path: Path) -> bool:
    """Whether a file was written by a run or a version, whose record lies beside it."""
    return path.name == RECORDED_SPEC and any(path.with_name(name).is_file() for name in RECORDS)


def _validated(numbers: Mapping[str, Any], origin: str, *, recorded: bool = False) -> StrategySpec:
    try:
        return StrategySpec.recorded(numbers) if recorded else StrategySpec.model_validate(numbers)
    except ValidationError as error:
        raise ValueError(f"{origin}: {first_problem(error, keys=WHERE_KEYS)}") from error
