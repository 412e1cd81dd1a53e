"""Lock shape: whatever a stranger's lock lacks or holds, one sentence names it, and no command meets it unprepared."""

import copy
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quintile.cli import main
from strategy.frozen.lock_shape import REQUIRED, SHAPE, shape_problem
from strategy.frozen.verify import verify
from strategy.frozen.versions import LOCK, SHIPPED, Version, VersionFolder, list_versions, lock_text, read_lock

NAMES = tuple(str(each.version) for each in list_versions(SHIPPED))
STRANGE = (None, [], {}, 3, -1.5, True, "\x1b[2J", [[]], {"a": []}, 10**400)


@pytest.fixture
def body() -> dict[str, Any]:
    return copy.deepcopy(read_lock(SHIPPED / "filter_negative" / "1.1.0"))


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], object]], VersionFolder]:
    """Make a copy of a shipped version, its lock changed by one who knows how it is made."""

    def made(change: Callable[[dict[str, Any]], object]) -> VersionFolder:
        path = tmp_path / "filter_negative" / "1.1.0"
        shutil.copytree(SHIPPED / "filter_negative" / "1.1.0", path)
        changed = read_lock(path)
        change(changed)
        (path / LOCK).write_text(lock_text(changed))
        return VersionFolder(path, Version.parse("filter_negative@1.1.0"))

    return made


def at(body: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The table that holds a dotted path, and its last key."""
    *way, last = path.split(".")
    for key in way:
        body = body[key]
    return body, last


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_lock_has_the_shape(name: str) -> None:
    version = Version.parse(name)
    assert shape_problem(read_lock(SHIPPED / version.name / version.semver)) is None


@pytest.mark.parametrize("path", sorted(path for path, (*_, default) in SHAPE.items() if default is REQUIRED))
def test_a_key_that_is_missing_is_named(path: str, body: dict[str, Any]) -> None:
    table, key = at(body, path)
    del table[key]
    assert shape_problem(body) == f"has no {path}"


@pytest.mark.parametrize("path", sorted(SHAPE))
def test_a_value_of_another_kind_is_named_in_plain_characters(path: str, body: dict[str, Any]) -> None:
    wanted, holds, _ = SHAPE[path]
    refused = 0
    for value in STRANGE:
        changed = copy.deepcopy(body)
        table, key = at(changed, path)
        table[key] = value
        said = shape_problem(changed)
        if said is None:
            assert holds(value), value
            continue
        refused += 1
        assert said.isascii()
        assert said.isprintable()
        assert len(said) < 250
        if not holds(value):
            whole = path.split(".")[0]  # a table of numbers is refused with a number that is none
            assert said.startswith((f"has {path} ", f"has {whole} ")), said
            assert wanted in said or SHAPE[whole][0] in said
    assert refused >= 5


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("machine.threads", "100000"),
        ("machine.threads", "0"),
        ("headline.verdict", "CERTAIN"),
        ("frozen", "yesterday"),
        ("frozen", "2026-11-28"),
        ("test_span", ["2020-01-02", "2019-01-02"]),
        ("bars", "yfinance:AAPL"),
        ("figures.sharpe_net", 10**18),
        ("panel", "1a4c"),
    ],
)
def test_a_value_beyond_its_range_is_refused(path: str, value: object, body: dict[str, Any]) -> None:
    table, key = at(body, path)
    table[key] = value
    assert str(shape_problem(body)).startswith(f"has {path.split('.')[0]}")


@pytest.mark.parametrize("bars", ["mine.parquet", "/etc/hostname", "yfinance:AAPL", "us@0123456789ab"])
def test_a_lock_of_the_built_in_market_names_no_other_bars(bars: str, body: dict[str, Any]) -> None:
    body["request"]["bars"] = bars
    assert str(shape_problem(body)).startswith(f"is of the built-in market and names bars {bars}")


def test_a_newer_form_is_told_before_any_key(body: dict[str, Any]) -> None:
    assert "this Quintile reads quintile version 1 and" in str(shape_problem({"format": "quintile version 9"}))
    assert "this Quintile reads" in str(shape_problem({"format": []}))


@pytest.mark.parametrize("key", ["figures", "headline", "request", "machine", "features", "bars"])
def test_no_command_ends_in_a_traceback(
    key: str,
    stranger: Callable[..., VersionFolder],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = stranger(lambda body: body.pop(key))
    where = ["--versions", str(tmp_path)]

    def run(words: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["quintile", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0)

    assert verify(folder).damage == (f"lock.json has no {key}",)
    for words in (
        ["replay", NAMES[1]],
        ["run", NAMES[1]],
        ["diff", NAMES[1], NAMES[1]],
        ["holdout", "open", NAMES[1]],
        ["paper", NAMES[1], "--bars", "nowhere.parquet"],
        ["prove", NAMES[1], "--universe", "all"],
    ):
        assert run(words + where) == 1, words
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        assert f"lock.json has no {key}" in err
    assert run(["versions", "--json", *where]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["verdict"] == f"lock.json has no {key}"


def test_a_lock_nested_deeper_than_any_is_one_sentence(tmp_path: Path) -> None:
    for depth in (600, 100_000):
        (tmp_path / LOCK).write_text('{"body": {"a": ' + "[" * depth + "]" * depth + '}, "sha256": ""}')
        with pytest.raises(ValueError, match=r"^lock\.json (is|does)"):
            read_lock(tmp_path)


def test_a_number_before_of_five_thousand_digits_is_a_note(stranger: Callable[..., VersionFolder]) -> None:
    folder = stranger(lambda body: body.update(previous={"version": "9" * 5000, "sha256": "0" * 64}))
    found = verify(folder)
    assert found.is_intact
    assert found.notes[0].startswith("the version before, 999")
    assert len(found.notes[0]) < 300
