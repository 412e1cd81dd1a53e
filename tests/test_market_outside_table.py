"""Outside tables: what was known at each close, of whom, and for how long."""

import numpy as np
import pandas as pd
import pytest

from core.errors import DataError
from market.outside.outside_table import EVERYONE, OutsideTable, joined_rows, split_rows
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market

SESSIONS = pd.bdate_range("2020-01-01", periods=120).as_unit("ns").rename("session")
TICKERS = pd.Index([f"T{k}" for k in range(6)], name="ticker", dtype="str")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=150)).panel


def made(*rows: tuple[str, str, str, float]) -> OutsideTable:
    return OutsideTable.of(pd.DataFrame(rows, columns=["ticker", "date", "since", "value"]))


def random_table(seed: int, *, count: int = 60, tickers: pd.Index = TICKERS) -> OutsideTable:
    """Quarters known late, revised and restated, on days that are sessions and on days that are none."""
    rng = np.random.default_rng(seed)
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(7 * rng.integers(0, 20, count), unit="D")
    since = dates + pd.to_timedelta(rng.integers(1, 60, count), unit="D")
    rows = pd.DataFrame({"ticker": rng.choice(tickers, count), "date": dates, "since": since})
    rows["value"] = rng.normal(size=count)
    return OutsideTable.of(rows.drop_duplicates(["ticker", "date", "since"]))


def known_by_hand(table: OutsideTable, session: pd.Timestamp, ticker: str, days: int) -> float:
    """Look at every row: of the latest period that counts, the revision that counts last."""
    rows = table.rows[(table.rows["ticker"] == ticker) & (table.rows["since"] <= session)]
    if rows.empty:
        return float("nan")
    last = rows.sort_values(["date", "since"]).iloc[-1]
    return float(last["value"]) if session < last["since"] + pd.Timedelta(days=days) else float("nan")


@pytest.mark.parametrize(("seed", "days"), [(0, 10), (1, 60)])
def test_the_values_are_those_of_a_search_through_all_rows(seed: int, days: int) -> None:
    table = random_table(seed)
    found = table.values_at(SESSIONS, TICKERS, days=days)
    expected = [[known_by_hand(table, session, ticker, days) for ticker in TICKERS] for session in SESSIONS]
    np.testing.assert_array_equal(found.to_numpy(), np.array(expected))
    assert 0.1 < found.isna().to_numpy().mean() < 0.99


@pytest.mark.parametrize("seed", range(3))
def test_later_rows_move_no_earlier_value(seed: int) -> None:
    table, session = random_table(seed), SESSIONS[60]
    cut = table.until(session)
    assert len(cut.rows) < len(table.rows)
    whole = table.values_at(SESSIONS, TICKERS, days=90).loc[:session]
    pd.testing.assert_frame_equal(cut.values_at(SESSIONS, TICKERS, days=90).loc[:session], whole)


def test_a_late_restatement_of_an_older_period_hides_no_newer_one() -> None:
    table = made(
        ("A", "2019-12-31", "2020-02-03", 1.0),
        ("A", "2020-01-31", "2020-03-02", 2.0),
        ("A", "2019-12-31", "2020-04-01", 9.0),
    )
    values = table.values_at(SESSIONS, pd.Index(["A"]), days=400)["A"]
    assert values["2020-01-31"] != values["2020-01-31"]
    assert values["2020-02-28"] == 1.0
    assert set(values["2020-03-02":]) == {2.0}


def test_a_revision_changes_the_values_from_its_own_day_on() -> None:
    table = made(("A", "2019-12-31", "2020-02-03", 1.0), ("A", "2019-12-31", "2020-02-10", 1.5))
    values = table.values_at(SESSIONS, pd.Index(["A"]), days=400)["A"]
    assert values["2020-02-07"] == 1.0
    assert values["2020-02-10"] == 1.5


def test_a_day_without_a_session_counts_at_the_next_one() -> None:
    values = made(("A", "2020-01-03", "2020-01-04", 1.0)).values_at(SESSIONS, pd.Index(["A"]), days=3)["A"]
    assert np.isnan(values["2020-01-03"])
    assert values["2020-01-06"] == 1.0
    assert np.isnan(values["2020-01-07"])  # three days after the Saturday


def test_a_value_holds_as_long_wherever_the_bars_begin() -> None:
    table = random_table(7)
    whole = table.values_at(SESSIONS, TICKERS, days=30)
    pd.testing.assert_frame_equal(table.values_at(SESSIONS[17:], TICKERS, days=30), whole.iloc[17:])


def test_a_table_of_the_market_says_the_same_of_each_name() -> None:
    values = made((EVERYONE, "2020-01-02", "2020-01-03", 15.0)).values_at(SESSIONS, TICKERS, days=5)
    assert set(values.loc["2020-01-03"]) == {15.0}
    assert values.loc["2020-01-02"].isna().all()


def test_a_name_without_a_row_has_no_value() -> None:
    values = made(("T0", "2020-01-02", "2020-01-03", 1.0)).values_at(SESSIONS, TICKERS, days=500)
    assert values.drop(columns="T0").isna().all(axis=None)
    assert values["T0"].notna().sum() == len(SESSIONS) - 2


def test_an_empty_table_knows_nothing() -> None:
    assert (
        made(("T0", "2020-01-02", "2020-01-03", 1.0))
        .until(SESSIONS[0])
        .values_at(SESSIONS, TICKERS, days=9)
        .isna()
        .all(axis=None)
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("A", "2020-01-02", "2020-01-03", 1.0), ("A", "2020-01-02", "2020-01-03", 2.0)], "more than one value of"),
        ([("A", "2020-01-02", "2020-01-03", 1.0), ("", "2020-01-02", "2020-01-03", 2.0)], "beside rows of A"),
        ([("A", "2020-01-02", None, 1.0)], "have no since in 1 rows"),
        ([("A", "2020-01-02", "2020-01-03", np.inf)], "infinite value"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(rows: list[tuple[str, str, str, float]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        made(*rows)


def test_tables_come_back_from_one_file_of_rows() -> None:
    tables = {"eps": random_table(1), "vix": made((EVERYONE, "2020-01-02", "2020-01-03", 15.0))}
    back = split_rows(joined_rows(tables))
    assert {name: table.sha256 for name, table in back.items()} == {n: t.sha256 for n, t in tables.items()}


# --- beside bars ---


def test_bars_without_a_table_keep_their_fingerprint_and_tables_change_it(panel: Panel) -> None:
    table = random_table(1, tickers=panel.tickers)
    table = OutsideTable.of(
        table.rows.assign(since=panel.sessions[5], date=table.rows["date"]).drop_duplicates(["ticker", "date"])
    )
    with_it = panel.with_outside({"eps": table})
    assert with_it.fingerprint() != panel.fingerprint()
    other = OutsideTable.of(table.rows.assign(value=table.rows["value"] + 1.0))
    assert panel.with_outside({"eps": other}).fingerprint() != with_it.fingerprint()
    assert panel.with_outside({}).fingerprint() == panel.fingerprint()


def test_bars_that_end_early_hold_what_was_known_by_then(panel: Panel) -> None:
    known = panel.sessions[[10, 50, 90]]
    rows = pd.DataFrame({"ticker": panel.tickers[0], "date": known, "since": known, "value": [1.0, 2.0, 3.0]})
    whole = panel.with_outside({"eps": OutsideTable.of(rows)})
    early = whole.until(panel.sessions[60])
    assert early.outside["eps"].rows["value"].tolist() == [1.0, 2.0]
    later = OutsideTable.of(rows.assign(value=[1.0, 2.0, -7.0]))
    assert panel.with_outside({"eps": later}).until(panel.sessions[60]).fingerprint() == early.fingerprint()
    assert panel.until(panel.sessions[60]).with_outside({"eps": later}).fingerprint() == early.fingerprint()


def test_a_table_of_other_names_is_refused_with_a_hint(panel: Panel) -> None:
    name = panel.tickers[0].lower()
    with pytest.raises(DataError, match=f"no row for any ticker of the bars \\(the bars have {panel.tickers[0]}"):
        panel.with_outside({"eps": made((name, "2015-01-02", "2015-01-05", 1.0))})
    with pytest.raises(DataError, match="give it with --outside vix=FILE"):
        panel.outside_values("vix", days=5)
