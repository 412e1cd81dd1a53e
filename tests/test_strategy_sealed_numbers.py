"""Sealed numbers: a file as it was first written goes on being read, and nothing else is."""

import json
from pathlib import Path

import pytest

from strategy.studies.sealed_numbers import read_sealed, sealed_path, write_sealed

PRINT = "0123456789abcdef"
SEAL = "4d6539db9758b58ec19a4267149e071c9384923a99cb5c54de20782cb87b26d2"
FIRST = f'{{"cell": "a", "numbers": {{"ic": 0.5, "none": null}}, "seal": "{SEAL}"}}'


def test_a_file_as_it_was_first_written_is_read(tmp_path: Path) -> None:
    path = sealed_path(tmp_path, "a", PRINT)
    assert path.name == "a-0123456789ab.json"
    path.write_text(FIRST, encoding="utf-8")
    assert read_sealed(path, PRINT) == {"ic": 0.5, "none": None}


def test_what_is_written_is_that_file(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", {"ic": 0.5, "none": None}, fingerprint=PRINT, facts={"cell": "a"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == json.loads(FIRST)


@pytest.mark.parametrize(
    ("was", "now"), [("0.5", "0.6"), ('"numbers"', '"other"'), (SEAL, SEAL[::-1]), ("{", "["), ("}", "")]
)
def test_a_file_that_was_changed_is_not_there(tmp_path: Path, was: str, now: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(FIRST.replace(was, now), encoding="utf-8")
    assert read_sealed(path, PRINT) is None


def test_numbers_of_another_fingerprint_and_of_no_file_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_sealed(path, PRINT) is None
    path.write_text(FIRST, encoding="utf-8")
    assert read_sealed(path, PRINT[::-1]) is None
