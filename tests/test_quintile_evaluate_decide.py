"""``evaluate``, ``decide`` and ``new``: given scores judged, the next book decided, a new strategy written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.evaluation import evaluate_scores
from core.errors import DataError
from market import Execution, forward_returns
from market.inputs import Inputs
from market.panel import Panel
from market.request import BarsRequest
from market.sources import load_bars
from market.synthetic import SyntheticMarket
from models.checkpoint import load_checkpoint
from portfolio.own_rules import SHIPPED_RULES
from signals.score_file import align_scores, read_scores
from signals.score_metrics import information_coefficient
from strategy.definitions.render import BOOK_RULES
from strategy.definitions.scaffold import new_strategy, strategy_text
from strategy.definitions.spec import StrategySpec, load_spec, override, shipped_strategies
from strategy.evaluate import evaluate
from strategy.pipeline import decide, run
from strategy.runs.context import RunContext
from strategy.runs.report_provenance import provenance_of
from strategy.runs.result import Run
from strategy.runs.store import RunFolder, RunStore
from strategy.trading.data_checks import check_data, last_expected_session
from strategy.trading.decision import export_decision, next_decision
from strategy.trading.holdings import Holdings, read_holdings
from strategy.trading.orders import hedge_notes, plan_trades
from tests.oracles.small_runs import SMALL, files_under, left_with, long_bars, quintile, refusal, small_market

pytestmark = pytest.mark.usefixtures("few_random_books")


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return small_market()


@pytest.fixture(scope="module")
def panel(market: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> Panel:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    long_bars(market.panel).to_parquet(path)
    return load_bars(path)


@pytest.fixture(scope="module")
def reversal(panel: Panel) -> pd.DataFrame:
    return -panel.close.pct_change(fill_method=None)


@pytest.fixture(scope="module")
def lately(reversal: pd.DataFrame) -> pd.DataFrame:
    """Return the last half year of the reversal, where its size is not the matter."""
    return reversal.iloc[-126:]


@pytest.fixture(scope="module")
def judged(panel: Panel, reversal: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluate(reversal, panel, context=RunContext(store=RunStore(tmp_path_factory.mktemp("judged"))))


@pytest.fixture(scope="module")
def trained(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec = override(load_spec("filter_negative"), SMALL)
    return run(spec, Inputs(panel=panel), context=RunContext(store=RunStore(tmp_path_factory.mktemp("trained"))))


def test_given_scores_are_judged_without_a_model(judged: Run, panel: Panel, reversal: pd.DataFrame) -> None:
    assert {"report.html", "metrics.json", "scores.parquet", "weights.parquet"} <= files_under(judged.folder.path)
    assert not (judged.folder.path / "model.json").exists()
    expected = information_coefficient(reversal.where(panel.universe), forward_returns(panel, Execution()))
    assert judged.metrics["signal"]["mean"] == pytest.approx(expected.mean(), abs=1e-12)
    assert "is that of 1-day reversal" in judged.metrics["headline"]["sentence"]


def test_what_cannot_be_known_of_given_scores_is_in_their_report(judged: Run) -> None:
    page = judged.report.read_text(encoding="utf-8")
    assert "whether it was known then is the giver&#39;s word" in page or "giver's word" in page
    assert "Given scores: scores" in page


@pytest.mark.slow
def test_a_report_tells_the_rule_of_the_builder_whatever_the_strategy_is_called(
    panel: Panel, lately: pd.DataFrame, tmp_path: Path
) -> None:
    shipped = override(load_spec("filter_negative"), ["portfolio.builder=long_only"])
    summary = "Whatever its author says of it."
    for spec in (shipped, shipped.model_copy(update={"name": "mine", "summary": summary})):
        evaluation = evaluate_scores(spec.rules, Inputs(panel=panel), scores=lately, baselines={})
        folder = RunStore(tmp_path).create(spec, BarsRequest(), panel=panel.fingerprint())
        rules = provenance_of(folder, evaluation).rules
        companions = {
            name: BOOK_RULES[name] for name in ("filter_negative", "quintile_long_short") if name != spec.name
        }
        assert rules == {spec.name: BOOK_RULES["long_only"]} | companions


def test_every_builder_has_a_rule_in_words() -> None:
    assert set(BOOK_RULES) == set(SHIPPED_RULES)


def test_an_evaluation_leaves_no_trace_of_its_staging(judged: Run) -> None:
    store = judged.folder.path.parent.parent
    assert [path.name for path in store.iterdir() if path.is_dir()] == ["given_scores"]
    assert [folder.run_id for folder in RunStore(store).folders()] == [judged.folder.run_id]


@pytest.mark.slow
def test_an_evaluation_that_fails_leaves_nothing(
    panel: Panel, lately: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_metrics", full)
    with pytest.raises(OSError, match="No space left"):
        evaluate(lately, panel, context=RunContext(store=RunStore(tmp_path / "runs")))
    assert {Path(name).name for name in files_under(tmp_path)} <= {"trials.sqlite"}  # what was measured counts


def test_noise_is_called_noise(panel: Panel, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    noise = pd.DataFrame(rng.normal(size=panel.close.shape), index=panel.sessions, columns=panel.tickers)
    headline = evaluate(noise, panel, context=RunContext(store=RunStore(tmp_path))).metrics["headline"]
    assert headline["verdict"] == "NOT EVIDENCE"
    assert "indistinguishable from noise" in headline["sentence"]


@pytest.mark.slow
def test_scores_that_look_ahead_are_suspected(panel: Panel, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    ahead = forward_returns(panel, Execution()) + rng.normal(scale=0.05, size=panel.close.shape)
    page = evaluate(ahead, panel, context=RunContext(store=RunStore(tmp_path))).report.read_text(encoding="utf-8")
    assert "a leak or a bad print until proven otherwise" in page


@pytest.mark.slow
def test_other_scores_are_another_trial(panel: Panel, lately: pd.DataFrame, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    counts = [
        evaluate(scores, panel, context=RunContext(store=store)).metrics["headline"]["trials"]
        for scores in (lately, -lately)
    ]
    again = evaluate(lately, panel, context=RunContext(store=store)).metrics["headline"]["trials"]
    assert [*counts, again] == [2, 4, 4]  # each with its companion book


def test_long_and_wide_files_are_the_same_scores(reversal: pd.DataFrame, tmp_path: Path) -> None:
    scores = reversal.iloc[1:20]
    stacked = scores.stack().rename("Score").reset_index().rename(columns={"session": "Date", "ticker": "Symbol"})
    scores.to_parquet(tmp_path / "wide.parquet")
    scores.to_csv(tmp_path / "wide.csv")
    stacked.sample(frac=1.0, random_state=1).to_parquet(tmp_path / "long.parquet", index=False)
    stacked.to_csv(tmp_path / "long.csv", index=False)
    for path in sorted(tmp_path.iterdir()):
        pd.testing.assert_frame_equal(read_scores(path)[scores.columns], scores, check_freq=False, obj=path.name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.set_axis([*s.columns[:-1], "ZZZZ"], axis=1), "tickers that the bars lack"),
        (lambda s: s.set_axis(s.index + pd.Timedelta(days=4000)), "sessions that the bars lack"),
        (lambda s: pd.concat([s, s.iloc[:1]]), "more than once"),
        (lambda s: s * [np.inf, *[1.0] * (s.shape[1] - 1)], "infinite"),
        (lambda s: s * np.nan, "no session has scores"),
        (lambda s: s.reset_index(drop=True), "without a time zone"),
        (lambda s: s.set_axis([*s.columns[:-1], s.columns[0]], axis=1), "more than once"),
    ],
)
def test_scores_that_do_not_fit_the_bars_are_refused(
    change: object, message: str, reversal: pd.DataFrame, panel: Panel
) -> None:
    with pytest.raises(DataError, match=message):
        align_scores(change(reversal.iloc[1:]), panel)  # type: ignore[operator]


def test_names_outside_the_universe_are_not_judged(reversal: pd.DataFrame, panel: Panel) -> None:
    narrow = panel.with_universe(panel.universe & (panel.tickers < "SYN020"), described="half")
    placed = align_scores(reversal, narrow)
    assert placed.columns.equals(panel.tickers)
    assert placed.loc[:, placed.columns >= "SYN020"].isna().all(axis=None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.csv", "date,ticker,score\n2015-01-05,A,1\n2015-01-05,A,2\n", "more than once"),
        ("s.csv", "date,ticker,score\n2015-01-05,A,high\n", "holds text where score"),
        ("s.csv", "date,A,B\n2015-01-05,1,2\n2015-01-05,1,3\n", "more than one row"),
        ("s.csv", "ticker,score\nA,1\n", "no date column"),
        ("s.csv", "date,ticker,score\n", "holds no rows"),
        ("s.csv", "", "is empty"),
        ("s.csv", "date,ticker,score\n2015-01-05,,1\n", "no ticker in a row of 2015-01-05"),
        ("s.csv", "date,ticker,score\n01/05/2015,A,1\n", "not in ISO form"),
        ("s.parquet", "not parquet", "not a readable parquet file"),
        ("s.xlsx", "", "neither .parquet nor .csv"),
    ],
)
def test_a_file_that_holds_no_scores_is_one_clear_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_scores(path)


def test_evaluate_from_the_command_line(
    panel: Panel,
    lately: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    lately.to_parquet("rev.parquet")
    long_bars(panel).to_parquet("bars.parquet")
    words = ("evaluate", "rev.parquet", "--bars", "bars.parquet", "--execution", "close", "--set", "portfolio.k=0.1")
    printed = quintile(*words, "--set", "costs.trade_bps=0", "--json", monkeypatch=monkeypatch, capsys=capsys)
    metrics = json.loads(printed)
    assert metrics["headline"]["execution"] == "close"
    assert metrics["headline"]["trade_bps"] == 0.0
    assert RunStore(Path("runs")).find("latest").spec.portfolio.k == 0.1
    told = refusal("decide", "latest", "--bars", "bars.parquet", monkeypatch=monkeypatch, capsys=capsys)
    assert "has no model" in told


def test_the_next_decision_is_that_of_decide(trained: Run, panel: Panel) -> None:
    spec, checkpoint = trained.folder.spec, load_checkpoint(trained.folder.path / "model")
    decision = next_decision(spec, panel, checkpoint, as_of="2016-12-01")
    weights = decide(spec, panel, checkpoint)
    pd.testing.assert_series_equal(decision.weights, weights[weights != 0], check_names=False)
    assert decision.checks.blocking == ()
    assert (decision.decided, decision.fills) == (pd.Timestamp("2016-12-01"), pd.Timestamp("2016-12-02"))
    assert decision.orders["trade_weight"].isna().all()


def test_trades_lead_from_holdings_to_targets(panel: Panel) -> None:
    close = panel.close.iloc[-1]
    target = pd.Series(0.0, index=panel.tickers)
    target[["SYN000", "SYN001"]] = 0.5, -0.25
    shares = pd.Series({"SYN001": 100.0, "SYN002": -50.0})
    worth = 100 * close["SYN001"] - 50 * close["SYN002"] + 1000.0
    orders, equity = plan_trades(target, panel, holdings=Holdings(amounts=shares, in_shares=True, cash=1000.0))
    assert equity == pytest.approx(worth)
    assert list(orders.index) == ["SYN000", "SYN001", "SYN002"]
    after = shares.reindex(orders.index).fillna(0) + orders["trade_shares"]
    np.testing.assert_allclose(after * orders["last_close"] / worth, [0.5, -0.25, 0.0], atol=1e-12)
    np.testing.assert_allclose(orders["holding_weight"] + orders["trade_weight"], orders["target_weight"])


def test_weights_held_need_no_prices_and_equity_turns_them_into_shares(panel: Panel) -> None:
    target = pd.Series(0.0, index=panel.tickers)
    target["SYN000"] = 0.3
    held = Holdings(amounts=pd.Series({"SYN000": 0.1}), in_shares=False)
    orders, equity = plan_trades(target, panel, holdings=held)
    assert equity is None
    assert orders["trade_shares"].isna().all()
    sized, _ = plan_trades(target, panel, holdings=held, equity=1e5)
    price = panel.close["SYN000"].iloc[-1]
    assert sized.loc["SYN000", "trade_shares"] == pytest.approx(0.2 * 1e5 / price)


def test_a_hedge_is_sold_anew_though_the_universe_lacks_it(panel: Panel) -> None:
    target = pd.Series(0.0, index=panel.tickers)
    target[["SYN000", "SYN003"]] = 0.5, -0.5
    narrow = panel.with_universe(panel.universe & (panel.tickers != "SYN003"), described="without one")
    held = Holdings(amounts=pd.Series({"SYN003": -0.3}), in_shares=False)
    for hedge, remark in (("SYN003", ""), (None, "not in the universe: never bought anew")):
        orders, _ = plan_trades(target, narrow, holdings=held, hedge=hedge)
        assert orders.loc["SYN003", ["blocked_by", "remark"]].tolist() == ["", remark]
        assert orders.loc["SYN003", "trade_weight"] == pytest.approx(-0.2)
    bare = target.mask(target < 0)
    assert hedge_notes(target, "SYN003") == hedge_notes(bare, None) == hedge_notes(0.0 * target, "SYN003") == ()
    assert "SYN003 has no price" in hedge_notes(bare, "SYN003")[0]


def test_halts_strangers_and_the_dead_block_their_own_orders(panel: Panel) -> None:
    halted = _silent(panel, {"SYN000": 3, "SYN001": 25})
    target = pd.Series(0.0, index=panel.tickers)
    target[["SYN000", "SYN002"]] = 0.1
    held = Holdings(amounts=pd.Series({"SYN001": 0.1, "XYZ": 0.1, "SYN003": 0.1}), in_shares=False)
    narrow = halted.with_universe(halted.universe & (halted.tickers != "SYN003"), described="without one")
    orders, _ = plan_trades(target, narrow, holdings=held)
    blocked = orders["blocked_by"]
    assert "halted: no print since 2016-11-28" in blocked["SYN000"]
    assert "no longer listed" in blocked["SYN001"]
    assert blocked["SYN002"] == ""
    assert "no bars" in blocked["XYZ"]
    assert blocked["SYN003"] == ""
    assert "not in the universe" in orders.loc["SYN003", "remark"]
    assert orders.loc["SYN003", "trade_weight"] == -0.1


def _silent(panel: Panel, sessions: dict[str, int]) -> Panel:
    frames = {}
    for name in ("open", "high", "low", "close", "volume", "dollar_volume"):
        frame = getattr(panel, name).copy()
        for ticker, count in sessions.items():
            frame.iloc[-count:, frame.columns.get_loc(ticker)] = np.nan
        frames[name] = frame
    return replace(panel, **frames)


def test_stale_and_missing_bars_block_everything(panel: Panel) -> None:
    assert check_data(panel, as_of="2016-12-01").blocking == ()
    assert check_data(panel, as_of="2016-12-04").blocking != ()  # the Friday before is not in the bars
    (stale,) = check_data(panel, as_of="2016-12-06").blocking
    assert "3 sessions before 2016-12-06" in stale
    holes = panel.sessions.delete(-5)
    frames = ("open", "high", "low", "close", "volume", "dollar_volume", "universe")
    thin = replace(panel, **{name: getattr(panel, name).loc[holes] for name in frames})
    assert "1 session of the last 90" in check_data(thin, as_of="2016-12-01").blocking[0]
    quiet = _silent(panel, dict.fromkeys(panel.tickers[:15], 1))
    assert "names of the universe printed" in check_data(quiet, as_of="2016-12-01").blocking[0]


def test_a_holiday_is_not_stale() -> None:
    assert last_expected_session("2016-11-24", exchange="XNYS") == pd.Timestamp("2016-11-23")
    assert last_expected_session("2016-11-27", exchange="XNYS") == pd.Timestamp("2016-11-25")


def test_a_decision_is_exported_in_three_forms_that_agree(trained: Run, panel: Panel, tmp_path: Path) -> None:
    spec, checkpoint = trained.folder.spec, load_checkpoint(trained.folder.path / "model")
    decision = next_decision(spec, panel, checkpoint, as_of="2016-12-06")
    for suffix in ("csv", "parquet", "json"):
        export_decision(decision, tmp_path / f"book.{suffix}")
    from_csv = pd.read_csv(tmp_path / "book.csv", index_col="ticker")
    from_parquet = pd.read_parquet(tmp_path / "book.parquet")
    from_json = json.loads((tmp_path / "book.json").read_text())
    np.testing.assert_allclose(from_csv["target_weight"], from_parquet["target_weight"])
    assert [order["target_weight"] for order in from_json["orders"]] == list(from_parquet["target_weight"])
    assert set(from_parquet["blocked_by"]) == {"stale data"}
    assert from_json["blocked_by"][0].startswith("stale data: the bars end 2016-12-01")
    with pytest.raises(ValueError, match=r"must end in \.csv, \.parquet or \.json"):
        export_decision(decision, tmp_path / "book.xlsx")


def test_decide_from_the_command_line_writes_beside_the_run(
    trained: Run, panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars, held = tmp_path / "latest.parquet", tmp_path / "held.csv"
    long_bars(panel).to_parquet(bars)
    held.write_text("ticker,shares\nSYN000,10\n$CASH,100000\n")
    store = trained.folder.path.parent.parent
    words = ("decide", "latest", "--bars", bars, "--holdings", held, "--as-of", "2016-12-01", "--out", store)
    printed = quintile(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "decided at the close of 2016-12-01, fills at next_open of 2016-12-02" in printed
    assert files_under(trained.folder.path / "decisions") == {
        f"2016-12-01.{kind}" for kind in ("csv", "parquet", "json")
    }


def test_bars_that_cannot_carry_a_decision_say_so(trained: Run, panel: Panel) -> None:
    spec, checkpoint = trained.folder.spec, load_checkpoint(trained.folder.path / "model")
    with pytest.raises(DataError, match="load later bars"):
        next_decision(spec, panel.until("2015-06-01"), checkpoint)
    with pytest.raises(DataError, match="load more history"):
        next_decision(spec, panel.between("2016-11-01", None), checkpoint, as_of="2016-12-01")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("ticker,amount\nA,1\n", "one of shares and weight"),
        ("ticker,shares\nA,1\nA,2\n", "A again in line 3"),
        ("ticker,shares\nA,1 000\n", "should be a number"),
        ("ticker,shares\nA,\n", "should be a number"),
        ("ticker,shares\nA\n", "rows as long as it"),
        ("ticker,weight\nA,50\n", "write fractions"),
        ("ticker,shares\n,5\n", "no ticker in line 2"),
    ],
)
def test_holdings_that_cannot_be_read_are_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "held.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_holdings(path)


def test_a_held_name_without_a_price_needs_the_equity(panel: Panel) -> None:
    target = pd.Series(0.0, index=panel.tickers)
    held = Holdings(amounts=pd.Series({"XYZ": 10.0}), in_shares=True)
    with pytest.raises(DataError, match="give --equity"):
        plan_trades(target, panel, holdings=held)
    orders, _ = plan_trades(target, panel, holdings=held, equity=1e5)
    assert "no bars" in orders.loc["XYZ", "blocked_by"]


def test_a_new_strategy_is_the_old_one_with_every_key_explained(tmp_path: Path) -> None:
    for like in shipped_strategies():
        path = new_strategy(f"my_{like}", folder=tmp_path, like=like)
        fresh, origin = load_spec(path), load_spec(like)
        assert fresh == origin.model_copy(update={"name": fresh.name, "title": fresh.title})
        lines = path.read_text(encoding="utf-8").splitlines()
        unexplained = [line for line in lines if "=" in line and not line.partition("  # ")[2]]
        assert unexplained == []


def test_every_key_of_a_spec_is_in_the_scaffold() -> None:
    text = strategy_text(load_spec())
    for section, field in StrategySpec.model_fields.items():
        for key, inner in getattr(field.annotation, "model_fields", {}).items():
            for name in getattr(inner.annotation, "model_fields", {key: None}):
                assert f"\n{name} = " in text or f"\n# {name} = " in text, f"{section}.{key} {name}"


def test_new_overwrites_nothing_and_refuses_a_bad_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert quintile("new", "mine", monkeypatch=monkeypatch, capsys=capsys).strip() == "mine.toml"
    before = Path("mine.toml").read_bytes()
    assert "not overwritten" in refusal("new", "mine", monkeypatch=monkeypatch, capsys=capsys)
    assert Path("mine.toml").read_bytes() == before
    for name in ("../mine", "Mine", "1st", "a b", 'x"'):
        assert "name" in refusal("new", name, monkeypatch=monkeypatch, capsys=capsys)
    assert files_under(tmp_path) == {"mine.toml"}
    code, *_ = left_with("run", "mine.toml", "--bars", "missing.parquet", monkeypatch=monkeypatch, capsys=capsys)
    assert code == 1
