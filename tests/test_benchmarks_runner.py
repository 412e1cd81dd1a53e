"""The runner of the benchmarks: medians, page, chart and peers; nothing here is timed."""

import json
import xml.etree.ElementTree as ET
from itertools import count
from pathlib import Path

import pytest

from benchmarks.runner import Options, Ratio, Section, interleaved
from benchmarks.runner.chart import chart
from benchmarks.runner.page import keep
from benchmarks.runner.peers import PeerMissing, peer_python, run_peer


def _section(heading: str, *, times: float = 10.0) -> Section:
    return Section(
        heading=heading,
        clock="nothing is timed",
        notes=("A note.",),
        columns=("form", "ms"),
        rows=(("ours", "1.0"), ("theirs", "10.0")),
        ratios=(Ratio(form="ours", rival="<theirs>", times=times),),
    )


def test_forms_alternate_and_the_first_round_does_not_count():
    ticks, order = iter(count()), []
    forms = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    stamps = {0: 100.0}  # the first start is far away: a warm-up that takes long

    def clock() -> float:
        tick = next(ticks)
        return -stamps.get(tick, 0.0) + tick

    assert interleaved(forms, 3, clock=clock) == {"a": 1.0, "b": 1.0}
    assert order == ["a", "b"] * 4


def test_a_section_replaces_its_own_last_edition_and_no_other(tmp_path: Path):
    keep("first", _section("One"), folder=tmp_path)
    keep("second", _section("Two"), folder=tmp_path)
    keep("first", _section("One, again"), folder=tmp_path)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## One, again", "## Two"]
    assert "| form | ms |\n| --- | ---: |\n| ours | 1.0 |" in page
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["first", "second"]
    assert not list(tmp_path.glob(".*"))


def test_every_ratio_is_a_bar_and_a_slower_form_lies_left_of_one():
    drawn = chart({"A & B": [Ratio(form="quick", rival="slow", times=250.0), Ratio(form="x", rival="y", times=0.5)]})
    bars = [part for part in ET.fromstring(drawn) if part.tag.endswith("rect") and part.get("height") != "100"]
    quick, slow = (part for part in bars if part.get("y") is not None)
    assert float(slow.get("x")) < float(quick.get("x")) < 400 + 860
    assert float(slow.get("x")) + float(slow.get("width")) == pytest.approx(float(quick.get("x")), abs=0.2)
    assert "A &amp; B" in drawn
    assert "250×" in drawn


def test_a_peer_that_is_left_out_is_a_reason_and_no_failure():
    with pytest.raises(PeerMissing, match="bt was left out by --no-peers"):
        run_peer("bt", "", options=Options(peers=False))


def test_a_peer_that_fails_gives_its_last_line(tmp_path: Path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ImportError: no bt' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(PeerMissing, match="bt failed: ImportError: no bt"):
        run_peer("bt", "", options=Options(interpreters={"bt": broken}))


def test_an_environment_that_cannot_be_made_is_not_taken_for_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "peers.toml").write_text('[bt]\npackages = ["bt==1"]\n')

    def refuse(name: str, home: Path, pins: list[str]) -> None:
        home.mkdir(parents=True)
        raise PeerMissing(f"{name} could not be installed: no route")

    monkeypatch.setattr("benchmarks.runner.peers._install", refuse)
    for _ in range(2):
        with pytest.raises(PeerMissing, match="no route"):
            peer_python("bt", Options(), folder=tmp_path)


def test_an_environment_is_made_once_and_again_when_its_pins_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr(
        "benchmarks.runner.peers._install", lambda name, home, pins: (home.mkdir(parents=True), made.append(pins))
    )
    for pins in ('["bt==1"]', '["bt==1"]', '["bt==2"]'):
        (tmp_path / "peers.toml").write_text(f"[bt]\npackages = {pins}\n")
        assert peer_python("bt", Options(), folder=tmp_path) == tmp_path / ".peers" / "bt" / "bin" / "python"
    assert made == [["bt==1"], ["bt==2"]]
