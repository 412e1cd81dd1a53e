"""Section on training: losses, validation rank IC, accuracies, and the epoch kept."""

from backtests.report.content import Part, Picture, Section, Table
from backtests.report.figures.training_figures import accuracy_figure, learning_figure, loss_figure
from backtests.report.formats import percent, ratio, scientific
from backtests.report.page import Page
from backtests.report.run_provenance import TrainingReport
from backtests.report.sections.common_rows import span_words

__all__ = ["training_pictures", "training_section"]


def training_section(page: Page) -> Section | None:
    """How the model was fitted; None for scores without one."""
    training = page.provenance.training
    if training is None:
        return None
    facts = _fact_table(page, training)
    if training.history.empty:
        lead, part = "Fitted at once on the training span, without epochs.", Part(tables=(facts,))
    else:
        lead = f"Epoch {training.best_epoch} of {len(training.history)} was kept, the best on validation."
        part = Part(pictures=training_pictures(training), tables=(facts, _epoch_table(training)))
    return Section(slug="training", title="Training", lead=lead, parts=(part,))


def training_pictures(training: TrainingReport) -> tuple[Picture, ...]:
    """Losses, validation rank IC and accuracies by epoch, of a model that has epochs."""
    history, best = training.history, training.best_epoch
    first, last = history.iloc[0], history.iloc[-1]
    return (
        Picture(
            title="Loss by epoch",
            summary=f"Training loss {ratio(first['train_loss'], 3)} to {ratio(last['train_loss'], 3)}, validation "
            f"{ratio(first['validation_loss'], 3)} to {ratio(last['validation_loss'], 3)}; dashed: the epoch kept.",
            figure=loss_figure(history["train_loss"], history["validation_loss"], best),
        ),
        Picture(
            title="Validation rank IC by epoch",
            summary=f"{ratio(history['validation_rank_ic'].loc[best], 4)} at the epoch kept.",
            figure=learning_figure(history["validation_rank_ic"], best),
        ),
        *_accuracy_picture(training),
    )


def _accuracy_picture(training: TrainingReport) -> tuple[Picture, ...]:
    """Accuracy by epoch; none for a model that was trained before it was recorded."""
    history, best = training.history, training.best_epoch
    if not _has_accuracy(training):
        return ()
    return (
        Picture(
            title="Accuracy by epoch",
            summary=f"Validation {percent(history['validation_accuracy'].loc[best], 1)} at the epoch kept: the share "
            "of names that score and return put on the same side of their session's medians; chance is 50 %.",
            figure=accuracy_figure(history["train_accuracy"], history["validation_accuracy"], best),
        ),
    )


def _has_accuracy(training: TrainingReport) -> bool:
    return "validation_accuracy" in training.history and bool(training.history["validation_accuracy"].notna().any())


def _epoch_table(training: TrainingReport) -> Table:
    accuracies = ("train_accuracy", "validation_accuracy") if _has_accuracy(training) else ()
    rows = tuple(
        (
            str(epoch),
            ratio(row["train_loss"], 4),
            ratio(row["validation_loss"], 4),
            ratio(row["validation_rank_ic"], 4),
            *(percent(row[name], 1) for name in accuracies),
            scientific(row["learning_rate"]),
        )
        for epoch, row in training.history.iterrows()
    )
    measured = ("Train accuracy", "Validation accuracy") if accuracies else ()
    columns = ("Epoch", "Train loss", "Validation loss", "Validation rank IC", *measured, "Learning rate")
    return Table(caption="Every epoch", columns=columns, rows=rows, folded=True)


def _fact_table(page: Page, training: TrainingReport) -> Table:
    spans = (("Train", page.provenance.spans.train), ("Validation", page.provenance.spans.validation))
    rows = tuple((name, span_words(span)) for name, span in spans if span is not None) + training.facts
    return Table(caption="Training set-up", columns=("Fact", "Value"), rows=rows, wordy=True)
