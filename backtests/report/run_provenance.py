"""Run provenance: where a run came from, as its report prints it: spans, fingerprints, training, settings, proof."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

from backtests.reference_gates import GateSettings

if TYPE_CHECKING:
    from models.model import ModelCard

__all__ = ["Fingerprints", "ProofReport", "Provenance", "Span", "Spans", "TrainingReport", "training_report"]

EPOCH_COLUMNS = {
    "train_loss": "train_loss",
    "validation_loss": "validation_loss",
    "validation_rank_ic": "validation_ic",
    "train_accuracy": "train_accuracy",
    "validation_accuracy": "validation_accuracy",
    "learning_rate": "learning_rate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """Identities that make the numbers repeatable; the empty string where there is none.

    Parameters
    ----------
    spec, panel, code : str
        sha256 of the strategy, of the bars and of the source, in hexadecimal.
    commit : str
        Revision of the source.
    """

    spec: str
    panel: str
    code: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """First and last session of a span, both included, and how many sessions it holds."""

    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"span must not end before it starts, was {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """What was fitted, what was chosen and what was judged; every result of the report lies in ``test``."""

    test: Span
    train: Span | None = None
    validation: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingReport:
    """How the model was fitted.

    Parameters
    ----------
    history : DataFrame, shape (n_epochs, any)
        Index the epoch, from 1; ``train_loss``, ``validation_loss``, ``validation_rank_ic``, ``learning_rate``, and
        ``train_accuracy`` and ``validation_accuracy``, the shares of names that score and return put on the same side
        of their session's medians, NaN or absent for a model of before. Empty for a model without epochs.
    best_epoch : int
        The epoch kept; 0 without epochs.
    facts : tuple of (str, str)
        Further lines of the table: seed, parameters, mode.
    notes : tuple of str
        Notes of the run, on its calibration.
    """

    history: pd.DataFrame
    best_epoch: int
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def best_losses(self) -> tuple[float, float]:
        """Training and validation loss of the epoch kept; NaN without epochs."""
        if self.history.empty:
            return math.nan, math.nan
        best = self.history.loc[[self.best_epoch]]
        return float(best["train_loss"].iloc[0]), float(best["validation_loss"].iloc[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """A proof of the pipeline behind a report.

    Parameters
    ----------
    verdict : {"PASS", "FAIL"}
        Of all checks together.
    checks : tuple of (str, str, str)
        Name, status (PASS, FAIL, WARN or NOT RUN) and, of a failure, the first offence, else what was compared.
    offence : str
        The first offence of all, empty for none.
    is_deep : bool
        Whether the slow checks ran too.
    seconds : float
        Wall clock of the proof.
    """

    verdict: Literal["PASS", "FAIL"]
    checks: tuple[tuple[str, str, str], ...]
    offence: str = ""
    is_deep: bool = False
    seconds: float = 0.0

    def tally(self, status: str) -> int:
        """Number of checks with a status."""
        return sum(found == status for _, found, _ in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provenance:
    """Where a run came from.

    Parameters
    ----------
    title : str
        Headline of the report; SYNTHETIC is put before it where the bars are.
    spec : tuple of (str, str, str)
        Section, key and value of every setting.
    spans : Spans
        Train, validation and test.
    fingerprints : Fingerprints
        Identities of spec, bars and source.
    command : str
        The command that makes the report again.
    rules : mapping of str to str
        How each book is built, in one sentence, by name.
    training : TrainingReport or None
        None for scores that came without a model.
    gates : GateSettings or None
        Thresholds of the reference gates; None leaves the gates out.
    notes : tuple of str
        Notes of the run, after those of its verdict, training and books.
    machine : tuple of (str, str)
        Device and runtime, as the run's log has them; empty where nothing is known.
    """

    title: str
    spec: tuple[tuple[str, str, str], ...]
    spans: Spans
    fingerprints: Fingerprints
    command: str
    rules: Mapping[str, str] = field(default_factory=dict)
    training: TrainingReport | None = None
    gates: GateSettings | None = None
    notes: tuple[str, ...] = ()
    machine: tuple[tuple[str, str], ...] = ()


def training_report(card: "ModelCard", *, notes: tuple[str, ...] = ()) -> TrainingReport:
    """How a model was fitted, as its card says."""
    columns = {shown: [epoch.get(name, math.nan) for epoch in card.history] for shown, name in EPOCH_COLUMNS.items()}
    size = ("Parameters", f"{card.n_parameters:,}") if card.n_parameters else ("State", f"{card.n_bytes:,} bytes")
    by_epochs = bool(card.history) or math.isnan(card.validation_ic)
    ic = () if by_epochs else (("Validation rank IC", f"{card.validation_ic:.4f}"),)
    return TrainingReport(
        history=pd.DataFrame(columns, index=pd.RangeIndex(1, len(card.history) + 1, name="epoch")),
        best_epoch=card.best_epoch,
        facts=(("Kind", card.kind), size, ("Seed", str(card.seed)), *ic, *card.facts),
        notes=notes,
    )
