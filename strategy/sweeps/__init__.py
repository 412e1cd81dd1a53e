"""Sweeps: many settings of one strategy, judged on validation alone, and the winner judged once on test."""
