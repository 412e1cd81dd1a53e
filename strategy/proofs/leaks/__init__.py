"""Leaks: pairs of pipelines, one with a known look-ahead leak and one without it, on which the checks are tested."""

from strategy.proofs.leaks.book_leaks import BOOK_LEAKS
from strategy.proofs.leaks.feature_leaks import FEATURE_LEAKS
from strategy.proofs.leaks.field_leaks import FIELD_LEAKS
from strategy.proofs.leaks.leak import HonestSetup, LeakPair
from strategy.proofs.leaks.learning_leaks import LEARNING_LEAKS
from strategy.proofs.leaks.outside_leaks import OUTSIDE_LEAKS

__all__ = ["LEAKS", "HonestSetup", "LeakPair"]

LEAKS = (*FEATURE_LEAKS, *BOOK_LEAKS, *LEARNING_LEAKS, *OUTSIDE_LEAKS, *FIELD_LEAKS)
