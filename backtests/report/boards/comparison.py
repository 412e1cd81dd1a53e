"""Comparison: two or more runs side by side: what differs, what can be told apart, and the rows that say so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from backtests.report.boards.compared_run import ComparedRun
from backtests.report.boards.flat_settings import shown_setting, unlike
from backtests.report.boards.paired_gaps import PairedGap, letters, paired_gaps
from backtests.report.formats import a_year, percent, plus_minus
from backtests.statistics.metrics import sharpe_ratio, sharpe_standard_error
from backtests.verdict import finite_or_none
from core.conventions import SESSIONS_PER_QUARTER
from core.notebook_html import html_link, notebook_card, small_lines

__all__ = ["ROLLING", "Comparison", "compare", "run_rows", "settings_rows", "shared_facts"]

ROLLING: Final = SESSIONS_PER_QUARTER  # sessions of the rolling means
ALWAYS: Final = ("run", "strategy", "verdict", "Sharpe ratio, net ± SE", "on the common sessions", "Rank IC ± SE")
MAX_SHOWN: Final = 60  # characters of a cell in the terminal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """Runs side by side; print it.

    Parameters
    ----------
    runs : tuple of ComparedRun
        The first is the one that the others are held against.
    common : DatetimeIndex
        Sessions on which all have a return.
    remarks : tuple of str
        How bars, universe and spans differ, and what is missing: to be read first.
    settings : DataFrame of str
        Keys of the spec that differ × runs.
    gaps : tuple of PairedGap
        The first run against each other one, by Sharpe ratio and by rank IC.
    page : Path or None
        Where its page was written; None where it was not.

    Examples
    --------
    >>> pair = qt.compare(run.folder.run_id, run.folder.run_id, store=store)
    >>> pair.gaps[0].interval.estimate
    0.0
    """

    runs: tuple[ComparedRun, ...]
    common: pd.DatetimeIndex
    remarks: tuple[str, ...]
    settings: pd.DataFrame
    gaps: tuple[PairedGap, ...]
    page: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """A letter for each run, in order."""
        return letters(len(self.runs))

    @property
    def returns(self) -> pd.DataFrame:
        """Net returns on the common sessions, a column a run."""
        return pd.DataFrame({name: run.net.reindex(self.common) for name, run in self._named()}, index=self.common)

    @property
    def rank_ic(self) -> pd.DataFrame:
        """Rank IC of each common session; a column for each run that kept it."""
        kept = {name: run.ic.reindex(self.common) for name, run in self._named() if run.ic is not None}
        return pd.DataFrame(kept, index=self.common)

    @property
    def rolling_ic(self) -> pd.DataFrame:
        """Mean rank IC over the last 63 common sessions; NaN before there are as many."""
        return self.rank_ic.rolling(ROLLING, min_periods=ROLLING).mean()

    @property
    def exposures(self) -> dict[str, pd.DataFrame]:
        """``gross`` and ``net`` decided at each common close, a column for each run that kept its weights."""
        kept = {name: run.exposures for name, run in self._named() if run.exposures is not None}
        return {
            side: pd.DataFrame(
                {name: frame[side].reindex(self.common) for name, frame in kept.items()}, index=self.common
            )
            for side in ("gross", "net")
        }

    @property
    def turnover(self) -> pd.DataFrame:
        """One-way turnover, its mean over the last 63 common sessions; a column for each run that kept its trades."""
        kept = {name: run.turnover.reindex(self.common) for name, run in self._named() if run.turnover is not None}
        return pd.DataFrame(kept, index=self.common).rolling(ROLLING, min_periods=1).mean()

    @property
    def shared_sharpes(self) -> dict[str, tuple[float, float]]:
        """Annual net Sharpe ratio on the common sessions and its standard error, by run."""
        found = {}
        for name, run in self._named():
            net, year = run.net.reindex(self.common), run.sessions_per_year
            found[name] = (
                sharpe_ratio(net, sessions_per_year=year),
                sharpe_standard_error(net, sessions_per_year=year),
            )
        return found

    @property
    def sentences(self) -> tuple[str, ...]:
        """What can be said of every difference, and how many comparisons were made."""
        said = tuple(gap.sentence() for gap in self.gaps)
        others = len(self.runs) - 1
        if others < 2:
            return said
        note = (
            f"{others} runs were held against {self.names[0]}. The ranges are those of one comparison; a difference is "
            f"called told apart only where it stands Holm's correction for {others}. The best of several runs was "
            "chosen by looking: judge it on sessions that it was not chosen on."
        )
        return (*said, note)

    def as_dict(self) -> dict[str, Any]:
        """The numbers as plain values."""
        sharpes = self.shared_sharpes
        runs = [
            {"letter": name, "run": run.name, "strategy": run.strategy, "panel": run.panel, "stamps": list(run.stamps)}
            | {"headline": dict(run.headline), "sharpe_common": sharpes[name][0], "sharpe_common_se": sharpes[name][1]}
            for name, run in self._named()
        ]
        gaps = [
            {"measure": gap.measure, "runs": [self.names[0], self.names[gap.other]], "sessions": gap.n_sessions}
            | gap.interval._asdict()
            | {"told_apart": gap.apart, "sentence": gap.sentence()}
            for gap in self.gaps
        ]
        span = [f"{each:%Y-%m-%d}" for each in (*self.common[:1], *self.common[-1:])]
        value = {
            "runs": runs,
            "common": {"sessions": len(self.common), "period": span},
            "remarks": list(self.remarks),
            "settings": self.settings.to_dict(orient="index"),
            "differences": gaps,
            "sentences": list(self.sentences),
        }
        found: dict[str, Any] = finite_or_none(value)
        return found

    def __str__(self) -> str:
        return _text(self)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(run.name for run in self.runs)} on {len(self.common)} common sessions>"

    def _repr_html_(self) -> str:
        wealth = {str(name): net.tolist() for name, net in (1.0 + self.returns).cumprod().items()}
        facts = [(name, f"{run.name}: {run.word('verdict')}") for name, run in self._named()]
        picture = small_lines(wealth, title="Growth of 1, net of costs") if len(self.common) > 1 else ""
        link = "" if self.page is None else f"<p>Page: {html_link(self.page)}</p>"
        return f"{notebook_card(' '.join((*self.remarks, *self.sentences)), facts, picture)}{link}"

    def _named(self) -> list[tuple[str, ComparedRun]]:
        return list(zip(self.names, self.runs, strict=True))


def compare(runs: Sequence[ComparedRun]) -> Comparison:
    """Hold runs against the first of them.

    Raises
    ------
    ValueError
        If they are fewer than two.
    """
    if len(runs) < 2:
        raise ValueError("compare takes two runs or more: `quintile runs` lists them")
    common = pd.DatetimeIndex(runs[0].net.index)
    for run in runs[1:]:
        common = common.intersection(pd.DatetimeIndex(run.net.index))
    return Comparison(
        runs=tuple(runs),
        common=common,
        remarks=_remarks(runs, common),
        settings=_settings(runs),
        gaps=paired_gaps(runs, common),
    )


def _settings(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Keys that differ × runs."""
    named, every = letters(len(runs)), [run.settings for run in runs]
    keys = unlike(every)
    rows = [[shown_setting(each, key) for each in every] for key in keys]
    return pd.DataFrame(rows, index=pd.Index(keys, dtype=object), columns=list(named), dtype=object)


def _remarks(runs: Sequence[ComparedRun], common: pd.DatetimeIndex) -> tuple[str, ...]:
    """What does not let the runs be compared as they are, first of all the bars."""
    named = list(zip(letters(len(runs)), runs, strict=True))
    said = []
    if len({run.panel for run in runs}) > 1:
        bars = ", ".join(f"{name} {run.word('source')} ({run.panel[:12]})" for name, run in named)
        said.append(f"The bars differ: {bars}. What differs below may come from the bars.")
    for fact, what in (("universe", "universes"), ("costs", "costs"), ("fills at", "fills")):
        if len({FACTS[fact](run) for run in runs}) > 1:
            told = "; ".join(f"{name} {FACTS[fact](run)}" for name, run in named)
            said.append(f"The {what} differ: {told}.")
    said.append(_span_remark(named, common))
    return (*said, *(sentence for run in runs for sentence in run.missing))


def _span_remark(named: Sequence[tuple[str, ComparedRun]], common: pd.DatetimeIndex) -> str:
    told = "; ".join(f"{name} {_span(run.net.index)}" for name, run in named)
    if common.empty:
        return f"The runs have no session in common ({told}): nothing is drawn or paired."
    if all(len(run.net) == len(common) for _, run in named):
        return f"All runs are judged on the same sessions: {_span(common)}."
    return f"The spans differ ({told}): curves and differences are those of the sessions in common, {_span(common)}."


def _span(sessions: pd.Index) -> str:
    return f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}, {len(sessions)} sessions" if len(sessions) else "none"


def run_rows(comparison: Comparison) -> list[list[str]]:
    """A row a fact, a cell a run, behind the fact's name."""
    rows = [[name, *(told(run) for run in comparison.runs)] for name, told in FACTS.items()]
    shared = [plus_minus(*comparison.shared_sharpes[name]) for name in comparison.names]
    place = 1 + list(FACTS).index("Sharpe ratio, net ± SE")
    return [*rows[:place], ["on the common sessions", *shared], *rows[place:]]


def shared_facts(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """The numbers and the rows whose cells differ, and lines that say what is the same in all runs."""
    same = [row for row in rows if row[0] not in ALWAYS and len(set(row[1:])) == 1]
    told = ["The same in all:", *(f"  {row[0]}: {row[1]}" for row in same)] if same else []
    return [row for row in rows if row not in same], told


def settings_rows(comparison: Comparison) -> list[list[str]]:
    """A row a key that differs."""
    return [
        [str(key), *map(str, row)]
        for key, row in zip(comparison.settings.index, comparison.settings.to_numpy(), strict=True)
    ]


def _text(comparison: Comparison) -> str:
    heading = ["", *comparison.names]
    blocks = [
        "\n".join(comparison.remarks),
        "\n".join(comparison.sentences),
        _aligned([heading, *run_rows(comparison)]),
    ]
    settings = settings_rows(comparison)
    if settings:
        blocks.append(_aligned([["setting", *comparison.names], *settings]))
    if comparison.page is not None:
        blocks.append(f"page  {comparison.page}")
    return "\n\n".join(block for block in blocks if block)


def _number(key: str, form: Callable[[float | None], str]) -> Callable[[ComparedRun], str]:
    return lambda run: form(_value(run, key))


def _value(run: ComparedRun, key: str) -> float | None:
    value: Any = run.headline.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sharpe(run: ComparedRun) -> str:
    return plus_minus(_value(run, "sharpe_net"), _value(run, "sharpe_standard_error"))


def _rank_ic(run: ComparedRun) -> str:
    return plus_minus(_value(run, "rank_ic"), _value(run, "rank_ic_standard_error"), 4)


def _period(run: ComparedRun) -> str:
    if run.net.empty:
        return "n/a"
    first, last = run.net.index[0], run.net.index[-1]
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, {len(run.net)} sessions, {a_year(run.sessions_per_year)}"


def _costs(run: ComparedRun) -> str:
    bps = _value(run, "trade_bps")  # older runs kept one number
    return run.word("costs") if "costs" in run.headline or bps is None else f"{bps:g} bps one way on traded notional"


def _trials(run: ComparedRun) -> str:
    return f"{run.word('trials')} recorded, {run.word('comparable_trials')} on its bars and span"


FACTS: Final[dict[str, Callable[[ComparedRun], str]]] = {
    "run": lambda run: run.name,
    "strategy": lambda run: run.strategy,
    "verdict": lambda run: run.word("verdict"),
    "stamps": lambda run: ", ".join(run.stamps) or "none",
    "Sharpe ratio, net ± SE": _sharpe,
    "Rank IC ± SE": _rank_ic,
    "annual return, net": _number("annual_return", percent),
    "volatility": _number("volatility", percent),
    "maximum drawdown": _number("max_drawdown", percent),
    "turnover a session, one way": _number("turnover", percent),
    "period": _period,
    "bars": lambda run: run.word("source"),
    "universe": lambda run: run.word("universe"),
    "costs": _costs,
    "fills at": lambda run: run.word("execution"),
    "trials": _trials,
}


def _aligned(rows: list[list[str]]) -> str:
    cut = [[cell if len(cell) <= MAX_SHOWN else f"{cell[: MAX_SHOWN - 1]}…" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut
    )
