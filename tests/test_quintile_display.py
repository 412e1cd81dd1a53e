"""What the face shows: runs, walks and own weights in a notebook, and progress below a cell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from backtests.engine.backtest import run_backtest
from core.errors import RunError
from core.files import write_json
from core.notebook_html import notebook_card, small_lines
from quintile.progress_display import CellBars, progress_bars, shown_progress
from strategy.frozen.replay import Replay
from strategy.frozen.verify import Verification
from strategy.runs.proof_file import Proof
from strategy.studies.book_comparison import BookComparison
from strategy.trading.paper import PaperRecord
from tests.frozen_market import Bench


@pytest.fixture(scope="module")
def run(bench: Bench) -> qt.Run:
    return qt.Run(bench.run)


@pytest.fixture(scope="module")
def bars(bench: Bench) -> qt.Panel:
    return qt.load_bars(bench.bars)


def test_a_run_shows_headline_equity_and_stamps(run: qt.Run) -> None:
    shown = run._repr_html_()
    assert "<svg" in shown
    assert "NOT EVIDENCE, SURVIVORSHIP UNKNOWN" in shown
    assert run.report.resolve().as_uri() in shown
    assert repr(run).startswith(f"<Run {run.folder.run_id} of filter_negative: NOT EVIDENCE, net Sharpe ratio")


def test_a_run_gives_its_frames_and_its_verdict(run: qt.Run) -> None:
    net = run.returns["filter_negative net"]
    assert run.equity.iloc[-1] == pytest.approx((1.0 + net).prod())
    assert list(run.ic)[:2] == ["model", "ridge"]
    assert {"session", "ticker", "shares", "price"} <= set(run.trades)
    assert run.verdict.word == "NOT EVIDENCE"
    assert str(run.verdict) == run.metrics["headline"]["sentence"]
    assert len(run.plot().data) == 3


def test_the_path_of_a_report_is_a_link_in_a_notebook(run: qt.Run) -> None:
    assert run.report.is_file()
    assert f"{run.report}".endswith("report.html")
    assert run.report._repr_html_().startswith('<a href="file:///')


def test_an_unfinished_run_says_so(run: qt.Run, tmp_path: Path) -> None:
    from strategy.runs.store import RunFolder

    (tmp_path / "begun").mkdir()
    assert repr(qt.Run(RunFolder(tmp_path / "begun"))) == "<Run begun, unfinished>"
    record = run.folder.record | {"finished": None}
    write_json(tmp_path / "begun" / "run.json", record)
    for part in ("scores", "weights", "returns", "equity", "ic", "trades", "metrics", "verdict"):
        with pytest.raises(RunError, match="begun has not finished: continue it with"):
            getattr(qt.Run(RunFolder(tmp_path / "begun")), part)


def test_values_of_many_frames_have_a_short_name(run: qt.Run, bars: qt.Panel) -> None:
    assert repr(qt.Inputs(panel=bars, sectors=pd.Series("a", index=bars.tickers))) == f"<Inputs: {bars!r} with sectors>"
    assert repr(qt.Inputs(panel=bars)) == f"<Inputs: {bars!r}>"
    decision = qt.decide(run, bars, equity=1e6)
    assert repr(decision) == (
        f"<Decision of filter_negative at the close of {bars.sessions[-1]:%Y-%m-%d}: {len(decision.orders)} names>"
    )


def test_a_picture_is_drawn_on_one_scale_and_leaves_gaps_out() -> None:
    shown = small_lines({"a": [0.0, np.nan, 1.0], "b": [0.5, 0.5]}, title="<t>")
    assert 'points="4.0,86.0 416.0,4.0"' in shown
    assert "&lt;t&gt;: a, b, from 0 to 1" in shown
    assert small_lines({"a": [np.nan, 1.0]}, title="t") == ""
    assert notebook_card("<", [("<", "<")]) == "<p>&lt;</p><table><tr><th>&lt;</th><td>&lt;</td></tr></table>"


def test_own_weights_of_a_run_come_to_the_run(run: qt.Run, bars: qt.Panel, tmp_path: Path) -> None:
    held = qt.backtest(run.weights, bars, costs=qt.Costs(trade_bps=5))
    pd.testing.assert_series_equal(held.returns["net"], run.returns["filter_negative net"], check_names=False)
    assert str(held) == str(held.result)
    page = held.report(tmp_path / "weights.html").read_text(encoding="utf-8")
    for words in ("No verdict", "NOT COUNTED", "UNPROVEN", "Regimes", "Turnover and costs", "n/a: weights came"):
        assert words in page
    for words in ("Rank IC", "ICIR", "Model beside baselines"):
        assert words not in page


def test_own_weights_trade_on_the_clock_costs_and_capital_that_are_given(run: qt.Run, bars: qt.Panel) -> None:
    execution, costs = qt.Execution(fill="next_close", extra_delay=1), qt.Costs(trade_bps=17)
    held = qt.backtest(run.weights, bars, execution=execution, costs=costs, capital=5e5)
    expected = run_backtest(bars, run.weights, execution=execution, costs=costs, capital=5e5)
    pd.testing.assert_series_equal(held.equity, expected.equity)
    assert held.result.capital == 5e5


def test_own_weights_may_leave_tickers_out_and_may_not_name_strange_ones(bars: qt.Panel) -> None:
    few = pd.DataFrame(0.2, index=bars.sessions[:50], columns=bars.tickers[:3])
    held = qt.backtest(few, bars)
    assert held.result.held_weights.iloc[-1].abs().gt(0).sum() == 3
    with pytest.raises(ValueError, match=r"weights hold 1 tickers that the bars lack, such as \['NONE'\]"):
        qt.backtest(few.rename(columns={bars.tickers[0]: "NONE"}), bars)


@pytest.mark.slow
def test_scores_in_long_form_are_those_in_wide_form(
    run: qt.Run, bars: qt.Panel, tmp_path: Path, few_random_books: None
) -> None:
    rows = run.scores.stack().rename("score").reset_index().rename(columns={"session": "Date"})
    judged = [qt.evaluate(scores, bars, store=tmp_path) for scores in (run.scores, rows)]
    pd.testing.assert_frame_equal(judged[0].returns, judged[1].returns)
    assert bars.request is not None
    assert judged[0].folder.request == replace(bars.request, exchange=bars.facts.exchange)


def test_progress_is_drawn_below_a_cell_not_oftener_than_anybody_sees() -> None:
    class Handle:
        def __init__(self) -> None:
            self.drawn: list[str] = []

        def update(self, data: dict[str, str], *, raw: bool) -> None:
            self.drawn.append(data["text/html"])

    handle: Any = Handle()
    bars = CellBars(handle)
    for done in range(1, 101):
        bars("epoch <1>", done, 100, "loss")
    assert 1 <= len(handle.drawn) <= 5
    assert handle.drawn[-1].startswith("<table><tr><td>epoch &lt;1&gt;</td>")
    assert 'value="100" max="100"' in handle.drawn[-1]


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as progress:
        progress("stage", 1, 2)
    with shown_progress(quiet=True) as progress:
        progress("stage", 1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_run_of_bars_in_memory_says_what_it_cannot_do(
    run: qt.Run, bench: Bench, tmp_path: Path, few_random_books: None
) -> None:
    bars = qt.load_bars(pd.read_parquet(bench.bars))
    judged = qt.evaluate(run.scores, bars, store=tmp_path)
    for refused in (qt.compare_books, qt.prove, lambda run: qt.freeze(run, "mine@1.0.0", versions=tmp_path)):
        with pytest.raises(qt.errors.RunError, match="was made of bars in memory, which nothing loads again"):
            refused(judged)
    assert len(qt.compare_books(judged, bars).table) > 5


def test_a_decision_on_bars_without_a_universe_takes_that_of_the_run(bench: Bench, tmp_path: Path) -> None:
    folder = bench.copied(tmp_path).run
    record = folder.record
    write_json(folder.path / "run.json", record | {"request": record["request"] | {"universe": "top10"}})
    run = qt.Run(folder)
    told, chosen = (qt.decide(run, qt.load_bars(bench.bars, universe=universe)) for universe in ("all", "top10"))
    pd.testing.assert_series_equal(told.weights, chosen.weights)
    assert not told.weights.equals(qt.decide(qt.Run(bench.run), qt.load_bars(bench.bars)).weights)


def test_what_a_decision_is_told_is_checked(run: qt.Run, bars: qt.Panel) -> None:
    with pytest.raises(ValueError, match="as-of must be an ISO date like 2026-01-30, was 'soon'"):
        qt.decide(run, bars, equity=1e6, as_of="soon")
    with pytest.raises(TypeError, match="holdings must be a Holdings, was a DataFrame: the path of a CSV file"):
        qt.decide(run, bars, holdings=pd.DataFrame({"ticker": ["AAA"], "shares": [1.0]}))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"run must be a Run, was a StrategySpec: qt\.run or qt\.load_run gives one"):
        qt.decide(run.folder.spec, bars)  # type: ignore[arg-type]


def test_bars_without_a_stage_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars():
        pass
    assert capsys.readouterr() == ("", "")


def test_what_a_check_found_is_printed_and_shown_alike() -> None:
    kept = Replay(exact=True, difference=None, figures={"sharpe": 0.5}, why="same <code>")
    assert str(kept) == "SAME NUMBERS\nsame <code>\n  sharpe 0.5"
    assert kept._repr_html_() == "<pre>SAME NUMBERS\nsame &lt;code&gt;\n  sharpe 0.5</pre>"
    damaged = Verification(damage=("weights.safetensors has changed",))
    assert damaged._repr_html_() == "<pre>NOT INTACT\n  weights.safetensors has changed</pre>"
    assert str(Verification(damage=(), notes=("n",), sha256="ab")) == (
        "INTACT, lock ab\nSAME CODE AND ENVIRONMENT\nnote: n"
    )
    for each in (BookComparison, PaperRecord, Proof):
        assert "_repr_html_" in vars(each)
