"""Solver: one rebalance put to skfolio; importing this takes seconds and needs the extra ``optimise``.

The covariance is Ledoit and Wolf's shrinkage of the window's returns. Mean-variance and mean-CVaR weigh both legs
together, so that a long may hedge a short; risk parity and hierarchical risk parity are long-only by nature and weigh
each leg by itself.

References
----------
Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004). Rockafellar and Uryasev,
Optimization of conditional value-at-risk (2000). Maillard, Roncalli and Teiletche, The properties of equally weighted
risk contribution portfolios (2010). López de Prado, Building diversified portfolios that outperform out of sample
(2016).
"""

import warnings
from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
from skfolio import RiskMeasure
from skfolio.exceptions import OptimizationError
from skfolio.moments import LedoitWolf
from skfolio.optimization import HierarchicalRiskParity, MeanRisk, ObjectiveFunction, RiskBudgeting
from skfolio.prior import EmpiricalPrior

from portfolio.book_settings import OptimizerSettings
from portfolio.problem import Problem

__all__ = ["solve"]

INACCURATE = "Solution may be inaccurate"  # skfolio's warning for weights that a solver does not vouch for
MIN_WEIGHT = 1e-6  # of equity; an interior-point solver leaves this much where it means nothing


def solve(problem: Problem, builder: str, settings: OptimizerSettings) -> np.ndarray | None:
    """Solve for signed weights, shape (n_names,); None where the solver has none within the limits.

    Parameters
    ----------
    problem : Problem
        Names, past returns, scores and limits.
    builder : {"mean_variance", "mean_cvar", "risk_parity", "hrp"}
        What is optimised.
    settings : OptimizerSettings
        Aversions and level of the tail.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=INACCURATE)
            weights = _mean_risk(problem, builder, settings) if builder in MEAN_RISK else _by_leg(problem, builder)
    except (OptimizationError, UserWarning):
        return None
    return np.where(np.abs(weights) < MIN_WEIGHT, 0.0, weights)


MEAN_RISK = {"mean_variance": RiskMeasure.VARIANCE, "mean_cvar": RiskMeasure.CVAR}
BY_LEG: dict[str, Callable[..., Any]] = {"risk_parity": RiskBudgeting, "hrp": HierarchicalRiskParity}


def _prior() -> EmpiricalPrior:
    return EmpiricalPrior(covariance_estimator=LedoitWolf())


def _mean_risk(problem: Problem, builder: str, settings: OptimizerSettings) -> np.ndarray:
    """Maximise expected return − aversion × risk; the scores are the expected return."""
    aversion = settings.risk_aversion if builder == "mean_variance" else settings.tail_aversion
    left, right = _inequalities(problem)
    model = MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=MEAN_RISK[builder],
        risk_aversion=aversion,
        cvar_beta=settings.tail_level,
        prior_estimator=_prior(),
        overwrite_expected_return=lambda weights: problem.scores @ weights,
        min_weights=np.where(problem.signs > 0, 0.0, -problem.limits),
        max_weights=np.where(problem.signs > 0, problem.limits, 0.0),
        budget=problem.legs[1] - problem.legs[-1],
        left_inequality=left,
        right_inequality=right,
        add_constraints=lambda weights: _turnover_limit(problem, weights),
    )
    fitted: np.ndarray = model.fit(problem.returns).weights_
    return fitted


def _inequalities(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Rows and bounds of ``rows @ weights <= bounds``: the long leg, then each exposure on either side."""
    longs = (problem.signs > 0).astype(float)[None, :]
    rows = np.vstack([longs, -longs, problem.exposures, -problem.exposures])
    return rows, np.concatenate([[problem.legs[1], -problem.legs[1]], problem.bounds, problem.bounds])


def _turnover_limit(problem: Problem, weights: cp.Variable) -> list[cp.Constraint]:
    return [] if problem.traded is None else [cp.norm1(weights - problem.before) <= problem.traded]


def _by_leg(problem: Problem, builder: str) -> np.ndarray:
    weights = np.zeros(len(problem.signs))
    for sign, gross in problem.legs.items():
        leg = problem.signs == sign
        if gross > 0:
            weights[leg] = sign * gross * _leg_shares(problem.returns[:, leg], problem.limits[leg] / gross, builder)
    return weights


def _leg_shares(returns: np.ndarray, limits: np.ndarray, builder: str) -> np.ndarray:
    """Weights that sum to 1; a leg of one name has no risk to share."""
    if returns.shape[1] == 1:
        return np.ones(1)
    model = BY_LEG[builder](prior_estimator=_prior(), max_weights=np.minimum(limits, 1.0))
    shares: np.ndarray = model.fit(returns).weights_
    return shares
