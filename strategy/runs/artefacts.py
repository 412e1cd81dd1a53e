"""Artefacts: an evaluation as files of its run: frames, metrics, the HTML report and the tearsheet."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtests.evaluation import Evaluation, SignalEvaluation
from backtests.quick_evaluation import LEFT_OUT
from backtests.verdict import Verdict, finite_or_none, headline
from core.conventions import SESSIONS_PER_YEAR
from core.errors import RunError
from market.input_remarks import frequency_remark, input_remarks
from strategy.runs.run_files import RANGE_FRAMES
from strategy.runs.store import RunFolder

if TYPE_CHECKING:
    from backtests.report.book_report import BookReport
    from backtests.report.page import Page
    from backtests.report.signal_report import SignalReport
    from backtests.walk_study import WalkStudy
    from models.checkpoint import Checkpoint

__all__ = ["draw_tearsheet", "find_report", "restated_report", "save_evaluation", "save_numbers"]

DRAWDOWN_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def save_evaluation(
    folder: RunFolder,
    evaluation: Evaluation,
    verdict: Verdict,
    *,
    checkpoint: "Checkpoint | None" = None,
    notes: tuple[str, ...] = (),
    walk: "WalkStudy | None" = None,
) -> None:
    """Write scores, weights, trades, returns, report and metrics into the run's folder; metrics last.

    Parameters
    ----------
    folder : RunFolder
        The run, held by this process.
    evaluation : Evaluation
        Of its scores.
    verdict : Verdict
        ``judge(evaluation, …)``.
    checkpoint : Checkpoint, optional
        The model behind the scores.
    notes : tuple of str
        After the report's own.
    walk : WalkStudy, optional
        Folds of scores that were stitched.
    """
    from backtests.report.page import page_of
    from backtests.report.report_page import write_report
    from strategy.runs.proof_status import proof_report
    from strategy.runs.report_provenance import provenance_of

    _write_frames(folder, evaluation)
    provenance = provenance_of(folder, evaluation, checkpoint=checkpoint, notes=notes)
    page = page_of(evaluation, verdict, provenance, proof=proof_report(folder), walk=walk)
    write_report(page, folder.path / "report.html")
    training = {} if checkpoint is None else _training_metrics(checkpoint)
    metrics: dict[str, Any] = finite_or_none(_metrics(evaluation, verdict) | training | _page_metrics(page))
    folder.write_metrics(metrics)


def save_numbers(folder: RunFolder, evaluation: Evaluation, verdict: Verdict, *, notes: tuple[str, ...]) -> None:
    """Write the returns, ICs and metrics of a quick evaluation; no weights, no trades, no report.

    What a report would say of its inputs stands in the metrics, as ``notes``.
    """
    folder.write_frame("returns", _returns(evaluation), for_people=True)
    folder.write_frame("ic", pd.DataFrame(dict(evaluation.signal.ic)), for_people=True)
    judged = pd.DatetimeIndex(evaluation.result.net_returns.index)
    told = [*frequency_remark(evaluation.inputs.panel), *input_remarks(evaluation.inputs, judged), *notes]
    metrics = _metrics(evaluation, verdict) | {"left_out": list(LEFT_OUT), "notes": told}
    folder.write_metrics(finite_or_none(metrics))


def find_report(folder: RunFolder) -> Path:
    """Path of a run's report, restated first with what is known of its look-ahead proof.

    Raises
    ------
    RunError, SourceError
        If the run has not finished, its own proof cannot be read, or its report is older than its proof and has no
        place for it.
    """
    from strategy.runs.proof_file import read_proof

    read_proof(folder.path)  # of another run one is left out, of this run it must be whole
    return restated_report(folder)


def restated_report(folder: RunFolder) -> Path:
    """As ``find_report``, whatever the run's own proof is."""
    from backtests.report.report_page import restate_proof
    from strategy.runs.proof_status import proof_report

    path, again = folder.path / "report.html", f"`{folder.resume_command}`"
    if "quick" in folder.record:
        raise RunError(f"run {folder.run_id} was quick and has no report: evaluate again without --quick")
    if not path.is_file():
        raise RunError(f"run {folder.run_id} has no report yet: finish it with {again}")
    try:
        return restate_proof(path, proof_report(folder))
    except ValueError as error:
        raise RunError(f"{error} with a new run of its strategy") from error


def draw_tearsheet(folder: RunFolder) -> Path:
    """Write the quantstats tearsheet of the strategy's net returns and return its path.

    Beside them stands the run's benchmark, or its equal-weighted market where it has none for every session.
    """
    from backtests.tearsheet import write_tearsheet

    metrics, returns = folder.metrics, folder.read_frame("returns")
    title = f"{'SYNTHETIC · ' if metrics['synthetic'] else ''}{folder.spec.title}"
    path = folder.path / "tearsheet.html"
    year = metrics["headline"].get("sessions_per_year", SESSIONS_PER_YEAR)  # older runs mean 252
    known = "benchmark" in returns and returns["benchmark"].notna().all()
    net = folder.read_column("returns", f"{metrics['strategy']} net")
    beside = folder.read_column("returns", "benchmark" if known else "market")
    write_tearsheet(net, path, market=beside, title=title, sessions_per_year=year)
    return path


def _write_frames(folder: RunFolder, evaluation: Evaluation) -> None:
    sessions = evaluation.scores.index
    folder.write_frame("scores", evaluation.scores, for_people=True)
    for name, book in evaluation.books.items():
        suffix = "" if name == evaluation.rules.name else f"-{name}"
        folder.write_frame(f"weights{suffix}", book.weights.loc[sessions], for_people=True)
        folder.write_frame(f"trades{suffix}", evaluation.results[name].trades, for_people=True)
        folder.write_frame(f"unfilled{suffix}", evaluation.results[name].unfilled, for_people=True)
        folder.write_frame(f"diagnostics{suffix}", book.diagnostics.loc[sessions])
        if book.events is not None:
            folder.write_frame(f"events{suffix}", book.events, for_people=True)
    folder.write_frame("returns", _returns(evaluation), for_people=True)
    folder.write_frame("ic", pd.DataFrame(dict(evaluation.signal.ic)), for_people=True)
    if evaluation.ranges is not None:
        for end, name in RANGE_FRAMES.items():
            folder.write_frame(name, pd.DataFrame(evaluation.ranges.bounds[end]), for_people=True)


def _returns(evaluation: Evaluation) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, result in evaluation.results.items():
        columns |= {f"{name} net": result.net_returns, f"{name} gross": result.gross_returns}
    sessions = evaluation.result.net_returns.index
    columns["market"] = evaluation.market.reindex(sessions)
    if evaluation.inputs.benchmark is not None:
        columns["benchmark"] = evaluation.inputs.benchmark.reindex(sessions)
    return pd.DataFrame(columns)


def _metrics(evaluation: Evaluation, verdict: Verdict) -> dict[str, Any]:
    from backtests.breakdown.trading_summary import trading_summary

    signal, compared = evaluation.signal, evaluation.baseline_comparison
    model, *baselines = signal.ic
    return {
        "strategy": evaluation.rules.name,
        "synthetic": evaluation.inputs.panel.facts.synthetic,
        "headline": headline(evaluation, verdict),
        **_judged_metrics(evaluation),
        "signal": asdict(signal.summary(model)) | _pace_metrics(signal),
        "baselines": {
            name: {"ic": asdict(signal.summary(name)), "model_minus_baseline": asdict(signal.difference(name))}
            for name in baselines
        },
        "decay": {str(h): row for h, row in signal.decay.single.to_dict(orient="index").items()},
        "wall": None if compared is None else compared.as_dict(),
        "sign": {}
        if signal.study is None
        else {"absolute": asdict(signal.study.sign), "relative": asdict(signal.study.relative_sign)},
        "shorts": {} if evaluation.shorts is None else evaluation.shorts.to_dict(orient="index"),
        "recovery": {name: asdict(found) for name, found in signal.recovery.items()},
        **({} if evaluation.ensemble is None else {"ensemble": evaluation.ensemble.as_dict()}),
        **({} if evaluation.ranges is None else {"uncertainty": evaluation.ranges.as_dict()}),
        "books": {
            name: {**evaluation.performance(name).as_dict(), **trading_summary(result).as_dict()}
            for name, result in evaluation.results.items()
        },
    }


def _pace_metrics(signal: SignalEvaluation) -> dict[str, Any]:
    """Decisions a year behind the annual ICIR, and the IC until the next decision where they are not daily."""
    longer = signal.summary_until_next()
    found: dict[str, Any] = {"decisions_per_year": signal.pace.per_year, "interval": signal.pace.interval}
    return found if longer is None else found | {"until_next": asdict(longer)}


def _judged_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Sessions that were judged, names behind them, and companion books without a book, with their sentences."""
    from backtests.report.judged_words import judged_words, missing_words

    span, breadth = evaluation.span, evaluation.breadth
    return {
        "judged": {} if span is None else span.as_dict() | {"words": list(judged_words(evaluation))},
        "breadth": {} if breadth is None else breadth.as_dict(),
        "refused": dict(evaluation.refused),
        "missing": list(missing_words(evaluation)),
    }


def _training_metrics(checkpoint: "Checkpoint") -> dict[str, Any]:
    card = checkpoint.model.card
    epochs = {"best_epoch": card.best_epoch, "epochs": len(card.history)} if card.history else {}
    return {
        "calibration": checkpoint.calibration.as_card(),
        "training": {"kind": card.kind, "validation_ic": card.validation_ic, **epochs},
    }


def _page_metrics(page: "Page") -> dict[str, Any]:
    """What was measured for the report alone: intervals, gates, sectors, factors and what-ifs."""
    studies, what_ifs = page.evaluation.studies, page.evaluation.what_ifs
    return {
        "intervals": _signal_intervals(page.signal) | {"books": {n: _book_intervals(b) for n, b in page.books.items()}},
        "gates": [asdict(gate) | {"interval": gate.interval._asdict()} for gate in page.gates],
        "sectors": {n: s.sectors.to_dict(orient="index") for n, s in studies.items() if s.sectors is not None},
        "factors": {n: s.factors.as_dict() for n, s in studies.items() if s.factors is not None},
    } | ({} if what_ifs is None else {"what_if": what_ifs.as_dict()})


def _signal_intervals(signal: "SignalReport") -> dict[str, Any]:
    return {
        "rank_ic": {
            name: {"hac": summary.interval._asdict(), "bootstrap": signal.resampled[name]._asdict()}
            for name, summary in signal.summaries.items()
        },
        "rank_ic_difference": {name: gap.interval._asdict() for name, gap in signal.differences.items()},
        "quantile_returns": signal.quantile_ranges.to_dict(orient="index"),
    }


def _book_intervals(book: "BookReport") -> dict[str, Any]:
    depths = np.quantile(book.resampled_drawdowns, DRAWDOWN_LEVELS).tolist()
    return {
        "sharpe": book.sharpe_range._asdict(),
        "beta": book.beta_range._asdict(),
        "resampled_max_drawdown": dict(zip(map(str, DRAWDOWN_LEVELS), depths, strict=True)),
    }
