"""``python -m strategy`` is ``quintile``."""

from quintile.cli import main

main()
