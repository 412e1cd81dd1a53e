"""The report: frames and measured numbers in, one self-contained HTML page out."""

from backtests.report.books_page import ComparedBooks, render_compared_books, write_compared_books
from backtests.report.report_input import (
    BookReport,
    Fingerprints,
    ProofReport,
    ReportInput,
    Span,
    Spans,
    Stamp,
    TrainingReport,
    book_report,
)
from backtests.report.report_page import render_report, restate_proof, write_report
from backtests.report.sections.front_section import OPTIMISTIC, SYNTHETIC
from backtests.report.signal_input import SignalReport, signal_report

__all__ = [
    "OPTIMISTIC",
    "SYNTHETIC",
    "BookReport",
    "ComparedBooks",
    "Fingerprints",
    "ProofReport",
    "ReportInput",
    "SignalReport",
    "Span",
    "Spans",
    "Stamp",
    "TrainingReport",
    "book_report",
    "render_compared_books",
    "render_report",
    "restate_proof",
    "signal_report",
    "write_compared_books",
    "write_report",
]
