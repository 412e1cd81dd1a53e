"""What each spread's ranges hold out of sample, on the built-in market and one network a seed.

    python -m benchmarks.range_coverage [--seeds 3] [--docs docs]

Prints the table of docs/uncertainty.md and draws its picture. A seed is a market and a training: one LSTM with a head
for the variance and with dropout, trained once; the methods share it and differ in the spread alone.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.breakdown.range_study import CONSTANT, HISTORICAL, OWN, RangeStudy, ReturnRanges, range_study
from core.files import atomic_path
from core.progress import ProgressCallback, silent
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from models.checkpoint import Checkpoint
from models.model import ScoreContext
from models.uncertainty.conformal import NINETY, ONE_SIGMA
from quintile.progress_display import progress_bars
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.learning.learn import expected_returns, learn, ranges_of, test_sessions
from strategy.learning.return_ranges import return_ranges
from strategy.learning.training_data import TrainingData, prepare_training_data

N_TICKERS = 120
METHODS = ("constant", "session", "head", "dropout")
NETWORK = {
    "model.hidden": 32,
    "model.layers": 2,
    "model.lookback": 20,
    "model.heads": ["score", "log_variance"],
    "loss.terms": {"soft_rank": 0.7, "gaussian": 0.3},
    "training.burn_in": 20,
    "training.max_epochs": 10,
    "uncertainty.passes": 10,
}
STYLE = {"svg.hashsalt": "quintile", "svg.fonttype": "path", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def spec_of(method: str, seed: int) -> StrategySpec:
    """The strategy with a method; nothing that is learned differs between them."""
    return override(load_spec(), {**NETWORK, "uncertainty.method": method, "training.seed": seed})


def words(found: list[dict[str, RangeStudy]]) -> str:
    """What the table does not say: markets, sessions judged, and the CRPS of the forecast that knows no score."""
    trivial = 1e4 * np.mean([seed["constant"].crps[HISTORICAL].estimate for seed in found])
    sessions = found[0]["constant"].n_sessions
    return f"{len(found)} seeds, {sessions} test sessions each; CRPS of historical volatility {trivial:.2f} bps"


def studies(seed: int, progress: ProgressCallback = silent) -> dict[str, RangeStudy]:
    """Train once on one market, and judge the ranges of every method."""
    panel = synthetic_market(SyntheticSettings(seed=seed, n_tickers=N_TICKERS)).panel
    trained = prepare_training_data(spec_of("session", seed), panel)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = learn(
            spec_of("constant", seed), trained, folder=Path(folder), identity={"panel": ""}, progress=progress
        )
    return {method: judged(spec_of(method, seed), checkpoint, trained, panel) for method in METHODS}


def judged(spec: StrategySpec, checkpoint: Checkpoint, trained: TrainingData, panel: Panel) -> RangeStudy:
    """Scale a method's spread on validation and judge it on the test span."""
    windows, context = trained.windows, ScoreContext()
    validation = windows.sessions[trained.split.validation]
    raw = checkpoint.model.scores(windows, validation, context=context)
    fit = ranges_of(spec, checkpoint, trained, raw, context=context)
    ranged = Checkpoint(model=checkpoint.model, calibration=checkpoint.calibration, uncertainty=fit)
    scores = expected_returns(ranged, windows, sessions=test_sessions(panel, checkpoint), spec=spec)
    part = return_ranges(spec, ranged, windows, scores=scores, trailing=trained.trailing)
    assert isinstance(part, ReturnRanges)
    return range_study([part], panel, execution=spec.execution, horizon=1, overlap=1)


def rows(found: list[dict[str, RangeStudy]]) -> list[str]:
    """A line a method: means over seeds, and in brackets how many seeds are uncalibrated."""
    lines = []
    for method in METHODS:
        each = [seed[method] for seed in found]
        one, ninety = (np.mean([study.coverage[level].estimate for study in each]) for level in (ONE_SIGMA, NINETY))
        width, own = np.mean([study.width for study in each]), np.mean([study.crps[OWN].estimate for study in each])
        gaps = [
            spread_of_seeds([study.differences[name].estimate for study in each]) for name in (CONSTANT, HISTORICAL)
        ]
        wrong = f"{sum(study.is_uncalibrated for study in each)} of {len(each)}"
        numbers = (f"{one:.1%}", f"{ninety:.1%}", wrong, f"{width:.2%}", f"{1e4 * own:.2f}", *gaps)
        lines.append(f"| `{method}` | {' | '.join(numbers)} |")
    return lines


def spread_of_seeds(differences: list[float]) -> str:
    """Mean over seeds with the lowest and the highest, in basis points."""
    low, high = 1e4 * min(differences), 1e4 * max(differences)
    return f"{1e4 * np.mean(differences):+.3f} ({low:+.3f} to {high:+.3f})"


def draw(found: list[dict[str, RangeStudy]], path: Path) -> None:
    """Draw observed less nominal share of every quantile, the mean over seeds, one line a method."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(8.0, 3.6), layout="tight")
        left, right = figure.subplots(1, 2)
        for method in METHODS:
            curve = pd.concat([seed[method].curve["estimate"] for seed in found], axis=1).mean(axis=1)
            left.plot(curve.index, curve, label=method, linewidth=1.2)
            right.plot(curve.index, curve - curve.index.to_numpy(), label=method, linewidth=1.2)
        left.plot([0.0, 1.0], [0.0, 1.0], color="black", linewidth=0.8, linestyle=":", label="as nominal")
        right.axhline(0.0, color="black", linewidth=0.8, linestyle=":")
        left.set(xlabel="level of the quantile", ylabel="share of returns below", title="SYNTHETIC: calibration curve")
        right.set(xlabel="level of the quantile", ylabel="observed less nominal", title="SYNTHETIC: its distance")
        left.legend(fontsize=7)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def main() -> None:
    """Train, judge, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--docs", type=Path, help="folder for uncertainty.svg")
    options, begun = parser.parse_args(), time.process_time()
    with progress_bars() as advance:
        found = [studies(seed, advance) for seed in range(1, options.seeds + 1)]
    print(f"{words(found)}; {time.process_time() - begun:.0f} s of one core")
    print("\n".join(rows(found)))
    if options.docs is not None:
        draw(found, options.docs / "uncertainty.svg")


if __name__ == "__main__":
    main()
