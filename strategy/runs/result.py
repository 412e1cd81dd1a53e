"""Run: a finished run as a value that prints, renders in a notebook and knows its files."""

import html
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from strategy.runs.store import RunFolder

__all__ = ["Run", "headline_rows"]

FEW_TRIALS = 5


@dataclass(frozen=True, slots=True)
class Run:
    """A run and its results; print it.

    Parameters
    ----------
    folder : RunFolder
        Where it lives.
    """

    folder: RunFolder

    @property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``: ``headline``, ``signal``, ``baselines``, ``books``, ``recovery``."""
        return self.folder.metrics

    @property
    def scores(self) -> pd.DataFrame:
        """Expected returns of the test sessions, known at each close."""
        return self.folder.read_frame("scores")

    @property
    def weights(self) -> pd.DataFrame:
        """Weights the strategy's own book decided at each close."""
        return self.folder.read_frame("weights")

    @property
    def returns(self) -> pd.DataFrame:
        """Net and gross returns of each book, and the market's."""
        return self.folder.read_frame("returns")

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder.path / "report.html"

    def open_report(self) -> None:
        """Show the report in the browser."""
        webbrowser.open(self.report.resolve().as_uri())

    def __str__(self) -> str:
        rows = headline_rows(self.metrics["headline"])
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {value}" for name, value in rows]
        return "\n".join([self.metrics["headline"]["sentence"], "", *lines, "", f"report  {self.report}"])

    def _repr_html_(self) -> str:
        rows = headline_rows(self.metrics["headline"])
        cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
        sentence = html.escape(self.metrics["headline"]["sentence"])
        return f"<p>{sentence}</p><table>{cells}</table>"


def headline_rows(headline: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the headline numbers as printed, each beside what it must not be read without."""
    first, last = headline["period"]
    return [
        ("Sharpe, net", f"{_plus_minus(headline, 'sharpe_net', 'sharpe_standard_error', 2)} (252 sessions, rf 0)"),
        ("Sharpe, gross", _number(headline["sharpe_gross"], ".2f")),
        ("Annual return, net", _number(headline["annual_return"], ".1%")),
        ("Volatility", _number(headline["volatility"], ".1%")),
        ("Maximum drawdown", _number(headline["max_drawdown"], ".1%")),
        ("Turnover", f"{_number(headline['turnover'], '.1%')} a session, one way"),
        ("Rank IC", _plus_minus(headline, "rank_ic", "rank_ic_standard_error", 4)),
        ("Period", f"{first} to {last}, {headline['sessions']} sessions, out of sample"),
        ("Universe", f"{headline['source']}; {headline['universe']}; {headline['survivorship']}"),
        ("Costs", f"{_costs(headline)}; fills at {headline['execution']}"),
        (
            "Trials",
            f"{headline['trials']} recorded, {headline['comparable_trials']} on these bars and this span",
        ),
        ("P(true Sharpe > 0)", _number(headline["probabilistic_sharpe"], ".3f")),
        ("Deflated Sharpe", _deflated(headline)),
        ("Track record", f"{_number(headline['sessions_needed'], ',.0f')} sessions needed at 95 %"),
        ("Engine parity", _parity(headline)),
    ]


def _costs(headline: dict[str, Any]) -> str:
    told: str = headline.get("costs", f"{headline['trade_bps']:g} bps one way")  # older runs kept one number
    return told


def _parity(headline: dict[str, Any]) -> str:
    told: str = headline.get("engine", "n/a") if headline["parity"] is None else _number(headline["parity"], ".1e")
    return told


def _deflated(headline: dict[str, Any]) -> str:
    few = headline["comparable_trials"] < FEW_TRIALS
    return "n/a: fewer than five trials, read P above" if few else _number(headline["deflated_sharpe"], ".3f")


def _plus_minus(headline: dict[str, Any], mean: str, error: str, digits: int) -> str:
    return f"{_number(headline[mean], f'.{digits}f')} ± {_number(headline[error], f'.{digits}f')}"


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)
