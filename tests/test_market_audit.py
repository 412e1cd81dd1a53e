"""Audit: each fault planted in clean bars is found where it is, and clean bars give no finding of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import SourceError
from market import Panel, PanelFacts
from market.audit import KINDS, audit_panel, audit_source, fixed_rows, left_alone, mask_outliers, suspicions
from market.audit.audit_page import render_audit
from market.audit.mask import outliers
from market.bars.long_form import LongBars
from market.calendar import exchange_sessions
from market.input_remarks import input_remarks
from market.inputs import Inputs
from market.panel import BAR_FIELDS, aligned_frame
from market.sources import load_bars
from market.store import commit_repair, find_version, import_bars, read_rows
from tests.oracles.tokyo_bars import tokyo_bars

SESSIONS = exchange_sessions("XNYS", start=pd.Timestamp("2018-01-02"), end=pd.Timestamp("2018-12-31"))
TICKERS = pd.Index([f"T{number:02d}" for number in range(12)])
ROW, COLUMN = 120, 4
Plant = Callable[[dict[str, np.ndarray]], None]


def fields() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shape = (len(SESSIONS), len(TICKERS))
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.012, shape), axis=0))
    before = np.vstack([close[:1], close[:-1]])
    bars = {"open": before * np.exp(rng.normal(0, 0.004, shape)), "close": close}
    bars["high"] = np.maximum(bars["open"], close) * (1 + rng.uniform(0.001, 0.01, shape))
    bars["low"] = np.minimum(bars["open"], close) * (1 - rng.uniform(0.001, 0.01, shape))
    bars["volume"] = np.round(1e6 * np.exp(rng.normal(0, 0.3, shape)))
    return bars


def panel(plant: Plant | None = None, *, sessions: pd.DatetimeIndex = SESSIONS) -> Panel:
    bars = fields()
    if plant is not None:
        plant(bars)
    bars["dollar_volume"] = bars["close"] * bars["volume"]
    frames = {name: aligned_frame(bars[name], SESSIONS, TICKERS).loc[sessions] for name in BAR_FIELDS}
    facts = PanelFacts(source="<b>planted</b>", adjustment="none", volume_basis="as given", exchange="XNYS")
    return Panel(**frames, universe=frames["close"].notna(), facts=facts)


def repeat(bars: dict[str, np.ndarray], other: int = 9) -> None:
    for name in ("open", "high", "low", "close", "volume"):
        bars[name][ROW, COLUMN] = bars[name][ROW + other, COLUMN]


def spike(bars: dict[str, np.ndarray]) -> None:
    for name in ("open", "high", "low", "close"):
        bars[name][ROW, COLUMN] *= 1.3


def silence(bars: dict[str, np.ndarray]) -> None:
    for values in bars.values():
        values[ROW : ROW + 2, COLUMN] = np.nan


def stale(bars: dict[str, np.ndarray]) -> None:
    for values in bars.values():
        values[ROW : ROW + 4, COLUMN] = values[ROW, COLUMN]


def no_volume(bars: dict[str, np.ndarray]) -> None:
    bars["volume"][ROW, COLUMN] = 0


def outside(bars: dict[str, np.ndarray]) -> None:
    bars["close"][ROW, COLUMN] = bars["high"][ROW, COLUMN] * 1.001


def split(bars: dict[str, np.ndarray], ratio: float = 7.0) -> None:
    for name in ("open", "high", "low", "close"):
        bars[name][ROW:, COLUMN] /= ratio
    bars["volume"][ROW:, COLUMN] *= ratio


def reverse_split(bars: dict[str, np.ndarray]) -> None:
    split(bars, 0.1)


def twin(bars: dict[str, np.ndarray]) -> None:
    for values in bars.values():
        values[:, COLUMN] = values[:, COLUMN - 1]


def reuse(bars: dict[str, np.ndarray]) -> None:
    for values in bars.values():
        values[ROW : ROW + 80, COLUMN] = np.nan


PLANTED: dict[str, Plant] = {
    "repeated bar": repeat,
    "island": spike,
    "gap": silence,
    "stale run": stale,
    "zero volume": no_volume,
    "order": outside,
    "unadjusted split": split,
    "reused ticker": reuse,
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found_where_it_is_and_nowhere_else(kind: str) -> None:
    assert audit_panel(panel()).counts()[kind] == 0
    found = audit_panel(panel(PLANTED[kind])).findings
    found = found[found["kind"] == kind]
    assert found[["ticker", "first"]].to_numpy().tolist() == [[TICKERS[COLUMN], SESSIONS[ROW]]]


def test_clean_bars_have_no_finding() -> None:
    audit = audit_panel(panel())
    assert len(audit.findings) == 0
    assert audit.summary["status"] == "clean"
    assert audit.summary["data points"] == len(SESSIONS) * len(TICKERS)


@pytest.mark.parametrize(("plant", "words"), [(split, "likely 7:1"), (reverse_split, "likely 1:10")])
def test_a_split_is_told_with_its_likely_ratio(plant: Plant, words: str) -> None:
    found = audit_panel(panel(plant)).findings
    assert found.loc[found["kind"] == "unadjusted split", "detail"].tolist() == [words]


def test_a_crash_is_no_split() -> None:
    def crash(bars: dict[str, np.ndarray]) -> None:
        split(bars, 2.0)
        bars["volume"][ROW:, COLUMN] /= 2.0
        bars["volume"][ROW, COLUMN] *= 20
        bars["low"][ROW, COLUMN] *= 0.85

    assert audit_panel(panel(crash)).counts()["unadjusted split"] == 0


@pytest.mark.parametrize("silent", [np.nan, 0.0])
@pytest.mark.parametrize("ratio", [2.0, 5.0, 0.1])
def test_a_split_in_a_source_without_volume_is_suspected(silent: float, ratio: float) -> None:
    def plant(bars: dict[str, np.ndarray]) -> None:
        split(bars, ratio)
        bars["volume"][:] = silent

    found = audit_panel(panel(plant)).findings
    found = found[~found["kind"].isin(["zero volume", "market move"])]
    assert found["kind"].tolist() == ["suspected split"]
    assert found["value"].tolist() == [pytest.approx(ratio)]
    assert found["repair"].tolist() == [""]
    assert "there is no volume to tell" in found["detail"].iloc[0]


def test_bars_without_volume_that_halve_off_the_ratio_are_not_suspected() -> None:
    def plant(bars: dict[str, np.ndarray]) -> None:
        split(bars, 2.1)
        bars["volume"][:] = np.nan

    assert not len(audit_panel(panel(plant)).findings)


def test_a_split_that_adj_close_accounts_for_is_listed_as_such() -> None:
    factor = aligned_frame(np.ones((len(SESSIONS), len(TICKERS))), SESSIONS, TICKERS)
    factor.iloc[:ROW, COLUMN] = 1 / 7
    audit = audit_panel(panel(), factor=factor)
    assert audit.findings[["kind", "ticker", "value"]].to_numpy().tolist() == [["split", TICKERS[COLUMN], 7.0]]
    factor.iloc[:ROW, COLUMN] = 1 / 1.37
    audit = audit_panel(panel(), factor=factor)
    assert audit.findings["kind"].tolist() == ["adjustment jump"]


def test_volume_that_was_split_too_early_is_found() -> None:
    factor = aligned_frame(np.ones((len(SESSIONS), len(TICKERS))), SESSIONS, TICKERS)
    factor.iloc[:ROW, COLUMN] = 1 / 7

    def early(bars: dict[str, np.ndarray]) -> None:
        bars["volume"][ROW - 1, COLUMN] = 7e6

    found = audit_panel(panel(early), factor=factor).findings
    assert found.loc[found["kind"] == "early volume", "first"].tolist() == [SESSIONS[ROW - 1]]


def test_two_tickers_with_one_history_are_duplicates() -> None:
    found = audit_panel(panel(twin)).findings
    assert found.loc[found["kind"] == "duplicate ticker", ["ticker", "detail"]].to_numpy().tolist() == [
        [TICKERS[COLUMN], f"the returns of {TICKERS[COLUMN - 1]} in {len(SESSIONS) - 1} sessions"]
    ]


def test_sessions_are_held_against_the_exchange() -> None:
    audit = audit_panel(panel(sessions=SESSIONS.delete(50)))
    assert audit.findings[["kind", "first"]].to_numpy().tolist() == [["missing session", SESSIONS[50]]]


def test_tables_count_coverage_and_findings() -> None:
    audit = audit_panel(panel(silence))
    ticker, session = audit.tickers.loc[TICKERS[COLUMN]], audit.sessions.loc[SESSIONS[ROW]]
    assert (ticker["prints"], ticker["findings"]) == (len(SESSIONS) - 2, 1)
    assert ticker["coverage"] == pytest.approx((len(SESSIONS) - 2) / len(SESSIONS), abs=1e-4)
    assert (session["listed"], session["printed"], session["findings"]) == (12, 11, 1)


def test_the_page_escapes_what_the_data_says_and_asks_for_nothing() -> None:
    page = render_audit(audit_panel(panel(repeat)))
    assert "<b>planted</b>" not in page
    assert "&lt;b&gt;planted" in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert all(kind in page for kind in KINDS)


def test_the_causal_mask_knows_no_later_row() -> None:
    whole = panel(spike)
    masked = outliers(whole)
    assert masked.iloc[ROW, COLUMN]
    for row in (ROW - 1, ROW, ROW + 1, 200):
        cut = outliers(whole.until(SESSIONS[row]))
        pd.testing.assert_frame_equal(cut, masked.iloc[: row + 1])


def test_masked_bars_are_missing_in_every_field_and_counted() -> None:
    whole = panel(repeat)
    masked = mask_outliers(whole, hindsight=True)
    assert all(np.isnan(getattr(masked, name).iloc[ROW, COLUMN]) for name in BAR_FIELDS)
    assert masked.printed.to_numpy().sum() == whole.printed.to_numpy().sum() - 1
    assert masked.facts.notes[-1].startswith("1 bars masked with hindsight")


def long_form(bars: Panel) -> pd.DataFrame:
    stacked = {name: getattr(bars, name).stack() for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(stacked).reset_index().rename(columns={"session": "date"})


def test_a_fix_is_a_new_version_with_every_change_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))

    def both(bars: dict[str, np.ndarray]) -> None:
        for name in ("open", "high", "low", "close"):
            bars[name][ROW - 5 :, COLUMN] *= 1.3  # so that the copy of an earlier bar lies far off
        bars["volume"][ROW - 5, COLUMN] *= 3
        repeat(bars, -9)
        split({name: values[:, 1:] for name, values in bars.items()}, 4.0)  # of the next column

    long_form(panel(both)).to_parquet(tmp_path / "bars.parquet")
    first = import_bars(tmp_path / "bars.parquet", name="us").version
    was = load_bars("us").fingerprint()
    found = find_version("us")
    assert found is not None
    rows, changes = fixed_rows(audit_source("us"), read_rows(*found))
    kept = commit_repair(found[0], rows, changes, of=found[1])
    assert kept.version.kind == "fix"
    assert [str(change) for change in kept.version.changes] == [
        f"T05 divided by an unadjusted split 2018-01-02 to {SESSIONS[ROW - 1]:%Y-%m-%d} × 0.25 (split 4:1)",
        f"T04 removed, a copy of an earlier bar {SESSIONS[ROW]:%Y-%m-%d}",
    ]
    assert audit_source("us").audit.findings["kind"].tolist() == ["gap"]  # what was removed
    assert load_bars("us").close["T05"].pct_change().abs().max() < 0.1
    assert load_bars(f"us@{first.fingerprint[:8]}").fingerprint() == was
    with pytest.raises(SourceError, match="is not the newest version of us"):
        commit_repair(found[0], rows, changes, of=found[1])


@pytest.mark.parametrize("plant", [repeat, spike])
def test_what_only_later_sessions_show_is_listed_and_left(plant: Plant, tmp_path: Path) -> None:
    long_form(panel(plant)).to_parquet(tmp_path / "bars.parquet")
    audited = audit_source(tmp_path / "bars.parquet")
    rows, changes = fixed_rows(audited, audited.rows)
    assert (len(rows.dates), changes) == (len(audited.rows.dates), ())
    assert sum(n for n, _ in left_alone(audited).values()) == len(audited.audit.findings) >= 1


@pytest.mark.parametrize("seed", [5, 8])
def test_what_a_fix_removes_was_known_at_its_close(seed: int, tmp_path: Path) -> None:
    """A law: bars cut after a removed one lose it as well, so that nothing that came later decided."""
    tokyo_bars(seed).rows.to_parquet(tmp_path / "bars.parquet")
    audited = audit_source(tmp_path / "bars.parquet")
    places = np.argwhere(audited.audit.removable(audited.panel).to_numpy())
    assert len(places) >= 1
    for row, column in places[:3].tolist():
        cut = audited.panel.until(audited.panel.sessions[row])
        assert audit_panel(cut).removable(cut).iloc[row, cut.tickers.get_loc(audited.panel.tickers[column])]


def test_two_signs_find_what_was_planted_in_bars_like_tokyos(tmp_path: Path) -> None:
    """Precision and recall of each rule on bars with a tick of a yen, limit moves and a session that jumps by 14 %."""
    planted = tokyo_bars(0)
    planted.rows.to_parquet(tmp_path / "bars.parquet")
    audited = audit_source(tmp_path / "bars.parquet", exchange="XTKS")
    findings = audited.audit.findings
    places = {
        kind: {(row.ticker, f"{row.first:%Y-%m-%d}") for row in rows.itertuples()}
        for kind, rows in findings.groupby("kind")
    }
    prints = planted.of("repeated bar") | planted.of("island")
    splits = places["unadjusted split"] | places["suspected split"]
    assert places["untraded session"] == planted.of("untraded session")
    assert places["thin session"] == planted.of("thin session")
    assert places["impossible row"] == planted.of("impossible row")
    assert places["repeated row"] == planted.of("repeated row")
    assert places["unadjusted split"] <= planted.of("unadjusted split")
    assert len(splits & planted.of("unadjusted split")) >= 0.9 * len(planted.of("unadjusted split"))
    assert planted.of("jump") <= splits | places.get("jump", set())
    assert len(places["island"] & prints) >= 0.9 * len(places["island"])
    assert len(places["island"] & planted.of("island")) >= 0.9 * len(planted.of("island"))
    assert len(places["repeated bar"]) <= 1.1 * len(planted.of("repeated bar"))
    assert len(places["repeated bar"] & planted.of("repeated bar")) >= 0.7 * len(planted.of("repeated bar"))
    assert len(places["market move"]) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_a_fix_harms_no_genuine_bar(seed: int, tmp_path: Path) -> None:
    planted = tokyo_bars(seed)
    planted.rows.to_parquet(tmp_path / "bars.parquet")
    audited = audit_source(tmp_path / "bars.parquet")
    rows, changes = fixed_rows(audited, audited.rows)
    wrong = planted.of("impossible row") | planted.of("repeated row") | planted.of("repeated bar")
    before, after = keys(audited.rows), keys(rows)
    assert after <= before
    assert before - after <= wrong
    assert before - after >= planted.of("impossible row")
    rescaled = {change.ticker for change in changes if "split" in change.what}
    assert len(rescaled) >= 3
    assert rescaled <= {ticker for ticker, _ in planted.of("unadjusted split")}


def keys(rows: LongBars) -> set[tuple[str, str]]:
    days = np.datetime_as_string(rows.dates, unit="D")
    return {(rows.tickers[code], str(day)) for code, day in zip(rows.codes, days, strict=True)}


def rally(bars: dict[str, np.ndarray]) -> None:
    """The session opens a third higher: five names by exactly 4:3, as at a limit, and seven a little less."""
    for name in ("open", "high", "low", "close"):
        bars[name][ROW:, :5] *= 4 / 3
        bars[name][ROW:, 5:] *= 1.28


def test_a_ratio_that_the_whole_market_moves_by_is_no_split() -> None:
    counts = audit_panel(panel(rally)).counts()
    assert (counts["unadjusted split"], counts["suspected split"], counts["market move"]) == (0, 0, 1)


def test_a_name_whose_other_splits_are_accounted_for_is_trusted() -> None:
    factor = aligned_frame(np.ones((len(SESSIONS), len(TICKERS))), SESSIONS, TICKERS)
    factor.iloc[: ROW - 60, COLUMN] = 1 / 2
    counts = audit_panel(panel(split), factor=factor).counts()
    assert (counts["split"], counts["unadjusted split"], counts["suspected split"]) == (1, 0, 1)


def test_an_island_on_many_shares_is_news() -> None:
    def news(bars: dict[str, np.ndarray]) -> None:
        spike(bars)
        bars["volume"][ROW, COLUMN] *= 3

    assert audit_panel(panel(news)).counts()["island"] == 0
    assert not outliers(panel(news)).iloc[ROW, COLUMN]


def test_four_prices_of_a_few_ticks_repeat_by_chance() -> None:
    """Whole numbers round 100: many bars equal another in four prices, and none of them is a finding."""

    def whole(bars: dict[str, np.ndarray]) -> None:
        for name in ("open", "high", "low", "close"):
            bars[name][:] = np.round(bars[name] * 2)

    bars = panel(whole)
    repeats = sum(
        pd.DataFrame({n: getattr(bars, n)[t] for n in ("open", "high", "low", "close")}).duplicated().sum()
        for t in TICKERS
    )
    assert repeats > 20
    assert audit_panel(bars).counts()["repeated bar"] == 0


PRICES = ("open", "high", "low", "close")


def kinds(plant: Plant, factor: pd.DataFrame | None = None) -> list[str]:
    return audit_panel(panel(plant), factor=factor).findings["kind"].tolist()


def test_four_equal_prices_of_some_ticks_need_the_volume_as_well() -> None:
    def copied(bars: dict[str, np.ndarray], *names: str) -> None:
        for name in PRICES:
            bars[name][:] = np.round(bars[name] * 25) / 25
        for name in (*PRICES, *names):
            bars[name][ROW, COLUMN] = bars[name][ROW + 9, COLUMN]

    assert kinds(copied) == []
    assert kinds(lambda bars: copied(bars, "volume")) == ["repeated bar"]


def test_an_island_lies_further_off_than_the_name_swings_by_day() -> None:
    def wide(bars: dict[str, np.ndarray], factor: float) -> None:
        bars["high"][:, COLUMN] *= 1.02
        bars["low"][:, COLUMN] *= 0.98
        for name in PRICES:
            bars[name][ROW, COLUMN] = bars[name][ROW - 1, COLUMN] * factor
        bars["volume"][ROW, COLUMN] = 1e6

    assert "island" not in kinds(lambda bars: wide(bars, 1.09))
    assert "island" in kinds(lambda bars: wide(bars, 1.25))


def test_what_gaps_with_the_market_is_no_island() -> None:
    def shock(bars: dict[str, np.ndarray]) -> None:
        spike(bars)
        for name in PRICES:
            bars[name][ROW] *= 1.04

    assert "island" in kinds(spike)
    assert "island" not in kinds(shock)


def test_several_names_on_one_day_are_the_market() -> None:
    def three(bars: dict[str, np.ndarray]) -> None:
        for column in (1, 5, 9):
            for name in PRICES:
                bars[name][ROW:, column] /= 2
            bars["volume"][ROW:, column] *= 2

    assert not {"unadjusted split", "suspected split"} & set(kinds(three))


@pytest.mark.parametrize(("market", "kind"), [(1.04, "rescale"), (0.9, "")])
def test_a_split_is_measured_against_the_market(market: float, kind: str) -> None:
    """Its raw gap misses the ratio by what the market moved; where that is much, nothing is sure."""

    def both(bars: dict[str, np.ndarray]) -> None:
        split(bars, 2.0)
        bars["volume"][ROW, COLUMN] = 2e6
        for name in PRICES:
            bars[name][ROW:] *= market

    found = audit_panel(panel(both)).findings
    found = found[found["kind"].isin(["unadjusted split", "suspected split"])]
    assert found[["ticker", "value", "repair"]].to_numpy().tolist() == [[TICKERS[COLUMN], pytest.approx(2.0), kind]]


def test_a_split_that_its_own_session_does_not_show_is_not_repaired() -> None:
    def late(bars: dict[str, np.ndarray]) -> None:
        split(bars, 4.0)
        bars["volume"][ROW, COLUMN] = 1.7e6

    found = audit_panel(panel(late)).findings
    found = found[found["kind"] == "unadjusted split"]
    assert found["repair"].tolist() == [""]
    assert "later sessions" in found["detail"].iloc[0]


def test_a_price_that_comes_back_was_no_split() -> None:
    def undone(bars: dict[str, np.ndarray]) -> None:
        for name in PRICES:
            bars[name][ROW : ROW + 2, COLUMN] /= 4
        bars["volume"][ROW : ROW + 2, COLUMN] = 4e6

    assert not {"unadjusted split", "suspected split"} & set(kinds(undone))


def test_a_session_of_wide_swings_is_not_masked() -> None:
    def swings(bars: dict[str, np.ndarray]) -> None:
        spike(bars)
        bars["low"][ROW, COLUMN] *= 0.8

    assert outliers(panel(spike)).iloc[ROW, COLUMN]
    assert not outliers(panel(swings)).iloc[ROW, COLUMN]


def test_a_jump_that_nothing_accounts_for_is_listed_and_the_rest_is_not() -> None:
    def level(bars: dict[str, np.ndarray]) -> None:
        for name in ("open", "high", "low", "close"):
            bars[name][ROW:, COLUMN] *= 4.4
        bars["volume"][ROW, COLUMN] *= 30

    found = audit_panel(panel(level)).findings
    assert found["kind"].tolist() == ["market move", "jump"]  # of twelve names, one moves the mean by 28 %
    assert "and stays" in found["detail"].iloc[1]


def test_a_session_without_a_trade_is_one_finding() -> None:
    def holiday(bars: dict[str, np.ndarray]) -> None:
        for name in ("open", "high", "low", "close"):
            bars[name][ROW] = bars["close"][ROW - 1]
        bars["volume"][ROW] = 0

    def lost(bars: dict[str, np.ndarray]) -> None:
        for values in bars.values():
            values[ROW, 1:] = np.nan

    def filled_forward(bars: dict[str, np.ndarray]) -> None:
        for values in bars.values():
            values[ROW] = values[ROW - 1]

    planted = (holiday, "untraded session"), (lost, "thin session"), (filled_forward, "repeated session")
    for plant, kind in planted:
        found = audit_panel(panel(plant)).findings
        assert found[["kind", "first"]].to_numpy().tolist() == [[kind, SESSIONS[ROW]]]


def test_bars_without_any_volume_have_no_untraded_session() -> None:
    def silent(bars: dict[str, np.ndarray]) -> None:
        bars["volume"][:] = 0

    assert audit_panel(panel(silent)).counts()["untraded session"] == 0


def test_suspicions_are_those_of_the_audit_and_stand_on_page_one() -> None:
    assert suspicions(panel()) == ()
    assert suspicions(panel(split))[0] in input_remarks(Inputs(panel=panel(split)), SESSIONS)  # for page one
    told = " ".join(suspicions(panel(split)))
    assert f"suspected unadjusted splits: 1 (T04 7:1 on {SESSIONS[ROW]:%Y-%m-%d})" in told
    assert f"{SESSIONS[ROW]:%Y-%m-%d} +29.8%" in " ".join(suspicions(panel(rally)))


def in_returns(bad: pd.DataFrame) -> pd.DataFrame:
    """Returns into and out of bad bars."""
    return bad | bad.shift(1, fill_value=False)


@pytest.mark.slow
def test_the_known_bad_returns_of_the_sp500_bars_are_found(shared_data: Path) -> None:
    bars = load_bars(shared_data / "sp500_5y_2013_2018.parquet")
    known = pd.read_csv(shared_data / "ref" / "sp500_5y_known_bad_returns.csv", parse_dates=["date"])
    truth = pd.DataFrame(False, index=bars.sessions, columns=bars.tickers)
    for row in known.itertuples():
        truth.loc[row.date, row.ticker] = True
    flagged = in_returns(audit_panel(bars).bad_prints(bars))
    hits = int((flagged & truth).to_numpy().sum())
    assert hits / len(known) >= 0.8
    assert hits / int(flagged.to_numpy().sum()) >= 0.4  # the list holds errors above 1 % only


@pytest.mark.slow
def test_the_splits_of_the_raw_bars_are_found_with_and_without_adj_close(shared_data: Path) -> None:
    path = shared_data / "us_pit_2015_2017.parquet"
    audited = audit_source(path)
    splits = audited.audit.findings[audited.audit.findings["kind"] == "split"]
    netflix = splits[splits["ticker"] == "NFLX"]
    assert netflix[["first", "value"]].to_numpy().tolist() == [[pd.Timestamp("2015-07-15"), 7.0]]
    early = audited.audit.findings[audited.audit.findings["kind"] == "early volume"]
    assert {"2015-07-13", "2015-07-14"} <= set(early[early["ticker"] == "NFLX"]["first"].dt.strftime("%Y-%m-%d"))
    raw = load_bars(path)
    factor = pd.read_parquet(path, columns=["date", "ticker", "close"]).assign(
        date=lambda rows: pd.to_datetime(rows["date"])
    )
    close = factor.pivot_table(index="date", columns="ticker", values="close").reindex(raw.sessions)
    scale = (close / raw.close).rename_axis(index="session")
    prices = {name: getattr(raw, name) * scale for name in ("open", "high", "low", "close")}
    traded = replace(raw, **prices, volume=raw.dollar_volume / close)
    found = audit_panel(traded).findings
    left = found[found["kind"] == "unadjusted split"]
    assert "NFLX" in set(left["ticker"])
    truth = {(row.ticker, row.first): row.value for row in splits.itertuples()}
    both = truth.keys() & set(zip(left["ticker"], left["first"], strict=True))
    assert len(both) / len(left) >= 0.8
    assert sum(truth[key] > 1 for key in both) >= 0.65 * sum(ratio > 1 for ratio in truth.values())


def test_an_audit_reads_the_clock_of_a_named_exchange_as_runs_do(tmp_path: Path) -> None:
    """Midnights of Tokyo in UTC, of four sessions, which no weekday tells."""
    days = exchange_sessions("XTKS", start=pd.Timestamp("2018-06-05"), end=pd.Timestamp("2018-06-08"))
    rows = pd.concat(pd.DataFrame({"date": days, "ticker": name, "close": [8.0, 9.0, 8.5, 9.5]}) for name in "ABCDE")
    rows = rows.assign(open=8.5, high=9.5, low=8.0, volume=100.0)
    rows["date"] = rows["date"].dt.tz_localize("Asia/Tokyo").dt.tz_convert("UTC")
    rows.to_parquet(tmp_path / "x.parquet")
    audited = audit_source(tmp_path / "x.parquet", exchange="XTKS").panel
    assert list(audited.sessions) == list(load_bars(tmp_path / "x.parquet", exchange="XTKS").sessions) == list(days)
