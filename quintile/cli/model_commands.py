"""``quintile models``: commands on models."""

import typer

from quintile.cli.card_command import CARD_EXAMPLES, card_command
from quintile.cli.table_command import TABLE_EXAMPLES, table_command

__all__ = ["add_model_commands"]


def add_model_commands(app: typer.Typer) -> None:
    """Add the group ``models``."""
    models = typer.Typer(help="Compare models, and see what one is.", no_args_is_help=True)
    models.command("table", epilog=TABLE_EXAMPLES)(table_command)
    models.command("card", epilog=CARD_EXAMPLES)(card_command)
    app.add_typer(models, name="models")
