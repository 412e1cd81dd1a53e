"""Changes that were planted in one of two results, and what explains the gap: ``python -m benchmarks explain_planted``.

Thirty results differ from another one in one stage, ten in two; each of the seven stages is changed several times. Both
are made for real: bars in files, runs and evaluations in a store, fills of vectorbt in its own form as CSV. Then
``explain`` reads them as a user's words and says what the gap is made of. Beside it stand the time of a case of 500
names and 2,520 sessions, and one result of vectorbt with the conventions that it has by itself.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from backtests.engine.backtest import ledger_backtest
from backtests.engine.overlay_loop import decide_weights
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from live.differences.explanation import FIGURES, Explanation
from live.differences.gap_division import explain
from live.differences.recipe import Recipe, UniverseRule
from live.differences.recipe_sources import Told, recipes
from market.inputs import Inputs, load_inputs
from market.panel import BAR_FIELDS, Panel
from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.evaluate import evaluate
from strategy.learning.learn import learn, scores_of, test_sessions
from strategy.learning.training_data import model_features, prepare_training_data
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunFolder, RunStore

__all__ = ["Planted", "computed_recipe", "planted_cases", "section"]

BASE = ("model.kind=ridge", "model.lookback=5", "features.set=core11")
BOOK = "book and above"  # what book and everything before it are called beside fills of another tool
CAPITAL = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One case: what was changed in the second result, and in which stages."""

    stages: tuple[str, ...]
    how: str  # run, scores, or vectorbt
    words: str
    sets: tuple[str, ...] = ()
    universe: str = "all"
    bars: Callable[[Panel], Panel] | None = None
    orders: Mapping[str, float | str] = field(default_factory=dict)
    market: int = 1

    @property
    def right(self) -> set[str]:
        """Names of the parts that have to come first."""
        named = {"book": BOOK} if self.how == "vectorbt" else {}
        return {named.get(stage, stage) for stage in self.stages}


def noisy(panel: Panel, *, share: float, bps: float) -> Panel:
    """Some bars at other prices, as of another vendor: all four moved by one factor."""
    rng = np.random.default_rng(11)
    factor = 1.0 + np.where(rng.random(panel.close.shape) < share, rng.normal(0.0, bps / 1e4, panel.close.shape), 0.0)
    return replace(panel, **{name: getattr(panel, name) * factor for name in BAR_FIELDS[:4]})


def unadjusted(panel: Panel, *, names: int, row: int) -> Panel:
    """Splits of two for one that nobody adjusted for: some names at twice their price until a session."""
    factor = np.ones(panel.close.shape)
    factor[:row, :names] = 2.0
    return replace(panel, **{name: getattr(panel, name) * factor for name in BAR_FIELDS[:4]})


def holed(panel: Panel, *, names: int, rows: slice) -> Panel:
    """Some names without a bar for some sessions."""
    kept = np.ones(panel.close.shape, dtype=bool)
    kept[rows, :names] = False
    return replace(panel, **{name: getattr(panel, name).where(kept) for name in BAR_FIELDS})


def planted_cases() -> tuple[Planted, ...]:
    """Thirty changes of one stage, and ten of two."""
    return (*_single_runs(), *_single_orders(), *_pairs())


def _single_runs() -> Iterator[Planted]:
    one = partial(Planted, how="run")
    yield one(stages=("bars",), words="10 % of bars 30 bps off", bars=partial(noisy, share=0.1, bps=30.0))
    yield one(stages=("bars",), words="three splits not adjusted", bars=partial(unadjusted, names=3, row=410))
    yield one(stages=("bars",), words="two names without 60 bars", bars=partial(holed, names=2, rows=slice(380, 440)))
    yield one(stages=("bars",), words="1 % of bars 3 % off", bars=partial(noisy, share=0.01, bps=300.0), market=2)
    yield one(stages=("universe",), words="top20", universe="top20")
    yield one(stages=("universe",), words="top15", universe="top15", market=2)
    yield one(stages=("universe",), words="all,age=200", universe="all,age=200")
    yield one(stages=("universe",), words="all,price=20", universe="top25", market=3)
    for market, name in ((1, "compact7"), (2, "compact12"), (3, "core14"), (2, "compact7")):
        yield one(stages=("features",), words=name, sets=(f"features.set={name}",), market=market)
    for market, key in ((1, "model.target=rank"), (2, "model.lookback=2"), (1, "model.lookback=10")):
        yield one(stages=("scores",), words=key, sets=(key,), market=market)
    yield one(stages=("scores",), words="model.penalties=[0.001]", sets=("model.penalties=[0.001]",), market=3)
    for market, key in ((1, "portfolio.k=0.4"), (2, "portfolio.smoothing=0.5"), (3, "risk.volatility_target=0.08")):
        yield one(stages=("book",), words=key, sets=(key,), market=market)
    for market, key in ((1, "costs.trade_bps=20"), (2, "costs.borrow_bps=400")):
        yield one(stages=("costs",), words=key, sets=(key,), market=market)
    for key in ("execution.fill=next_close", "execution.extra_delay=2"):
        yield one(stages=("fills",), how="scores", words=f"{key}, given scores", sets=(key,))


def _single_orders() -> Iterator[Planted]:
    one = partial(Planted, how="vectorbt")
    yield one(stages=("fills",), words="fills at the close of the decision", orders={"price": "close", "lag": 0})
    yield one(stages=("fills",), words="fills at the next close", orders={"price": "close"}, market=2)
    yield one(stages=("fills",), words="whole shares of 5,000 in all", orders={"whole": 1.0, "cash": 5e3}, market=3)
    yield one(stages=("costs",), words="fees of 15 bps", orders={"fees": 15e-4})
    yield one(stages=("costs",), words="an order costs 20", orders={"fixed": 20.0}, market=2)
    yield one(stages=("book",), words="portfolio.k=0.4", sets=("portfolio.k=0.4",))
    yield one(stages=("book",), words="long only", sets=("portfolio.short=0.0",), market=2)


def _pairs() -> Iterator[Planted]:
    two = partial(Planted, how="run")
    noise = partial(noisy, share=0.1, bps=30.0)
    yield two(stages=("bars", "costs"), words="bars 30 bps off, 20 bps", bars=noise, sets=("costs.trade_bps=20",))
    yield two(stages=("universe", "book"), words="top20, k=0.4", universe="top20", sets=("portfolio.k=0.4",))
    yield two(stages=("bars", "universe"), words="bars 30 bps off, top20", bars=noise, universe="top20", market=2)
    sets = ("features.set=compact7", "model.target=rank")
    yield two(stages=("features", "scores"), words="compact7, rank target", sets=sets)
    sets = ("model.target=rank", "portfolio.smoothing=0.5")
    yield two(stages=("scores", "book"), words="rank target, faster", sets=sets, market=3)
    yield two(
        stages=("features", "costs"), words="compact12, 20 bps", sets=("features.set=compact12", "costs.trade_bps=20")
    )
    sets = ("execution.fill=next_close", "costs.trade_bps=20")
    yield two(stages=("fills", "costs"), how="scores", words="next close, 20 bps, given scores", sets=sets, market=2)
    both = {"price": "close", "lag": 0, "fees": 20e-4}
    yield two(stages=("fills", "costs"), how="vectorbt", words="close of the decision, 20 bps", orders=both)
    both = {"price": "close"}
    sets = ("portfolio.k=0.4",)
    yield two(stages=("book", "fills"), how="vectorbt", words="k=0.4, next close", orders=both, sets=sets, market=2)
    both = {"fees": 20e-4}
    yield two(stages=("book", "costs"), how="vectorbt", words="k=0.4, 20 bps", orders=both, sets=sets, market=3)


def long_bars(panel: Panel) -> pd.DataFrame:
    """Bars as a file holds them, a row a name and session."""
    fields = ("open", "high", "low", "close", "volume")
    rows = {
        name: getattr(panel, name).melt(ignore_index=False).set_index("ticker", append=True)["value"] for name in fields
    }
    return pd.DataFrame(rows).dropna(subset="close").reset_index().rename(columns={"session": "date"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """A store, its bars on disk by market, and the base run of each."""

    folder: Path
    store: RunStore
    bases: dict[int, RunFolder] = field(default_factory=dict)

    def second(self, case: Planted) -> tuple[str, str]:
        """The words for both sides of a case, the second made here."""
        base = self.base(case.market)
        if case.how == "run":
            bars = self.bars(case.market, case.bars)
            request = BarsRequest(bars=str(bars), universe=case.universe)
            return base.run_id, self.run(spec_of(*case.sets), request).run_id
        if case.how == "scores":
            sides = [self.scored(base, *sets).run_id for sets in ((), case.sets)]
            return sides[0], sides[1]
        return base.run_id, str(self.orders(base, case))

    def base(self, market: int) -> RunFolder:
        if market not in self.bases:
            self.bases[market] = self.run(spec_of(), BarsRequest(bars=str(self.bars(market, None))))
        return self.bases[market]

    def bars(self, market: int, change: Callable[[Panel], Panel] | None) -> Path:
        panel = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=480, seed=market)).panel
        changed = panel if change is None else change(panel)
        path = self.folder / f"bars-{market}-{'base' if change is None else len(list(self.folder.iterdir()))}.parquet"
        if not path.exists():
            long_bars(changed).to_parquet(path)
        return path

    def run(self, spec: StrategySpec, request: BarsRequest) -> RunFolder:
        return run(spec, load_inputs(request), context=RunContext(store=self.store, request=request)).folder

    def scored(self, base: RunFolder, *sets: str) -> RunFolder:
        inputs, context = load_inputs(base.request), RunContext(store=self.store, request=base.request)
        return evaluate(base.read_frame("scores"), inputs, spec=spec_of(*sets), context=context).folder

    def orders(self, base: RunFolder, case: Planted) -> Path:
        """What vectorbt orders of the book that the base's scores decide, by some conventions, as its own table."""
        panel, spec = load_inputs(base.request).panel, spec_of(*case.sets)
        weights = decide_weights(spec.rules, panel, base.read_frame("scores"))
        path = self.folder / f"orders-{len(list(self.folder.iterdir()))}.csv"
        ordered(panel, weights, **case.orders).to_csv(path, index=False)
        return path


def ordered(
    panel: Panel,
    weights: pd.DataFrame,
    *,
    price: str = "open",
    lag: float = 1,
    fees: float = 5e-4,
    **other: float,
) -> pd.DataFrame:
    """Orders of vectorbt for decided weights, in its own table."""
    import vectorbt as vbt

    begins = weights.dropna(how="all").index[0]
    due = weights.shift(int(lag)).loc[begins:]
    known = panel.close.ffill().shift(1)
    at = (panel.open if price == "open" else panel.close).loc[begins:]
    made = vbt.Portfolio.from_orders(
        panel.close.ffill().loc[begins:],
        due.where(at.notna()),
        size_type="targetpercent",
        price=at.fillna(known.loc[begins:]),
        val_price=at.fillna(known.loc[begins:]),
        fees=fees,
        fixed_fees=other.get("fixed", 0.0),
        size_granularity=1.0 if other.get("whole") else np.nan,
        init_cash=other.get("cash", CAPITAL),
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The inplace keyword in DataFrame.rename", DeprecationWarning)
        return made.orders.records_readable


def spec_of(*sets: str) -> StrategySpec:
    """The base strategy with some keys changed."""
    return override(load_spec("quintile_long_short"), [*BASE, *sets])


def computed_recipe(spec: StrategySpec, inputs: Inputs, name: str) -> Recipe:
    """A recipe computed here, without a store: trained, scored, decided and traded."""
    panel = inputs.panel
    prepared = prepare_training_data(spec, panel, features=model_features(spec, panel))
    with TemporaryDirectory() as temporary:
        identity = {"spec": spec.fingerprint(), "panel": "computed", "code": "computed"}
        checkpoint = learn(spec, prepared, folder=Path(temporary), identity=identity)
    scores = scores_of(checkpoint, prepared.windows, sessions=test_sessions(panel, checkpoint), spec=spec)
    rules = replace(spec.rules, companions={})
    weights = decide_weights(rules, panel, scores)
    result = ledger_backtest(panel, weights, execution=rules.execution, costs=rules.costs)
    return Recipe(
        name=name,
        kind="run",
        panel=panel,
        universe=UniverseRule(words="given", table=panel.universe),
        rules=rules,
        net=result.net_returns,
        learning="trained",
        spec=spec,
        checkpoint=checkpoint,
        scores=scores,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case, what was said of it, and whether that is right."""

    case: Planted
    gap: float
    first: tuple[str, ...]
    right: bool
    off: float  # sum of the parts less the gap, the largest of all figures
    seconds: float


def judged(bench: Bench, case: Planted) -> Judged:
    """Make the second side, explain the two, and hold the parts against what was planted."""
    words = bench.second(case)
    capital = float(case.orders.get("cash", CAPITAL))
    began = time.perf_counter()
    found = explain(*recipes(*words, Told(store=bench.store, capital=capital)))
    seconds = time.perf_counter() - began
    names = tuple(part.name for part in found.ranked()[: len(case.stages)])
    gap = found.gap["annual return"] or 0.0
    return Judged(case=case, gap=gap, first=names, right=set(names) == case.right, off=_off(found), seconds=seconds)


def _off(found: Explanation) -> float:
    gaps = {name: value for name, value in found.gap.items() if value is not None}
    return max(abs(sum(part.figures[name] or 0.0 for part in found.parts) - gap) for name, gap in gaps.items())


def vectorbt_case(bench: Bench) -> Explanation:
    """The base run against vectorbt as it comes: the close of the decision, no lag, no fees."""
    base = bench.base(1)
    orders: dict[str, float | str] = {"price": "close", "lag": 0, "fees": 0.0}
    path = bench.orders(base, Planted(stages=(), how="vectorbt", words="as it comes", orders=orders))
    return explain(*recipes(base.run_id, str(path), Told(store=bench.store, capital=CAPITAL)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A large case: what differs, how many parts do, and seconds of the wall and of the processor to explain it."""

    words: str
    parts: int
    wall: float
    processor: float


def large_cases(n_tickers: int = 500, n_sessions: int = 2520) -> list[Timed]:
    """Explanations at full size, with a ridge."""
    inputs = Inputs(panel=synthetic_market(SyntheticSettings(n_tickers=n_tickers, n_sessions=n_sessions)).panel)
    narrow = inputs.panel.universe.copy()
    narrow.iloc[:, ::5] = False
    other = Inputs(panel=inputs.panel.with_universe(narrow, described="four names in five"))
    base = computed_recipe(spec_of(), inputs, "base")
    timed = []
    cases = (
        ("costs", inputs, ("costs.trade_bps=20",)),
        ("book and costs", inputs, ("portfolio.k=0.4", "costs.trade_bps=20")),
        ("universe and scores: two mixes trained again", other, ("model.target=rank",)),
        (
            "universe, features and scores, book and costs: six mixes trained again",
            other,
            ("features.set=compact7", "model.target=rank", "portfolio.k=0.4", "costs.trade_bps=20"),
        ),
    )
    for words, bars, sets in cases:
        side = computed_recipe(spec_of(*sets), bars, "other")
        wall, processor = time.perf_counter(), time.process_time()
        found = explain(base, side)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        parts = sum(part.differs for part in found.parts)
        timed.append(Timed(words=words, parts=parts, wall=wall, processor=processor))
    return timed


def section(options: Options) -> str:
    """Make and explain every case; the text of the page."""
    del options
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bench = Bench(folder=folder, store=RunStore(folder / "runs"))
        found = []
        for case in planted_cases():
            found.append(judged(bench, case))
            print(f"{len(found):>2}  {case.how:<9} {case.words:<40} {found[-1].first} {found[-1].right}", flush=True)
        other = vectorbt_case(bench)
    return _text(found, other, large_cases())


def _text(found: list[Judged], other: Explanation, large: list[Timed]) -> str:
    single, pairs = ([each for each in found if len(each.case.stages) == n] for n in (1, 2))
    lines = [
        "## Planted changes and what explains them",
        "",
        f"`python -m benchmarks explain_planted`: {machine()}. 30 names, 480 sessions, a ridge; fills of vectorbt.",
        "",
        f"The right stage is first in {sum(each.right for each in single)} of {len(single)} single changes, the right "
        f"two are first in {sum(each.right for each in pairs)} of {len(pairs)} pairs. Parts sum to the gap within "
        f"{max(each.off for each in found):.1e}. A case takes {np.median([each.seconds for each in found]):.1f} s.",
        "",
        "| planted | made by | change | gap a year | first | right |",
        "|---|---|---|---:|---|---|",
        *(
            f"| {' and '.join(each.case.stages)} | {each.case.how} | {each.case.words} | {each.gap:+.2%} | "
            f"{', '.join(each.first)} | {'yes' if each.right else 'NO'} |"
            for each in found
        ),
        "",
        "500 names, 2,520 sessions, a ridge on eleven features; one thread:",
        "",
        "| what differs | stages | wall | processor |",
        "|---|---:|---:|---:|",
        *(f"| {each.words} | {each.parts} | {each.wall:.0f} s | {each.processor:.0f} s |" for each in large),
        "",
        "vectorbt as it comes (close of the decision, no lag, no fees) against the run of the same scores:",
        "",
        f"> {other.sentence}",
        "",
        "| part | annual return | Sharpe ratio |",
        "|---|---:|---:|",
        *(
            f"| {part.name} | {part.figures[FIGURES[0]] or 0.0:+.3%} | {part.figures[FIGURES[1]] or 0.0:+.4f} |"
            for part in other.parts
        ),
    ]
    return "\n".join([*lines, ""])
