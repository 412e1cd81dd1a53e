"""Strategy: from bars to a verdict, recorded; and everything done with what is recorded. The face is ``quintile``."""
