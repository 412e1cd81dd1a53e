"""Decision: the next session's target weights, the trades from today's holdings to them, and what blocks them.

Everything is known at the close of the bars' last session. The weights are those of ``decide``; nothing else decides.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.errors import DataError, RunError
from core.files import atomic_path, write_json
from core.spreadsheet import write_csv
from market.calendar import next_session
from market.exchanges import NO_EXCHANGE
from market.inputs import Inputs
from market.panel import Panel
from portfolio.own_rules import SHIPPED_RULES
from strategy.definitions.spec import StrategySpec
from strategy.runs.store import RunFolder
from strategy.trading.data_checks import DataChecks, check_data
from strategy.trading.holdings import Holdings
from strategy.trading.kept_scorer import KeptScorer
from strategy.trading.orders import ORDER_COLUMNS, hedge_notes, plan_trades

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

__all__ = ["Decision", "export_decision", "fill_session", "model_of", "next_decision", "refuse_held", "scorer_of"]

MIN_SHOWN_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """Target weights after the close of the last session and the orders that lead there; prints as a table.

    Parameters
    ----------
    strategy : str
        Its name.
    decided : Timestamp
        The session at whose close everything here was known.
    fills : Timestamp or None
        The session in which the orders fill, by the exchange's calendar; None for the very close, and where the bars
        follow no calendar: it is the next session after the decision.
    fill : str
        At which price, as ``Execution.fill`` says.
    orders : DataFrame, index ticker
        Names that are wanted or held: ``target_weight``, ``holding_weight`` and ``trade_weight`` (fractions of equity;
        NaN where no holdings were given), ``trade_shares`` (at the last close, not rounded; NaN where the equity is not
        known), ``order_shares`` (the same in whole lots, towards no trade), ``last_close``, ``blocked_by`` and
        ``remark`` (empty for none).
    equity : float or None
        In the currency of the bars.
    exchange : str
        Whose sessions the bars hold; ``"none"``: their own.
    currency : str or None
        Of the prices, where the exchange tells.
    lot : float or None
        Shares that orders come in; None for fractions.
    checks : DataChecks
        Whether the bars are fit to trade on; what blocks all orders is in ``blocked_by`` of every row too.
    """

    strategy: str
    decided: pd.Timestamp
    fills: pd.Timestamp | None
    fill: str
    orders: pd.DataFrame
    equity: float | None
    checks: DataChecks
    exchange: str = NO_EXCHANGE
    currency: str | None = None
    lot: float | None = None

    @property
    def weights(self) -> pd.Series:
        """Target weights other than 0."""
        target = self.orders["target_weight"]
        return target[target != 0.0]

    def as_dict(self) -> dict[str, Any]:
        """The decision as plain JSON values; NaN is None."""
        rows = self.orders.reset_index().astype(object)
        return {
            "strategy": self.strategy,
            "decided": f"{self.decided:%Y-%m-%d}",
            "fills": None if self.fills is None else f"{self.fills:%Y-%m-%d}",
            "fills_after": self._fills_after,
            "fill": self.fill,
            "exchange": self.exchange,
            "currency": self.currency,
            "lot": self.lot,
            "equity": self.equity,
            "blocked_by": list(self.checks.blocking),
            "notes": list(self.checks.notes),
            "orders": rows.where(rows.notna(), None).to_dict(orient="records"),
        }

    @property
    def _fills_after(self) -> str | None:
        """The session after which the orders fill, where no calendar tells the next one."""
        return f"{self.decided:%Y-%m-%d}" if self.fills is None and self.fill != "close" else None

    def __str__(self) -> str:
        shown, left_out = _shown(self)
        lines = [*_headlines(self), "", shown.to_string(formatters=_formats(self, shown))]
        return "\n".join([*lines, *left_out])

    def __repr__(self) -> str:
        return f"<Decision of {self.strategy} at the close of {self.decided:%Y-%m-%d}: {len(self.orders)} names>"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in _headlines(self))
        shown, left_out = _shown(self)
        after = "".join(f"<p>{html.escape(line)}</p>" for line in left_out)
        return lines + shown.to_html(formatters=_formats(self, shown), escape=True) + after


def model_of(folder: RunFolder) -> "Checkpoint":
    """The model that a finished run decides with: the one it trained, or the one it was given.

    Raises
    ------
    RunError
        If the run judged scores, or has not finished.
    CheckpointError
        If the model cannot be read or belongs to another run.
    """
    from strategy.learning.learn import own_checkpoint

    _check_has_model(folder)
    learned_on = folder.record.get("model", {}).get("bars", folder.record["identity"]["panel"])
    return own_checkpoint(folder.path / "model", folder.spec, panel=learned_on)


def scorer_of(folder: RunFolder) -> KeptScorer:
    """The model of a finished run with the scores that its folder holds; the model is read where it must score.

    Raises
    ------
    RunError
        If the run judged scores, or has not finished.
    """
    _check_has_model(folder)
    return KeptScorer(home=folder.path, spec=folder.spec, model=folder.path / "model", load=partial(model_of, folder))


def next_decision(
    spec: StrategySpec,
    bars: Panel | Inputs,
    model: "Checkpoint | KeptScorer",
    *,
    holdings: Holdings | None = None,
    equity: float | None = None,
    as_of: str | None = None,
) -> Decision:
    """Decide at the close of the last session and plan the trades of the next.

    Parameters
    ----------
    spec : StrategySpec
        The strategy that the model was trained for.
    bars : Panel or Inputs
        The latest bars with enough history: smoothing starts at the first session that can be scored. ``Inputs`` adds
        sectors.
    model : Checkpoint or KeptScorer
        Trained and calibrated model, which scores the whole test span, or with the scores that are kept of it: the
        same bits.
    holdings, equity
        As in ``plan_trades``.
    as_of : str, optional
        As in ``check_data``.

    Raises
    ------
    DataError
        If the bars end before the test span, or no name has a full window at the last close.
    """
    inputs = Inputs.of(bars)
    panel = inputs.panel
    learned_until = model.learned_until
    if panel.sessions[-1] <= learned_until:
        raise DataError(
            f"the bars end {panel.sessions[-1]:%Y-%m-%d}, the model learned until "
            f"{learned_until:%Y-%m-%d}: load later bars"
        )
    weights = _weights(spec, inputs, model)
    refuse_held(spec, weights, panel.sessions[-1])
    if weights.isna().all():
        raise DataError(
            f"no name has a full window of {spec.model.lookback} sessions at the close of "
            f"{panel.sessions[-1]:%Y-%m-%d}: load more history, with names of the universe"
        )
    checks = check_data(panel, as_of=as_of)
    hedge = spec.portfolio.hedge_ticker
    orders, worth = plan_trades(weights, panel, holdings=holdings, equity=equity, checks=checks, hedge=hedge)
    told = (*(() if holdings is None else holdings.notes), *_notes(panel, learned_until, worth))
    return Decision(
        strategy=spec.name,
        decided=panel.sessions[-1],
        fills=fill_session(panel, spec),
        fill=spec.execution.fill,
        orders=orders,
        equity=worth,
        checks=replace(checks, notes=(*checks.notes, *told, *hedge_notes(weights, hedge))),
        exchange=panel.facts.exchange,
        currency=panel.facts.currency,
        lot=panel.facts.lot,
    )


def _weights(spec: StrategySpec, inputs: Inputs, model: "Checkpoint | KeptScorer") -> pd.Series:
    if isinstance(model, KeptScorer):
        return model.book(inputs.panel, sectors=inputs.sectors).weights.iloc[-1]
    from strategy.learning.decide import decide

    return decide(spec, inputs.panel, model, sectors=inputs.sectors)


def _check_has_model(folder: RunFolder) -> None:
    if "scores" in folder.record:
        raise RunError(
            f"run {folder.run_id} judged scores and has no model of its own: decide needs a run of `quintile run`"
        )
    folder.check_complete()


def refuse_held(spec: StrategySpec, weights: pd.Series, session: pd.Timestamp) -> None:
    """Refuse to plan trades between the rebalances of an optimised book, or of a rule of the user's own.

    Raises
    ------
    DataError
        If the weights are all NaN and the book is optimised, or its rule the user's own.
    """
    if not weights.isna().all():
        return
    if spec.portfolio.builder not in SHIPPED_RULES:
        raise DataError(
            f"nothing to trade at the close of {session:%Y-%m-%d}: the book rule {spec.portfolio.builder} does not "
            "rebalance then, or no name has a score; keep what is held"
        )
    if spec.portfolio.is_optimized:
        raise DataError(
            f"nothing to trade at the close of {session:%Y-%m-%d}: an optimised book is held between its rebalances "
            "(portfolio.optimizer.rebalance) and where its limits allow no weights; keep what is held"
        )


def export_decision(decision: Decision, path: str | Path) -> Path:
    """Write a decision as .csv, .parquet or .json, whole or not at all, and give its path.

    Raises
    ------
    ValueError
        If the suffix is none of the three.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (".csv", ".parquet", ".json"):
        raise ValueError(f"export must end in .csv, .parquet or .json, was {target.name!r}")
    if kind == ".json":
        write_json(target, decision.as_dict())
        return target
    table = decision.orders.assign(decided=decision.decided, fills=decision.fills, fill=decision.fill)
    with atomic_path(target) as temporary:
        if kind == ".csv":
            write_csv(table, temporary)
        else:
            table.to_parquet(temporary)
    return target


def fill_session(panel: Panel, spec: StrategySpec) -> pd.Timestamp | None:
    """The session in which a decision of the last close fills; None for that close itself, or where none tells it."""
    delay = spec.execution.delay
    if delay == 0:
        return None
    return next_session(panel, delay=delay)


def _notes(panel: Panel, learned_until: pd.Timestamp, equity: float | None) -> tuple[str, ...]:
    notes = []
    if panel.sessions[0] > learned_until:
        notes.append(
            f"the bars begin {panel.sessions[0]:%Y-%m-%d}, after the model's validation: smoothing starts with their "
            "first scores, so that the book differs from one with the whole history"
        )
    if equity is not None and panel.facts.adjusted:
        notes.append("shares are counted at adjusted closes: right where the adjustment ends with the last session")
    return tuple(notes)


def _headlines(decision: Decision) -> list[str]:
    when = "the very close" if decision.fills is None else f"{decision.fills:%Y-%m-%d}"
    if decision._fills_after is not None:
        when = f"the next session after {decision._fills_after}"
    elif decision.exchange != NO_EXCHANGE:
        when += f" ({decision.exchange})"
    held = decision.weights
    long, short = held[held > 0], held[held < 0]
    worth = "" if decision.equity is None else f", equity {decision.equity:,.0f} {decision.currency or ''}".rstrip()
    lines = [
        f"{decision.strategy}, decided at the close of {decision.decided:%Y-%m-%d}, fills at {decision.fill} of {when}",
        f"{len(long)} long {long.sum():.1%}, {len(short)} short {short.sum():.1%}{worth}",
    ]
    blocked = int((decision.orders["blocked_by"] != "").sum())
    lines += [f"BLOCKED: {reason}" for reason in decision.checks.blocking]
    lines += [f"{blocked} orders are blocked, see blocked_by"] if blocked else []
    return lines + list(decision.checks.notes)


def _shown(decision: Decision) -> tuple[pd.DataFrame, list[str]]:
    """The orders as they print: the largest first, whole lots alone, what is below one counted."""
    orders = decision.orders
    by = "target_weight" if _is_blank(orders["trade_weight"]) else "trade_weight"
    size = orders[by].abs()
    dust = size < MIN_SHOWN_WEIGHT
    if not _is_blank(orders["order_shares"]):
        dust = orders["order_shares"].eq(0.0) & orders["blocked_by"].eq("")
    ordered = orders.loc[size[~dust].sort_values(ascending=False, kind="stable").index]
    blank = [name for name in ORDER_COLUMNS if _is_blank(ordered[name])]
    hidden = {"trade_shares"} if not _is_blank(orders["order_shares"]) else set()
    left = int(dust.sum())
    unit = "one share" if decision.lot == 1.0 else "one lot"
    below = unit if not _is_blank(orders["order_shares"]) else f"a weight of {MIN_SHOWN_WEIGHT:g}"
    said = [f"{left} more {'is' if left == 1 else 'are'} below {below}: the export holds them"] if left else []
    return ordered.drop(columns=sorted(hidden | set(blank))), said


def _formats(decision: Decision, shown: pd.DataFrame) -> dict[Any, Callable[[object], str]]:
    """How the columns of numbers print."""
    whole = "{:,.0f}" if decision.lot is not None else "{:,.6g}"
    kinds = dict.fromkeys(("target_weight", "holding_weight", "trade_weight", "last_close"), "{:.4f}".format)
    return {name: kind for name, kind in (kinds | {"order_shares": whole.format}).items() if name in shown}


def _is_blank(column: pd.Series) -> bool:
    return bool((column.isna() | (column == "")).all())
