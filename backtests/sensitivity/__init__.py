"""Sensitivity: a book under other costs, fills, sizes and stresses; what-ifs on the sessions that it is judged on."""

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
