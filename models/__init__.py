"""Rank-loss networks: windows, losses, training, prediction and checkpoints; the only package that imports torch."""
