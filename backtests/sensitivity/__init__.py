"""Sensitivity: what would have become of a book under other costs, clocks and sizes; what-ifs on the same sessions."""

from backtests.sensitivity.capacity import CapacityCurve, capacity_curve
from backtests.sensitivity.case_metrics import CASE_COLUMNS, case_metrics, mean_turnover
from backtests.sensitivity.curves import borrow_curve, break_even_bps, cost_curve, delay_curve
from backtests.sensitivity.what_ifs import WhatIfs

__all__ = [
    "CASE_COLUMNS",
    "CapacityCurve",
    "WhatIfs",
    "borrow_curve",
    "break_even_bps",
    "capacity_curve",
    "case_metrics",
    "cost_curve",
    "delay_curve",
    "mean_turnover",
]
