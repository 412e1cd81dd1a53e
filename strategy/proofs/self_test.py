"""Self-test: the checks on pipelines that are known to cheat, and on honest ones; the catch table."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.progress import ProgressCallback, silent
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.definitions.spec import load_spec, override
from strategy.learning.learn import prepare_training_data
from strategy.proofs.checks import ProveOptions, prove
from strategy.proofs.leaks import TWINS, Stand, Twin
from strategy.proofs.shared_stages import remembered
from strategy.proofs.shipped_pipeline import learn_small, pipeline_of, quick_spec
from strategy.runs.proof_file import Proof

__all__ = ["SELF_TEST_SESSIONS", "SMALL_MARKET", "CatchTable", "Caught", "make_stand", "self_test"]

SMALL_MARKET = SyntheticSettings(n_tickers=60, n_sessions=720)
SELF_TEST_SESSIONS = 8  # sampled twice for each twin
SMALL_SPEC = ("model.lookback=20", "training.burn_in=20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """One pair of twins.

    Parameters
    ----------
    twin : str
        The leak.
    leaky, clean : Proof
        What the checks said of either.
    """

    twin: str
    leaky: Proof
    clean: Proof

    @property
    def is_right(self) -> bool:
        """Whether the leak was caught and the honest twin was not accused."""
        return self.leaky.verdict == "FAIL" and self.clean.verdict == "PASS"

    @property
    def by(self) -> tuple[str, ...]:
        """Every general check that caught it, in the order in which they ran."""
        return tuple(check.check for check in self.leaky.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchTable:
    """All pairs; prints as Markdown.

    Parameters
    ----------
    rows : tuple of Caught
        In the order of the twins.
    market : str
        Where they were tried.
    """

    rows: tuple[Caught, ...]
    market: str

    @property
    def is_right(self) -> bool:
        """Whether every leak was caught and nobody was accused."""
        return all(row.is_right for row in self.rows)

    @property
    def sentence(self) -> str:
        """The count."""
        caught = sum(row.leaky.verdict == "FAIL" for row in self.rows)
        accused = sum(row.clean.verdict == "FAIL" for row in self.rows)
        return f"{caught} of {len(self.rows)} leaks caught, {accused} honest twins accused, on {self.market}"

    def as_json(self) -> dict[str, Any]:
        """Return the table as plain values."""
        rows = [{"leak": row.twin, "caught_by": row.by, "clean": row.clean.verdict} for row in self.rows]
        return {"market": self.market, "right": self.is_right, "rows": rows}

    def __str__(self) -> str:
        head = ["| leak | caught by | first offence | honest twin |", "|---|---|---|---|"]
        return "\n".join([*head, *(_line(row) for row in self.rows), "", f"{self.sentence}."])


def make_stand(market: SyntheticSettings = SMALL_MARKET) -> Stand:
    """Return the built-in market with a small network trained on it."""
    panel: Panel = synthetic_market(market).panel
    spec = override(quick_spec(load_spec()), SMALL_SPEC)
    checkpoint = learn_small(spec, prepare_training_data(spec, panel))
    honest = replace(pipeline_of(spec, checkpoint, panel), decide=None)  # a twin decides by its own stages
    return Stand(panel=panel, spec=spec, checkpoint=checkpoint, pipeline=remembered(honest))


def self_test(
    stand: Stand,
    twins: Iterable[Twin] = TWINS,
    *,
    options: ProveOptions | None = None,
    progress: ProgressCallback = silent,
) -> CatchTable:
    """Put every check to every twin.

    Parameters
    ----------
    stand : Stand
        Bars and honest pipeline.
    twins : iterable of Twin
        All of ``TWINS`` by default; yours may be among them.
    options : ProveOptions, optional
        As in ``prove``.
    progress : callable
        Called before each pair.
    """
    wanted, rows = tuple(twins), []
    for done, twin in enumerate(wanted):
        progress("twins", done, len(wanted), twin.name)
        bars = twin.bars(stand)
        leaky, clean = (prove(make(stand), bars, options=options) for make in (twin.leaky, twin.clean))
        rows.append(Caught(twin=twin.name, leaky=leaky, clean=clean))
    progress("twins", len(wanted), len(wanted), "done")
    return CatchTable(rows=tuple(rows), market=stand.panel.facts.source)


def _line(row: Caught) -> str:
    first, clean = row.leaky.first_finding, row.clean.first_finding
    offence = "–" if first is None else f"{first.stage} · {first.column}"
    if first is not None and first.session:
        offence += f" · {first.session}" + (f" {first.ticker}" if first.ticker else "")
    by = ", ".join(row.by) or "**not caught**"
    return f"| {row.twin} | {by} | {offence} | {'PASS' if clean is None else f'**accused**: {clean}'} |"
