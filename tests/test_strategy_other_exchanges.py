"""Other exchanges: Tokyo-like, Mumbai-like, crypto-like and weekly bars made here, loaded, checked and traded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from core.errors import SourceError
from market.exchanges import exchange_of
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.store import find_version, import_bars, update_bars
from market.universe import survivorship
from quintile.bar_requests import bars_request
from strategy.trading.data_checks import check_data, last_expected_session
from strategy.trading.holdings import Holdings, read_holdings
from strategy.trading.orders import plan_trades

TICKERS = {
    "XTKS": [f"{number}" for number in range(7201, 7209)],
    "XBOM": [f"NAME{number}.NS" for number in range(8)],
    "24/7": [f"COIN{number}USDT" for number in range(8)],
}
SPANS = {
    "XTKS": ("2018-01-01", "2019-12-30"),
    "XBOM": ("2023-01-01", "2025-11-04"),
    "24/7": ("2023-01-01", "2025-11-07"),
}


def sessions_of(code: str, first: str, last: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(exchange_of(code).sessions(np.datetime64(first), np.datetime64(last))).as_unit("ns")


def made_bars(sessions: pd.DatetimeIndex, tickers: list[str], *, tick: float = 0.01, lot: float = 1.0) -> pd.DataFrame:
    """Long bars of random walks on whole ticks and lots."""
    rng = np.random.default_rng(8)
    tables = []
    for ticker in tickers:
        close = np.maximum(np.round(500 * np.exp(0.02 * rng.standard_normal(len(sessions)).cumsum()) / tick), 10) * tick
        spread = tick * rng.integers(1, 9, len(sessions))
        fields = {"open": close, "high": close + spread, "low": close - spread, "close": close}
        volume = lot * rng.integers(100, 9000, len(sessions))
        tables.append(pd.DataFrame({"date": sessions, "ticker": ticker, **fields, "volume": volume}))
    return pd.concat(tables, ignore_index=True)


def market_bars(code: str) -> pd.DataFrame:
    tick, lot = {"XTKS": (1.0, 100.0), "XBOM": (0.05, 1.0), "24/7": (0.01, 0.001)}[code]
    return made_bars(sessions_of(code, *SPANS[code]), TICKERS[code], tick=tick, lot=lot)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("markets")
    written = {}
    for number, code in enumerate(TICKERS):
        written[code] = folder / f"market{number}.parquet"
        market_bars(code).to_parquet(written[code])
    return written


@pytest.mark.parametrize(
    ("code", "per_year", "currency", "tick", "lot"),
    [("XTKS", 245, "JPY", 1.0, 100.0), ("XBOM", 246, "INR", 0.05, 1.0), ("24/7", 365, None, 0.01, None)],
)
def test_a_market_is_known_by_its_sessions(
    code: str, per_year: int, currency: str | None, tick: float, lot: float | None, files: dict[str, Path]
) -> None:
    facts = load_bars(files[code]).facts
    assert (facts.exchange, facts.sessions_per_year, facts.currency) == (code, per_year, currency)
    assert facts.tick == pytest.approx(tick)
    assert facts.lot == lot
    assert facts.notes[-1].startswith(f"calendar {code}: all ")
    assert facts.session_words.startswith(f"sessions of {code} (")


@pytest.mark.parametrize(
    ("code", "as_of", "fills"),
    [("XTKS", "2020-01-05", "2020-01-06"), ("XBOM", "2025-11-05", "2025-11-06"), ("24/7", "2025-11-07", "2025-11-08")],
)
def test_no_holiday_of_another_exchange_blocks_an_order(
    code: str, as_of: str, fills: str, files: dict[str, Path]
) -> None:
    panel = load_bars(files[code])
    assert check_data(panel, as_of=as_of).blocking == ()
    from market.calendar import next_session

    assert next_session(panel) == pd.Timestamp(fills)
    late = f"{pd.Timestamp(fills) + pd.Timedelta(days=7):%Y-%m-%d}"
    (stale,) = check_data(panel, as_of=late).blocking
    assert f"(calendar {code})" in stale


def test_tokyo_bars_called_american_say_what_is_missing(files: dict[str, Path]) -> None:
    panel = load_bars(files["XTKS"], exchange="XNYS")
    assert panel.facts.exchange_reason == "as given"
    assert "not held by the exchange" in panel.facts.notes[-1]
    assert any(reason.startswith("missing bars: ") for reason in check_data(panel, as_of="2020-01-05").blocking)


def test_bars_of_no_exchange_are_stale_after_their_longest_pause(files: dict[str, Path]) -> None:
    panel = load_bars(files["XTKS"], exchange="none")
    assert check_data(panel, as_of="2020-01-03").blocking == ()
    (stale,) = check_data(panel, as_of="2020-01-20").blocking
    assert stale.startswith("stale data: the bars end 2019-12-30, 21 days before 2020-01-20, and never paused for more")
    assert last_expected_session("2020-01-20", exchange="none") == pd.Timestamp("2020-01-20")


@pytest.mark.parametrize("exchange", ["XNYS", "XTKS", "24/7", "none"])
@pytest.mark.parametrize("day", ["0001-01-01", "1000-01-01", "1899-12-31", "2100-01-01", "2999-12-31", "9999-12-31"])
def test_a_day_that_calendars_do_not_reach_is_refused(exchange: str, day: str) -> None:
    with pytest.raises(ValueError, match="must lie in the years 1900 to 2099"):
        last_expected_session(day, exchange=exchange)
    assert last_expected_session("2099-12-31", exchange=exchange) >= pd.Timestamp("2099-12-01")


def test_weekly_bars_have_52_a_year_and_are_stale_after_a_week() -> None:
    fridays = pd.date_range("2018-01-05", "2021-12-31", freq="W-FRI").as_unit("ns")
    panel = qt.load_bars(made_bars(fridays, list("ABCDEF")))
    assert (panel.facts.exchange, panel.facts.sessions_per_year) == ("none", 52)
    assert check_data(panel, as_of="2022-01-07").blocking == ()
    assert check_data(panel, as_of="2022-01-08").blocking
    years = float(panel.close.notna().to_numpy().sum()) / 52
    assert f"of {years:,.0f} name-years" in survivorship(panel).evidence


def test_name_years_are_counted_by_the_exchange_s_year(files: dict[str, Path]) -> None:
    panel = load_bars(files["24/7"])
    assert f"of {8 * len(panel.sessions) / 365:,.0f} name-years" in survivorship(panel).evidence


def test_a_session_that_the_loader_left_out_does_not_block() -> None:
    sessions = sessions_of("XTKS", *SPANS["XTKS"])
    bars = made_bars(sessions, TICKERS["XTKS"], tick=1.0, lot=100.0)
    lost = (bars["date"] == sessions[-20]) & (bars["ticker"] != "7201")
    panel = qt.load_bars(bars[~lost])
    assert panel.facts.left_out == (f"{sessions[-20]:%Y-%m-%d}",)
    checks = check_data(panel, as_of="2020-01-05")
    assert checks.blocking == ()
    assert checks.notes[0].startswith("1 session of the last 90 left out")
    (blocked,) = check_data(qt.load_bars(bars[bars["date"] != sessions[-20]]), as_of="2020-01-05").blocking
    assert blocked.startswith("missing bars: 1 session of the last 90")


def test_orders_come_in_lots_of_the_exchange(files: dict[str, Path]) -> None:
    tokyo, mumbai, coins = (load_bars(files[code]) for code in ("XTKS", "XBOM", "24/7"))
    for panel, lot in ((tokyo, 100.0), (mumbai, 1.0)):
        held = Holdings(amounts=pd.Series({panel.tickers[0]: 12 * lot}), in_shares=True, cash=1e7, told_cash=True)
        weights = pd.Series(0.1, index=panel.tickers)
        orders, equity = plan_trades(weights, panel, holdings=held)
        exact = (0.1 * equity / panel.close.iloc[-1]) - pd.Series({panel.tickers[0]: 12 * lot}).reindex(
            panel.tickers, fill_value=0
        )
        np.testing.assert_allclose(orders["trade_shares"], exact)
        np.testing.assert_allclose(orders["order_shares"], np.sign(exact) * np.floor(exact.abs() / lot) * lot)
        out, _ = plan_trades(pd.Series(0.0, index=panel.tickers), panel, holdings=held)
        assert out["order_shares"].tolist() == [-12 * lot]
    orders, _ = plan_trades(
        pd.Series(0.1, index=coins.tickers),
        coins,
        holdings=Holdings(amounts=pd.Series(dtype=float), in_shares=True, cash=100.0),
    )
    np.testing.assert_array_equal(orders["order_shares"], orders["trade_shares"])


def test_an_equity_that_the_holdings_contradict_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    panel = load_bars(files["XBOM"])
    name, price = panel.tickers[0], float(panel.close.iloc[-1, 0])
    worth = 10 * price + 1000.0
    weights = pd.Series(0.0, index=panel.tickers)
    whole = Holdings(amounts=pd.Series({name: 10.0}), in_shares=True, cash=1000.0, told_cash=True)
    with pytest.raises(ValueError, match=f"worth {worth:,.2f} at the last closes, equity says 500.00"):
        plan_trades(weights, panel, holdings=whole, equity=500.0)
    assert plan_trades(weights, panel, holdings=whole, equity=worth * 1.001)[1] == worth * 1.001
    assert plan_trades(weights, panel, holdings=replace(whole, cash=0.0, told_cash=False), equity=500.0)[1] == 500.0
    (tmp_path / "held.csv").write_text(f"ticker,shares\n{name},10\n$CASH,0\n")
    assert read_holdings(tmp_path / "held.csv").told_cash


def test_a_stored_data_set_keeps_its_exchange(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    made = import_bars(files["XTKS"], name="jp")
    assert (made.version.exchange, made.version.provenance.exchange) == ("XTKS", None)
    short = load_bars("jp", start="2019-06-03", end="2019-07-12")  # no holiday: alone it would be New York's or Tokyo's
    assert (short.facts.exchange, short.facts.exchange_reason) == ("XTKS", "as the data set has it")
    named = import_bars(files["XTKS"], name="jp", exchange="none")
    assert named.is_new
    assert named.version.provenance.exchange == "none"
    assert load_bars("jp").facts.exchange == "none"
    assert load_bars("jp", exchange="XTKS").facts.exchange_reason == "as given"
    assert update_bars(files["XTKS"], name="jp", exchange="jpx").version.provenance.exchange == "XTKS"
    with pytest.raises(ValueError, match="did you mean XTKS"):
        import_bars(files["XTKS"], name="jp", exchange="XTK")


def test_a_version_made_before_exchanges_were_kept_is_read(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    made = import_bars(files["XBOM"], name="india")
    path = tmp_path / "india" / "versions" / f"{made.version.fingerprint}.json"
    body = json.loads(path.read_text())
    for key in ("exchange", "exchange_reason"):
        del body[key]
    del body["provenance"]["exchange"]
    path.write_text(json.dumps(body))
    found = find_version("india")
    assert found is not None
    assert found[1].exchange is None
    assert load_bars("india").facts.exchange == "XBOM"


def test_a_request_keeps_the_exchange_that_its_bars_turned_out_to_have(files: dict[str, Path]) -> None:
    request = bars_request(str(files["XTKS"]), exchange="tse")
    assert request.exchange == "XTKS"
    inferred = BarsRequest(bars=str(files["XTKS"]))
    panel = load_inputs(inferred).panel
    assert inferred.on_exchange(panel.facts.exchange).exchange == "XTKS"
    assert load_inputs(inferred.on_exchange("XTKS")).panel.fingerprint() == panel.fingerprint()
    assert BarsRequest().on_exchange("none") == BarsRequest()
    with pytest.raises(ValueError, match="no calendar for exchange 'Tokyo'"):
        bars_request(str(files["XTKS"]), exchange="Tokyo")


def test_bars_in_memory_have_an_exchange_too(files: dict[str, Path]) -> None:
    bars = market_bars("XBOM")
    assert qt.load_bars(bars).facts.exchange == "XBOM"
    assert qt.load_bars(bars, exchange="none").facts.exchange == "none"
    with pytest.raises(ValueError, match="no calendar for exchange"):
        qt.load_bars(bars, exchange="XBOMBAY")


def test_a_frozen_panel_s_facts_survive_a_round_trip(files: dict[str, Path], tmp_path: Path) -> None:
    from strategy.frozen.archive import panel_files, read_panel

    panel: Panel = load_bars(files["XTKS"])
    for name, content in panel_files(panel).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert read_panel(tmp_path).facts == panel.facts


def test_an_unfinished_bar_of_today_is_left_out_of_what_a_vendor_answers() -> None:
    import datetime as dt

    from market.sources.answers import read_answer

    days = pd.DatetimeIndex(["2024-03-04", "2024-03-05"])
    fields = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
    names = ("7203.T", "RELIANCE.NS", "BTC-USD", "AAPL")
    frame = pd.DataFrame(1.0, index=days, columns=pd.MultiIndex.from_product([fields, names]))
    now = dt.datetime(2024, 3, 5, 9, 0, tzinfo=dt.UTC)  # 18:00 in Tokyo, 14:30 in Mumbai, 4:00 in New York
    told = {each.ticker: len(each.bars.dates) for each in read_answer(frame, list(names), now=now) if each.bars}
    assert told == {"7203.T": 2, "RELIANCE.NS": 1, "BTC-USD": 1, "AAPL": 1}
    later = dt.datetime(2024, 3, 5, 12, 0, tzinfo=dt.UTC)
    told = {each.ticker: len(each.bars.dates) for each in read_answer(frame, list(names), now=later) if each.bars}
    assert told == {"7203.T": 2, "RELIANCE.NS": 2, "BTC-USD": 1, "AAPL": 1}


def test_a_lost_data_set_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path))
    with pytest.raises(SourceError):
        update_bars(tmp_path / "no.csv", name="nowhere", exchange="XTKS")
