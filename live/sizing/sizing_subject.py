"""Sizing subject: a finished run, or a frozen version on its own bars, as a book to size."""

import hashlib

import pandas as pd

from core.errors import RunError
from live.sizing.sized_book import HISTORY, SizedBook
from market.inputs import load_inputs
from market.panel import Panel
from market.universe import survivorship
from strategy.definitions.spec import StrategySpec
from strategy.frozen.archive import read_expected
from strategy.frozen.replay import frozen_spec, intact_body, version_bars
from strategy.frozen.versions import VersionFolder
from strategy.runs.own_bars import same_request
from strategy.runs.store import RunFolder

__all__ = ["run_book", "version_book"]


def run_book(folder: RunFolder) -> SizedBook:
    """The book that a finished run decided on its test span.

    Raises
    ------
    RunError
        If it has not finished, was quick, or its bars changed.
    """
    folder.check_complete()
    spec, identity = folder.spec, folder.record["identity"]
    panel = load_inputs(same_request(folder), holdout=spec.holdout).panel
    if panel.fingerprint() != identity["panel"]:
        raise RunError(f"the bars of run {folder.run_id} have changed: run the strategy again on them")
    frames = {name: folder.read_frame(name) for name in ("weights", "scores")}
    return _book(f"run {folder.run_id}", spec, panel, frames, spec_print=identity["spec"])


def version_book(folder: VersionFolder) -> SizedBook:
    """The book that a version decided when it was frozen, from the numbers that it keeps.

    Raises
    ------
    RunError
        If the version is not intact, or does not hold its bars: run it on bars, and size the run.
    """
    body, spec = intact_body(folder), frozen_spec(folder)
    if body["bars"] == "given":
        raise RunError(
            f"{folder.version} does not hold its bars: `quintile run {folder.version} --bars …` runs it on some, and "
            "the run can be sized"
        )
    panel, kept = version_bars(folder, body), read_expected(folder.path)
    frames = {name: kept[name] for name in ("weights", "scores")}
    return _book(str(folder.version), spec, panel, frames, spec_print=body["spec"]["run"])


def _book(
    name: str, spec: StrategySpec, panel: Panel, frames: dict[str, pd.DataFrame], *, spec_print: str
) -> SizedBook:
    decided = frames["weights"].dropna(how="all")
    if decided.empty:
        raise RunError(f"{name} decided no weights: there is no book to size")
    whole, remark = panel.fingerprint(), survivorship(panel).stamp
    first = max(int(panel.sessions.get_indexer(decided.index[:1])[0]) - HISTORY, 0)
    part = panel.between(panel.sessions[first], None)
    sessions = part.sessions[(part.sessions >= decided.index[0]) & (part.sessions <= decided.index[-1])]
    scores = frames["scores"].reindex(index=sessions, columns=part.tickers)
    weights = decided.reindex(index=sessions, columns=part.tickers)
    return SizedBook(
        name=name,
        panel=part,
        weights=weights,
        execution=spec.execution,
        costs=spec.costs,
        scores=scores,
        horizon=spec.label.horizon,
        cash_buffer=spec.portfolio.cash_buffer,
        strategy=spec.name,
        identity={"spec": spec_print, "panel": whole},
        facts={"spec": spec_print, "panel": whole, "weights": _sha256(weights), "scores": _sha256(scores)},
        remarks=(remark, *(("its own volatility target stays on",) if spec.risk.scales else ())),
    )


def _sha256(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256(frame.to_numpy(dtype=float).tobytes())
    digest.update("|".join(map(str, (*frame.index, *frame.columns))).encode())
    return digest.hexdigest()
