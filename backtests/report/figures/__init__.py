"""Every picture of the report: one function each, frames in, a plotly figure out; nothing is measured here.

Each works alone in a notebook. Returns are simple; wealth starts at 1 and compounds; shares and returns are fractions.
"""
