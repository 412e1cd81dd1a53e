"""Boards: pages over many runs, drawn with a small library, so that hundreds fit one file."""
