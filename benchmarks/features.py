"""core14 of 800 stocks over 3,400 sessions: from our store and from pyqlib's, cold; and the arithmetic alone.

*Cold* is a new process with a warm page cache, from bars on disk to features in memory, its imports included. pyqlib's
14 factors are expressions on its own binary store, every cache off; the market's return, which is no expression, is
a mean over names in pandas, and two factors that repeat another are not computed twice. *Compute* starts with bars in
memory; wide pandas is one rolling call on a frame of all names, and ``np.copy`` only copies 14 results as float32.
"""

import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.runner import Options, Ratio, Section, added_peak, fresh_peak, interleaved, run_peer
from benchmarks.runner.measure import ROOT, environment
from benchmarks.runner.peers import PeerMissing
from market import Panel, PanelFacts
from market.panel import aligned_frame
from market.store import import_bars
from signals.features import FEATURE_SETS, Computing, compute_features

N_SESSIONS, N_NAMES = 3_400, 800
N_COMPARED = 5  # names whose factors are compared number by number
WARM_UP = 20  # sessions: pyqlib answers from fewer bars than a window holds
BARS = ("open", "high", "low", "close", "volume")
ANNUAL = math.sqrt(252)
EXPRESSIONS = {
    "ret_1d": "$close/Ref($close,1)-1",
    "ret_5d": "$close/Ref($close,5)-1",
    "ret_20d": "$close/Ref($close,20)-1",
    "volatility": f"Std($close/Ref($close,1)-1,20)*{ANNUAL!r}",
    "vol_5d": f"Std($close/Ref($close,1)-1,5)*{ANNUAL!r}",
    "vol_volume": "Std($volume,20)/Mean($volume,20)",
    "dist_from_high": "(Max($high,20)-$close)/$close",
    "dist_from_low": "($close-Min($low,20))/$close",
    "price_range": "($high-$low)/$close",
    "volume_ratio": "$volume/Mean($volume,20)",
    "volume_trend": "Mean($volume,5)/Mean($volume,20)",
}
PEAK = 'peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))\n'
OURS = f"""
import sys
from market import load_bars
from signals.features import Computing, compute_features
frames = compute_features(load_bars("bench"), "core14", computing=Computing(dtype="float32"))
{PEAK}print(int(peak) * 1024 / 1e6)
"""
PEER = f"""
import sys, numpy as np
import qlib
from qlib.data import D
if __name__ == "__main__":
    folder, n_names = sys.argv[1], int(sys.argv[2])
    expressions = dict(each.split("=", 1) for each in sys.argv[3:])
    qlib.init(provider_uri=folder, region="us", expression_cache=None, dataset_cache=None, logging_level=40)
    frames = D.features(D.instruments("all"), list(expressions.values()), freq="day")
    frames.columns = list(expressions)
    frames["momentum"], frames["momentum_5d"] = frames["ret_20d"], frames["ret_5d"]
    frames["market_return"] = frames["ret_1d"].groupby(level="datetime").transform("mean")
    {PEAK}    few = frames.loc[frames.index.get_level_values("instrument").unique()[:n_names]]
    np.savez(folder + "/few.npz", **{{name: few[name].unstack(level="instrument").to_numpy() for name in few}})
    print(int(peak) * 1024 / 1e6)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cold:
    """Seconds and peaks of whole processes, by form; ``missing`` says why pyqlib is not among them."""

    clock: dict[str, float]
    busy: dict[str, float]
    peaks: dict[str, str]
    missing: str


@cache
def workload(n_sessions: int = N_SESSIONS, n_names: int = N_NAMES) -> Panel:
    """Random walks in which every number is a float32, so that both stores hold the same bars."""
    rng, shape = np.random.default_rng(0), (n_sessions, n_names)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.015, shape), axis=0))
    opens = close * np.exp(rng.normal(0, 0.005, shape))
    high = np.fmax(opens, close) * np.exp(np.abs(rng.normal(0, 0.005, shape)))
    low = np.fmin(opens, close) * np.exp(-np.abs(rng.normal(0, 0.005, shape)))
    volume = rng.lognormal(13, 1, shape).round()
    bars = dict(zip(BARS, (opens, high, low, close, volume), strict=True))
    rounded = {name: values.astype(np.float32).astype(float) for name, values in bars.items()}
    sessions, names = pd.bdate_range("2007-01-01", periods=n_sessions), pd.Index([f"T{k:03d}" for k in range(n_names)])
    frames = {name: aligned_frame(values, sessions, names) for name, values in rounded.items()}
    facts = PanelFacts(source="random walk", adjustment="none", volume_basis="none", synthetic=True)
    turnover = frames["close"] * frames["volume"]
    return Panel(**frames, dollar_volume=turnover, universe=frames["close"].notna(), facts=facts)


def write_ours(folder: Path, panel: Panel) -> None:
    """Store the bars as data set ``bench`` of the store in ``folder``."""
    n_sessions, n_names = panel.close.shape
    columns = {"date": np.repeat(panel.sessions.to_numpy(), n_names), "ticker": np.tile(panel.tickers, n_sessions)}
    columns |= {name: getattr(panel, name).to_numpy().ravel() for name in BARS}
    with tempfile.TemporaryDirectory() as given:
        path = Path(given) / "bars.parquet"
        pq.write_table(pa.table(columns), path)
        import_bars(path, name="bench", home=folder)


def write_theirs(folder: Path) -> None:
    """Write the bars as pyqlib keeps them: one float32 file a field and name, after the row it starts at."""
    panel = workload()
    days = [f"{day:%Y-%m-%d}" for day in panel.sessions]
    lines = {"calendars/day": days, "instruments/all": [f"{name}\t{days[0]}\t{days[-1]}" for name in panel.tickers]}
    for name, texts in lines.items():
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(texts) + "\n")
    for name in panel.tickers:
        (folder / "features" / name.lower()).mkdir(parents=True)
        for field in BARS:
            numbers = np.concatenate([[0.0], getattr(panel, field)[name].to_numpy()])
            numbers.astype("<f4").tofile(folder / "features" / name.lower() / f"{field}.day.bin")


def ours_cold(folder: Path) -> str:
    """Run our way from the store to features in a new process, and return its peak in MB."""
    command, home = [sys.executable, "-c", OURS], environment(QUINTILE_DATA=str(folder))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=home).stdout


def theirs_cold(folder: Path, options: Options) -> str:
    """Run pyqlib's way in a new process of its own environment, and return the peak of its main process in MB."""
    factors = [f"{name}={expression}" for name, expression in EXPRESSIONS.items()]
    return run_peer("qlib", PEER, str(folder), str(N_COMPARED), *factors, options=options)


def by_pandas(panel: Panel) -> dict[str, pd.DataFrame]:
    """core14 as one writes it in wide pandas."""
    close, volume = panel.close, panel.volume
    returns = {sessions: close / close.shift(sessions) - 1.0 for sessions in (1, 5, 20)}
    mean = volume.rolling(20).mean()
    market = returns[1].where(panel.universe).mean(axis=1)
    return {
        "ret_1d": returns[1],
        "ret_5d": returns[5],
        "ret_20d": returns[20],
        "volatility": returns[1].rolling(20).std() * ANNUAL,
        "vol_5d": returns[1].rolling(5).std() * ANNUAL,
        "vol_volume": volume.rolling(20).std() / mean,
        "dist_from_high": (panel.high.rolling(20).max() - close) / close,
        "dist_from_low": (close - panel.low.rolling(20).min()) / close,
        "price_range": (panel.high - panel.low) / close,
        "momentum": returns[20],
        "momentum_5d": returns[5],
        "volume_ratio": volume / mean,
        "volume_trend": volume.rolling(5).mean() / mean,
        "market_return": pd.DataFrame(
            np.where(panel.printed, market.to_numpy()[:, None], np.nan), panel.sessions, panel.tickers
        ),
    }


def copied() -> Callable[[], object]:
    """Copy of 14 float32 frames that are ready."""
    frames = [workload().close.to_numpy(dtype=np.float32) for _ in FEATURE_SETS["core14"]]
    return lambda: [np.copy(frame, order="K") for frame in frames]


def compute_forms() -> dict[str, Callable[[], object]]:
    """The arithmetic alone, as calls by form."""
    return {
        "quintile": lambda: compute_features(workload(), "core14", computing=Computing(dtype="float32")),
        "wide pandas": lambda: by_pandas(workload()),
        "np.copy": copied(),
    }


def peak(form: str) -> float:
    """What one computation adds to this process's peak, in MB."""
    run = compute_forms()[form]
    compute_features(workload().between(None, workload().sessions[40]), "core14")
    return added_peak(run)


@contextmanager
def stores() -> Iterator[tuple[Path, Path]]:
    """Yield the folders of our store and of pyqlib's, both filled."""
    with tempfile.TemporaryDirectory() as home:
        ours, theirs = Path(home) / "ours", Path(home) / "theirs"
        write_ours(ours, workload())
        write_theirs(theirs)
        yield ours, theirs


def largest_difference(folder: Path) -> float:
    """How far pyqlib's numbers are from ours where both answer, relative to each factor's standard deviation."""
    theirs, ours = np.load(folder / "few.npz"), compute_features(workload(), "core14")
    worst = 0.0
    for name in theirs.files:
        mine = np.asarray(ours[name])[WARM_UP:, :N_COMPARED]
        worst = max(worst, float(np.abs(theirs[name][WARM_UP:] - mine).max() / mine.std()))
    return worst


def cold(options: Options, ours: Path, theirs: Path) -> Cold:
    """Median seconds by the clock and of processor time, and the peaks, of both ways; ours alone at need."""
    ways = {"quintile": partial(ours_cold, ours), "pyqlib": partial(theirs_cold, theirs, options)}
    busy: dict[str, list[float]] = {form: [] for form in ways}
    peaks: dict[str, str] = {}

    def timed(form: str) -> None:
        start = children_seconds()
        peaks[form] = f"{float(ways[form]()):,.0f}"
        busy[form].append(children_seconds() - start)

    clock, reason = {}, ""
    try:
        clock = interleaved({form: partial(timed, form) for form in ways}, options.rounds, clock=time.perf_counter)
    except PeerMissing as missing:
        reason = str(missing)
        clock = interleaved({"quintile": partial(timed, "quintile")}, options.rounds, clock=time.perf_counter)
    medians = {form: statistics.median(busy[form][1:]) for form in clock}
    return Cold(clock=clock, busy=medians, peaks=peaks, missing=reason)


def children_seconds() -> float:
    """Processor seconds of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def section(options: Options) -> Section:
    """Measure, and return the section."""
    forms = compute_forms()
    times = interleaved(forms, options.rounds, clock=time.perf_counter)
    busy = interleaved(forms, options.rounds)
    with stores() as (ours, theirs):
        whole = cold(options, ours, theirs)
        note = f"Left out: {whole.missing}." if whole.missing else _agreement(largest_difference(theirs))
    rows = [
        ("cold", form, f"{whole.clock[form]:,.2f}", f"{whole.busy[form]:,.2f}", whole.peaks[form])
        for form in whole.clock
    ]
    for form in forms:
        megabytes = f"{fresh_peak('features', form):,.0f}" if options.memory else ""
        rows.append(("compute", form, f"{times[form]:,.2f}", f"{busy[form]:,.2f}", megabytes))
    return Section(
        heading="Features: core14 from a store, and alone",
        clock=f"medians of {options.rounds} interleaved rounds in one run, all cores",
        notes=(
            f"{N_NAMES} stocks × {N_SESSIONS:,} sessions of random walks. *Cold* is a new process with a warm page "
            "cache, from bars on disk to 14 float32 features in memory, imports included, MB the peak of its main "
            "process; pyqlib reads its own binary store, every cache off, its processes as many as it likes. *Compute* "
            "starts with bars in memory; `np.copy` only copies 14 results as float32.",
            note,
        ),
        columns=("measured", "form", "clock s", "processor s", "MB"),
        rows=tuple(rows),
        ratios=tuple(_ratios(whole, times)),
    )


def _ratios(whole: Cold, times: dict[str, float]) -> Iterator[Ratio]:
    if not whole.missing:
        yield Ratio(form="core14 cold", rival="pyqlib", times=whole.clock["pyqlib"] / whole.clock["quintile"])
    for rival in ("wide pandas", "np.copy"):
        yield Ratio(form="core14 compute", rival=rival, times=times[rival] / times["quintile"])


def _agreement(difference: float) -> str:
    return (
        f"pyqlib's numbers of {N_COMPARED} names differ from ours by at most {difference:.0e} of a factor's standard "
        f"deviation, from row {WARM_UP} on: its store and results are float32, and it answers earlier from fewer bars."
    )
