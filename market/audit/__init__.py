"""Audit: what is wrong with bars, what a ticker and a session look like, and bars masked before they mislead."""

from market.audit.audit import BAD_PRINTS, KINDS, Audit, audit_panel
from market.audit.masking import mask_outliers, outliers

__all__ = ["BAD_PRINTS", "KINDS", "Audit", "audit_panel", "mask_outliers", "outliers"]
