"""Audit: what is wrong with bars, what a ticker and a session look like, and bars masked before they mislead."""

from market.audit.audit import Audit, audit_panel
from market.audit.audit_page import write_audit
from market.audit.audited_bars import Audited, audit_source
from market.audit.finding_kinds import KINDS
from market.audit.mask import mask_outliers
from market.audit.repair import fixed_rows, left_alone, write_rows
from market.audit.suspicions import suspicions

__all__ = [
    "KINDS",
    "Audit",
    "Audited",
    "audit_panel",
    "audit_source",
    "fixed_rows",
    "left_alone",
    "mask_outliers",
    "suspicions",
    "write_audit",
    "write_rows",
]
