"""Sensitivity: what would have become of a book under other costs, clocks and sizes; what-ifs on the same sessions."""

from backtests.sensitivity.capacity import CapacityCurve, capacity_curve
from backtests.sensitivity.case_scores import CASE_COLUMNS, mean_turnover, score_cases
from backtests.sensitivity.curves import borrow_curve, break_even_bps, cost_curve, delay_curve
from backtests.sensitivity.what_ifs import WhatIfs

__all__ = [
    "CASE_COLUMNS",
    "CapacityCurve",
    "WhatIfs",
    "borrow_curve",
    "break_even_bps",
    "capacity_curve",
    "cost_curve",
    "delay_curve",
    "mean_turnover",
    "score_cases",
]
