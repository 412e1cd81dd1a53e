"""Pages of the reference that the product itself says: the help of a command, the keys of a section of a strategy."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import click

__all__ = ["command_page", "commands_below", "settings_page"]


def commands_below(words: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command of the words and every one below it that help lists, from the live command line."""
    import typer

    from quintile.cli import app

    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    yield from _walk(tuple(words), command)


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _walk((*words, name), inner)


def command_page(words: Sequence[str]) -> str:
    """The help of a command and of those below it as Markdown: what it does, usage, options, examples."""
    return "\n".join(line for each, command in commands_below(words) for line in _command_lines(each, command))


def _command_lines(words: tuple[str, ...], command: Any) -> Iterator[str]:
    name = " ".join(("quintile", *words))
    context = click.Context(command, info_name=name)
    yield from (f"### {name}", "", *_paragraphs(command.help or ""), "")
    yield from ("```text", context.get_usage(), "```", "")
    rows = [record for each in command.get_params(context) if (record := _row(each, context)) is not None]
    if rows:
        yield from ("| word | meaning |", "|---|---|", *rows, "")
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("quintile")]
    if examples:
        yield from ("```sh", *examples, "```", "")


def _row(parameter: Any, context: click.Context) -> str | None:
    """One option or argument as a row of a table; None for one that help hides."""
    record = parameter.get_help_record(context)
    if record is None:
        return None
    words, meaning = record
    return f"| `{_in_row(words)}` | {_escaped(_in_row(meaning))} |"


def _in_row(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Words of a terminal as Markdown: what would be markup there is plain here."""
    return re.sub(r"([*_<>\[\]`$])", r"\\\1", text)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.replace("\f", "").strip()):
        words = paragraph.replace("\b", "").strip()
        yield from (_escaped(" ".join(words.split())), "")


def settings_page(section: str) -> str:
    """The keys of a section of a strategy as a table: key, default and meaning; of the model, a table for each kind."""
    if section != "model":
        return _table(_section(section))
    from models.model_kinds import kind_of, known_kinds

    return "\n".join(f"### model: {kind}\n\n{_table(kind_of(kind).settings)}" for kind in known_kinds())


def _table(settings: Any) -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key, field in settings.model_fields.items():
        if not hasattr(field.annotation, "model_fields"):
            default = field.get_default(call_default_factory=True)
            shown = (
                "required" if field.is_required() else "unset" if default is None else f"`{_in_row(_toml(default))}`"
            )
            lines.append(f"| `{key}` | {shown} | {_escaped(_in_row(_meaning(field)))} |")
    return "\n".join(lines) + "\n"


def _section(name: str) -> Any:
    """The settings behind ``costs`` or ``portfolio.optimizer``."""
    from strategy.definitions.spec import StrategySpec

    found: Any = StrategySpec
    for word in name.split("."):
        annotation = found.model_fields[word].annotation
        found = next(
            each for each in (annotation, *getattr(annotation, "__args__", ())) if hasattr(each, "model_fields")
        )
    return found


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "unset" if default is None else f"`{_in_row(_toml(default))}`"


def _meaning(field: Any) -> str:
    """What a key is for, then the values it takes where they are words."""
    words = [each for each in get_args(field.annotation) if isinstance(each, str)]
    said = field.description or ""
    return f"{said}: {', '.join(words)}" if words and not all(word in said for word in words) else said


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value) if isinstance(value, tuple) else value)
