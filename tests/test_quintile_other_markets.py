"""Other markets through every command: right calendar, right annual numbers against numpy, no order blocked."""

import datetime as dt
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market.exchanges import exchange_of
from strategy.runs.store import RunFolder, RunStore
from strategy.trading.paper.decisions import open_paper
from tests.oracles.small_runs import assignments, quintile
from tests.test_strategy_other_exchanges import made_bars

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_random_books")]

TINY = (
    "model.hidden=2",
    "model.layers=1",
    "model.lookback=10",
    "model.scoring=long",
    "training.burn_in=10",
    "training.max_epochs=1",
    "training.patience=1",
)


@dataclass(frozen=True)
class Made:
    """A market made here: its bars, and what is right of it."""

    exchange: str
    per_year: int
    bars: pd.DataFrame
    as_of: str
    fills: str | None


def _calendar_market(
    code: str, per_year: int, span: tuple[str, str], names: list[str], decided: tuple[str, str]
) -> Made:
    sessions = pd.DatetimeIndex(exchange_of(code).sessions(*map(np.datetime64, span))).as_unit("ns")
    tick, lot = {"XTKS": (1.0, 100.0), "XBOM": (0.05, 1.0), "24/7": (0.01, 0.001)}[code]
    bars = made_bars(sessions, names, tick=tick, lot=lot)
    return Made(exchange=code, per_year=per_year, bars=bars, as_of=decided[0], fills=decided[1])


def _weekly_market() -> Made:
    fridays = pd.date_range("2014-01-03", "2019-12-27", freq="W-FRI").as_unit("ns")
    names = [f"W{number}" for number in range(12)]
    return Made(exchange="none", per_year=52, bars=made_bars(fridays, names), as_of="2020-01-01", fills=None)


MARKETS = {
    "tokyo": lambda: _calendar_market(
        "XTKS", 245, ("2018-01-01", "2019-12-30"), [str(n) for n in range(7201, 7213)], ("2020-01-05", "2020-01-06")
    ),
    "mumbai": lambda: _calendar_market(
        "XBOM", 246, ("2023-06-01", "2025-08-14"), [f"N{n}.NS" for n in range(12)], ("2025-08-17", "2025-08-18")
    ),
    "crypto": lambda: _calendar_market(
        "24/7", 365, ("2024-06-01", "2025-11-07"), [f"C{n}USDT" for n in range(12)], ("2025-11-07", "2025-11-08")
    ),
    "weekly": _weekly_market,
}


def _is_right(folder: RunFolder, made: Made) -> None:
    """Annual numbers of a run's returns, told again by numpy; its exchange and year."""
    head = folder.metrics["headline"]
    assert folder.request.exchange == made.exchange
    assert head["sessions_per_year"] == made.per_year
    name = next(column for column in folder.read_frame("returns") if column.endswith(" net"))
    net = folder.read_frame("returns")[name].dropna().to_numpy()
    assert len(net) == head["sessions"]
    year = made.per_year
    assert head["sharpe_net"] == pytest.approx(net.mean() / net.std(ddof=1) * np.sqrt(year), rel=1e-9)
    assert head["volatility"] == pytest.approx(net.std(ddof=1) * np.sqrt(year), rel=1e-9)
    assert head["annual_return"] == pytest.approx(np.prod(1 + net) ** (year / len(net)) - 1, rel=1e-9)


@pytest.mark.parametrize("market", MARKETS)
def test_a_market_goes_through_every_command(
    market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, told = MARKETS[market](), {"monkeypatch": monkeypatch, "capsys": capsys}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "data"))
    days = made.bars["date"].unique()
    made.bars[made.bars["date"] <= days[-30]].to_parquet("begun.parquet")
    made.bars[made.bars["date"] > days[-60]].to_parquet("newer.parquet")
    begun = f"{days[-30]:%Y-%m-%d}"

    quintile("data", "import", "begun.parquet", "--name", market, "--quiet", **told)
    assert json.loads(quintile("data", "info", market, "--json", **told))["exchange"] == made.exchange
    audit = json.loads(quintile("data", "audit", market, "--out", "audit.html", "--json", **told))
    assert audit["findings"].get("missing session", 0) == audit["findings"].get("extra session", 0) == 0

    words = ("--bars", market, "--out", "runs", "--quiet")
    quintile("run", "quintile_long_short", *words, *assignments(TINY), **told)
    store = RunStore(Path("runs"))
    run = store.find("latest")
    _is_right(run, made)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert f"{made.per_year} a year" in page
    assert ("WEEKLY BARS" in page) == (market == "weekly")
    quintile("evaluate", run.path / "scores.parquet", *words, **told)
    _is_right(store.find("latest"), made)

    _freeze_in_the_past(run, begun, monkeypatch, capsys)
    quintile("replay", f"{market}@1.0.0", "--versions", "versions", "--out", "runs", "--bars", market, **told)

    quintile("data", "update", market, "--from", "newer.parquet", "--quiet", **told)
    decided = json.loads(
        quintile("decide", run.run_id, "--bars", market, "--as-of", made.as_of, "--out", "runs", "--json", **told)
    )
    assert (decided["fills"], decided["exchange"], decided["blocked_by"]) == (made.fills, made.exchange, [])
    assert {order["blocked_by"] for order in decided["orders"]} == {""}
    paper = ("paper", f"{market}@1.0.0", "--versions", "versions", "--out", "runs", "--bars", market)
    _wait_until_after_the_last_close(made, monkeypatch)
    committed = json.loads(quintile(*paper, "--json", **told))
    assert (committed["decisions"], committed["late"]) == (1, 0)
    assert json.loads(quintile(*paper, "--replay", "--json", **told))["differences"] == []

    spans = ("--train", "160", "--test", "60", "--learner", "ridge", "--workers", "1")
    quintile("walk", "quintile_long_short", *words, *spans, *assignments(TINY), **told)
    _is_right(store.find("latest"), made)


def _freeze_in_the_past(
    run: RunFolder, day: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Freeze on the day on which the bars ended, so that what comes later is new to the version."""

    class Past(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Past":
            return cls.combine(dt.date.fromisoformat(day), dt.time(23), tzinfo=tz)

    market = run.request.bars.partition("@")[0]
    with monkeypatch.context() as patch:
        patch.setattr("strategy.frozen.freeze.datetime", Past)
        words: tuple[Any, ...] = ("freeze", run.run_id, "--as", f"{market}@1.0.0", "--versions", "versions")
        quintile(*words, "--out", "runs", monkeypatch=patch, capsys=capsys)


def _wait_until_after_the_last_close(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the paper log's clock to just after the last close of the bars."""
    day = made.bars["date"].max().date()
    if made.exchange == "none" or made.exchange == "24/7":
        now = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(0, 10), tzinfo=dt.UTC)
    else:
        now = exchange_of(made.exchange).closing(day) + dt.timedelta(hours=2)
    monkeypatch.setattr("strategy.trading.paper.open_paper", partial(open_paper, clock=lambda: now))


def test_monthly_scores_of_tokyo_are_judged_by_tokyo_s_year(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = MARKETS["tokyo"]()
    monkeypatch.chdir(tmp_path)
    made.bars.to_parquet("bars.parquet")
    wide = made.bars.pivot(index="date", columns="ticker", values="close")
    ends = wide.groupby(wide.index.to_period("M")).tail(1).index
    rng = np.random.default_rng(2)
    scores = pd.DataFrame(
        rng.standard_normal((len(ends), wide.shape[1])), index=ends.rename("date"), columns=wide.columns
    )
    scores.to_csv("scores.csv")
    words = ("evaluate", "scores.csv", "--bars", "bars.parquet", "--out", "runs", "--quiet")
    quintile(*words, "--set", "portfolio.smoothing=1", monkeypatch=monkeypatch, capsys=capsys)
    run = RunStore(Path("runs")).find("latest")
    _is_right(run, made)
    signal = run.metrics["signal"]
    assert signal["icir_annual"] == pytest.approx(signal["icir"] * np.sqrt(12), rel=0.05)
