"""Run: a finished run as a value that prints, shows itself in a notebook and knows its files."""

import html
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.conventions import FEW_TRIALS, SESSIONS_PER_YEAR
from core.errors import RunError, SourceError
from core.notebook_html import html_link, notebook_card, small_lines
from strategy.runs.run_files import RANGE_FRAMES
from strategy.runs.store import RunFolder

__all__ = ["ReportPath", "Run", "RunVerdict", "headline_rows"]


class ReportPath(type(Path())):  # type: ignore[misc]
    """Where an HTML report is: a path that shows its page, and a link to it in a notebook."""

    def show(self) -> None:
        """Open the page in the browser."""
        webbrowser.open(self.resolve().as_uri())

    def _repr_html_(self) -> str:
        return html_link(self)


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What a run's evidence allows, as its report says; prints as the sentence.

    Parameters
    ----------
    word : {"EVIDENCE", "WEAK", "NOT EVIDENCE"}
        By the rule of docs/verdict.md.
    sentence : str
        Why, with the numbers that were weighed.
    """

    word: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run and its results; print it.

    Parameters
    ----------
    folder : RunFolder
        Where it lives.

    Examples
    --------
    >>> run.verdict.word
    'NOT EVIDENCE'
    >>> list(run.returns)[:2]
    ['filter_negative net', 'filter_negative gross']
    >>> run.equity.index.equals(run.returns.index)
    True
    """

    folder: RunFolder

    @property
    def _finished(self) -> RunFolder:
        self.folder.check_complete()
        return self.folder

    @property
    def strategy(self) -> str:
        """Name of the strategy, and of its own book."""
        return str(self.folder.record["strategy"])

    @property
    def metrics(self) -> dict[str, Any]:
        """Everything in ``metrics.json``: ``headline``, ``signal``, ``baselines``, ``books``, ``recovery``."""
        return self._finished.metrics

    @property
    def scores(self) -> pd.DataFrame:
        """Expected returns of the test sessions, known at each close."""
        return self._finished.read_frame("scores")

    @property
    def weights(self) -> pd.DataFrame:
        """Weights the strategy's own book decided at each close."""
        return self._finished.read_frame("weights")

    @property
    def returns(self) -> pd.DataFrame:
        """Net and gross returns of each book, and the market's."""
        return self._finished.read_frame("returns")

    @property
    def equity(self) -> pd.Series:
        """What one unit in the strategy's own book grew to at each close, net of costs."""
        net = self._finished.read_column("returns", f"{self.strategy} net")
        return (1.0 + net).cumprod().rename("equity")

    @property
    def ic(self) -> pd.DataFrame:
        """Rank information coefficient of each session: of the judged scores, ``model``, and of each baseline."""
        return self._finished.read_frame("ic")

    @property
    def ranges(self) -> pd.DataFrame:
        """Ends of the 90 % range of every return, known at each close: columns (``"low"`` or ``"high"``, ticker).

        Raises
        ------
        RunError
            If the strategy has none.
        """
        if "uncertainty" not in self.metrics:
            raise RunError(f"run {self.folder.run_id} has no ranges: run its strategy with uncertainty.method set")
        return pd.concat({end: self._finished.read_frame(name) for end, name in RANGE_FRAMES.items()}, axis=1)

    @property
    def trades(self) -> pd.DataFrame:
        """Fills of the strategy's own book: session, ticker, signed shares and notional, price, cost."""
        return self._finished.read_frame("trades")

    @property
    def verdict(self) -> RunVerdict:
        """What the evidence allows."""
        headline = self.metrics["headline"]
        return RunVerdict(word=headline["verdict"], sentence=headline["sentence"])

    @property
    def stamps(self) -> tuple[str, ...]:
        """What nobody may read past: the verdict, whether the market is synthetic, survivorship, and the run's own."""
        headline = self.metrics["headline"]
        synthetic = ("SYNTHETIC",) if self.metrics["synthetic"] else ()
        bias = headline["survivorship"]
        dead = f"SURVIVORSHIP {bias}" if bias == "UNKNOWN" else bias
        return (headline["verdict"], *synthetic, dead, *headline["stamps"])

    @property
    def report(self) -> ReportPath:
        """The HTML report: a path whose ``show`` opens it.

        Raises
        ------
        RunError
            If the run was quick, which writes none.
        """
        if self.left_out:
            raise RunError(f"run {self.folder.run_id} was quick and has no report: evaluate again without quick")
        return ReportPath(self.folder.path / "report.html")

    @property
    def left_out(self) -> tuple[str, ...]:
        """What a quick run did not make; empty for a whole one."""
        return tuple(self.metrics["left_out"]) if "quick" in self.folder.record else ()

    @property
    def last_line(self) -> str:
        """Where the report is, or what a quick run left out in its place."""
        if self.left_out:
            return f"quick   left out: {', '.join(self.left_out)}; without quick they are made"
        return f"report  {self.report}"

    def plot(self) -> Any:
        """Plotly figure of the growth of 1 in each book, net of costs, and in the equal-weighted market."""
        from backtests.report.figures.curves_figures import curves_figure

        returns = self.returns
        books = [name for name in returns if str(name).endswith(" net")]
        return curves_figure(returns[books], returns["market"])

    def __str__(self) -> str:
        rows = headline_rows(self.metrics["headline"])
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {value}" for name, value in rows]
        return "\n".join([self.metrics["headline"]["sentence"], "", *lines, "", self.last_line])

    def __repr__(self) -> str:
        if not (self.folder.path / "metrics.json").is_file():
            return f"<Run {self.folder.run_id}, unfinished>"
        try:
            headline = self.metrics["headline"]
            sharpe = _plus_minus(headline, "sharpe_net", "sharpe_standard_error", 2)
            return f"<Run {self.folder.run_id} of {self.strategy}: {headline['verdict']}, net Sharpe ratio {sharpe}>"
        except (RunError, SourceError):
            return f"<Run {self.folder.run_id}, damaged>"

    def _repr_html_(self) -> str:
        rows = list((dict(headline_rows(self.metrics["headline"])) | {"Stamps": ", ".join(self.stamps)}).items())
        market = (1.0 + self._finished.read_column("returns", "market")).cumprod()
        lines = {self.strategy: self.equity.tolist(), "equal-weighted market": market.tolist()}
        picture = small_lines(lines, title="Growth of 1, net of costs")
        last = html.escape(self.last_line) if self.left_out else f"Report: {self.report._repr_html_()}"
        return f"{notebook_card(self.verdict.sentence, rows, picture)}<p>{last}</p>"


def headline_rows(headline: dict[str, Any]) -> list[tuple[str, str]]:
    """Headline numbers as printed, each beside what it must not be read without."""
    first, last = headline["period"]
    return [
        ("Sharpe, net", _plus_minus(headline, "sharpe_net", "sharpe_standard_error", 2) + _terms(headline)),
        ("Sharpe, gross", _number(headline["sharpe_gross"], ".2f")),
        ("Annual return, net", _number(headline["annual_return"], ".1%")),
        ("Volatility", _number(headline["volatility"], ".1%")),
        ("Maximum drawdown", _number(headline["max_drawdown"], ".1%")),
        ("Turnover", f"{_number(headline['turnover'], '.1%')} per session, one way"),
        ("Rank IC", _plus_minus(headline, "rank_ic", "rank_ic_standard_error", 4) + _over(headline)),
        *_until_next(headline),
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
        *([("Stamps", ", ".join(headline["stamps"]))] if headline["stamps"] else []),
    ]


def _until_next(headline: dict[str, Any]) -> list[tuple[str, str]]:
    """The rank IC until the next score, of scores that do not come every session."""
    if "rank_ic_until_next" not in headline:
        return []
    measured = _plus_minus(headline, "rank_ic_until_next", "rank_ic_until_next_standard_error", 4)
    return [("Rank IC, long", f"{measured}, the {headline['decision_interval']} sessions to the next score")]


def _terms(headline: dict[str, Any]) -> str:
    """By how many sessions a year figures are annual; 252 where an older run does not say."""
    return f" ({headline.get('sessions_per_year', SESSIONS_PER_YEAR):.5g} sessions a year, rf 0)"


def _over(headline: dict[str, Any]) -> str:
    horizon, daily = headline.get("horizon", 1), "decision_interval" not in headline
    if horizon == 1:
        return "" if daily else ", one session after each score"
    return f", returns of {horizon} sessions"


def _costs(headline: dict[str, Any]) -> str:
    sentence: str = headline.get("costs", f"{headline['trade_bps']:g} bps one way")  # older runs kept one number
    return sentence


def _parity(headline: dict[str, Any]) -> str:
    gap: str = headline.get("engine", "n/a") if headline["parity"] is None else _number(headline["parity"], ".1e")
    return gap


def _deflated(headline: dict[str, Any]) -> str:
    few = headline["comparable_trials"] < FEW_TRIALS
    return "n/a: fewer than five trials, read P above" if few else _number(headline["deflated_sharpe"], ".3f")


def _plus_minus(headline: dict[str, Any], mean: str, error: str, digits: int) -> str:
    return f"{_number(headline[mean], f'.{digits}f')} ± {_number(headline[error], f'.{digits}f')}"


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)
