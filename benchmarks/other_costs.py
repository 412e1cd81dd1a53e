"""The ledger's costs beside cvxportfolio's simulator, an independent one, on a small case.

Both hold the same daily weights
of 8 names over 60 calendar days; prices move overnight only and dollar volumes are constant, so that both clocks and
both volumes agree. cvxportfolio's impact is b σ |trade|^1.5 ÷ √volume; b is the impact at participation 1 and σ is 1.
Its fee compounds over a year of 365.24 days; it is given the one that makes the same basis points per night.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.engine.due_weights import due_weights
from backtests.engine.ledger import keep_ledger
from benchmarks.runner import Options, Section, run_peer
from benchmarks.runner.peers import PeerMissing
from market import Execution, Panel, PanelFacts
from market.panel import aligned_frame
from portfolio.costs import Costs

N_SESSIONS, N_NAMES, VOLUME, CAPITAL = 60, 8, 5e6, 1e6
CASES = {
    "spread": Costs(trade_bps=10),
    "spread and root impact": Costs(trade_bps=10, impact="square_root", impact_bps=50),
    "spread and borrow fee": Costs(trade_bps=10, borrow_bps=720),
    "all three": Costs(trade_bps=10, impact="square_root", impact_bps=50, borrow_bps=720),
}
PEER = """
import sys, numpy as np, pandas as pd, cvxportfolio as cvx
kept = np.load(sys.argv[1])
days = pd.date_range("2015-01-01", periods=len(kept["open"]), tz="UTC")
names = [f"T{k}" for k in range(kept["open"].shape[1])]
price, weights = (pd.DataFrame(kept[name], days, names) for name in ("open", "weights"))
returns = (price.shift(-1) / price - 1).assign(cash=0.0)
weights["cash"] = 1 - weights.sum(axis=1)
bps, impact, borrow, volume, capital = map(float, sys.argv[2:])
costs = [cvx.TransactionCost(a=bps / 1e4, b=impact / 1e4 or None, sigma=1.0, exponent=1.5)]
if borrow:
    costs.append(cvx.HoldingCost(short_fees=100 * ((1 + borrow / 360e4) ** 365.24 - 1)))
data = cvx.UserProvidedMarketData(
    returns, volumes=price * 0 + volume, prices=price, cash_key="cash", min_history=pd.Timedelta("0d")
)
simulator = cvx.MarketSimulator(market_data=data, costs=costs, round_trades=False)
start = pd.Series([0.0] * len(names) + [capital], [*names, "cash"])
result = simulator.run_backtest(cvx.FixedWeights(weights), start_time=days[1], end_time=days[-1], h=start)
print(*result.v.to_numpy())
"""


def case() -> tuple[Panel, pd.DataFrame]:
    """Prices that move overnight only, and weights that change every day."""
    rng = np.random.default_rng(1)
    price = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (N_SESSIONS, N_NAMES)), axis=0))
    sessions, names = pd.date_range("2015-01-01", periods=N_SESSIONS), pd.Index([f"T{k}" for k in range(N_NAMES)])
    frame = aligned_frame(price, sessions, names)
    level = aligned_frame(np.full(price.shape, VOLUME), sessions, names)
    facts = PanelFacts(source="random walk", adjustment="none", volume_basis="none", synthetic=True)
    bars = dict.fromkeys(("open", "high", "low", "close"), frame)
    panel = Panel(**bars, volume=level, dollar_volume=level, universe=level > 0, facts=facts)
    raw = rng.normal(size=price.shape)
    return panel, aligned_frame(raw / np.abs(raw).sum(axis=1, keepdims=True), sessions, names)


def theirs(costs: Costs, options: Options) -> np.ndarray:
    """cvxportfolio's equity before the trades of each day from the second on."""
    panel, weights = case()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "book.npz"
        np.savez(kept, open=panel.open.to_numpy(), weights=weights.shift(1).fillna(0.0).to_numpy())
        terms = (costs.trade_bps, costs.impact_bps, costs.borrow_bps, VOLUME, CAPITAL)
        answer = run_peer("cvxportfolio", PEER, str(kept), *map(str, terms), options=options)
    return np.array([float(number) for number in answer.splitlines()[-1].split()])


def ours(costs: Costs) -> np.ndarray:
    """Ledger's equity before the trades of each day from the second on."""
    panel, weights = case()
    due = due_weights(panel, weights, Execution(), may_borrow=True)
    run = keep_ledger(panel, due, execution=Execution(), costs=costs, capital=CAPITAL)
    return np.asarray(run.fill_equity[1:])


def row(name: str, costs: Costs, free: np.ndarray, options: Options) -> tuple[str, ...]:
    """What a case costs, and the largest difference of both equities."""
    mine, other = ours(costs), theirs(costs, options)
    gap = np.abs(mine[: len(other)] - other[: len(mine)]).max() / CAPITAL
    return name, f"{1 - mine[-1] / free[-1]:.4%}", f"{gap:.1e}"


def section(options: Options) -> Section:
    """Compare, and return the section."""
    free, missing = ours(Costs(trade_bps=0)), ()
    try:
        rows = tuple(row(name, costs, free, options) for name, costs in CASES.items())
    except PeerMissing as reason:
        rows, missing = (), (f"Left out: {reason}.",)
    note = (
        f"{N_NAMES} names over {N_SESSIONS} days, other weights every day; cvxportfolio in an environment of its own."
    )
    return Section(
        heading="The ledger's costs beside cvxportfolio's",
        clock="nothing is timed",
        notes=(note, *missing),
        columns=("costs", "of final equity", "largest difference ÷ capital"),
        rows=rows,
    )
