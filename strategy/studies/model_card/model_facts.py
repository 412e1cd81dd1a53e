"""Model facts: everything that a card says, gathered once; page and JSON are two ways to write it down."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from backtests.verdict import finite_or_none
from core.errors import QuintileError
from core.progress import ProgressCallback, silent
from strategy.studies.model_card.card_costs import CardCosts, Labels, card_windows, measured_costs, training_labels
from strategy.studies.model_card.card_parts import CardPart, parts_of
from strategy.studies.model_card.card_subject import CardSubject

__all__ = ["FEW_LABELS", "ModelFacts", "Spans", "model_facts"]

FEW_LABELS = 10.0  # a parameter; with fewer, what is fitted may be remembered and not learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """First and last session of each span, ISO dates; None where it is not known."""

    train: tuple[str | None, str]
    validation: tuple[str | None, str]
    test: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFacts:
    """What a card says.

    Parameters
    ----------
    subject : CardSubject
        The model and where it comes from.
    parts : tuple of CardPart
        Its fits, one of a model by itself.
    spans : Spans
        What it learned from and was judged on.
    labels : Labels or None
        How much it learned from; None where its bars are not at hand.
    costs : CardCosts or None
        What was measured; None where its bars are not at hand.
    unmeasured : str
        Why there is neither; empty where there is.
    """

    subject: CardSubject
    parts: tuple[CardPart, ...]
    spans: Spans
    labels: Labels | None
    costs: CardCosts | None
    unmeasured: str = ""

    @property
    def kind(self) -> str:
        """Of the whole model."""
        return self.subject.checkpoint.model.settings.model.kind

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
        return None if self.subject.ridge is None else self.subject.ridge["model_minus_baseline"]

    def as_json(self) -> dict[str, Any]:
        """Everything on the page, as plain values; None for what is not known."""
        facts = {**self._identity(), **self._size(), **self._learning(), **self._worth()}
        plain: dict[str, Any] = finite_or_none(facts)
        return plain

    def _identity(self) -> dict[str, Any]:
        spec = self.subject.spec
        return {
            "model": self.subject.name,
            "strategy": spec.name,
            "title": spec.title,
            "kind": self.kind,
            "synthetic": self.subject.is_synthetic,
            "command": self.subject.command,
            "fingerprints": dict(self.subject.fingerprints),
        }

    def _size(self) -> dict[str, Any]:
        labels = self.labels
        return {
            "parameters": {"torch": self.parameters, "keras": self.keras_parameters},
            "bytes": {"disk": self.subject.n_disk_bytes, "memory": self.n_bytes},
            "labels": None if labels is None else asdict(labels),
            "labels_per_parameter": self.labels_per_parameter,
            "few_labels": self.has_few_labels,
            "measured": None if self.costs is None else asdict(self.costs),
            "unmeasured": self.unmeasured or None,
        }

    def _learning(self) -> dict[str, Any]:
        spec, model = self.subject.spec, self.subject.checkpoint.model
        return {
            "features": {"set": spec.features.set, "names": list(model.scaler.names)},
            "lookback": spec.model.lookback,
            "label": spec.label.model_dump(mode="json"),
            "seed": model.settings.training.seed,
            "spans": asdict(self.spans),
            "training_seconds": self.training_seconds,
            "run_seconds": self.subject.run_seconds,
            "parts": [part.as_json() for part in self.parts],
        }

    def _worth(self) -> dict[str, Any]:
        headline = self.subject.headline
        keys = ("verdict", "sentence", "rank_ic", "rank_ic_standard_error")
        return {
            "judged": {key: headline.get(key) for key in keys},
            "ridge": None if self.subject.ridge is None else dict(self.subject.ridge),
        }


def model_facts(subject: CardSubject, *, progress: ProgressCallback = silent) -> ModelFacts:
    """Gather what is known of a model, and measure it where the bars that it was trained on are at hand.

    Parameters
    ----------
    subject : CardSubject
        From ``run_subject`` or ``version_subject``.
    progress : callable
        Called as bars are loaded and the model is measured.

    Raises
    ------
    RunError
        If the state of its training cannot be read.
    """
    parts = parts_of(subject)
    try:
        return _measured(subject, parts, progress)
    except QuintileError as error:  # a model outlives its bars
        reason = str(error).partition(": ")[0]
        return ModelFacts(
            subject=subject, parts=parts, spans=_spans(subject), labels=None, costs=None, unmeasured=reason
        )


def _measured(subject: CardSubject, parts: tuple[CardPart, ...], progress: ProgressCallback) -> ModelFacts:
    progress("loading bars", 0, 1)
    panel = subject.bars()
    windows = card_windows(subject, panel)
    progress("loading bars", 1, 1)
    return ModelFacts(
        subject=subject,
        parts=parts,
        spans=_spans(subject, panel.sessions),
        labels=training_labels(subject, panel, windows),
        costs=measured_costs(subject, windows, progress=progress),
    )


def _spans(subject: CardSubject, sessions: pd.DatetimeIndex | None = None) -> Spans:
    split, period = subject.checkpoint.provenance.spec["split"], subject.headline.get("period") or (None, None)
    first = then = None
    if sessions is not None:
        first = f"{sessions[0]:%Y-%m-%d}"
        after = sessions[sessions > pd.Timestamp(split["train_end"])]
        then = f"{after[0]:%Y-%m-%d}" if len(after) else None
    return Spans(
        train=(first, split["train_end"]),
        validation=(then, split["validation_end"]),
        test=(period[0], period[-1]),
    )


def _summed(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
