"""What cannot be said is n/a with its reason, on page, in metrics and on the console, and ends no run."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.evaluation import evaluate_scores
from backtests.report.judged_words import missing_ic, missing_words
from core.errors import DataError
from market.inputs import Inputs
from market.panel import Panel
from portfolio.rules import TradingRules
from signals.groups import ic_by_group, size_terciles
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.evaluate import evaluate
from strategy.learning.training_checks import check_optimizer_window, check_test_rows
from strategy.learning.training_data import prepare_training_data
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.result import Run
from strategy.runs.store import RunStore
from strategy.walk_forward.walk import walk
from strategy.walk_forward.walk_settings import WalkSettings
from tests.oracles.small_runs import SMALL
from tests.test_backtests_judged_span import bars_of, ledger_returns, scores_on, sharpe

pytestmark = pytest.mark.usefixtures("few_random_books")

BARS = bars_of(300)
ROWS = np.arange(40, 140)


def judged(panel: Panel, scores: pd.DataFrame, store: Path) -> Run:
    return evaluate(scores, panel, context=RunContext(store=RunStore(store)))


def without_volume(panel: Panel, *, value: float = np.nan) -> Panel:
    """The bars with one volume throughout."""
    volume = panel.volume * 0.0 + value
    return replace(panel, volume=volume, dollar_volume=volume * panel.close)


def words_of(page: Path) -> str:
    """What a reader of a report reads."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"<[^>]+>", " ", text)


def spec_of(*settings: str) -> StrategySpec:
    return override(load_spec("quintile_long_short"), list(settings))


def test_nine_names_without_volume_and_with_little_history_are_judged(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    panel, scores = without_volume(BARS.of_columns(0, 9)), scores_on(BARS, ROWS).iloc[:, :9]
    found = judged(panel, scores, tmp_path)
    returns = ledger_returns(panel, scores, load_spec("quintile_long_short").rules).to_numpy()[41:142]
    head, told = found.metrics["headline"], " ".join(found.metrics["missing"])
    assert not list(recwarn)
    assert head["sessions"] == 101
    assert head["sharpe_net"] == pytest.approx(sharpe(returns), abs=1e-9)
    assert "12-1 momentum: n/a, too little history" in told
    assert "rank IC by size: n/a, no scored name has a known dollar volume" in told
    assert "capacity: n/a, no dollar volume is known" in told
    assert found.metrics["what_if"]["capacity"]["rows"] == []
    assert "12-1 momentum" not in found.metrics["wall"]["rivals"]
    read = words_of(found.report)
    assert "Calibration by decile: n/a, fewer than ten names" in read
    assert "Capacity: n/a" in read
    assert not re.search(r"\bnan\b", read, flags=re.I)


def test_no_claim_comes_from_a_missing_rank_ic(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    scores = scores_on(BARS, ROWS)
    scores.iloc[:] = 1.0
    found = judged(BARS, scores, tmp_path)
    assert not list(recwarn)
    assert "nan" not in found.metrics["headline"]["sentence"].lower()
    why = "No rank IC: all scores of a session are the same."
    assert why in found.metrics["judged"]["words"]
    read = words_of(found.report)
    assert why in read
    assert not re.search(r"\bnan\b", read, flags=re.I)


def test_late_benchmarks_repeated_factors_and_four_names_are_told() -> None:
    market = BARS.close.pct_change().mean(axis=1)
    beside = Inputs(
        panel=BARS,
        benchmark=market.where(market.index > BARS.sessions[200]),
        factors=pd.DataFrame({"mkt": market, "twice": 2.0 * market}),
    )
    scores = scores_on(BARS, ROWS)
    scores.iloc[:, 4:] = np.nan
    found = evaluate_scores(TradingRules(), beside, scores=scores, baselines={})
    told = " ".join(missing_words(found))
    assert "benchmark: n/a, it has no return in the judged sessions" in told
    assert "regression on the factors: n/a" in told
    assert missing_ic(found) == "no rank IC: fewer than five names have a score and a return"


def test_groups_without_a_name_are_a_table_without_a_row() -> None:
    silent, scores = without_volume(BARS), scores_on(BARS, ROWS)
    table = ic_by_group(scores, scores, size_terciles(silent))
    assert table.empty
    assert {"mean", "standard_error", "hit_rate", "mean_names"} <= set(table.columns)


@pytest.mark.parametrize("value", [np.nan, 0.0, 7.0])
def test_training_on_bars_without_volume_stops_before_it_has_a_folder(tmp_path: Path, value: float) -> None:
    silent, context = without_volume(BARS, value=value), RunContext(store=RunStore(tmp_path))
    settings = WalkSettings.model_validate({"retraining": {"train": 160, "test": 40}})
    with pytest.raises(DataError, match=r"vol_volume.*--set features.set=core11"):
        run(spec_of(*SMALL), silent, context=context)
    with pytest.raises(DataError, match=r"vol_volume.*--set features.set=core11"):
        walk(spec_of(*SMALL), silent, settings=settings, context=context)
    assert not any(tmp_path.rglob("*"))


def test_features_of_prices_alone_need_no_volume() -> None:
    learned = prepare_training_data(spec_of(*SMALL, "features.set=core11"), without_volume(BARS))
    assert len(learned.windows.scaler.names) == 11


def test_a_test_span_in_which_nothing_fills_is_refused_before_training() -> None:
    learned = prepare_training_data(spec_of(*SMALL), BARS)
    check_test_rows(learned.windows, slice(290, 300), delay=1)
    with pytest.raises(
        DataError, match=r"no test session, .* has a name with 30 complete sessions whose decision fills"
    ):
        check_test_rows(learned.windows, slice(299, 300), delay=1)


def test_an_optimised_book_needs_its_window_in_the_test_span() -> None:
    spec = spec_of("portfolio.builder=hrp", "portfolio.smoothing=1", "portfolio.optimizer.window=126")
    check_optimizer_window(spec, BARS, np.arange(100, 140))
    with pytest.raises(DataError, match="no name has the 126 returns that hrp needs"):
        check_optimizer_window(spec, BARS, np.arange(100, 120))
