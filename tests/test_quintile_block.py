"""What a user gets: the block of code that shows the product, from bars in a file to paper, run as it stands."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.frozen_market import SMALL, small_bars
from tests.test_public_api import past_clock

BLOCK = """
bars  = qt.load_bars("bars.parquet", universe="top500")
spec  = qt.load_strategy("filter_negative", {"portfolio.k": 0.1, **small})

run   = qt.run(spec, bars)
shown = (str(run), run._repr_html_())
parts = (run.scores, run.weights, run.returns, run.ic, run.trades, run.equity, run.verdict, run.report, run.plot())
scores, weights, returns = run.scores, run.weights, run.returns["filter_negative net"]
again = qt.evaluate(scores, bars, rules=spec.rules)
books = qt.compare_books(run); walk = qt.walk_forward(spec, bars, train=300, test=160, workers=1); proof = qt.prove(run)
version = qt.freeze(run, "mine@1.0.0"); verified = version.verify(); replayed = version.replay()
decision = qt.decide(run, bars, holdings="today.csv"); record = qt.paper(version, bars)
features = qt.features(bars, "core14"); held = qt.backtest(weights, bars, costs=qt.Costs(trade_bps=5))
ratio = qt.sharpe_ratio(returns, sessions_per_year=bars.facts.sessions_per_year); page = held.report()
"""


@pytest.mark.slow
def test_every_line_of_the_block_runs(few_random_books: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("strategy.frozen.freeze.datetime", past_clock())
    rows = pd.read_parquet(small_bars(tmp_path / "bars.parquet"))
    Path("today.csv").write_text(f"ticker,shares\n{rows['ticker'].iloc[0]},100\n$CASH,100000\n")
    small = {key: int(value) for key, _, value in (assignment.partition("=") for assignment in SMALL)}
    names: dict[str, Any] = {"small": small}
    exec("import quintile as qt\n" + BLOCK, names)
    assert names["again"].ic["model"].equals(names["run"].ic["model"])
    assert (names["proof"].verdict, names["verified"].is_intact, names["replayed"].same) == ("PASS", True, True)
    assert names["decision"].orders["trade_shares"].notna().any()
    assert len(names["record"].decisions) == 1
    assert names["ratio"] == names["run"].metrics["headline"]["sharpe_net"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["runs", "versions"]
    assert names["page"].is_file()
