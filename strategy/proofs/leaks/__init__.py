"""Twins: pipelines that cheat in one known way each, and honest ones beside them, on which the checks are tested."""

from strategy.proofs.leaks.book_leaks import BOOK_TWINS
from strategy.proofs.leaks.feature_leaks import FEATURE_TWINS
from strategy.proofs.leaks.leak import Stand, Twin
from strategy.proofs.leaks.learning_leaks import LEARNING_TWINS
from strategy.proofs.leaks.outside_leaks import OUTSIDE_TWINS

__all__ = ["TWINS", "Stand", "Twin"]

TWINS = (*FEATURE_TWINS, *BOOK_TWINS, *LEARNING_TWINS, *OUTSIDE_TWINS)
