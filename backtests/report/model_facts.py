"""Model facts: everything that a model's card says; page and JSON are two ways to write it down."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backtests.verdict import finite_or_none

if TYPE_CHECKING:
    from models.model_costs import ModelCosts
    from models.model_parts import ModelPart

__all__ = ["FEW_LABELS", "CardSpans", "LearnedFrom", "ModelFacts", "ModelOrigin", "ModelReads"]

FEW_LABELS = 10.0  # a parameter; with fewer, what is fitted may be remembered and not learned


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFrom:
    """What a model learned from: labelled names and sessions, and the sessions that hold them."""

    labels: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSpans:
    """First and last session of each span, ISO dates; None where it is not known."""

    train: tuple[str | None, str]
    validation: tuple[str | None, str]
    test: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReads:
    """What a model reads and learns.

    Parameters
    ----------
    feature_set : str
        Their name.
    features : tuple of str
        In the order of the model.
    lookback : int
        Sessions of a window.
    label : mapping
        Kind and horizon.
    seed : int
        Of everything random.
    """

    feature_set: str
    features: tuple[str, ...]
    lookback: int
    label: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOrigin:
    """Where a model comes from, and what came of it.

    Parameters
    ----------
    name : str
        Id of the run, or ``NAME@VERSION``.
    strategy, title : str
        Of the strategy.
    headline : mapping
        Figures and verdict of its test span.
    ridge : mapping or None
        ``ic`` of ridge on the same names, and ``model_minus_baseline``; None where ridge was not beside it.
    is_synthetic : bool
        Whether the bars are made up.
    fingerprints : mapping of str to str
        Of strategy, bars, code and weights.
    command : str
        What made it.
    run_seconds : float or None
        From the beginning of its run to its end.
    """

    name: str
    strategy: str
    title: str
    headline: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    ridge: Mapping[str, Any] | None = None
    is_synthetic: bool = False
    command: str = ""
    run_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFacts:
    """What a card says.

    Parameters
    ----------
    origin : ModelOrigin
        Where the model comes from.
    kind : str
        Of the whole model.
    n_disk_bytes : int
        Of weights and card.
    parts : tuple of ModelPart
        Its fits, one of a model by itself.
    reads : ModelReads
        What it reads and learns.
    spans : CardSpans
        What it learned from and was judged on.
    labels : LearnedFrom or None
        How much it learned from; None where its bars are not at hand.
    costs : ModelCosts or None
        What was measured; None where its bars are not at hand.
    unmeasured : str
        Why there is neither; empty where there is.
    """

    origin: ModelOrigin
    kind: str
    n_disk_bytes: int
    parts: "tuple[ModelPart, ...]"
    reads: ModelReads
    spans: CardSpans
    labels: LearnedFrom | None
    costs: "ModelCosts | None"
    unmeasured: str = ""

    @property
    def parameters(self) -> int | None:
        """Numbers that were fitted in all parts, as torch counts them; None where that cannot be said of one."""
        return _summed([part.parameters for part in self.parts])

    @property
    def keras_parameters(self) -> int | None:
        """The same as Keras counts them."""
        return _summed([part.keras_parameters for part in self.parts])

    @property
    def n_bytes(self) -> int:
        """Of the state of all parts in memory."""
        return sum(part.card.n_bytes for part in self.parts)

    @property
    def labels_per_parameter(self) -> float | None:
        """Training labels ÷ parameters, in torch's count."""
        return None if self.labels is None or not self.parameters else self.labels.labels / self.parameters

    @property
    def has_few_labels(self) -> bool:
        """Whether fewer than ten labels stand behind a parameter."""
        return self.labels_per_parameter is not None and self.labels_per_parameter < FEW_LABELS

    @property
    def training_seconds(self) -> float | None:
        """Wall clock of the epochs of all parts; None where it is not known of one."""
        known = [part.seconds for part in self.parts if part.seconds is not None]
        return sum(known) if len(known) == len(self.parts) else None

    @property
    def lead_over_ridge(self) -> Mapping[str, Any] | None:
        """Rank IC less that of ridge, paired by session: mean, standard error and sessions."""
        return None if self.origin.ridge is None else self.origin.ridge["model_minus_baseline"]

    def as_json(self) -> dict[str, Any]:
        """Everything on the page, as plain values; None for what is not known."""
        facts = {**self._identity(), **self._size(), **self._learning(), **self._worth()}
        plain: dict[str, Any] = finite_or_none(facts)
        return plain

    def _identity(self) -> dict[str, Any]:
        origin = self.origin
        return {
            "model": origin.name,
            "strategy": origin.strategy,
            "title": origin.title,
            "kind": self.kind,
            "synthetic": origin.is_synthetic,
            "command": origin.command,
            "fingerprints": dict(origin.fingerprints),
        }

    def _size(self) -> dict[str, Any]:
        labels = self.labels
        return {
            "parameters": {"torch": self.parameters, "keras": self.keras_parameters},
            "bytes": {"disk": self.n_disk_bytes, "memory": self.n_bytes},
            "labels": None if labels is None else asdict(labels),
            "labels_per_parameter": self.labels_per_parameter,
            "few_labels": self.has_few_labels,
            "measured": None if self.costs is None else asdict(self.costs),
            "unmeasured": self.unmeasured or None,
        }

    def _learning(self) -> dict[str, Any]:
        reads = self.reads
        return {
            "features": {"set": reads.feature_set, "names": list(reads.features)},
            "lookback": reads.lookback,
            "label": dict(reads.label),
            "seed": reads.seed,
            "spans": asdict(self.spans),
            "training_seconds": self.training_seconds,
            "run_seconds": self.origin.run_seconds,
            "parts": [part.as_json() for part in self.parts],
        }

    def _worth(self) -> dict[str, Any]:
        headline = self.origin.headline
        keys = ("verdict", "sentence", "rank_ic", "rank_ic_standard_error")
        return {
            "judged": {key: headline.get(key) for key in keys},
            "ridge": None if self.origin.ridge is None else dict(self.origin.ridge),
        }


def _summed(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
