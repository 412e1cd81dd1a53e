"""The report: an evaluation, its verdict and its provenance in, one self-contained HTML page out."""

from backtests.report.book_report import BookReport, book_report
from backtests.report.books_page import ComparedBooks, render_compared_books, write_compared_books
from backtests.report.content import Stamp
from backtests.report.page import Page, page_of
from backtests.report.report_page import render_report, restate_proof, write_report
from backtests.report.run_provenance import Fingerprints, ProofReport, Provenance, Span, Spans, TrainingReport
from backtests.report.signal_report import SignalReport, signal_report
from backtests.report.stamps import OPTIMISTIC, SYNTHETIC

__all__ = [
    "OPTIMISTIC",
    "SYNTHETIC",
    "BookReport",
    "ComparedBooks",
    "Fingerprints",
    "Page",
    "ProofReport",
    "Provenance",
    "SignalReport",
    "Span",
    "Spans",
    "Stamp",
    "TrainingReport",
    "book_report",
    "page_of",
    "render_compared_books",
    "render_report",
    "restate_proof",
    "signal_report",
    "write_compared_books",
    "write_report",
]
