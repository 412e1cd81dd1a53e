"""History: a frozen version in words, rendered from its lock and spec, and the page that tells of all versions."""

from pathlib import Path
from typing import Any

from strategy.definitions.render import render_definition
from strategy.definitions.spec import DEFAULT_STRATEGY, StrategySpec, load_spec
from strategy.frozen.versions import SHIPPED, VersionFolder, list_versions

__all__ = ["DEFINITION", "render_newest", "render_version"]

DEFINITION = "STRATEGY_DEFINITION.md"


def render_version(spec: StrategySpec, body: dict[str, Any]) -> str:
    """A version's definition as Markdown, ended by a newline; the lock's own hash stands in the lock.

    Parameters
    ----------
    spec : StrategySpec
        The resolved spec.
    body : dict
        The lock's body; neither its files nor its hash are read.
    """
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
    return render_definition(spec) + "\n" + "\n".join(table)


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
    body = folder.body
    sharpe, verdict = _number(body["figures"]["sharpe_net"], ".2f"), body["headline"]["verdict"]
    return f"| {folder.version.semver} | {body['frozen'][:10]} | {sharpe} | {verdict} | `{folder.sha256}` |"


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)
