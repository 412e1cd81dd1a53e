"""Every picture of the report: one function each, frames in, a plotly figure out; nothing is measured here.

Each works alone in a notebook. Returns are simple; wealth starts at 1 and compounds; shares and returns are fractions.
"""

from backtests.report.figures.baseline_figures import gaps_figure, random_figure, sharpe_ranges_figure
from backtests.report.figures.books_figures import (
    drawdown_distribution_figure,
    drawdown_figure,
    exposure_figure,
    largest_weight_figure,
    names_figure,
    paid_costs_figure,
    regime_figure,
    turnover_figure,
    wealth_figure,
)
from backtests.report.figures.clusters_figures import clusters_figure
from backtests.report.figures.curves_figures import curves_figure, scale_figure, switches_figure
from backtests.report.figures.holdings_figures import (
    beta_figure,
    beta_ranges_figure,
    effective_names_figure,
    legs_figure,
)
from backtests.report.figures.signal_figures import (
    cumulative_ic_figure,
    decay_figure,
    ic_figure,
    ic_ranges_figure,
    quantile_figure,
    quarter_figure,
)
from backtests.report.figures.study_figures import (
    calibration_figure,
    group_figure,
    ic_histogram_figure,
    permutation_figure,
    position_figure,
    prediction_figure,
    spread_figure,
)
from backtests.report.figures.training_figures import learning_figure, loss_figure
from backtests.report.figures.walk_figures import folds_figure
from backtests.report.figures.what_if_figures import (
    Dial,
    dial_figure,
    factors_figure,
    frontier_figure,
    sectors_figure,
    stress_figure,
)

__all__ = [
    "Dial",
    "beta_figure",
    "beta_ranges_figure",
    "calibration_figure",
    "clusters_figure",
    "cumulative_ic_figure",
    "curves_figure",
    "decay_figure",
    "dial_figure",
    "drawdown_distribution_figure",
    "drawdown_figure",
    "effective_names_figure",
    "exposure_figure",
    "factors_figure",
    "folds_figure",
    "frontier_figure",
    "gaps_figure",
    "group_figure",
    "ic_figure",
    "ic_histogram_figure",
    "ic_ranges_figure",
    "largest_weight_figure",
    "learning_figure",
    "legs_figure",
    "loss_figure",
    "names_figure",
    "paid_costs_figure",
    "permutation_figure",
    "position_figure",
    "prediction_figure",
    "quantile_figure",
    "quarter_figure",
    "random_figure",
    "regime_figure",
    "scale_figure",
    "sectors_figure",
    "sharpe_ranges_figure",
    "spread_figure",
    "stress_figure",
    "switches_figure",
    "turnover_figure",
    "wealth_figure",
]
