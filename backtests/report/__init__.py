"""The report: frames and measured numbers in, one self-contained HTML page out."""

from backtests.report.inputs import (
    BookReport,
    Fingerprints,
    ReportInput,
    SignalReport,
    Span,
    Spans,
    Stamp,
    TrainingReport,
    book_report,
    signal_report,
)
from backtests.report.page import render_report, restate_proof, write_report
from backtests.report.proven import ProofReport

__all__ = [
    "BookReport",
    "Fingerprints",
    "ProofReport",
    "ReportInput",
    "SignalReport",
    "Span",
    "Spans",
    "Stamp",
    "TrainingReport",
    "book_report",
    "render_report",
    "restate_proof",
    "signal_report",
    "write_report",
]
