"""Card facts: what is known of a trained model, gathered, and measured where its bars are at hand."""

import pandas as pd

from backtests.report.model_facts import CardSpans, LearnedFrom, ModelFacts, ModelReads
from core.errors import QuintileError
from core.progress import ProgressCallback, silent
from market.panel import Panel
from models.labels import learned_labels
from models.losses.rank_loss import MIN_NAMES
from models.model_costs import ModelCosts, measured_costs
from models.model_parts import parts_of
from models.sample_splits import Split, resolve_split
from models.windows import Windows
from strategy.learning.decide import frozen_windows
from strategy.learning.training_data import kept_model_features, tradable
from strategy.runs.provenance import machine
from strategy.studies.model_card.card_subject import CardSubject

__all__ = ["card_facts", "learned_rows", "training_labels"]


def card_facts(subject: CardSubject, *, progress: ProgressCallback = silent) -> ModelFacts:
    """Gather what is known of a model; labels and costs are missing where its bars are, and the facts say why.

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
    model, parts = subject.checkpoint.model, parts_of(subject.checkpoint.model, subject.training_seconds)
    sessions, labels, costs, unmeasured = None, None, None, ""
    try:
        sessions, labels, costs = _measured(subject, progress)
    except QuintileError as error:  # a model outlives its bars
        unmeasured = str(error).partition(": ")[0]
    return ModelFacts(
        origin=subject.origin,
        kind=model.settings.model.kind,
        n_disk_bytes=subject.n_disk_bytes,
        parts=parts,
        reads=_reads(subject),
        spans=_spans(subject, sessions),
        labels=labels,
        costs=costs,
        unmeasured=unmeasured,
    )


def training_labels(subject: CardSubject, panel: Panel, windows: Windows) -> LearnedFrom | None:
    """Labels of the training span, with ``training.refit`` of validation's too; None on bars it did not learn from."""
    spec = subject.spec
    if subject.checkpoint.provenance.data_fingerprint != panel.fingerprint():
        return None
    split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    labels = learned_labels(panel, spec.execution, spec.label, eligible=tradable(panel))
    known = (windows.mask.cpu().numpy() & labels.notna().to_numpy())[learned_rows(subject, split)].sum(axis=1)
    usable = known[known >= MIN_NAMES]
    return LearnedFrom(labels=int(usable.sum()), sessions=len(usable))


def _measured(
    subject: CardSubject, progress: ProgressCallback
) -> tuple[pd.DatetimeIndex, LearnedFrom | None, ModelCosts]:
    progress("loading bars", 0, 1)
    panel, spec = subject.bars(), subject.spec
    windows = frozen_windows(spec, panel, subject.checkpoint, features=kept_model_features(spec, panel))
    progress("loading bars", 1, 1)
    labels = training_labels(subject, panel, windows)
    costs = measured_costs(subject.path, windows, scoring=spec.model.scored, machine=machine(), progress=progress)
    return panel.sessions, labels, costs


def learned_rows(subject: CardSubject, split: Split) -> slice:
    """Rows whose labels moved a weight: with ``training.refit`` those of validation too."""
    settings = subject.checkpoint.model.settings
    refitted = settings.training.refit and settings.model.learns_by_epochs
    return slice(split.train.start, split.validation.stop) if refitted else split.train


def _reads(subject: CardSubject) -> ModelReads:
    spec, model = subject.spec, subject.checkpoint.model
    return ModelReads(
        feature_set=spec.features.set,
        features=model.scaler.names,
        lookback=spec.model.lookback,
        label=spec.label.model_dump(mode="json"),
        seed=model.settings.training.seed,
    )


def _spans(subject: CardSubject, sessions: pd.DatetimeIndex | None) -> CardSpans:
    split, period = subject.checkpoint.provenance.spec["split"], subject.origin.headline.get("period") or (None, None)
    first = then = None
    if sessions is not None:
        first = f"{sessions[0]:%Y-%m-%d}"
        after = sessions[sessions > pd.Timestamp(split["train_end"])]
        then = f"{after[0]:%Y-%m-%d}" if len(after) else None
    return CardSpans(
        train=(first, split["train_end"]), validation=(then, split["validation_end"]), test=(period[0], period[-1])
    )
