"""Self-test: every check on pipelines with a known leak and on their clean versions; the catch table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.progress import ProgressCallback, silent
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.definitions.spec import load_spec, override
from strategy.learning.training_data import prepare_training_data
from strategy.proofs.checks import ProveOptions, prove
from strategy.proofs.inflation import LARGE_INFLATION, SMALL_INFLATION, Inflation, measure_inflation, published_order
from strategy.proofs.leaks import LEAKS, HonestSetup, LeakPair
from strategy.proofs.shared_stages import memoised
from strategy.proofs.shipped_pipeline import learn_small, pipeline_of, quick_spec
from strategy.runs.proof_file import Proof

__all__ = [
    "NULL_MARKET",
    "SELF_TEST_SESSIONS",
    "SMALL_MARKET",
    "CatchRow",
    "CatchTable",
    "make_honest_setup",
    "self_test",
]

SMALL_MARKET = SyntheticSettings(n_tickers=60, n_sessions=720)
NULL_MARKET = SyntheticSettings(n_tickers=60, n_sessions=720, seed=2, planted_ic=0.0)
SELF_TEST_SESSIONS = 8  # sampled twice for each pipeline
SMALL_SPEC = ("model.lookback=20", "training.burn_in=20")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchRow:
    """The proofs of one leak pair.

    Parameters
    ----------
    leak : str
        Its name.
    leaky, clean : Proof
        Proofs of the leaking and of the clean pipeline.
    inflations : tuple of Inflation or None
        What the leak adds, by market; None where it reaches nothing that a linear model reads.
    """

    leak: str
    leaky: Proof
    clean: Proof
    inflations: tuple[Inflation | None, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the leak was caught and the clean pipeline passed."""
        return self.leaky.verdict == "FAIL" and self.clean.verdict == "PASS"

    @property
    def by(self) -> tuple[str, ...]:
        """Names of the checks that caught it, in the order in which they ran."""
        return tuple(check.check for check in self.leaky.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchTable:
    """The proofs of all leak pairs; prints as Markdown.

    Parameters
    ----------
    rows : tuple of CatchRow
        In the order of the pairs.
    market : str
        Source of the bars.
    inflated_on : tuple of str
        Sources of the bars on which inflation was measured.
    """

    rows: tuple[CatchRow, ...]
    market: str
    inflated_on: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether every leak was caught without a false alarm."""
        return all(row.is_right for row in self.rows)

    @property
    def sentence(self) -> str:
        """Leaks caught and false alarms, in one sentence."""
        caught = sum(row.leaky.verdict == "FAIL" for row in self.rows)
        accused = sum(row.clean.verdict == "FAIL" for row in self.rows)
        return f"{caught} of {len(self.rows)} leaks caught, {accused} clean pipelines accused, on {self.market}"

    @property
    def order_sentences(self) -> tuple[str, ...]:
        """Whether the published order of inflation comes out, for each market on which all four of its leaks stand."""
        found = []
        for place, market in enumerate(self.inflated_on):
            by_leak = {row.leak: added for row in self.rows if (added := row.inflations[place]) is not None}
            in_order = published_order(by_leak)
            if in_order is not None:
                adds = {name: by_leak[name].sharpe for name in (*LARGE_INFLATION, *SMALL_INFLATION)}
                told = ", ".join(f"{name} {sharpe:+.1f}" for name, sharpe in adds.items())
                word = "comes out" if in_order else "does not come out"
                found.append(f"The order of arXiv 2605.23959 {word} on {market}, by Sharpe ratio added: {told}.")
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """The table as plain JSON values."""
        rows = [
            {"leak": row.leak, "caught_by": row.by, "clean": row.clean.verdict, "inflation": _adds(row, self)}
            for row in self.rows
        ]
        told = {"inflated_on": list(self.inflated_on), "order": list(self.order_sentences)}
        return {"market": self.market, "right": self.is_right, "rows": rows} | told

    def __str__(self) -> str:
        columns = ["leak", "caught by", "first offence", "clean pipeline"]
        columns += [f"adds on {market.removeprefix('built-in synthetic market, ')}" for market in self.inflated_on]
        head = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        said = [f"{self.sentence}.", *self.order_sentences]
        return "\n".join([*head, *(_line(row) for row in self.rows), "", *said])


def make_honest_setup(market: SyntheticSettings = SMALL_MARKET) -> HonestSetup:
    """Build the honest setup: the built-in market and a small network trained on it."""
    panel: Panel = synthetic_market(market).panel
    spec = override(quick_spec(load_spec()), SMALL_SPEC)
    checkpoint = learn_small(spec, prepare_training_data(spec, panel))
    honest = replace(pipeline_of(spec, checkpoint, panel), decide=None)  # a leaky pipeline decides by its own stages
    return HonestSetup(panel=panel, spec=spec, checkpoint=checkpoint, pipeline=memoised(honest))


def self_test(
    setup: HonestSetup,
    pairs: Iterable[LeakPair] = LEAKS,
    *,
    options: ProveOptions | None = None,
    inflated_on: Sequence[HonestSetup] = (),
    progress: ProgressCallback = silent,
) -> CatchTable:
    """Run every check on every leak pair.

    Parameters
    ----------
    setup : HonestSetup
        Bars and honest pipeline.
    pairs : iterable of LeakPair
        All of ``LEAKS`` by default; your own may be among them.
    options : ProveOptions, optional
        As in ``prove``.
    inflated_on : sequence of HonestSetup
        On whose bars to measure what each leak adds to IC and Sharpe ratio; none by default.
    progress : callable
        Called before each pair.
    """
    pairs, rows = tuple(pairs), []
    for done, pair in enumerate(pairs):
        progress("leaks", done, len(pairs), pair.name)
        bars = pair.bars(setup)
        leaky, clean = (prove(make(setup), bars, options=options) for make in (pair.leaky, pair.clean))
        adds = tuple(measure_inflation(pair, each) for each in inflated_on)
        rows.append(CatchRow(leak=pair.name, leaky=leaky, clean=clean, inflations=adds))
    progress("leaks", len(pairs), len(pairs), "done")
    sources = tuple(each.panel.facts.source for each in inflated_on)
    return CatchTable(rows=tuple(rows), market=setup.panel.facts.source, inflated_on=sources)


def _line(row: CatchRow) -> str:
    first, clean = row.leaky.first_finding, row.clean.first_finding
    offence = "–" if first is None else f"{first.stage} · {first.column}"
    if first is not None and first.session:
        offence += f" · {first.session}" + (f" {first.ticker}" if first.ticker else "")
    by = ", ".join(row.by) or "**not caught**"
    cells = [row.leak, by, offence, "PASS" if clean is None else f"**accused**: {clean}"]
    cells += ["–" if added is None else str(added) for added in row.inflations]
    return f"| {' | '.join(cells)} |"


def _adds(row: CatchRow, table: CatchTable) -> dict[str, dict[str, float] | None]:
    return {
        market: None if added is None else {"ic": added.ic, "sharpe": added.sharpe}
        for market, added in zip(table.inflated_on, row.inflations, strict=True)
    }
