"""Frozen: versions that anyone can verify and replay."""
