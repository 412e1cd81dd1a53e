"""Twins: pipelines that cheat in one known way each, and honest ones beside them, on which the checks are tested."""

from strategy.prove.twins.book_twins import BOOK_TWINS
from strategy.prove.twins.feature_twins import FEATURE_TWINS
from strategy.prove.twins.learning_twins import LEARNING_TWINS
from strategy.prove.twins.outside_twins import OUTSIDE_TWINS
from strategy.prove.twins.twin import Stand, Twin

__all__ = ["TWINS", "Stand", "Twin"]

TWINS = (*FEATURE_TWINS, *BOOK_TWINS, *LEARNING_TWINS, *OUTSIDE_TWINS)
