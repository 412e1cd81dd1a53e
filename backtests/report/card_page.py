"""Card page: a model's facts as one HTML page that works offline; every word of it is escaped."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backtests.report.content import Card, Part, Section, Stamp, Table
from backtests.report.formats import count, plus_minus, ratio
from backtests.report.html_page import HtmlPage, render_page
from backtests.report.model_facts import ModelFacts
from backtests.report.run_provenance import training_report
from backtests.report.sections.training_section import training_pictures
from backtests.report.stamps import SYNTHETIC
from core.files import write_text
from core.progress import duration

if TYPE_CHECKING:
    from models.model_costs import Timing
    from models.model_parts import ModelPart

__all__ = ["PAGE_TITLE", "card_sentence", "cost_sentence", "render_card", "size_words", "time_words", "write_card"]

PAGE_TITLE = "<title>Model card of "  # of every card
UNKNOWN = "n/a"
KERAS_NOTE = (
    "Keras keeps one bias a gate of an LSTM where torch keeps two; every other layer counts alike, and so does a kind "
    "that Keras has no counterpart of."
)
MEMORY_NOTE = (
    "Memory is that of the whole process: bars, features and libraries are in it. What it grew by is what scoring took "
    "beyond memory that was free already."
)


def write_card(facts: ModelFacts, path: Path, *, command: str = "") -> Path:
    """Write the page, whole or not at all."""
    write_text(path, render_card(facts, command=command))
    return path


def render_card(facts: ModelFacts, *, command: str = "") -> str:
    """Render the page; ``command`` is what makes it again."""
    origin = facts.origin
    return render_page(
        HtmlPage(
            title=f"Model card of {origin.title}",
            strategy=f"{origin.strategy} · {origin.name}",
            verdict=card_sentence(facts),
            sections=tuple(_sections(facts)),
            stamps=tuple(_stamps(facts)),
            cards=_cards(facts),
            command=command,
        )
    )


def size_words(n_bytes: int | None) -> str:
    """Bytes in the unit that suits, of a thousand."""
    if n_bytes is None:
        return UNKNOWN
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}" if n_bytes < 1000 * size else f"{n_bytes / size:,.0f} {unit}"
    return f"{n_bytes} bytes"


def time_words(seconds: float | None) -> str:
    """Seconds in the unit that suits."""
    if seconds is None:
        return UNKNOWN
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s" if seconds < 90 else duration(seconds)


def card_sentence(facts: ModelFacts) -> str:
    """Kind and size of the model, and the verdict of its run."""
    keras = f", {count(facts.keras_parameters)} as Keras counts" if facts.keras_parameters != facts.parameters else ""
    judged = facts.origin.headline.get("sentence", "")
    return f"{facts.kind}, {count(facts.parameters)} parameters{keras}. {judged}".strip()


def _stamps(facts: ModelFacts) -> Iterator[Stamp]:
    if facts.origin.is_synthetic:
        yield SYNTHETIC
    if facts.has_few_labels:
        yield Stamp(
            label="FEW LABELS",
            severity="caution",
            sentence=f"{ratio(facts.labels_per_parameter, 2)} training labels a parameter, fewer than ten: what it "
            "fitted may be remembered and not learned, so trust the test span alone.",
        )
    if facts.costs is None:
        yield Stamp(label="NOT MEASURED", severity="note", sentence=f"{facts.unmeasured}.")


def _cards(facts: ModelFacts) -> tuple[Card, ...]:
    costs, lead = facts.costs, facts.lead_over_ridge
    labels = "its bars are not at hand" if facts.labels is None else f"{count(facts.labels.labels)} in training"
    shown = [
        Card(label="Parameters", value=count(facts.parameters), detail=f"{_keras(facts)} in Keras' count"),
        Card(label="On disk", value=size_words(facts.n_disk_bytes), detail="weights and card"),
        Card(label="Labels a parameter", value=ratio(facts.labels_per_parameter), detail=labels),
    ]
    if costs is not None:
        names = f"{count(costs.names)} names, {costs.threads} thread"
        shown.append(Card(label="A session", value=time_words(costs.whole_session.seconds), detail=names))
    if lead is not None:
        error = ratio(lead["standard_error"], 4)
        sessions = f"of rank IC, paired by session over {count(lead['n_sessions'])}"
        shown.append(Card(label="Lead over ridge", value=ratio(lead["mean"], 4), error=error, detail=sessions))
    return tuple(shown)


def _keras(facts: ModelFacts) -> str:
    return "same" if facts.keras_parameters == facts.parameters else count(facts.keras_parameters)


def _sections(facts: ModelFacts) -> Iterator[Section]:
    yield Section(slug="size", title="Size", lead=_size_lead(facts), parts=tuple(_size_parts(facts)))
    yield Section(slug="costs", title="Time and memory", lead=cost_sentence(facts), parts=(_cost_part(facts),))
    parts = tuple(_training_part(part) for part in facts.parts)
    yield Section(slug="training", title="Training", lead=_training_lead(facts), parts=parts)
    yield Section(slug="inputs", title="What it reads and learns", lead="", parts=(_input_part(facts),))
    yield Section(slug="worth", title="What it is worth", lead=_worth_lead(facts), parts=(_worth_part(facts),))
    prints = tuple((name, value) for name, value in facts.origin.fingerprints.items())
    sha = _facts("sha256", prints, note="Nothing that is measured here is part of any.")
    yield Section(
        slug="reproduce", title="Where it comes from", lead=facts.origin.command, parts=(Part(tables=(sha,)),)
    )


def _size_lead(facts: ModelFacts) -> str:
    if facts.labels is None:
        return "How many labels it learned from is not known: its bars are not at hand, or not those it learned on."
    few = "; fewer than ten" if facts.has_few_labels else ""
    return (
        f"It learned from {count(facts.labels.labels)} labels of {count(facts.labels.sessions)} sessions: "
        f"{ratio(facts.labels_per_parameter)} a parameter{few}. Names of one session move together, so that labels are "
        "fewer than they seem."
    )


def _size_parts(facts: ModelFacts) -> Iterator[Part]:
    rows = (
        ("Parameters, torch's count", count(facts.parameters)),
        ("Parameters, Keras' count", _keras(facts)),
        ("On disk, weights and card", size_words(facts.n_disk_bytes)),
        ("In memory, weights", size_words(facts.n_bytes)),
        ("Training labels", UNKNOWN if facts.labels is None else count(facts.labels.labels)),
        ("Training sessions", UNKNOWN if facts.labels is None else count(facts.labels.sessions)),
        ("Labels a parameter", ratio(facts.labels_per_parameter)),
    )
    yield Part(tables=(_facts("Size", rows, note=KERAS_NOTE),))
    for part in facts.parts:
        yield Part(heading=part.place, tables=tuple(_size_tables(part)))


def _size_tables(part: "ModelPart") -> Iterator[Table]:
    if part.trees is not None:
        trees = part.trees
        rows = (("Trees", count(trees.trees)), ("Leaves", count(trees.leaves)), ("Depth", count(trees.depth)))
        yield _facts(
            "Trees", rows, note="Parameters are the leaves of all trees. Depth: questions to the deepest leaf."
        )
        return
    yield Table(
        caption=f"Layers, {part.card.kind}",
        columns=("Layer", "Kind", "Tensors", "Parameters", "In Keras"),
        rows=tuple(
            (
                layer.name,
                layer.kind,
                ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in layer.shapes.items()),
                count(layer.parameters),
                "same" if layer.keras_parameters == layer.parameters else count(layer.keras_parameters),
            )
            for layer in part.layers
        ),
    )


def cost_sentence(facts: ModelFacts) -> str:
    """Latency of a name and of a session, or why nothing was measured."""
    if facts.costs is None:
        return f"Not measured: {facts.unmeasured}."
    return (
        f"One name takes {time_words(facts.costs.one_name.seconds)}, a session of {count(facts.costs.names)} names "
        f"{time_words(facts.costs.whole_session.seconds)}."
    )


def _cost_part(facts: ModelFacts) -> Part:
    costs = facts.costs
    learned = (
        ("Training, all epochs", time_words(facts.training_seconds)),
        ("The run, from bars to report", time_words(facts.origin.run_seconds)),
    )
    recorded = _facts(
        "Recorded by the run",
        learned,
        note="On the machine that it ran on; of one that was resumed, the pause is in it.",
    )
    if costs is None:
        return Part(tables=(recorded,))
    rows = (
        ("Load, weights and card", _timed(costs.load)),
        ("Latency of one name", _timed(costs.one_name)),
        (f"Latency of a session, {count(costs.names)} names", _timed(costs.whole_session)),
        ("Peak memory while it was scored", size_words(costs.peak_bytes)),
        ("of which it grew by", size_words(costs.grown_bytes)),
    )
    place = ", ".join(f"{key} {value}" for key, value in costs.machine.items())
    note = (
        f"Measured {costs.measured} on {place}, with {costs.threads} thread; the session is {costs.session}. Medians "
        "of repeated calls after a first one, features at hand; a call puts a network together from its weights. "
        f"{MEMORY_NOTE}"
    )
    return Part(tables=(_facts("Measured", rows, note=note), recorded))


def _timed(timing: "Timing") -> str:
    return f"{time_words(timing.seconds)} (median of {timing.calls})"


def _training_lead(facts: ModelFacts) -> str:
    epochs = [len(part.card.history) for part in facts.parts]
    if not any(epochs):
        return "Fitted at once on the training span, without epochs."
    known = facts.training_seconds is not None
    took = f"{time_words(facts.training_seconds)} in all" if known else "their time was not kept, or not that of each"
    return f"{count(sum(epochs))} epochs; {took}."


def _training_part(part: "ModelPart") -> Part:
    report, card = training_report(part.card), part.card
    epochs = (("Epochs", count(len(card.history))), ("Epoch kept", count(card.best_epoch))) if card.history else ()
    time = () if part.seconds is None else (("Time of its epochs", time_words(part.seconds)),)
    weight = () if part.weight is None else (("Weight in the ensemble", f"{part.weight:+.3f}"),)
    ic = (("Validation rank IC", ratio(card.validation_ic, 4)),)
    rows = (*epochs, *time, *weight, *ic, *report.facts)
    pictures = () if report.history.empty else training_pictures(report)
    return Part(heading=part.place, pictures=pictures, tables=(_facts("How it was fitted", _once(rows)),))


def _once(rows: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The rows, the first of each name."""
    first = dict(reversed(rows))
    return tuple((name, first[name]) for name in dict(rows))


def _input_part(facts: ModelFacts) -> Part:
    reads, spans = facts.reads, facts.spans
    horizon = reads.label["horizon"]
    rows = (
        (f"Features, {reads.feature_set}", ", ".join(reads.features)),
        ("Number of features", count(len(reads.features))),
        ("Lookback", f"{reads.lookback} sessions"),
        ("Label", f"{reads.label['kind']} over {horizon} session{'' if horizon == 1 else 's'}"),
        ("Seed", str(reads.seed)),
        ("Training span", _span(spans.train)),
        ("Validation span", _span(spans.validation)),
        ("Test span", _span(spans.test)),
    )
    whole = _facts("Inputs", rows)
    settings = (
        _facts(" ".join(filter(None, ("[model]", part.place))), (*_loss_row(part), *_setting_rows(part)))
        for part in facts.parts
    )
    return Part(tables=(whole, *settings))


def _loss_row(part: "ModelPart") -> tuple[tuple[str, str], ...]:
    terms = ", ".join(f"{weight:.2g} {term}" for term, weight in part.loss.items() if weight)
    return (("Loss", terms),) if terms else ()


def _setting_rows(part: "ModelPart") -> tuple[tuple[str, str], ...]:
    return tuple((f"model.{key}", str(value)) for key, value in part.settings.items())


def _span(span: tuple[str | None, str | None]) -> str:
    first, last = span
    return f"{first} to {last}" if first else f"until {last}" if last else UNKNOWN


def _worth_lead(facts: ModelFacts) -> str:
    if facts.kind == "ridge":
        return "It is ridge itself, which every other model is compared with."
    lead = facts.lead_over_ridge
    if lead is None:
        return "Ridge was not fitted beside it."
    gap = plus_minus(lead["mean"], lead["standard_error"], 4)
    beyond = abs(lead["mean"]) > 2.0 * lead["standard_error"]
    said = ("better than" if lead["mean"] > 0 else "worse than") if beyond else "not told from"
    return f"By rank IC it is {said} ridge on the same names: {gap}, paired by session."


def _worth_part(facts: ModelFacts) -> Part:
    headline, ridge = facts.origin.headline, facts.origin.ridge
    own = plus_minus(headline.get("rank_ic"), headline.get("rank_ic_standard_error"), 4)
    rows = [("Verdict", headline.get("verdict", UNKNOWN)), ("Rank IC on the test span", own)]
    if ridge is not None:
        found, lead = ridge["ic"], ridge["model_minus_baseline"]
        rows += [
            ("Rank IC of ridge", plus_minus(found["mean"], found["standard_error"], 4)),
            ("Lead over ridge", plus_minus(lead["mean"], lead["standard_error"], 4)),
        ]
    note = "± one standard error for dependent sessions (HAC)."
    return Part(sentences=(headline.get("sentence", ""),), tables=(_facts("Worth", tuple(rows), note=note),))


def _facts(caption: str, rows: tuple[tuple[str, str], ...], *, note: str = "") -> Table:
    return Table(caption=caption, columns=("Fact", "Value"), rows=rows, wordy=True, note=note)
