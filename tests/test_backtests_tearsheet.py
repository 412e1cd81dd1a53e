"""The tearsheet: quantstats draws, our numbers stand above its own, and none of its habits reach the caller."""

import logging
import re
import sys
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest

from backtests.statistics.metrics import sharpe_ratio
from backtests.tearsheet import render_tearsheet, write_tearsheet

SESSIONS = pd.bdate_range("2017-01-02", periods=150, name="session")


@pytest.fixture(scope="module")
def returns():
    return pd.Series(np.random.default_rng(3).normal(0.0006, 0.01, len(SESSIONS)), SESSIONS)


@pytest.fixture(scope="module")
def drawn(returns, tmp_path_factory):
    market = pd.Series(
        np.random.default_rng(4).normal(0.0003, 0.01, len(SESSIONS) + 5),
        SESSIONS.append(SESSIONS[-5:] + pd.Timedelta(days=30)),
    )
    fonts = logging.getLogger("matplotlib.font_manager")
    level, style = fonts.level, dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_tearsheet(
            returns, tmp_path_factory.mktemp("t") / "t.html", market=market, title="<script>x</script>"
        )
    assert fonts.level == level
    assert dict(matplotlib.rcParams) == style
    return path.read_text(encoding="utf-8")


def test_the_page_works_offline_and_runs_nothing(drawn):
    assert "<script" not in drawn
    assert "onload" not in drawn
    assert "<link" not in drawn
    assert not re.search(r"\bsrc=", drawn)
    assert "&lt;script&gt;x&lt;/script&gt;" in drawn


def test_our_sharpe_stands_above_theirs_and_agrees(drawn, returns):
    ours = f"{sharpe_ratio(returns):.2f}"
    assert ours in drawn[: drawn.index("Key Performance Metrics")]
    theirs = re.search(r"<tr><td>Sharpe</td><td>[^<]*</td><td>([^<]*)</td></tr>", drawn)[1]
    assert float(theirs) == pytest.approx(float(ours), abs=0.0051)
    assert "252 sessions a year" in drawn


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(150), "returns are 0 in every session"),
        (np.full(150, 0.001), "returns are 0.001 in every session"),
        (np.linspace(1, 2, 150), "give returns, not prices"),
        (np.r_[np.full(131, np.nan), np.linspace(-1, 1, 19) / 50], "at least 20 sessions, had 19"),
    ],
)
def test_what_quantstats_cannot_draw_is_refused_in_one_line(values, words):
    with pytest.raises(ValueError, match=words):
        render_tearsheet(pd.Series(values, SESSIONS), title="x")


def test_a_market_that_lacks_sessions_is_refused(returns):
    with pytest.raises(ValueError, match="market lacks 50 sessions of the returns, first 2017-05-22"):
        render_tearsheet(returns, market=returns.iloc[:100], title="x")


def test_quantstats_is_imported_only_to_draw(monkeypatch, returns):
    monkeypatch.setitem(sys.modules, "quantstats", None)
    with pytest.raises(ValueError, match="every session"):
        render_tearsheet(returns * 0, title="x")
    with pytest.raises(ImportError):
        render_tearsheet(returns, title="x")
