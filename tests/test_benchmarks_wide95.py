import pytest

from benchmarks import wide95
from benchmarks.runner import Options
from benchmarks.wide95 import Taken, Way, median, row, ways


def test_four_sizes_are_halves_of_both_and_the_other_ways_are_whole():
    sizes = [(way.n_names, way.n_sessions) for way in ways() if way.kept == "cache"]
    assert sizes == [(847, 3_000), (847, 6_000), (1_695, 3_000), (1_695, 6_000)]
    assert [way.kept for way in ways() if (way.n_names, way.n_sessions) == sizes[-1]] == ["cache", "found", "memory"]


def test_seconds_are_medians_peaks_the_largest_and_nanoseconds_are_of_one_number():
    runs = [Taken(clock=k, busy=1.9 * k, computed=1e3 * k, read=2e3 * k, cells=2_000_000) for k in (5.0, 1.0, 2.0)]
    cells = row(Way(n_names=1_000, n_sessions=2_000), median(runs))
    assert cells == ("into a cache", "1,000", "2,000", "2.0", "3.8", "20.0", "5,000", "10,000")


@pytest.mark.slow
def test_the_section_measures_every_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wide95, "N_SESSIONS", 400)
    monkeypatch.setattr(wide95, "N_NAMES", 6)
    section = wide95.section(Options(rounds=1))
    assert [cells[:3] for cells in section.rows[:2]] == [("into a cache", "3", "200"), ("into a cache", "3", "400")]
    assert [cells[0] for cells in section.rows[3:]] == ["into a cache", "found in a cache", "in memory"]
