"""``python -m quintile`` is ``quintile``: an interrupt is one line from the first import on."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from quintile.cli import main as command_line

        command_line()
    except KeyboardInterrupt:  # before or after the work, which tells of its own
        print("quintile: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
