import json
import os
import time

import pytest

from core.bounded_text import json_value, toml_value
from core.errors import SourceError
from core.files import read_json, read_toml, write_json
from core.settings import Settings

HOSTILE_JSON = {
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "closed deep lists": "[" * 100_000 + "]" * 100_000,
    "a little too deep": "[" * 65 + "]" * 65,
    "long integer": "9" * 5000,
    "long fraction": "0." + "1" * 5000,
    "beyond a double": "1e999",
    "not a number": "[NaN]",
    "infinity": "-Infinity",
    "half a surrogate": r'["\ud800"]',
    "a key of half a surrogate": r'{"\udfff": 1}',
    "empty": "",
    "cut": '{"a": ',
    "two values": "1 2",
    "a key twice": '{"a": [{"b": 1, "b": 1}]}',
    "latin-1": b'"\xe9"',
    "binary": b"\x00\xff\xfe",
}
HOSTILE_TOML = {
    "deep list": "a = " + "[" * 100_000,
    "closed deep list": "a = " + "[" * 3000 + "]" * 3000,
    "a little too deep": "a = " + "[" * 70 + "]" * 70,
    "dotted key": ".".join("a" * 20_000) + " = 1",
    "spaced dotted key": " . ".join("a" * 20_000) + " = 1",
    "quoted dotted key": ".".join(['"a"'] * 20_000) + " = 1",
    "dotted table": "[" + ".".join("a" * 20_000) + "]",
    "inline tables": "a = " + "{b = " * 5000 + "1" + "}" * 5000,
    "long integer": "a = " + "9" * 5000,
    "integer just too long": "a = " + "9" * 101,
    "long hexadecimal": "a = 0x" + "f" * 5000,
    "no date": "a = 2020-13-45",
    "large": "#" * 2**20,
    "not utf-8": b"a = '\xe9'",
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_refused_at_once_in_one_line_that_names_the_file(name, tmp_path):
    path, text = tmp_path / "facts.json", HOSTILE_JSON[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    begun = time.perf_counter()
    with pytest.raises(SourceError, match=r"facts\.json is not JSON") as refused:
        read_json(path)
    assert time.perf_counter() - begun < 2
    assert len(str(refused.value)) < 400 + len(str(path))


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_hostile_toml_is_refused_at_once_in_one_line_that_names_the_file(name, tmp_path):
    path, text = tmp_path / "spec.toml", HOSTILE_TOML[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    begun = time.perf_counter()
    with pytest.raises(SourceError, match=r"spec\.toml (is not TOML|has )") as refused:
        read_toml(path)
    assert time.perf_counter() - begun < 2
    assert len(str(refused.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    "value",
    [
        {"rate": 0.1, "state": 2**128, "name": "τ ± \U0001f600", "none": None, "odd": '[{"\\'},
        [[[1.5e-300, -7], {}]] * 100,
        {"text": "[" * 1000 + "{" * 1000},
    ],
)
def test_what_is_written_as_json_is_read_again(value, tmp_path):
    write_json(tmp_path / "facts.json", value)
    assert read_json(tmp_path / "facts.json") == value
    assert json_value(json.dumps(value)) == value


def test_toml_with_many_fractions_long_words_and_dots_in_texts_is_read(tmp_path):
    text = (
        f'a = [{", ".join(["0.5"] * 500)}]\nb = "{"one two. " * 500}"\n'
        + "word_" * 2000
        + " = 1\r\n"
        + "[m.n.o]\nk.l = 0x10"
    )
    (tmp_path / "spec.toml").write_text(text, newline="")
    read = read_toml(tmp_path / "spec.toml")
    assert (read["a"], read["m"]) == ([0.5] * 500, {"n": {"o": {"k": {"l": 16}}}})


def test_a_value_that_is_not_toml_is_told_from_one_beyond_a_bound():
    import tomllib

    with pytest.raises(tomllib.TOMLDecodeError):
        toml_value("value = plain text")
    with pytest.raises(ValueError, match="deep") as refused:
        toml_value("value = " + "[" * 100_000)
    assert not isinstance(refused.value, tomllib.TOMLDecodeError)


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "facts.json")
    with pytest.raises(SourceError, match="pipe"):
        read_json(tmp_path / "facts.json")


class _Facts(Settings):
    rows: int
    names: tuple[str, ...] = ()


def test_a_shape_says_what_is_missing_or_wrong(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"rows": 3, "names": ["a"]})
    assert read_json(path, _Facts) == _Facts(rows=3, names=("a",))
    assert read_json(path, dict)["rows"] == 3
    for wrong, said in (([], "dict"), ({}, "rows"), ({"rows": "x"}, "rows"), ({"rows": 1, "evil": 2}, "evil")):
        write_json(path, wrong)
        with pytest.raises(SourceError, match=rf"facts\.json has another shape .*{said}"):
            read_json(path, _Facts)
    with pytest.raises(SourceError, match="another shape"):
        read_json(path, list)


def test_a_name_that_the_system_could_not_read_is_written_and_read_again(tmp_path):
    unread = "b\u00e4rs".encode().decode("ascii", "surrogateescape")
    write_json(tmp_path / "facts.json", {"bars": unread, "odd": b"\xe4".decode("ascii", "surrogateescape")})
    assert read_json(tmp_path / "facts.json") == {"bars": "b\u00e4rs", "odd": "\ufffd"}
