"""Reporting: an outcome as files: metrics, frames, the HTML report and the tearsheet."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from market.errors import RunError
from market.universe import survivorship
from strategy.definition import BOOK_RULES
from strategy.outcome import MODEL, Outcome
from strategy.provenance import commit
from strategy.runs import RunFolder
from strategy.verdict import finite_or_none, headline, verdict_sentence, verdict_word

if TYPE_CHECKING:
    from backtests.report import ReportInput, Stamp, TrainingReport
    from models.checkpoint import Checkpoint

__all__ = ["draw_tearsheet", "find_report", "save_outcome"]


def save_outcome(folder: RunFolder, outcome: Outcome, *, checkpoint: "Checkpoint", trials: int) -> None:
    """Write scores, weights, trades, returns, metrics and report into the run's folder; metrics last."""
    from backtests.report import write_report

    folder.write_frame("scores", outcome.scores, csv=True)
    for name, book in outcome.books.items():
        suffix = "" if name == outcome.spec.name else f"-{name}"
        tested = book.weights.loc[outcome.scores.index]
        folder.write_frame(f"weights{suffix}", tested, csv=True)
        folder.write_frame(f"trades{suffix}", outcome.results[name].trades, csv=True)
        folder.write_frame(f"unfilled{suffix}", outcome.results[name].unfilled, csv=True)
        folder.write_frame(f"diagnostics{suffix}", book.diagnostics.loc[outcome.scores.index])
    folder.write_frame("returns", _returns(outcome), csv=True)
    folder.write_frame("ic", pd.DataFrame(dict(outcome.signal.ic)), csv=True)
    write_report(report_input(folder, outcome, checkpoint=checkpoint, trials=trials), folder.path / "report.html")
    folder.write_metrics(_metrics(outcome, checkpoint, trials))


def find_report(folder: RunFolder) -> Path:
    """Return the path of a run's report.

    Raises
    ------
    RunError
        If the run has not finished.
    """
    path = folder.path / "report.html"
    if not path.is_file():
        raise RunError(f"run {folder.run_id} has no report yet: finish it with `quintile run --resume {folder.run_id}`")
    return path


def draw_tearsheet(folder: RunFolder) -> Path:
    """Write the quantstats tearsheet of the strategy's net returns beside its market, and return its path."""
    from backtests.tearsheet import write_tearsheet

    strategy = folder.metrics["strategy"]
    returns = folder.read_frame("returns")
    title = f"{'SYNTHETIC · ' if folder.metrics['synthetic'] else ''}{folder.spec.title}"
    path = folder.path / "tearsheet.html"
    write_tearsheet(returns[f"{strategy} net"], path, market=returns["market"], title=title)
    return path


def report_input(folder: RunFolder, outcome: Outcome, *, checkpoint: "Checkpoint", trials: int) -> "ReportInput":
    """Return everything that the report shows."""
    from backtests.report import Fingerprints, ReportInput, book_report, signal_report

    spec, panel, record = outcome.spec, outcome.inputs.panel, folder.record
    books = {
        name: book_report(
            outcome.results[name],
            outcome.books[name].diagnostics,
            market=outcome.market,
            rule=BOOK_RULES.get(name, spec.summary),
        )
        for name in outcome.books
    }
    signal = outcome.signal
    identity = record["identity"]
    return ReportInput(
        title=spec.title,
        strategy=spec.name,
        verdict=verdict_sentence(outcome),
        books=books,
        signal=signal_report(
            MODEL, signal.ic, decay=signal.decay, quantiles=signal.quantiles, recovery=signal.recovery
        ),
        market_returns=outcome.market,
        benchmark_returns=outcome.inputs.benchmark,
        facts=panel.facts,
        survivorship=_survivorship_stamp(outcome),
        execution=spec.execution,
        costs=f"{spec.costs.trade_bps:g} bps one way on traded notional",
        spans=_spans(outcome, checkpoint),
        fingerprints=Fingerprints(
            spec=identity["spec"], panel=identity["panel"], code=identity["code"], commit=commit() or ""
        ),
        spec=tuple(
            (section, key, str(value)) for section, keys in spec.sections().items() for key, value in keys.items()
        ),
        command=record["command"],
        n_trials=trials,
        n_tickers=len(panel.tickers),
        training=_training(checkpoint),
        stamps=_stamps(outcome),
        notes=_notes(checkpoint),
    )


def _returns(outcome: Outcome) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, result in outcome.results.items():
        columns |= {f"{name} net": result.net_returns, f"{name} gross": result.gross_returns}
    sessions = outcome.result.net_returns.index
    columns["market"] = outcome.market.reindex(sessions)
    if outcome.inputs.benchmark is not None:
        columns["benchmark"] = outcome.inputs.benchmark.reindex(sessions)
    return pd.DataFrame(columns)


def _metrics(outcome: Outcome, checkpoint: "Checkpoint", trials: int) -> dict[str, Any]:
    from backtests.trading import trading_summary

    signal = outcome.signal
    names = list(signal.ic)
    metrics = {
        "strategy": outcome.spec.name,
        "synthetic": outcome.inputs.panel.facts.synthetic,
        "headline": headline(outcome, trials=trials),
        "signal": asdict(signal.summary(MODEL)),
        "baselines": {
            name: {"ic": asdict(signal.summary(name)), "model_minus_baseline": asdict(signal.difference(name))}
            for name in names[1:]
        },
        "decay": {str(h): row for h, row in signal.decay.single.to_dict(orient="index").items()},
        "recovery": {name: asdict(found) for name, found in signal.recovery.items()},
        "books": {
            name: {**outcome.performance(name).as_dict(), **trading_summary(result).as_dict()}
            for name, result in outcome.results.items()
        },
        "calibration": checkpoint.calibration.as_card(),
        "training": {"best_epoch": checkpoint.model.best_epoch, "epochs": len(checkpoint.model.history)},
    }
    plain: dict[str, Any] = finite_or_none(metrics)
    return plain


def _survivorship_stamp(outcome: Outcome) -> "Stamp":
    from backtests.report import Stamp

    found = survivorship(outcome.inputs.panel)
    declared = found.stamp == "DECLARED POINT-IN-TIME"
    return Stamp(label=found.stamp, severity="note" if declared else "caution", sentence=found.evidence)


def _stamps(outcome: Outcome) -> tuple["Stamp", ...]:
    from backtests.report import Stamp

    word = verdict_word(outcome)
    verdict = Stamp(
        label=word,
        severity="alarm" if word == "NOT EVIDENCE" else "caution",
        sentence="What these numbers allow; the sentence above says why.",
    )
    unproven = Stamp(
        label="UNPROVEN", severity="caution", sentence="No look-ahead proof has been run on this pipeline."
    )
    return (verdict, unproven)


def _spans(outcome: Outcome, checkpoint: "Checkpoint") -> Any:
    from backtests.report import Span, Spans

    sessions = outcome.inputs.panel.sessions
    split = checkpoint.provenance.spec["split"]
    trained = sessions[sessions <= pd.Timestamp(split["train_end"])]
    known = sessions[sessions <= pd.Timestamp(split["validation_end"])]
    spans = [trained, known[len(trained) :], sessions[len(known) :]]
    train, validation, test = (Span(first=s[0], last=s[-1], sessions=len(s)) for s in spans)
    return Spans(train=train, validation=validation, test=test)


def _training(checkpoint: "Checkpoint") -> "TrainingReport":
    from backtests.report import TrainingReport

    model = checkpoint.model
    columns = {
        "train_loss": [record.train_loss for record in model.history],
        "validation_loss": [record.validation_loss for record in model.history],
        "validation_rank_ic": [record.validation_ic for record in model.history],
        "learning_rate": [record.learning_rate for record in model.history],
    }
    epochs = pd.RangeIndex(1, len(model.history) + 1, name="epoch")
    count = sum(tensor.numel() for tensor in model.weights.values())
    seed = model.settings.training.seed
    facts = (("parameters", f"{count:,}"), ("seed", str(seed)), ("mode", model.settings.training.mode))
    return TrainingReport(history=pd.DataFrame(columns, index=epochs), best_epoch=model.best_epoch, facts=facts)


def _notes(checkpoint: "Checkpoint") -> tuple[str, ...]:
    found = checkpoint.calibration
    level = (
        f"Calibration: expected return = {1e4 * found.level:.2f} ± {1e4 * found.level_se:.2f} bp + "
        f"{1e4 * found.slope:.2f} ± {1e4 * found.slope_se:.2f} bp × z, on {found.n_sessions} validation sessions."
    )
    if not found.slope_was_negative:
        return (level,)
    return (level, "The validation slope was not positive: the scores keep their order and claim next to no spread.")
