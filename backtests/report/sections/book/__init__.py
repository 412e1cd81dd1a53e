"""Sections and parts on one book: its returns by month, the names it held, its sheet of paper, its conventions."""
