"""What is forecast next and what came of it: said once, from the past alone, and judged however often one looks."""

import datetime as dt
import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.checked_forecasts import CheckedSymbol, check_forecasts
from backtests.forecasts.drift import drift_of
from backtests.forecasts.said_forecasts import SaidForecast
from backtests.report.forecasts.check_words import check_findings, check_page, check_record
from backtests.report.forecasts.next_words import next_page, next_record
from core.errors import DataError
from market.calendar import opening_after
from market.panel import Panel, PanelFacts
from market.synthetic import SyntheticSettings, synthetic_market
from models.forecasters.forecasts import LEVELS
from strategy.forecasts.best_log import BestLog, Configuration
from strategy.forecasts.next_forecasts import NextLog, _keep, say_next
from tests.oracles.small_runs import left_with, long_bars, quintile, refusal

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AR = Configuration(
    forecaster="ar:p=1", error=0.02, study="s-1", bars="b", code="c", persistence_error=0.02, horizons=(1, 5)
)


def made_up(returns: np.ndarray, *, synthetic: bool = True, first: str = "2015-01-02") -> Panel:
    """Bars of series with these log returns, (T, N), on weekdays."""
    sessions = pd.bdate_range(first, periods=len(returns), name="session").astype("datetime64[ns]")
    tickers = pd.Index([f"S{n}" for n in range(returns.shape[1])], name="ticker", dtype="str")
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(returns, axis=0)), sessions, tickers)
    facts = PanelFacts(source="made up", adjustment="none", volume_basis="none", synthetic=synthetic)
    volume = close * 0.0 + 1e6
    return Panel(
        open=close, high=close, low=close, close=close, volume=volume, dollar_volume=volume * close,
        universe=close.notna(), facts=facts,
    )  # fmt: skip


def noise(n_sessions: int = 300, n_series: int = 1, scale: float = 0.01, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, scale, (n_sessions, n_series))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return made_up(noise(n_series=2))


def log_of(folder: Path, now: dt.datetime = NOW) -> NextLog:
    return NextLog(folder, lambda: now)


def test_forecasts_are_said_once_of_the_same_bars_and_configuration(tmp_path: Path, panel: Panel) -> None:
    log = log_of(tmp_path)
    first, again = (say_next(log, panel, {"S0": AR, "S1": AR}, ["S0", "S1"]) for _ in range(2))
    assert (first.known, again.known) == (0, 2)
    assert first.said == again.said == tuple(log.said())
    assert [entry.kind for entry in log.entries()] == ["begin", "said", "said"]
    later = log_of(tmp_path, NOW + dt.timedelta(days=1))
    say_next(later, panel.until(panel.sessions[-2]), {"S0": AR}, ["S0"])
    say_next(later, panel, {"S0": replace(AR, seed=1)}, ["S0"])
    assert len(later.said()) == 4, "other bars and another configuration say something else"


def test_two_processes_that_forecast_at_once_keep_one_of_each(tmp_path: Path, panel: Panel) -> None:
    said = say_next(log_of(tmp_path / "a"), panel, {"S0": AR}, ["S0"]).said
    log = log_of(tmp_path / "b")
    _keep(log, said)
    _keep(log, said)
    assert len(log.said()) == 1


def test_a_forecast_is_a_return_from_the_close_of_the_last_session(tmp_path: Path, panel: Panel) -> None:
    (said,) = say_next(log_of(tmp_path), panel, {"S0": AR}, ["S0"]).said
    assert (said.origin, said.horizons) == (f"{panel.sessions[-1]:%Y-%m-%d}", (1, 5))
    assert said.close == panel.close["S0"].iloc[-1]
    assert said.sessions == tuple(f"{panel.sessions[-1] + n * pd.offsets.BusinessDay():%Y-%m-%d}" for n in (1, 5))
    (record,) = next_record([said])
    assert record["ahead"][0]["price"] == pytest.approx(said.close * (1.0 + said.mean[0]))
    assert record["ahead"][1]["price_90"][0] == pytest.approx(said.close * (1.0 + said.quantile(0.05)[1]))
    assert "no forecast" not in next_page([said], panel, {}, command="quintile")


def test_another_scale_of_prices_says_the_same_returns(tmp_path: Path, panel: Panel) -> None:
    fields = ("open", "high", "low", "close")
    tenfold = replace(panel, **{name: 10.0 * getattr(panel, name) for name in fields})
    one, ten = (say_next(log_of(tmp_path), bars, {"S0": AR}, ["S0"]).said[0] for bars in (panel, tenfold))
    assert one.bars != ten.bars
    assert np.allclose(one.mean, ten.mean, atol=1e-7)


def test_ranges_are_as_wide_as_noise_is(tmp_path: Path) -> None:
    (said,) = say_next(log_of(tmp_path), made_up(noise(1500)), {"S0": AR}, ["S0"]).said
    for place, horizon in enumerate(said.horizons):
        low, high = (said.quantile(level)[place] for level in (0.05, 0.95))
        assert low is not None
        assert high is not None
        assert high - low == pytest.approx(2 * 1.645 * 0.01 * math.sqrt(horizon), rel=0.25)


def test_the_newest_sessions_are_learnt_from_and_no_session_is_left_out(tmp_path: Path) -> None:
    """The last known outcome of training moves the forecast, and so does the last return."""
    returns = noise(300)
    base = say_next(log_of(tmp_path), made_up(returns), {"S0": AR}, ["S0"]).said[0]
    for row in (-1, 230):
        changed = returns.copy()
        changed[row] += 0.05
        other = say_next(log_of(tmp_path), made_up(changed), {"S0": AR}, ["S0"]).said[0]
        assert abs(other.mean[0] - base.mean[0]) > 1e-6, row


def test_a_symbol_whose_bars_end_early_is_forecast_from_its_own_last_session(tmp_path: Path, panel: Panel) -> None:
    fields = ("open", "high", "low", "close", "volume", "dollar_volume")
    gone = {name: getattr(panel, name).copy() for name in fields}
    for frame in gone.values():
        frame.iloc[-4:, 1] = np.nan
    cut = replace(panel, **gone, universe=gone["close"].notna())
    found = say_next(log_of(tmp_path), cut, {"S0": AR, "S1": AR}, ["S0", "S1"])
    assert found.ended == {"S1": 4}
    assert found.said[1].origin == f"{panel.sessions[-5]:%Y-%m-%d}"
    alone = say_next(log_of(tmp_path / "b"), panel.until(panel.sessions[-5]), {"S1": AR}, ["S1"]).said[0]
    assert found.said[1].mean == alone.mean


def test_what_cannot_be_forecast_is_a_row_and_the_rest_go_on(tmp_path: Path, panel: Panel) -> None:
    state = {"S0": AR, "NOPE": AR, "S1": replace(AR, horizons=(1, 40))}
    found = say_next(log_of(tmp_path), panel, state, ["S0", "NOPE", "S1", "NEW"])
    assert [each.symbol for each in found.said] == ["S0"]
    assert found.failed["NOPE"] == "the bars do not hold it"
    assert "a horizon of 40 sessions" in found.failed["S1"]
    assert found.failed["S1"].count("\n") == 0
    assert "no configuration is in force" in say_next(log_of(tmp_path), panel, {}, ["S0"]).failed["S0"]


def test_dates_are_those_of_the_exchange_and_fills_come_a_session_later(tmp_path: Path) -> None:
    bars = made_up(noise(300), synthetic=False, first="2014-11-03")
    bars = bars.until(pd.Timestamp("2015-12-24"))
    bars = replace(bars, facts=replace(bars.facts, exchange="XNYS"))
    closes, opens = (
        say_next(log_of(tmp_path), bars, {"S0": replace(AR, clock=clock)}, ["S0"]).said[0]
        for clock in ("close", "next_open")
    )
    assert closes.sessions == ("2015-12-28", "2016-01-04"), "Christmas, a weekend and New Year are no sessions"
    assert opens.sessions == ("2015-12-29", "2016-01-05")
    unknown = replace(bars, facts=replace(bars.facts, exchange="none"))
    assert say_next(log_of(tmp_path / "b"), unknown, {"S0": AR}, ["S0"]).said[0].sessions == (None, None)


def test_a_forecast_that_comes_after_its_session_is_marked_and_one_of_an_open_session_refused(tmp_path: Path) -> None:
    bars = made_up(noise(300), synthetic=False)
    last = bars.sessions[-1].to_pydatetime().replace(tzinfo=dt.UTC)
    state = {"S0": AR}
    after, before = (
        say_next(log_of(tmp_path / str(days), last + dt.timedelta(days=days)), bars, state, ["S0"]).said[0]
        for days in (30, 1)
    )
    assert (after.late, before.late) == (True, False)
    opening = opening_after(bars)
    for place, told in enumerate(({}, {"clock": "next_open"}, {"horizons": (5,)})):
        again = {"S0": replace(AR, **told)}
        said = [
            say_next(
                log_of(tmp_path / f"{place}{minutes}", opening + dt.timedelta(minutes=minutes)), bars, again, ["S0"]
            )
            for minutes in (-1, 1)
        ]
        assert [each.said[0].late for each in said] == [False, True], "whatever the clock and the horizon"
    with pytest.raises(DataError, match="wait for the close"):
        say_next(log_of(tmp_path / "c", last - dt.timedelta(hours=1)), bars, state, ["S0"])


def test_an_edited_log_of_forecasts_is_told(tmp_path: Path, panel: Panel) -> None:
    log = log_of(tmp_path)
    say_next(log, panel, {"S0": AR}, ["S0"])
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript("DROP TRIGGER no_edit; UPDATE entries SET body = replace(body, 'ar:p=1', 'ar:p=2')")
    with pytest.raises(ValueError, match="entry 2 of the log of forecasts was edited"):
        log.said()
    with pytest.raises(ValueError, match="was edited"):
        say_next(log, panel, {"S0": AR}, ["S0"])


def test_an_entry_of_another_shape_is_told(tmp_path: Path) -> None:
    log_of(tmp_path).append("said", symbol="S0")
    with pytest.raises(ValueError, match="a forecast was changed after it was said, or is none"):
        log_of(tmp_path).said()


# ---- what came


def said_at(
    panel: Panel, rows: range, *, horizons: tuple[int, ...] = (1,), mean: float = 0.0, half: float = 0.0165,
    error: float = 0.008, persistence: float | None = 0.008, seed: int = 0,
) -> list[SaidForecast]:  # fmt: skip
    """Forecasts of S0 at some rows, each with a normal range in which 90 % lie within ``half`` of the mean."""
    from scipy.special import ndtri

    rng, closes = np.random.default_rng(seed), panel.close["S0"]
    spread = tuple(float(half / 1.645 * ndtri(level)) for level in LEVELS)
    found = []
    for row in rows:
        told = tuple(float(rng.choice([-1.0, 1.0]) * mean) for _ in horizons)
        found.append(
            SaidForecast(
                symbol="S0",
                forecaster="ar:p=1",
                configuration=AR.sha256,
                study="s-1",
                error=error,
                persistence_error=persistence,
                clock="close",
                origin=f"{panel.sessions[row]:%Y-%m-%d}",
                bars=f"b{row}",
                closes=tuple(closes.iloc[row - 2 : row + 1].tolist()),
                horizons=horizons,
                sessions=(None,) * len(horizons),
                mean=told,
                quantiles=tuple(tuple(one + each for each in spread) for one in told),
                said=NOW.isoformat(),
                late=False,
            )
        )
    return found


def checked(said: list[SaidForecast], panel: Panel) -> CheckedSymbol:
    return check_forecasts(said, panel, {"S0": AR.sha256}).rows[0]


def test_two_forecasts_by_hand() -> None:
    panel = made_up(np.log1p(np.array([[0.0]] * 200 + [[0.01], [-0.03]])))
    said = said_at(panel, range(199, 202), half=0.02)
    said[0] = replace(said[0], mean=(0.004,))
    row = checked(said, panel)
    assert (row.origins, row.complete, row.waiting) == (3, 2, 1)
    assert row.score is not None
    assert row.score.errors.pct_return_mae == pytest.approx((0.006 + 0.03) / 2)
    assert row.bias.estimate == pytest.approx((0.006 - 0.03) / 2)
    assert (row.within_90.estimate, row.within_68.estimate) == (0.5, 0.5)
    assert row.score.skill.interval.estimate == pytest.approx(1.0 - (0.006 + 0.03) / (0.01 + 0.03))
    assert row.verdict == "too few"


def test_restated_closes_are_not_scored_and_a_split_is_no_restatement() -> None:
    panel = made_up(noise(300))
    said = said_at(panel, range(200, 260))
    halved = replace(panel, **{name: 0.5 * getattr(panel, name) for name in ("open", "high", "low", "close")})
    assert checked(said, halved).restated == 0
    assert checked(said, halved).complete == 60
    closes = panel.close.copy()
    closes.iloc[220, 0] *= 1.01
    restated = replace(panel, **dict.fromkeys(("open", "high", "low", "close"), closes))
    row = checked(said, restated)
    assert (row.restated, row.complete) == (3, 57), "the origin itself, and the two that remember that close"
    assert "Not scored: 3 forecasts" in " ".join(check_findings(check_forecasts(said, restated, {"S0": AR.sha256})))


def test_of_two_forecasts_of_one_origin_the_first_that_stands_counts() -> None:
    panel = made_up(noise(300))
    (first,) = said_at(panel, range(200, 201), mean=0.001)
    second = replace(first, mean=(0.5,), bars="other")
    unfinished = replace(first, mean=(0.7,), bars="unfinished", closes=(*first.closes[:2], first.close * 1.02))
    row = checked([unfinished, first, second], panel)
    assert row.score is not None
    assert row.score.errors.pct_return_mae < 0.1
    assert (row.origins, row.restated) == (1, 0)


def test_origins_after_the_bars_wait_and_a_symbol_that_is_gone_is_said() -> None:
    panel = made_up(noise(300))
    said = said_at(panel, range(280, 300))
    assert checked(said, panel.until(panel.sessions[289])).waiting == 11
    row = checked([replace(each, symbol="S9") for each in said], panel)
    assert row.note == "the bars do not hold it"
    assert row.score is None


def test_forecasts_of_which_not_all_came_are_in_no_drift() -> None:
    panel = made_up(noise(300))
    row = checked(said_at(panel, range(240, 300), horizons=(1, 20)), panel)
    assert (row.origins, row.complete, row.drift.n) == (60, 40, 40)
    assert row.score is not None
    assert row.score.errors.n == 59 + 40


LIVELY = np.concatenate([noise(300), noise(300, scale=0.02, seed=1)])


def test_forecasts_that_hold_what_they_promised_are_left_alone() -> None:
    panel = made_up(noise(600))
    assert checked(said_at(panel, range(300, 599)), panel).verdict == "holds"


def test_a_market_that_moves_more_is_no_reason_to_tune() -> None:
    panel = made_up(LIVELY)
    row = checked(said_at(panel, range(300, 599), half=0.033), panel)
    assert row.drift.is_alarm
    assert row.verdict == "market moves more"
    unknown = checked(said_at(panel, range(300, 599), half=0.033, persistence=None), panel)
    assert unknown.verdict == "tune again", "where persistence was not judged, the market cannot be told from the model"


def test_errors_above_persistences_are_to_be_tuned_again() -> None:
    panel = made_up(noise(600))
    found = check_forecasts(said_at(panel, range(300, 599), mean=0.01), panel, {"S0": AR.sha256})
    (row,) = found.rows
    assert row.worse.is_alarm
    assert [each.symbol for each in found.to_tune] == ["S0"]
    assert "Tune again: S0: `quintile forecast tune --symbols S0 …`" in " ".join(check_findings(found))
    before = check_forecasts(said_at(panel, range(300, 599), mean=0.01), panel, {"S0": "another"})
    assert before.to_tune == (), "what is no longer in force is shown, and not tuned"


def test_a_skill_that_was_there_only_in_selection_is_to_be_tuned_again() -> None:
    panel = made_up(noise(1200))
    row = checked(said_at(panel, range(300, 1199), error=0.0064), panel)
    assert (row.worse.is_alarm, row.relative.is_alarm, row.verdict) == (False, True, "tune again")


def test_ranges_that_are_too_narrow_are_said() -> None:
    panel = made_up(noise(600))
    assert checked(said_at(panel, range(300, 599), half=0.008), panel).verdict == "ranges do not hold"
    wide = checked(said_at(panel, range(300, 599), half=0.08), panel)
    assert (wide.within_90.high, wide.verdict) == (1.0, "ranges do not hold")
    few = checked(said_at(panel, range(300, 332), half=0.08), panel)
    assert (few.within_90.estimate, few.verdict) == (1.0, "holds"), "32 of 32 within the 90 % range happen by chance"
    assert few.within_90.low < 0.9


def test_however_often_one_looks_drift_is_rarely_called_where_there_is_none() -> None:
    alarms, single = 0, 0
    for seed in range(40):
        losses = pd.Series(np.random.default_rng(seed).exponential(0.01, 400))
        looks = [drift_of(losses.iloc[:n], 0.01) for n in range(30, 400, 30)]
        alarms += any(each.is_alarm for each in looks)
        single += any(each.p_value < 0.05 for each in looks)
    assert alarms <= 3
    assert single > 4, "a bound for one look would have been fooled"


@pytest.mark.slow
@pytest.mark.parametrize(("horizon", "fooled"), [(1, 0.10), (5, 0.20)])
def test_overlapping_heavy_tailed_errors_alarm_no_more_often_than_told(horizon: int, fooled: float) -> None:
    """The figures of docs/forecast_registry.md: 150 streams of 500 sessions, looked at every ten."""
    draws = np.random.default_rng(9).standard_t(4, size=(400_000, horizon)).sum(axis=1) * 0.01
    rng, alarms, single = np.random.default_rng(0), 0, 0
    for _ in range(150):
        total = np.cumsum(rng.standard_t(4, size=500 + horizon) * 0.01)
        losses = pd.Series(np.abs(total[horizon:] - total[:-horizon]))
        looks = [drift_of(losses.iloc[:n], float(np.abs(draws).mean()), overlap=horizon) for n in range(30, 500, 10)]
        alarms += any(each.is_alarm for each in looks)
        single += any(each.p_value < 0.05 for each in looks)
    assert alarms / 150 <= 0.05
    assert single / 150 > fooled, "a test of one look would have been fooled"


def test_drift_is_found_where_it_is_and_p_is_that_of_a_t_test() -> None:
    from scipy.stats import ttest_1samp

    losses = pd.Series(np.random.default_rng(3).exponential(0.014, 200))
    assert drift_of(losses, 0.010).is_alarm
    assert drift_of(losses, 0.010, alpha=0.05).low > drift_of(losses, 0.010, alpha=0.01).low
    white = pd.Series(np.tile([0.01, 0.03], 40))  # autocovariances that HAC counts make it surer than a t test
    assert drift_of(white, 0.0199).p_value < ttest_1samp(white, 0.0199, alternative="greater").pvalue
    assert math.isnan(drift_of(losses.iloc[:29], 0.01).excess)
    assert drift_of(losses * 0.0 + 0.01, 0.01).is_alarm is False


def test_a_check_is_json_and_a_page() -> None:
    panel = made_up(noise(600))
    late = [replace(each, late=True) for each in said_at(panel, range(300, 599))]
    found = check_forecasts(late, panel, {"S0": AR.sha256})
    assert json.loads(json.dumps(check_record(found), allow_nan=False))["symbols"][0]["late"] == 299
    page = check_page(found, synthetic=True, command="quintile forecast check")
    assert "REPLAYED" in page
    assert "SYNTHETIC" in page


# ---- the commands


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    market = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=300))
    long_bars(market.panel).to_parquet(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    BestLog(tmp_path / "forecasts").apply({"SYN000": AR, "SYN999": AR})
    return tmp_path / "forecasts"


def test_the_coming_sessions_are_printed_kept_and_checked(
    bars: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: object) -> str:
        return quintile("forecast", *words, "--bars", bars, "--out", store, monkeypatch=monkeypatch, capsys=capsys)

    monkeypatch.setenv("COLUMNS", "300")
    page = store.parent / "next.html"
    said = say("next", "--end", "2016-02-10", "--page", page)
    assert "SYN999: not forecast: the bars do not hold it" in said
    assert "SYN000: said after its first session: a replay, no forecast" in said
    assert said.splitlines()[-2] == "1 forecast kept"
    assert page.read_text().startswith("<!doctype html>")
    again = json.loads(say("next", "--end", "2016-02-10", "--json"))
    assert again["known"] == 1
    assert again["forecasts"][0]["ahead"][0]["horizon"] == 1
    told = json.loads(say("check", "--json", "--page", store.parent / "check.html"))
    (row,) = told["symbols"]
    assert (row["symbol"], row["complete"], row["late"], row["verdict"]) == ("SYN000", 1, 1, "too few")
    assert any(words.startswith("REPLAYED: 1 of 1") for words in told["findings"])


def test_a_check_fails_on_drift_only_where_it_is_asked_to(
    bars: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from market.sources import load_bars

    panel = load_bars(bars)
    closes = panel.close["SYN000"]
    facts = said_at(made_up(noise(300)), range(10, 11), error=1e-4, persistence=0.02, horizons=(1, 5))[0]
    said = []
    for row in range(100, 280):
        kept = tuple(closes.iloc[row - 2 : row + 1].tolist())
        origin = f"{panel.sessions[row]:%Y-%m-%d}"
        each = replace(facts, symbol="SYN000", origin=origin, closes=kept, bars=str(row), mean=(0.3, -0.3))
        said.append(each)
    _keep(NextLog(store), said)

    def left(*words: object) -> tuple[object, str, str]:
        told = ("forecast", "check", "--bars", bars, "--out", store, *words)
        return left_with(*told, monkeypatch=monkeypatch, capsys=capsys)

    assert left()[0] in (0, None)
    code, printed, error = left("--fail-on-drift")
    assert (code, error) == (1, "quintile: to be tuned again: SYN000\n")
    assert "tune again" in printed


def test_bad_words_are_one_line(
    bars: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: object, out: Path = store) -> str:
        told = ("forecast", *words, "--bars", bars, "--out", out)
        return refusal(*told, monkeypatch=monkeypatch, capsys=capsys)

    assert "nothing is in force in" in refused("next", out=tmp_path / "none")
    assert "nothing was forecast in" in refused("check")
    for symbols, why in (("NOPE", "NOPE: the bars do not hold it"), ("SYN001", "SYN001: no configuration is in force")):
        assert f"nothing was forecast: {why}" in refused("next", "--symbols", symbols, "--quiet")
    (store / "next.sqlite").write_bytes(b"\x80\x04pickled")
    assert "next.sqlite cannot be read" in refused("check")
    assert "next.sqlite cannot be read" in refused("next", "--quiet")
    assert "no bars at" in refusal(
        "forecast", "next", "--bars", "gone.parquet", "--out", store, "--quiet", monkeypatch=monkeypatch, capsys=capsys
    )
