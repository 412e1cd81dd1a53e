"""Faults that take several steps: lost and imported again, frozen under another name, edited and resumed."""

import json
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from tests.faults.expectations import REFUSED, SAME, SURVIVED, TOLD, WORKS, kept, says
from tests.faults.fault import Expected, Fault, Meeting, World, short
from tests.faults.processes import Seen, Surroundings, forked
from tests.faults.small_world import OLD, RUN, SPEC, VERSION
from tests.faults.spoiled_files import ESCAPES, Spoil, edited, in_order, put, removed, spoiled
from tests.faults.strikes import at_rename, struck

__all__ = ["faults"]

SHOWN = "--versions versions"
CHECKED = f"trials --check {SHOWN}"
MANIFEST = "data/us/manifest.json"
IMPORT = "data import day467.parquet --name us"
ESC = f"{ESCAPES}X"
FORMULAS = {"SYN000": "=cmd|' /C calc'!A0", "SYN001": "+1+1", "SYN002": "-2+3", "SYN003": "@SUM(1)", "SYN004": "\tx"}
WALK = ("walk", "--bars", "bars.parquet", "--quiet", "--train", "300", "--test", "80", "--workers", "1", *SPEC)


def faults(_world: Path) -> Iterator[Fault]:
    """The data store, logs, runs, versions, hold-outs, files of a user."""
    yield from _store()
    yield from _logs()
    yield from _runs()
    yield from _versions()
    yield from _files()


def _store() -> Iterator[Fault]:
    section = "Data store, in steps"
    for what, spoil in {"lost": removed(MANIFEST), "damaged": put(MANIFEST, "{"), "emptied": put(MANIFEST, "")}.items():
        yield _fault(
            section, f"manifest {what}, then an import: the other versions", IMPORT, VERSIONS_KEPT, spoil=spoil
        )
        yield _fault(section, f"manifest {what}, then an import", IMPORT, WORKS, spoil=spoil)
        yield _fault(section, f"manifest {what}: info", "data info us", says("manifest"), spoil=spoil)
        after = in_order(spoil, _run(IMPORT))
        yield _fault(section, f"manifest {what}, an import, then audit", "data audit us --quiet", WORKS, spoil=after)
    swapped = edited("data/us/versions/*.json", _swapped)
    yield _fault(
        section, "open and close swapped in a version file", "features us --quiet --no-cache", REFUSED, spoil=swapped
    )
    flipped = spoiled("data/us/files/*.parquet", lambda content: content[:200] + b"\0" + content[201:])
    healed = in_order(flipped, _run("data import day466.parquet --name us"))
    yield _fault(section, "parts damaged, imported again: audit", "data audit us --quiet", SAME, spoil=healed)
    yield _fault(
        section, "parts damaged, then an update", "data update us --from day467.parquet", SURVIVED, spoil=flipped
    )
    for command in ("data audit {} --fix", "data audit {}"):
        yield _fault(
            section, f"`{command.format('us@OLD')}`: the newest keeps its sessions", command, KEEPS, run=_on_oldest
        )
    for n in (1, 2, 4):
        spoil = struck(tuple(IMPORT.split()), n, "killed")
        yield _fault(
            section, f"an import killed at rename {n}: the other versions", "data info us", VERSIONS_KEPT, spoil=spoil
        )
    fix = "data audit bars.parquet --fix"
    yield _fault(section, "a fix of a file that is fixed already", fix, kept("bars.parquet"), spoil=_run(fix))


def _logs() -> Iterator[Fault]:
    section = "Trial log, in steps"
    entry = "SELECT sequence FROM entries WHERE body LIKE '%\"trial\"%' LIMIT 1"
    statements = {
        "a body of 100,000 brackets": (f"UPDATE entries SET body = '{'[' * 100_000}' WHERE sequence = ({entry})", 1),
        "a body that is no JSON": (f"UPDATE entries SET body = 'x' WHERE sequence = ({entry})", 1),
        "a body of another shape": (f"UPDATE entries SET body = '[]' WHERE sequence = ({entry})", 1),
        "an entry's Sharpe ratio": (
            f"UPDATE entries SET body = replace(body, '0', '1') WHERE sequence = ({entry})",
            1,
        ),
        "an entry deleted": (f"DELETE FROM entries WHERE sequence = ({entry})", 1),
        "the last entry deleted": ("DELETE FROM entries WHERE sequence = (SELECT max(sequence) FROM entries)", 0),
        "all entries deleted": ("DELETE FROM entries", 1),
        "the table dropped": ("DROP TABLE entries", 1),
        "a blob for a body": (f"UPDATE entries SET body = x'fffe00' WHERE sequence = ({entry})", 1),
        "escape codes in a body": (
            f"UPDATE entries SET body = body || char(27) || '[2J' WHERE sequence = ({entry})",
            1,
        ),
        "a hash of another": ("UPDATE entries SET sha256 = 'x' WHERE sequence = 3", 1),
        "numbers moved": ("UPDATE entries SET sequence = sequence + 1000000000", 1),
    }
    for tried, (statement, code) in statements.items():
        spoil = _sql("runs/trials.sqlite", statement)
        yield _fault(section, f"{tried}: trials --check", CHECKED, says("", code=code), spoil=spoil)
        yield _fault(section, f"{tried}: trials --check --json", f"{CHECKED} --json", says("", code=code), spoil=spoil)
        for words in (
            "trials",
            "runs",
            f"freeze latest --as x@1.0.0 --quiet {SHOWN}",
            f"paper filter_negative@1.0.0 {SHOWN}",
        ):
            yield _fault(section, f"{tried}: {words.split()[0]}", words, TOLD, spoil=spoil)
    claims = {
        "removed": removed(f"{OLD}/trials.json"),
        "of -10^9 entries": edited(f"{OLD}/trials.json", _set("length", -(10**9))),
    }
    for tried, spoil in claims.items():
        yield _fault(section, f"a finished run's claim {tried}", CHECKED, says("20161006-2301", code=1), spoil=spoil)
    yield _fault(
        section, "a run's folder copied under a new id", CHECKED, says("20161006-2399", code=1), spoil=_copied_run
    )
    back = Surroundings(now="1970-01-02T00:00")
    judged = ("evaluate", "scores.csv", "--bars", "bars.parquet", "--quick", "--quiet")
    late = _run(*judged, around=back)
    yield _fault(section, "a clock that goes back 46 years", CHECKED, says("back", "before", "earlier"), spoil=late)
    yield _fault(
        section, "a run under a clock of 1970: `latest`", "show latest", says("given_scores", code=0), spoil=late
    )
    for door in (
        "trials",
        CHECKED,
        f"paper filter_negative@1.0.0 {SHOWN}",
        f"freeze latest --as x@1.0.0 --quiet {SHOWN}",
    ):
        yield _fault(section, f"a hot journal: {short(door)}", door, WORKS, spoil=_hot("runs/trials.sqlite"))
    paper = f"paper filter_negative@1.0.0 {SHOWN}"
    for door in (paper, f"{paper} --bars day462.parquet --quiet"):
        hot = _hot("runs/paper/filter_negative-1.0.0/paper.sqlite")
        yield _fault(section, f"a hot journal in the paper log: {door.split()[-1]}", door, WORKS, spoil=hot)


def _runs() -> Iterator[Fault]:
    section = "Runs, in steps"
    state = "runs/filter_negative/20161020-2300*/training/training.safetensors"
    for place in (100, 1000, 3000, -100):
        flipped = spoiled(state, lambda content, place=place: _flip(content, place))
        spoil = in_order(struck(RUN, 5, "killed"), flipped)
        yield _fault(
            section,
            f"a bit of the training state flipped at {place}, resumed",
            "run --resume latest --quiet",
            SURVIVED,
            spoil=spoil,
            like=RUN,
        )
    better = edited("runs/sealed/*/metrics.json", _verdict)
    yield _fault(
        section, "a verdict edited, then frozen", f"freeze latest --as x@1.0.0 --quiet {SHOWN}", REFUSED, spoil=better
    )
    cut = edited("runs/filter_negative/20161006-2302*/proof.json", _one_check)
    yield _fault(section, "a proof of one check: show", "show 20161006-2302", NOT_PROVEN, spoil=cut)
    for n in (1, 2):
        yield _fault(
            section,
            f"scores of a fold edited, resumed after a kill ({n})",
            "walk --resume latest --quiet",
            SURVIVED,
            spoil=_walk(n),
            like=WALK,
        )
    tmp = Surroundings(limits={resource.RLIMIT_AS: 3_000_000_000})
    yield _fault(
        section,
        "a CSV of 300 MB under 3 GB of memory",
        "data import big.csv --name big --quiet",
        TOLD,
        spoil=_big,
        around=tmp,
    )


def _versions() -> Iterator[Fault]:
    section = "Versions, in steps"
    opened = f"holdout open sealed@1.0.0 --quiet --bars bars.parquet {SHOWN}"
    again = f"freeze 20161006-2306 --as sealed@1.0.1 --quiet {SHOWN}"
    another, afresh = again.replace("sealed@1.0.1", "other@1.0.0"), f"freeze latest --as sealed@2.0.0 --quiet {SHOWN}"
    next_day, day_after = Surroundings(now="2016-10-21T23:00"), Surroundings(now="2016-10-22T23:00")
    seed = ("run", "sealed.toml", "--bars", "bars.parquet", "--quiet", "--set", "training.seed=9")
    openings = {  # what is opened first and frozen then, and what is opened after
        "twice": ("sealed@1.0.0", _run(opened)),
        "under another number": ("sealed@1.0.1", in_order(_run(opened), _run(again))),
        "under another name": ("other@1.0.0", in_order(_run(opened), _run(another))),
        "for another seed": ("sealed@2.0.0", in_order(_run(opened), _run(*seed, around=next_day), _run(afresh))),
    }
    for how, (version, spoil) in openings.items():
        words = opened.replace("sealed@1.0.0", version)
        seen = says("second", "already", "opened", "seen before")
        yield _fault(section, f"the hold-out opened {how}", words, seen, spoil=spoil, around=day_after)
    crlf = spoiled(f"{VERSION}/*.*", lambda content: content if b"\0" in content else content.replace(b"\n", b"\r\n"))
    yield _fault(
        section, "line ends of another system", f"verify filter_negative@1.0.0 {SHOWN}", says("line end"), spoil=crlf
    )


def _files() -> Iterator[Fault]:
    section = "Files, in steps"
    named = _tickers({"SYN000": ESC})
    decided = "decide 20161006-2302 --bars bars.parquet --quiet"
    for words in (
        decided,
        "data import bars.parquet --name esc",
        "data audit bars.parquet --quiet",
        "features bars.parquet --quiet",
    ):
        yield _fault(section, f"escape codes in a ticker: {' '.join(words.split()[:2])}", words, TOLD, spoil=named)
    judged = "evaluate scores.csv --bars bars.parquet --quiet"
    told = in_order(_tickers(FORMULAS), _scores(FORMULAS))
    yield _fault(
        section, "tickers that are formulas: CSV copies", f"{judged} --csv", NO_FORMULA, spoil=told, run=_with_csv
    )
    exported = f"{decided} --export out.csv"
    yield _fault(
        section,
        "tickers that are formulas: decide --export",
        exported,
        NO_FORMULA,
        spoil=_tickers(FORMULAS),
        run=_with_csv,
    )
    hostile = spoiled(
        "mine.toml", lambda text: text.replace(b'title = "', b'title = "<script>x</script><img src=x onerror=y>', 1)
    )
    yield _fault(section, "HTML in a title: definition", "definition mine.toml", NO_HTML, spoil=hostile)
    for name in ("a.csv", "b.parquet"):
        spoil = in_order(put(f"folder/{name}", ""), lambda world: os.mkfifo(world.path / "folder" / "f.csv"))
        yield _fault(section, f"a folder with a FIFO and {name}", "data import folder --name x", TOLD, spoil=spoil)
    strange = put("\x1b[2J.parquet", "PAR1")
    yield _fault(
        section, "escape codes in a file's name", "data import \x1b[2J.parquet --name x", REFUSED, spoil=strange
    )
    for option in ("--bars", "--universe", "--benchmark", "--sectors", "--factors", "--hedge", "--holdings"):
        words = f"{decided} {option} /dev/zero" if option == "--holdings" else f"{judged} --quick {option} /dev/zero"
        yield _fault(section, f"{option} /dev/zero", words, REFUSED)
        yield _fault(section, f"{option} with escape codes", words.replace("/dev/zero", "\x1b[2J.csv"), REFUSED)
    for ticker in ("\x1b[31mX", "../../x", "A" * 5000, "", "\0", "=1+1", "\u202eX"):
        spoil = put("tickers.txt", f"{ticker}\n")
        yield _fault(
            section,
            f"tickers to fetch: {ticker[:9]!a}, no network",
            "data fetch --tickers tickers.txt --name f --quiet",
            TOLD,
            spoil=spoil,
            around=OFFLINE,
        )


def _offline() -> None:
    import yfinance

    yfinance.download = lambda *_args, **_facts: pd.DataFrame()


OFFLINE = Surroundings(enter=_offline)


def _newest_ends(met: Meeting) -> str | None:
    return None if "2016-10-17" in met.seen.out else "LOST the newest sessions"


def _no_formula(met: Meeting) -> str | None:
    cells = [line.split(",") for line in met.seen.out.splitlines()]
    starts = [cell for row in cells for cell in row if cell.lstrip('"')[:1] in ("=", "+", "@", "\t") and len(cell) > 1]
    return f"a formula {starts[0]!a}" if starts else None


KEEPS = Expected("the newest version ends on the newest session", _newest_ends)
NO_FORMULA = Expected("no cell that a spreadsheet would run", _no_formula)
NO_HTML = Expected(
    "no HTML of the title's", lambda met: "HTML" if "<script" in met.seen.out or "<img" in met.seen.out else None
)
NOT_PROVEN = Expected(
    "not PROVEN", lambda met: "PROVEN" if "PROVEN" in met.seen.out.replace("NOT PROVEN", "") else None
)
VERSIONS_KEPT = Expected(
    "every version's files kept",
    lambda met: (
        next((f"LOST {n}" for n in met.before if n.startswith("data/us/v") and n not in met.after), None)
        or next((f"LOST {n}" for n in met.before if n.startswith("data/us/f") and n not in met.after), None)
    ),
)


def _on_oldest(words: tuple[str, ...], folder: Path, around: Surroundings) -> Seen:
    """Carry out the command on the store's oldest version, and show the newest then."""
    oldest = json.loads((folder / MANIFEST).read_bytes())["versions"][0]
    forked(tuple(word.format(f"us@{oldest[:12]}") for word in words), folder, around)
    return forked(("data", "info", "us"), folder, around)


def _with_csv(words: tuple[str, ...], folder: Path, around: Surroundings) -> Seen:
    """Carry out the command, and give for its output the CSV files that it wrote."""
    seen = forked(words, folder, around)
    made = [*folder.glob("runs/given_scores/*/*.csv"), *folder.glob("out.csv")]
    return Seen(seen.code, "\n".join(path.read_text() for path in made), seen.err)


def _run(*words: str, around: Surroundings | None = None) -> Spoil:
    given = tuple(words[0].split()) if len(words) == 1 else words
    return lambda world: world.quintile(*given, around=around)


def _swapped(version: Any) -> None:
    for part in version["parts"]:
        files = part["files"]
        files["open"], files["close"] = files["close"], files["open"]


def _set(key: str, value: object) -> Callable[[Any], None]:
    return lambda held: held.update({key: value})


def _verdict(metrics: Any) -> None:
    metrics["headline"] |= {"verdict": "EVIDENCE", "sentence": "EVIDENCE: trust me"}


def _one_check(proof: Any) -> None:
    proof["checks"] = proof["checks"][:1]


def _flip(content: bytes, place: int) -> bytes:
    place %= len(content)
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _sql(name: str, statement: str) -> Spoil:
    """Change a log behind its triggers."""

    def spoil(world: World) -> None:
        with closing(sqlite3.connect(world.path / name)) as connection, connection:
            for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)

    return spoil


def _hot(name: str) -> Spoil:
    """Leave the journal of a writer that was killed in the middle of a transaction that had reached the disk."""

    def spoil(world: World) -> None:
        child = os.fork()
        if child == 0:
            connection = sqlite3.connect(world.path / name, isolation_level=None)
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN IMMEDIATE")
            filling = "x" * 4000
            for number in range(10**6, 10**6 + 50):
                connection.execute("INSERT INTO entries VALUES (?, ?, 'x')", (number, filling))
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        assert (world.path / f"{name}-journal").stat().st_size > 0

    return spoil


def _copied_run(world: World) -> None:
    (old,) = world.path.glob(OLD)
    new = old.with_name("20161006-239900-00000a")
    shutil.copytree(old, new)
    (new / "run.json").write_text((old / "run.json").read_text().replace(old.name, new.name))


def _walk(n: int) -> Spoil:
    """A walk that is killed before its end, and the scores of its first fold then turned round."""

    def spoil(world: World) -> None:
        world.quintile(*WALK, around=at_rename(n + 3, "killed"))
        for path in sorted(world.path.glob("runs/filter_negative/20161020*/folds/001/scores.parquet")):
            (-pd.read_parquet(path)).to_parquet(path)

    return spoil


def _big(world: World) -> None:
    rows = (f"2015-01-02,T{number:07d},1.5,1.6,1.4,1.5,1000\n" for number in range(8_000_000))
    with (world.path / "big.csv").open("w") as file:
        file.write("date,ticker,open,high,low,close,volume\n")
        file.writelines(rows)


def _tickers(names: dict[str, str]) -> Spoil:
    def spoil(world: World) -> None:
        bars = pd.read_parquet(world.path / "bars.parquet")
        bars.assign(ticker=bars["ticker"].replace(names)).to_parquet(world.path / "bars.parquet")

    return spoil


def _scores(names: dict[str, str]) -> Spoil:
    def spoil(world: World) -> None:
        scores = pd.read_csv(world.path / "scores.csv", index_col="date")
        scores.rename(columns=names).to_csv(world.path / "scores.csv")

    return spoil


def _fault(section: str, tried: str, words: str, expected: Expected, **facts: Any) -> Fault:
    return Fault(section=section, tried=tried, words=tuple(words.split()), expected=expected, **facts)
