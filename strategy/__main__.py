"""``python -m strategy`` is ``quintile``."""

from strategy.cli import main

main()
