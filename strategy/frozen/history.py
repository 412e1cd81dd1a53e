"""History: a frozen version in words, rendered from its lock and spec, and the page that tells of all versions."""

import re
from itertools import zip_longest
from pathlib import Path
from typing import Any

from strategy.definitions.render import CONVENTIONS, render_definition
from strategy.definitions.spec import DEFAULT_STRATEGY, StrategySpec, load_spec
from strategy.frozen.versions import SHIPPED, VersionFolder, list_versions

__all__ = ["DEFINITION", "other_words", "render_newest", "render_version"]

DEFINITION = "STRATEGY_DEFINITION.md"
ROW = re.compile(r"\| `[a-z0-9_]+` \| .* \| .* \|")  # of a key, its value and what it means


def render_version(spec: StrategySpec, body: dict[str, Any]) -> str:
    """A version's definition as Markdown, ended by a newline; the lock's own hash stands in the lock.

    Parameters
    ----------
    spec : StrategySpec
        The resolved spec.
    body : dict
        The lock's body; neither its files nor its hash are read.
    """
    return _rendered(render_definition(spec), body)


def other_words(text: str, spec: StrategySpec, body: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Hold a version's definition against its spec and lock: the first line that does not follow, and looser words.

    What a key means is worded by the release that froze the version, and the conventions are those that its lock keeps;
    where only that differs from today's words it is listed, and nothing else is forgiven. The order of keys within a
    section may differ.

    Parameters
    ----------
    text : str
        The file.
    spec : StrategySpec
        The resolved spec.
    body : dict
        The lock's body.

    Returns
    -------
    str or None
        The first line that is not as rendered.
    tuple of str
        Keys that are explained in other words than today's.
    """
    conventions = "\n".join(body["conventions"]) + "\n"
    rendered = _rendered(render_definition(spec).replace(CONVENTIONS, conventions), body)
    kept, expected = _sections(text), _sections(rendered)
    keys = [] if conventions == CONVENTIONS else ["Conventions"]
    nothing: list[str] = []
    for theirs, ours in zip_longest(kept, expected, fillvalue=nothing):
        rows, known = _rows(theirs), _rows(ours)
        plain_lines = zip_longest(_without(theirs, rows), _without(ours, known), fillvalue="")
        for line, wanted in plain_lines:
            if line != wanted:
                return line or f"{wanted} (missing)", ()
        for row in [*rows, *known]:
            if row not in rows or row not in known:
                return rows.get(row) or f"{known[row]} (missing)", ()
        keys += [row.split("`")[1] for row in rows if rows[row] != known[row]]
    return None, tuple(keys)


def _sections(text: str) -> list[list[str]]:
    """Lines by section."""
    sections: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.startswith("## "):
            sections.append([])
        sections[-1].append(line)
    return sections


def _rows(lines: list[str]) -> dict[str, str]:
    """The rows of a table of keys, by key and value; the same row twice is a line like any other."""
    found = [line for line in lines if ROW.fullmatch(line)]
    rows = {line.rpartition(" | ")[0]: line for line in reversed(found)}
    return rows if len(rows) == len(found) else {}


def _without(lines: list[str], rows: dict[str, str]) -> list[str]:
    return [line for line in lines if line not in rows.values()]


def _rendered(definition: str, body: dict[str, Any]) -> str:
    """A definition with the table of what was frozen under it."""
    headline, figures = body["headline"], body["figures"]
    costs = headline.get("costs", f"{headline['trade_bps']:g} bps one way")  # the first versions kept one number
    first, last = body["test_span"]
    rows = [
        ("version", f"`{body['name']}@{body['version']}`, frozen {body['frozen'][:10]}"),
        ("bars", f"{headline['source']}; {headline['universe']}; sha256 `{body['panel']}`"),
        ("test span", f"{first} to {last}, {headline['sessions']} sessions, out of sample"),
        ("decision closure", f"{len(body['closure'])} modules, sha256 `{body['closure_sha256']}`"),
        ("seeds", ", ".join(f"{name} {seed}" for name, seed in body["seeds"].items())),
        ("costs and fills", f"{costs}; {headline['execution']}"),
        (
            "Sharpe, net",
            f"{_number(figures['sharpe_net'], '.2f')} ± {_number(headline['sharpe_standard_error'], '.2f')}",
        ),
        ("rank IC", f"{_number(figures['rank_ic'], '.4f')} ± {_number(headline['rank_ic_standard_error'], '.4f')}"),
        ("maximum drawdown", _number(figures["max_drawdown"], ".1%")),
        ("trials recorded", str(headline["trials"])),
        ("verdict", headline["verdict"]),
    ]
    table = [
        "## Frozen",
        "",
        "| what | as frozen |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
    ]
    return definition + "\n" + "\n".join(table)


def render_newest(folder: Path = SHIPPED, name: str = DEFAULT_STRATEGY) -> str:
    """The definition of the newest version with the history of all, or of the spec before any is frozen."""
    versions = list_versions(folder, name)
    if not versions:
        return render_definition(load_spec(name))
    newest = (versions[-1].path / DEFINITION).read_text(encoding="utf-8")
    head = ["| version | frozen | Sharpe, net | verdict | lock |", "|---|---|---|---|---|"]
    rows = [_history_row(each) for each in reversed(versions)]
    return newest + "\n" + "\n".join(["## History", "", *head, *rows, ""])


def _history_row(folder: VersionFolder) -> str:
    try:
        body = folder.body
    except (ValueError, OSError):
        return f"| {folder.version.semver} | cannot be read, see `quintile verify {folder.version}` | | | |"
    sharpe, verdict = _number(body["figures"]["sharpe_net"], ".2f"), body["headline"]["verdict"]
    return f"| {folder.version.semver} | {body['frozen'][:10]} | {sharpe} | {verdict} | `{folder.sha256}` |"


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)
