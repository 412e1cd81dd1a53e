"""Definition: a strategy in words and numbers, rendered from its spec so that text and code cannot disagree."""

from collections.abc import Mapping

from strategy.definitions.spec import StrategySpec

__all__ = ["BOOK_RULES", "CONVENTIONS", "MEANING", "render_definition"]

BOOK_RULES: Mapping[str, str] = {
    "filter_negative": "Long the top k; short those of the bottom k whose expected return passes the short filter.",
    "quintile_long_short": "Long the top k and short the bottom k, equal weights within each leg.",
    "bottom_k": "Long the top k and short the bottom k, the short names sized by the short rule.",
    "confidence": "Long the top k and short the bottom k, each name in proportion to the size of its score.",
    "index_hedged": "Long the top k; short the hedge, all eligible names alike or one instrument.",
    "long_only": "Long the top k and nothing short.",
    "mean_variance": "Top k long and bottom k short; weights maximise expected return less the price of variance.",
    "mean_cvar": "Top k long and bottom k short; weights maximise expected return less the price of the tail's loss.",
    "risk_parity": "Top k long and bottom k short; every name carries the same share of its leg's risk.",
    "hrp": "Top k long and bottom k short; risk is split down the tree of correlations of each leg.",
}

MEANING: Mapping[str, str] = {
    "features.set": "feature set the model sees",
    "features.gap_limit": "sessions a missing feature is carried forward, never across a delisting",
    "model.hidden": "width of each LSTM layer",
    "model.layers": "stacked LSTM layers",
    "model.dropout": "dropout between layers",
    "model.lookback": "sessions in one input window",
    "model.scoring": "exact: each session's own windows; long: the network carried through each calendar quarter",
    "loss.temperature": "soft-rank temperature τ",
    "loss.rank_weight": "weight of 1 − soft Spearman; the rest is Huber",
    "loss.huber_delta": "Huber threshold, as a raw next-session return",
    "loss.rank_scale": "predictions are z-scored within the session before τ, or taken raw",
    "loss.correlation": "what the correlation term correlates: soft ranks, or the values themselves (pearson)",
    "execution.fill": "where a decision of the close of t fills",
    "execution.extra_delay": "further sessions between decision and fill",
    "portfolio.builder": "how scores become target weights",
    "portfolio.k": "names a side, as a fraction of the scored universe or a count",
    "portfolio.long": "gross of the long leg, fraction of equity",
    "portfolio.short": "gross of the short leg, fraction of equity",
    "portfolio.smoothing": "EWMA weight of the new target",
    "portfolio.short_filter": "which bottom names may be shorted",
    "portfolio.short_sizing": "fixed: leg ÷ k a name; fill_leg: leg ÷ names that qualify",
    "portfolio.max_position": "largest weight of a name, fraction of equity",
    "portfolio.cash_buffer": "equity kept in cash for trading costs",
    "portfolio.short_threshold": "predicted return of a session below which below_threshold shorts a name",
    "portfolio.volatility_sessions": "sessions of the volatility that inverse_volatility sizes by",
    "portfolio.hedge": "what index_hedged sells: universe, or a ticker of the bars outside the universe",
    "portfolio.rank_gate": "rank change, fraction of the cross-section, below which a name keeps its weight; 0 is off",
    "portfolio.neutral": "levelled after smoothing and gate: nothing, leg gross, sector net or beta",
    "portfolio.beta_sessions": "sessions of the beta that neutral beta removes",
    "portfolio.optimizer.rebalance": "monthly, weekly or a count of sessions; the book is held between",
    "portfolio.optimizer.window": "past sessions of covariance and tail; a name with fewer is not held",
    "portfolio.optimizer.risk_aversion": "price of a unit of variance of a session, for mean_variance",
    "portfolio.optimizer.tail_aversion": "price of a unit of tail loss of a session, for mean_cvar",
    "portfolio.optimizer.tail_level": "the tail is the worst 1 − this of the window",
    "portfolio.optimizer.turnover_limit": "largest one-way turnover of a rebalance; unset is off",
    "portfolio.optimizer.sector_limit": "largest net weight of a sector; unset is off",
    "portfolio.optimizer.beta_limit": "largest beta of the target to the universe; unset is off",
    "risk.volatility_target": "annual volatility that the book is scaled to; unset is off",
    "risk.target_sessions": "sessions of the volatility measured",
    "risk.least_scale": "smallest factor of the volatility target",
    "risk.largest_scale": "largest factor of the volatility target",
    "risk.loss_sigmas": "standard deviations of a session's loss that empty the book; unset is off",
    "risk.loss_sessions": "sessions of that standard deviation",
    "risk.loss_rest": "sessions that the book stays empty after such a loss",
    "risk.drawdown_limit": "drawdown that empties the book; unset is off",
    "risk.drawdown_reentry": "drawdown below which the book is held again",
    "risk.sharpe_floor": "annual Sharpe ratio below which the book is emptied; unset is off",
    "risk.sharpe_sessions": "sessions of that ratio",
    "risk.sharpe_reentry": "ratio above which the book is held again",
    "costs.trade_bps": "half-spread and commission, one way, basis points of traded notional",
    "costs.impact": "growth of impact with a trade's share of the average daily dollar volume",
    "costs.impact_bps": "impact of a trade of one average day, basis points of traded notional",
    "costs.borrow_bps": "borrow fee on the market value of shorts, basis points a year, days/360",
    "costs.cash_bps": "interest on cash less the market value of shorts, where positive, basis points a year",
    "costs.borrowing_bps": "interest on it where negative; unset refuses net exposure above 1",
    "costs.rebate_bps": "interest on the market value of shorts, basis points a year",
    "costs.maintenance_margin": "equity ÷ gross exposure below which margin is called; unset is off",
    "costs.initial_margin": "equity ÷ gross exposure that a called book is cut to at the next fill",
    "gates.sharpe": "least net Sharpe ratio asked for",
    "gates.win_rate": "least share of sessions with a gain",
    "gates.drawdown": "deepest drawdown that passes",
    "gates.accuracy": "least share of right signs",
    "gates.loss_gap": "(validation − training loss) ÷ training loss must be below this",
    "gates.paper_sharpe": "Sharpe ratio of paper trading must be above this",
    "gates.paper_sessions": "sessions before paper trading is judged",
    "gates.paper_drawdown": "drawdown of paper trading must be below this",
    "gates.paper_flat": "share of kill-switch days of paper trading must be below this",
    "split.train": "fraction of sessions the network is trained on",
    "split.validation": "fraction of sessions for early stopping and calibration",
    "split.train_end": "last session of training; with validation_end it replaces the fractions",
    "split.validation_end": "last session of validation",
    "holdout.start": "first session of the sealed span, which no run reads",
    "training.mode": "long: unrolled sequences; exact: one window a prediction",
    "training.batch_sessions": "sessions in one step, each a whole cross-section",
    "training.learning_rate": "Adam step size",
    "training.weight_decay": "Adam L2 penalty",
    "training.max_epochs": "epochs at most",
    "training.patience": "epochs without improvement before training stops",
    "training.min_delta": "smallest improvement of the validation loss that counts",
    "training.clip_norm": "largest gradient norm",
    "training.plateau_factor": "learning rate factor on a plateau",
    "training.plateau_patience": "epochs on a plateau before the factor applies",
    "training.min_learning_rate": "smallest step size",
    "training.burn_in": "sessions unrolled before the first that counts",
    "training.chunk_sessions": "sessions of a chunk that count",
    "training.seed": "seed of everything random",
}

CONVENTIONS = """\
- Rows carry the session at whose close they were known; nothing is shifted in advance.
- A decision of the close of *t* fills at `execution`; labels and fills share that one value.
- Targets are hard average ranks within one session; one sample is one session's whole cross-section.
- Scaler, winsor bounds and target scale are fitted on training rows, the calibration on validation rows.
- Order of the book: target, EWMA smoothing, rank gate, neutrality, volatility target, kill switches, position limit,
  cash buffer, trade. Overlays read the book's own past net returns and act on the weights decided at the same close.
- Simple returns, `ddof = 1`, 252 sessions a year, drawdown counts the starting wealth.
"""


def render_definition(spec: StrategySpec) -> str:
    """Return the strategy's definition as Markdown, ended by a newline."""
    head = [
        f"# {spec.title}",
        "",
        spec.summary,
        "",
        f"- name: `{spec.name}`",
        f"- fingerprint: `{spec.fingerprint()}`",
        "",
    ]
    notice = ["Rendered from the spec by `quintile definition`; edit the spec, not this page.", ""]
    tables = [line for section, numbers in spec.sections().items() for line in _table(section, numbers)]
    return "\n".join([*head, *notice, *tables, "## Conventions", "", CONVENTIONS])


def _table(section: str, numbers: Mapping[str, object]) -> list[str]:
    rows = [f"| `{key}` | {_shown(value)} | {MEANING.get(f'{section}.{key}', '')} |" for key, value in numbers.items()]
    return [f"## {section}", "", "| key | value | meaning |", "|---|---|---|", *rows, ""]


def _shown(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"{value}"
