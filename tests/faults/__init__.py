"""Faults: what an adversary, an accident or another machine does to Quintile, and what is seen then.

``python -m tests.faults`` tries them all; ``--page`` writes ``docs/faults.md``. A fault is a value of
:mod:`tests.faults.fault`: what is done to a copy of a small world, the command that meets it, and what may be seen. The
tables of faults are data; how a command is run is in :mod:`tests.faults.processes`.
"""
