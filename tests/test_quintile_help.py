"""``--help`` of every command, held word by word, so that no change of an option goes unseen.

After a change that is meant, ``python -m tests.test_quintile_help`` writes the file again: read its diff.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from quintile.cli import app

HELP = Path(__file__).parent / "data" / "help.txt"
WIDTH = 120


def commands(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *words, name)


COMMANDS = dict(commands(typer.main.get_command(app)))
SEEN = {words: command for words, command in COMMANDS.items() if not command.hidden}


def help_of(*words: str) -> str:
    answer = CliRunner().invoke(app, [*words, "--help"], prog_name="quintile", terminal_width=WIDTH)
    assert answer.exit_code == 0, answer.output
    return answer.output


def whole_help() -> str:
    pages = [f"$ quintile {' '.join((*words, '--help'))}\n\n{help_of(*words).strip()}\n" for words in SEEN]
    return "\n\n".join("\n".join(line.rstrip() for line in page.splitlines()) for page in pages) + "\n"


def test_help_is_what_was_last_agreed_on() -> None:
    assert whole_help() == HELP.read_text(encoding="utf-8"), "run python -m tests.test_quintile_help and read the diff"


@pytest.mark.parametrize("words", [words for words, command in SEEN.items() if not hasattr(command, "commands")])
def test_every_command_shows_an_example(words: tuple[str, ...]) -> None:
    assert f"Examples:\n    quintile {' '.join(words)}" in help_of(*words).replace("  Examples", "Examples")


@pytest.mark.parametrize("words", list(SEEN))
def test_every_option_and_argument_says_what_it_is_for(words: tuple[str, ...]) -> None:
    silent = [each.name for each in SEEN[words].params if not getattr(each, "help", None)]
    assert silent == []


def test_walk_forward_is_walk() -> None:
    assert help_of("walk-forward") == help_of("walk").replace("quintile walk [", "quintile walk-forward [")


if __name__ == "__main__":
    HELP.parent.mkdir(exist_ok=True)
    HELP.write_text(whole_help(), encoding="utf-8")
