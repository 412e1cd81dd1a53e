"""Breakdown: where a book's return came from, what it held and traded, and what its signal knew."""
