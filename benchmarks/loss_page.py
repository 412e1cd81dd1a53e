"""Measure what a loss is worth and write its page: ``python -m benchmarks.loss_page [trees] [networks]``.

Numbers are kept in ``benchmarks/losses.json``; page and picture are drawn of all that is there, and with ``--draw``
nothing is measured. Runs are kept in ``--out``, so that a stopped command goes on where it was.
"""

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.runner.page import machine
from core.files import atomic_path, read_json, write_json, write_text
from strategy.runs.provenance import commit

__all__ = ["main", "page"]

HERE = Path(__file__).parent
NUMBERS, DOCS = HERE / "losses.json", HERE.parent / "docs"
PUBLISHED_RANGE = 0.0034  # of the rank ICs of eight losses, arXiv 2510.14156
LEVEL = 0.05
PARTS = ("trees", "networks")
STYLE: dict[Any, Any] = {"svg.hashsalt": "quintile", "svg.fonttype": "path", "font.size": 9, "grid.alpha": 0.3}
Numbers = Mapping[str, Any]

INTRODUCTION = """# What a loss is worth

```text
python -m benchmarks.loss_page            measure both parts and write this page
python -m benchmarks.loss_page trees      the first alone; --draw measures nothing
```

Drawn by the command from `benchmarks/losses.json`; not edited by hand. Everything is SYNTHETIC. Rank IC is the mean
correlation of ranks within a session; ranges are 95 % over seeds and sessions together, by two-way clustered errors. A
difference is paired by seed and session. The losses themselves: [models](models.md).

![Rank ICs of trees, and differences between the losses of a network](losses.svg)
"""
TREES = """## Trees under heavy tails

The claim: under heavy tails LightGBM on rank labels finds more than on returns, and LambdaRankIC (arXiv 2605.00501) as
much or more. Panels of {names} names and {sessions:,} sessions with {features} features, three of which carry a signal
whose correlation with the return is {ic:g}; noise Student t({freedom:g}); features and noise are drawn anew in every
session. Training has a fifth of the sessions, validation a tenth, the rest is test. Every kind as it is by default, not
tuned; seeds {seeds}, each a panel and a training."""
NETWORKS = """## Losses of one network

The claim: eight losses of one network differ in what they earn (arXiv 2510.14156: rank ICs from .0733 to .0767 on 110
names of one market, one seed, no costs). Here `{model}` on built-in markets of {n_tickers} names and {n_sessions}
sessions with a planted IC of {planted_ic:g}, the last fifth of which is judged; seeds {seeds}, each a market and a
training; book and costs of `quintile_long_short`. `default` is 0.7 soft rank and 0.3 Huber. Every cell is a run of the
model table. p is by Holm's rule among the losses; *smallest seen* is the lead that such a test finds four times in
five. *Scores with volatility* is the rank correlation of scores with the names' volatility, which these markets punish:
a loss that asks for the expectation of exp(return), as ListNet's softmax of labels does, asks for volatile names."""


def page(numbers: Numbers) -> str:
    """The page of what was measured, in Markdown."""
    parts = [INTRODUCTION]
    if "trees" in numbers:
        parts.append(_trees_part(numbers["trees"]))
    if "networks" in numbers:
        parts.append(_networks_part(numbers["networks"]))
    return "\n".join(parts)


def _trees_part(trees: Numbers) -> str:
    rows = [
        (name, _range(row), _spread(row["by_seed"]), "" if row["seconds"] is None else f"{row['seconds']:.0f}")
        for name, row in trees["rows"].items()
    ]
    steps = [(step["of"], step["less"], _range(step), _spread(step["by_seed"])) for step in trees["steps"]]
    return "\n\n".join([
        _section(TREES, trees),
        _facts(trees),
        _table(("fitted", "rank IC", "of single seeds", "processor s"), rows),
        _table(("rank IC of", "less that of", "difference", "of single seeds"), steps),
        _filled(_order(trees)),
    ]) + "\n"  # fmt: skip


def _order(trees: Numbers) -> str:
    """Whether the order that was claimed comes out."""
    steps = {(step["of"], step["less"]): step for step in trees["steps"]}
    labels = next(each for (of, _), each in steps.items() if of.endswith("rank labels"))
    ranking = next(each for (of, _), each in steps.items() if of.endswith("LambdaRankIC"))
    if labels["low"] > 0.0:
        first = "Rank labels beat returns beyond noise."
    else:
        first = "Rank labels do not beat returns beyond noise" + (
            ", though the mean is higher." if labels["mean"] > 0.0 else "."
        )
    if ranking["low"] > 0.0:
        second = "LambdaRankIC beats rank labels beyond noise."
    elif ranking["high"] < 0.0:
        second = "LambdaRankIC is worse than rank labels beyond noise."
    else:
        second = "LambdaRankIC and rank labels are not told apart."
    holds = labels["low"] > 0.0 and ranking["high"] >= 0.0
    return f"{first} {second} The order claimed {'comes out' if holds else 'does not come out'} here."


def _networks_part(networks: Numbers) -> str:
    rows = networks["rows"]
    ics = [
        (loss, _range(row["rank_ic"]), *_lead(row["rank_ic"], 4), _range(row["volatility"], 2))
        for loss, row in rows.items()
    ]
    books = [
        (loss, _range(row["gross"], 2), _range(row["net"], 2), *_lead(row["net"], 2)) for loss, row in rows.items()
    ]
    lead = ("less mse's", "p", "smallest seen")
    return "\n\n".join([
        _section(NETWORKS, networks, model=networks["model"]),
        _facts(networks),
        _table(("loss", "rank IC", *lead, "scores with volatility"), ics),
        _table(("loss", "gross Sharpe", "net Sharpe", *(f"{lead[0]}, net", *lead[1:])), books),
        "\n".join(f"- {_filled(sentence, '  ')}" for sentence in _findings(networks)),
    ]) + "\n"  # fmt: skip


def _findings(networks: Numbers) -> list[str]:
    rows = networks["rows"]
    told = {name: _told_apart(rows, name) for name in ("rank_ic", "net")}
    smallest = [row["rank_ic"]["smallest"] for row in rows.values() if "smallest" in row["rank_ic"]]
    means = [row["rank_ic"]["mean"] for row in rows.values()]
    by_seed = list(zip(*(row["rank_ic"]["by_seed"] for row in rows.values()), strict=True))
    widths = [max(seed) - min(seed) for seed in by_seed]
    best = [list(rows)[seed.index(max(seed))] for seed in by_seed]
    sentences = [
        f"Told from mse by rank IC: {told['rank_ic']}. By net Sharpe ratio: {told['net']}.",
        f"Over all seeds the rank ICs of the losses range over {max(means) - min(means):.4f}, within one seed over "
        f"{min(widths):.4f} to {max(widths):.4f}; the published range is {PUBLISHED_RANGE:.4f}.",
        f"The smallest lead in rank IC that this table can see is {min(smallest):.4f} to {max(smallest):.4f}, by loss: "
        f"a difference of {PUBLISHED_RANGE:.4f} is {'above' if min(smallest) < PUBLISHED_RANGE else 'below'} it.",
        f"Best by rank IC, seed by seed: {', '.join(best)}.",
    ]
    if "repeated" in networks:
        ics = networks["repeated"]["rank_ic"]
        sentences.append(
            f"One loss (mse) on one market (seed 1), trained with {len(ics)} seeds: rank ICs from {min(ics):+.4f} to "
            f"{max(ics):+.4f}, a range of {max(ics) - min(ics):.4f} from the seed of the training alone; net Sharpe "
            f"ratios from {min(networks['repeated']['net']):+.2f} to {max(networks['repeated']['net']):+.2f}."
        )
        if max(ics) - min(ics) > PUBLISHED_RANGE < min(smallest):
            sentences.append("A range of the published size, from one seed, does not tell losses apart.")
    return sentences


def _told_apart(rows: Numbers, name: str) -> str:
    found = [
        f"{loss} ({'better' if row[name]['lead']['mean'] > 0.0 else 'worse'})"
        for loss, row in rows.items()
        if "lead" in row[name] and row[name]["p_value"] < LEVEL
    ]
    return ", ".join(found) or "none"


def _lead(row: Numbers, digits: int) -> tuple[str, str, str]:
    if "lead" not in row:
        return "–", "–", "–"
    return _range(row["lead"], digits), f"{row['p_value']:.3f}", f"{row['smallest']:.{digits}f}"


def _range(row: Numbers, digits: int = 4) -> str:
    return f"{row['mean']:+.{digits}f} ({row['low']:+.{digits}f} to {row['high']:+.{digits}f})"


def _spread(by_seed: Sequence[float]) -> str:
    return f"{min(by_seed):+.4f} to {max(by_seed):+.4f}"


def _listed(seeds: Sequence[int]) -> str:
    return (
        f"{seeds[0]} to {seeds[-1]}" if list(seeds) == [*range(seeds[0], seeds[-1] + 1)] else ", ".join(map(str, seeds))
    )


def _section(text: str, part: Numbers, **words: Any) -> str:
    heading, _, told = text.format(**part["size"], seeds=_listed(part["seeds"]), **words).partition("\n\n")
    return "\n\n".join([heading, *(_filled(" ".join(each.split())) for each in told.split("\n\n"))])


def _facts(part: Numbers) -> str:
    return f"`{part['command']}`, commit {part['commit'][:8]}: {part['machine']}."


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 118, subsequent_indent=indent, break_on_hyphens=False)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _draw(numbers: Numbers, path: Path) -> None:
    """Rank ICs of trees, and the leads of a network's losses over mse beside the published range."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = [name for name in PARTS if name in numbers]
    with rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(shown), 3.0), layout="constrained")
        panels = dict(zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True))
        if "trees" in panels:
            _dots(panels["trees"], numbers["trees"]["rows"])
            panels["trees"].set(xlabel="rank IC", title="Trees, heavy tails (SYNTHETIC)")
        if "networks" in panels:
            rows = numbers["networks"]["rows"].items()
            half = PUBLISHED_RANGE / 2.0
            panels["networks"].axvspan(-half, half, color="0.85", label=f"published range, {PUBLISHED_RANGE:.4f}")
            _dots(panels["networks"], {loss: row["rank_ic"]["lead"] for loss, row in rows if "lead" in row["rank_ic"]})
            panels["networks"].axvline(0.0, color="black", linewidth=0.8)
            panels["networks"].set(xlabel="rank IC less mse's", title="Losses of one network (SYNTHETIC)")
            panels["networks"].legend(loc="lower left", fontsize=7)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _dots(axes: Any, rows: Mapping[str, Numbers]) -> None:
    places, means = list(range(len(rows)))[::-1], [row["mean"] for row in rows.values()]
    reach = [[row["mean"] - row["low"] for row in rows.values()], [row["high"] - row["mean"] for row in rows.values()]]
    axes.errorbar(means, places, xerr=reach, fmt="o", markersize=3, linewidth=1, capsize=2)
    axes.set_yticks(places, list(rows))
    axes.grid(axis="x")


def _measured(part: str, chosen: argparse.Namespace) -> dict[str, Any]:
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    if part == "trees":
        from benchmarks.loss_checks.ranking_trees import PanelSize, measured_trees

        return measured_trees(seeds, PanelSize(), said=lambda line: print(line, flush=True))
    from benchmarks.loss_checks.loss_comparison import compared_losses, repeated_trainings
    from core.parallel import Workers
    from quintile.progress_display import progress_bars
    from strategy.runs.store import RunStore

    store, workers = RunStore(chosen.out), Workers(count=chosen.workers)
    with progress_bars(quiet=chosen.quiet) as progress:
        found = compared_losses(seeds, store, workers=workers, progress=progress)
        repeated = [int(seed) for seed in chosen.repeated.split(",")]
        return found | {"repeated": repeated_trainings(repeated, store, workers=workers, progress=progress)}


def _command(part: str, chosen: argparse.Namespace) -> str:
    repeated = f" --repeated {chosen.repeated}" if part == "networks" else ""
    return f"python -m benchmarks.loss_page {part} --seeds {chosen.seeds}{repeated}"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loss_page", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help="trees or networks; both by default"
    )
    parser.add_argument("--seeds", default="1,2,3,4,5", help="seeds, each a panel or a market, and a training")
    parser.add_argument("--repeated", default="1,2,3,4,5,6,7,8", help="seeds of the trainings on one market")
    parser.add_argument("--workers", type=int, default=1, help="parallel processes for the networks")
    parser.add_argument("--out", type=Path, default=Path("runs/losses"), help="store of the networks' runs")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw the page anew")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the chosen parts, keep them, and draw the page of all."""
    chosen = parsed(arguments)
    kept: dict[str, Any] = read_json(NUMBERS) if NUMBERS.is_file() else {}
    for part in () if chosen.draw else chosen.parts or PARTS:
        kept[part] = _measured(part, chosen) | {
            "command": _command(part, chosen),
            "commit": commit() or "unknown",
            "machine": machine(),
        }
        write_json(NUMBERS, kept)
    write_text(DOCS / "losses.md", page(kept))
    _draw(kept, DOCS / "losses.svg")
    print(page(kept))


if __name__ == "__main__":
    main()
