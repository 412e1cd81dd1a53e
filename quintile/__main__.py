"""``python -m quintile`` is ``quintile``."""

from quintile.cli import main

main()
