"""Reporting: an evaluation as files: metrics, frames, the HTML report and the tearsheet."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from backtests.comparison.baseline_comparison import Wall, wall_sentence
from backtests.evaluation import MODEL, Evaluation, optimizer_note
from backtests.reference_gates import Gate, GateSettings, reference_gates, win_rate_interval
from backtests.short_filter import short_leg_note
from backtests.verdict import Verdict, finite_or_none, headline
from core.errors import RunError
from core.intervals import Interval, hac_interval, hac_lags_by_rule
from market.universe import survivorship
from strategy.definitions.render import BOOK_RULES
from strategy.runs.provenance import commit
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from backtests.report import BookReport, ReportInput, Stamp, TrainingReport
    from backtests.walk_study import WalkStudy
    from models.checkpoint import Checkpoint

__all__ = ["draw_tearsheet", "find_report", "save_evaluation"]

SEVERITY: Mapping[str, Literal["alarm", "caution", "note"]] = {
    "NOT EVIDENCE": "alarm",
    "WEAK": "caution",
    "EVIDENCE": "note",
}


def save_evaluation(
    folder: RunFolder,
    evaluation: Evaluation,
    *,
    checkpoint: "Checkpoint | None",
    verdict: Verdict,
    notes: tuple[str, ...] = (),
    walk: "WalkStudy | None" = None,
) -> None:
    """Write scores, weights, trades, returns, metrics and report into the run's folder; metrics last.

    ``checkpoint`` is None for scores that came without a model; ``notes`` join the report's; ``walk`` has
    the folds of scores that were stitched.
    """
    from backtests.report import write_report

    folder.write_frame("scores", evaluation.scores, csv=True)
    for name, book in evaluation.books.items():
        suffix = "" if name == evaluation.rules.name else f"-{name}"
        tested = book.weights.loc[evaluation.scores.index]
        folder.write_frame(f"weights{suffix}", tested, csv=True)
        folder.write_frame(f"trades{suffix}", evaluation.results[name].trades, csv=True)
        folder.write_frame(f"unfilled{suffix}", evaluation.results[name].unfilled, csv=True)
        folder.write_frame(f"diagnostics{suffix}", book.diagnostics.loc[evaluation.scores.index])
        if book.events is not None:
            folder.write_frame(f"events{suffix}", book.events, csv=True)
    folder.write_frame("returns", _returns(evaluation), csv=True)
    folder.write_frame("ic", pd.DataFrame(dict(evaluation.signal.ic)), csv=True)
    page = report_input(folder, evaluation, checkpoint=checkpoint, verdict=verdict, notes=notes)
    write_report(replace(page, walk=walk), folder.path / "report.html")
    folder.write_metrics(_metrics(evaluation, checkpoint, verdict) | _page_numbers(page))


def find_report(folder: RunFolder) -> Path:
    """Return the path of a run's report, which then says what is known of its look-ahead proof.

    Raises
    ------
    RunError
        If the run has not finished, or its report is older than its proof and has no place for it.
    """
    from backtests.report import restate_proof
    from strategy.runs.proof_status import proof_report

    path, again = folder.path / "report.html", f"`{folder.resume_command}`"
    if not path.is_file():
        raise RunError(f"run {folder.run_id} has no report yet: finish it with {again}")
    try:
        return restate_proof(path, proof_report(folder))
    except ValueError as error:
        raise RunError(f"{error} with {again}") from error


def draw_tearsheet(folder: RunFolder) -> Path:
    """Write the quantstats tearsheet of the strategy's net returns beside its market, and return its path."""
    from backtests.tearsheet import write_tearsheet

    strategy = folder.metrics["strategy"]
    returns = folder.read_frame("returns")
    title = f"{'SYNTHETIC · ' if folder.metrics['synthetic'] else ''}{folder.spec.title}"
    path = folder.path / "tearsheet.html"
    write_tearsheet(returns[f"{strategy} net"], path, market=returns["market"], title=title)
    return path


def report_input(
    folder: RunFolder,
    evaluation: Evaluation,
    *,
    checkpoint: "Checkpoint | None",
    verdict: Verdict,
    notes: tuple[str, ...] = (),
) -> "ReportInput":
    """Return everything that the report shows."""
    from backtests.report import Fingerprints, ReportInput, signal_report
    from strategy.runs.proof_status import proof_report

    spec, panel, record = folder.spec, evaluation.inputs.panel, folder.record
    books = _book_reports(evaluation)
    signal = evaluation.signal
    identity = record["identity"]
    return ReportInput(
        title=spec.title,
        strategy=spec.name,
        verdict=verdict.sentence,
        books=books,
        signal=signal_report(
            MODEL, signal.ic, decay=signal.decay, quantiles=signal.quantiles, recovery=signal.recovery
        ),
        market_returns=evaluation.market,
        benchmark_returns=evaluation.inputs.benchmark,
        facts=panel.facts,
        survivorship=_survivorship_stamp(evaluation),
        execution=spec.execution,
        costs=str(spec.costs),
        spans=_spans(evaluation, checkpoint),
        fingerprints=Fingerprints(
            spec=identity["spec"], panel=identity["panel"], code=identity["code"], commit=commit() or ""
        ),
        spec=tuple(
            (section, key, str(value)) for section, keys in spec.sections().items() for key, value in keys.items()
        ),
        command=record["command"],
        n_trials=verdict.standing.recorded,
        n_tickers=len(panel.tickers),
        training=None if checkpoint is None else _training(checkpoint),
        stamps=_stamps(evaluation, verdict),
        notes=(
            verdict.trials_note,
            *(() if checkpoint is None else _notes(checkpoint)),
            *_short_leg_notes(evaluation),
            *(note for name, book in evaluation.books.items() if (note := optimizer_note(name, book.diagnostics))),
            *notes,
        ),
        wall=evaluation.wall,
        signal_study=signal.study,
        model_study=evaluation.model,
        shorts=evaluation.shorts,
        unfiltered=evaluation.unfiltered,
        gates=_gates(evaluation, spec.gates, checkpoint, books[spec.name].sharpe_range),
        what_ifs=evaluation.what_ifs,
        proof=proof_report(folder),
    )


def _book_reports(evaluation: Evaluation) -> "dict[str, BookReport]":
    from backtests.report import book_report

    reports = {
        name: book_report(
            evaluation.results[name],
            book.diagnostics,
            market=evaluation.market,
            rule=BOOK_RULES[evaluation.rules.books[name].builder],
            vix=evaluation.inputs.vix,
        )
        for name, book in evaluation.books.items()
    }
    return {
        name: replace(report, study=evaluation.studies[name], events=evaluation.books[name].events)
        for name, report in reports.items()
    }


def _short_leg_notes(evaluation: Evaluation) -> tuple[str, ...]:
    notes = (short_leg_note(name, book.diagnostics) for name, book in evaluation.books.items())
    return tuple(note for note in notes if note and evaluation.rules.portfolio.legs["short"] > 0)


def _gates(
    evaluation: Evaluation, settings: GateSettings, checkpoint: "Checkpoint | None", sharpe_range: Interval
) -> tuple[Gate, ...]:
    best = None if checkpoint is None else checkpoint.model.best
    sign, sessions = evaluation.signal.study.sign, int(evaluation.signal.ic[MODEL].notna().sum())
    lags = hac_lags_by_rule(max(sessions, 1))
    return reference_gates(
        evaluation.performance(evaluation.rules.name),
        settings,
        accuracy=sign.accuracy,
        train_loss=math.nan if best is None else best.train_loss,
        validation_loss=math.nan if best is None else best.validation_loss,
        intervals={
            "Sharpe ratio": sharpe_range,
            "Win rate": win_rate_interval(evaluation.result.net_returns),
            "Accuracy": hac_interval(sign.accuracy, sign.standard_error, lags=lags, n_sessions=sessions),
        },
    )


def _returns(evaluation: Evaluation) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, result in evaluation.results.items():
        columns |= {f"{name} net": result.net_returns, f"{name} gross": result.gross_returns}
    sessions = evaluation.result.net_returns.index
    columns["market"] = evaluation.market.reindex(sessions)
    if evaluation.inputs.benchmark is not None:
        columns["benchmark"] = evaluation.inputs.benchmark.reindex(sessions)
    return pd.DataFrame(columns)


def _metrics(evaluation: Evaluation, checkpoint: "Checkpoint | None", verdict: Verdict) -> dict[str, Any]:
    from backtests.breakdown.trading_summary import trading_summary

    signal = evaluation.signal
    names = list(signal.ic)
    metrics = {
        "strategy": evaluation.rules.name,
        "synthetic": evaluation.inputs.panel.facts.synthetic,
        "headline": headline(evaluation, verdict),
        "signal": asdict(signal.summary(MODEL)),
        "baselines": {
            name: {"ic": asdict(signal.summary(name)), "model_minus_baseline": asdict(signal.difference(name))}
            for name in names[1:]
        },
        "decay": {str(h): row for h, row in signal.decay.single.to_dict(orient="index").items()},
        "wall": _wall_numbers(evaluation.wall),
        "sign": {"absolute": asdict(signal.study.sign), "relative": asdict(signal.study.relative_sign)},
        "shorts": {} if evaluation.shorts is None else evaluation.shorts.to_dict(orient="index"),
        "recovery": {name: asdict(found) for name, found in signal.recovery.items()},
        "books": {
            name: {**evaluation.performance(name).as_dict(), **trading_summary(result).as_dict()}
            for name, result in evaluation.results.items()
        },
    }
    if checkpoint is not None:
        metrics["calibration"] = checkpoint.calibration.as_card()
        metrics["training"] = {"best_epoch": checkpoint.model.best_epoch, "epochs": len(checkpoint.model.history)}
    plain: dict[str, Any] = finite_or_none(metrics)
    return plain


def _page_numbers(page: "ReportInput") -> dict[str, Any]:
    """Return what was measured for the page alone."""
    gates = [asdict(gate) | {"interval": gate.interval._asdict()} for gate in page.gates]
    numbers: dict[str, Any] = {"intervals": _intervals(page), "gates": gates, "sectors": {}, "factors": {}}
    for name, book in page.books.items():
        if book.study is not None and book.study.sectors is not None:
            numbers["sectors"][name] = book.study.sectors.to_dict(orient="index")
        if book.study is not None and book.study.factors is not None:
            numbers["factors"][name] = book.study.factors.as_dict()
    if page.what_ifs is not None:
        numbers["what_if"] = page.what_ifs.as_dict()
    plain: dict[str, Any] = finite_or_none(numbers)
    return plain


def _intervals(page: "ReportInput") -> dict[str, Any]:
    """Return the 95 % bounds that the report draws, and quantiles of the resampled maximum drawdowns."""
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    signal = page.signal
    found = {
        "rank_ic": {
            name: {"hac": summary.interval._asdict(), "bootstrap": signal.resampled[name]._asdict()}
            for name, summary in signal.summaries.items()
        },
        "rank_ic_difference": {name: gap.interval._asdict() for name, gap in signal.differences.items()},
        "quantile_returns": signal.quantile_ranges.to_dict(orient="index"),
        "books": {
            name: {
                "sharpe": book.sharpe_range._asdict(),
                "beta": book.beta_range._asdict(),
                "resampled_max_drawdown": dict(
                    zip(map(str, levels), np.quantile(book.resampled_drawdowns, levels).tolist(), strict=True)
                ),
            }
            for name, book in page.books.items()
        },
    }
    plain: dict[str, Any] = finite_or_none(found)
    return plain


def _wall_numbers(wall: Wall) -> dict[str, Any]:
    rivals = {
        name: {
            "sharpe": rival.sharpe,
            "sharpe_range": rival.sharpe_range._asdict(),
            "sharpe_gap": rival.sharpe_gap._asdict(),
            "return_gap": rival.return_gap._asdict(),
        }
        for name, rival in wall.rivals.items()
    }
    luck = None if wall.random is None else {"sharpe": wall.random.range()._asdict(), "p_value": wall.random.p_value}
    return {"sentence": wall_sentence(wall), "rivals": rivals, "random": luck}


def _survivorship_stamp(evaluation: Evaluation) -> "Stamp":
    from backtests.report import Stamp

    found = survivorship(evaluation.inputs.panel)
    declared = found.stamp == "DECLARED POINT-IN-TIME"
    label = "SURVIVORSHIP UNKNOWN" if found.stamp == "UNKNOWN" else found.stamp
    return Stamp(label=label, severity="note" if declared else "caution", sentence=found.evidence)


def _stamps(evaluation: Evaluation, verdict: Verdict) -> tuple["Stamp", ...]:
    from backtests.report import Stamp

    standing = verdict.standing
    own = Stamp(
        label=verdict.word,
        severity=SEVERITY[verdict.word],
        sentence="What these numbers allow; the verdict under these stamps says why.",
    )
    named = [Stamp(label=label, severity="alarm", sentence=sentence) for label, sentence in standing.stamps]
    opened = [Stamp(label="HOLD-OUT OPENED", severity="caution", sentence=f"{each}.") for each in standing.openings]
    return (own, *named, *opened, *_sector_stamp(evaluation))


def _sector_stamp(evaluation: Evaluation) -> tuple["Stamp", ...]:
    from backtests.report import Stamp

    if evaluation.rules.portfolio.neutral != "sector" or evaluation.inputs.panel.facts.synthetic:
        return ()
    sentence = "The book is level in sectors as one list tells them; on past sessions that list was not known yet."
    return (Stamp(label="TODAY'S SECTORS", severity="caution", sentence=sentence),)


def _spans(evaluation: Evaluation, checkpoint: "Checkpoint | None") -> Any:
    from backtests.report import Span, Spans

    if checkpoint is None:  # nothing was fitted here: all scored sessions are judged
        scored = evaluation.scores.index
        return Spans(test=Span(first=scored[0], last=scored[-1], sessions=len(scored)))
    sessions = evaluation.inputs.panel.sessions
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
    facts = (("Parameters", f"{count:,}"), ("Seed", str(seed)), ("Mode", model.settings.training.mode))
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
