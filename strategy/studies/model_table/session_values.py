"""Session values: what the run of one cell came to in every session, so that seeds and models compare in pairs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import RunError
from market.inputs import Inputs
from market.panel import Panel
from market.returns import Execution, forward_returns
from signals.score_metrics import information_coefficient
from strategy.runs.store import RunFolder
from strategy.studies.model_table.style_exposures import style_exposures, style_residual_ic

__all__ = ["MEASURES", "MarketMeasures", "SessionValues", "session_values", "sharpe_values"]

MEASURES = ("rank_ic", "close_to_close", "night_before", "open_to_close", "night_after", "style_ic", "sharpe")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionValues:
    """One run by session.

    Parameters
    ----------
    frame : DataFrame of float, shape (n_sessions, len(MEASURES) + 1)
        ``rank_ic`` with the return that the strategy's fills earn, from the first executable price on; its parts and
        the night that nobody can trade: ``night_before`` from the close of the decision to the next open,
        ``open_to_close`` of the next session, ``night_after`` from its close to the open after; ``close_to_close`` as
        the field publishes it, from the close of the decision to the next; ``style_ic`` with the styles held fixed;
        ``sharpe`` of the net returns, see ``sharpe_values``; ``oracle_ic`` on the same names, NaN without an oracle.
    net : Series of float
        Net returns.
    sessions_per_year : float
        Of the bars.
    names : float
        Mean number of names with a score.
    """

    frame: pd.DataFrame
    net: pd.Series
    sessions_per_year: float
    names: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketMeasures:
    """What all runs on the same bars are measured against.

    Parameters
    ----------
    inputs : Inputs
        The bars.
    parts : mapping of str to DataFrame
        Returns by the measure that correlates scores with them, each on the names whose fills are known.
    exposures : mapping of str to DataFrame
        Of ``style_exposures``.
    """

    inputs: Inputs
    parts: dict[str, pd.DataFrame]
    exposures: dict[str, pd.DataFrame]

    @classmethod
    def of(cls, inputs: Inputs, execution: Execution, *, horizon: int = 1) -> "MarketMeasures":
        """Measures of bars for a clock and a label."""
        panel = inputs.panel
        forward = forward_returns(panel, execution, horizon=horizon)
        parts = {"rank_ic": forward} | {name: part.where(forward.notna()) for name, part in _parts(panel).items()}
        return cls(inputs=inputs, parts=parts, exposures=dict(style_exposures(panel)))


def session_values(folder: RunFolder, measures: MarketMeasures) -> SessionValues:
    """Measure a finished run from the scores and returns that it kept.

    Raises
    ------
    RunError
        If its bars are others, or a file of it is gone or damaged.
    """
    if folder.record["identity"]["panel"] != measures.inputs.panel.fingerprint():
        raise RunError(f"run {folder.run_id} is of other bars: repeat the command")
    scores, net = folder.read_frame("scores"), folder.read_column("returns", f"{folder.record['strategy']} net")
    oracle, year = measures.inputs.oracle, measures.inputs.panel.facts.sessions_per_year
    columns = {name: information_coefficient(scores, part) for name, part in measures.parts.items()}
    columns["style_ic"] = style_residual_ic(scores, measures.parts["rank_ic"], measures.exposures)
    columns["sharpe"] = sharpe_values(net, sessions_per_year=year).reindex(scores.index.union(net.index))
    if oracle is not None:
        known = oracle.reindex(index=scores.index, columns=scores.columns).where(scores.notna())
        columns["oracle_ic"] = information_coefficient(known, measures.parts["rank_ic"])
    frame = pd.DataFrame(columns).reindex(columns=[*MEASURES, "oracle_ic"])
    return SessionValues(frame=frame, net=net, sessions_per_year=year, names=float(scores.notna().sum(axis=1).mean()))


def sharpe_values(net: pd.Series, *, sessions_per_year: float) -> pd.Series:
    """Numbers by session whose mean is the annual Sharpe ratio and whose spread is that of its estimate.

    Each is the ratio and the influence of its session on it, so that errors, pairs and seeds are counted as those of
    any mean; NaN where the returns do not vary.

    References
    ----------
    Ledoit, O. and Wolf, M., "Robust performance hypothesis testing with the Sharpe ratio", Journal of Empirical
    Finance, 2008: the delta method with HAC errors.
    """
    known = net.dropna()
    deviation = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    if not deviation > 0.0:
        return pd.Series(np.nan, index=net.index)
    z, ratio = (known - known.mean()) / deviation, float(known.mean()) / deviation
    influence = z - 0.5 * ratio * (z**2 - (z**2).mean())
    values: pd.Series = np.sqrt(sessions_per_year) * (ratio + influence)
    return values.reindex(net.index)


def _parts(panel: Panel) -> dict[str, pd.DataFrame]:
    """Returns between the close of the decision and the open after next, and from close to close."""
    opened, close = panel.open, panel.close
    return {
        "close_to_close": close.shift(-1) / close - 1.0,
        "night_before": opened.shift(-1) / close - 1.0,
        "open_to_close": close.shift(-1) / opened.shift(-1) - 1.0,
        "night_after": opened.shift(-2) / close.shift(-1) - 1.0,
    }
