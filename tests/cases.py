"""Cases: markets and files that went wrong once, through the command line, held against the right values.

Each case is a folder beside the project, in ``../shared/cases``; the right values were computed without Quintile.
``python -m tests.cases [NAME ...]`` prints one line a case and fails with the number of those that are wrong.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from market.store import find_version, read_rows

__all__ = ["CASES", "FOLDER", "judged"]

FOLDER = Path(__file__).parents[2] / "shared" / "cases"
TINY = ("model.hidden=4", "model.layers=1", "training.max_epochs=1")
SHORT = (*TINY, "model.lookback=30", "training.burn_in=30", "model.scoring=long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one command printed and left."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams on one line, for what a reader sees."""
        return " ".join(f"{self.out} {self.err}".split())


@dataclass(slots=True, kw_only=True)
class Place:
    """A case's files, a scratch folder, and what was found wrong."""

    files: Path
    scratch: Path
    wrong: list[str] = field(default_factory=list)

    def quintile(self, *words: str | Path) -> Said:
        """Run the command line in the scratch folder."""
        done = subprocess.run(
            [str(Path(sys.executable).parent / "quintile"), *map(str, words)],
            cwd=self.scratch,
            env={**_environment(), "QUINTILE_DATA": str(self.scratch / "data")},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = Said(code=done.returncode, out=done.stdout, err=done.stderr)
        self.expect("Traceback" not in said.text and "Warning:" not in said.err, f"{words[0]}: {said.err[-200:]}")
        return said

    def evaluated(self, bars: str = "bars.csv", scores: str = "scores.csv", *more: str | Path) -> dict[str, Any]:
        """Metrics of ``evaluate``; empty where it was refused."""
        out = self.scratch / f"runs{len(list(self.scratch.iterdir()))}"
        words: tuple[str | Path, ...] = (
            "evaluate",
            self.files / scores,
            "--bars",
            self.files / bars,
            "--out",
            out,
            "--quiet",
            *more,
        )
        said = self.quintile(*words)
        self.expect(said.code == 0, f"exit {said.code}: {said.err.strip()[-200:]}")
        found = list(out.glob("*/*/metrics.json"))
        return json.loads(found[0].read_text()) if found else {}

    def trained(self, bars: str, *more: str, settings: tuple[str, ...] = SHORT) -> Said:
        """A tiny model of ``run``."""
        assignments = [word for each in settings for word in ("--set", each)]
        run: tuple[str | Path, ...] = (
            "run",
            "quintile_long_short",
            "--bars",
            self.files / bars,
            "--out",
            "runs",
            "--quiet",
            *more,
        )
        return self.quintile(*run, *assignments)

    def expect(self, holds: bool, words: str) -> None:
        """Note what is wrong."""
        if not holds:
            self.wrong.append(words)

    def near(self, name: str, value: Any, right: float, within: float) -> None:
        """Note a number that is not the right one."""
        self.expect(isinstance(value, int | float) and abs(value - right) <= within, f"{name} {value}, right {right}")

    def headline(self, metrics: dict[str, Any], **right: tuple[float, float]) -> None:
        """Hold numbers of page one against the right ones, each with its tolerance."""
        for name, (value, within) in right.items():
            self.near(name, metrics.get("headline", {}).get(name), value, within)


def adjusted_closes_that_are_not(place: Place) -> None:
    tiny = (*TINY, "model.lookback=10", "training.burn_in=10", "training.patience=1")
    place.trained("bars.csv", settings=tiny)
    holdings = place.files / "holdings.csv"
    decide = ("decide", "latest", "--bars", place.files / "bars.csv", "--holdings", holdings, "--as-of", "2019-09-03")
    said = place.quintile(*decide, "--out", "runs")
    place.expect(said.code == 0, f"exit {said.code} {said.err[-200:]}")
    place.expect("adjusted closes" not in said.text, "says adjusted closes of bars that nobody adjusted")
    place.expect("11,964" in said.text or "11,965" in said.text, "equity of the holdings is not 11,964.75")


def annual_risk_free(place: Place) -> None:
    for file in ("factors.csv", "factors_named_risk_free.csv"):
        factors = place.evaluated("bars.csv", "scores.csv", "--factors", place.files / file)
        alpha = _deep(factors.get("factors", {}), "alpha")
        place.near(f"{file} alpha", alpha and alpha["estimate"], _alpha(place, file, factors), 1e-4)
    for file in ("factors_annual_rf.csv", "factors_rf_percent.csv"):
        words = ("evaluate", place.files / "scores.csv", "--bars", place.files / "bars.csv", "--out", "refused")
        said = place.quintile(*words, "--factors", place.files / file)
        place.expect(said.code != 0 and "rf" in said.err, f"{file} is not refused: {said.text[:100]}")


def audit_of_clean_bars(place: Place) -> None:
    said = place.quintile("data", "audit", place.files / "bars.csv", "--out", "a.html")
    place.expect(said.code == 0 and "a.html" in said.text, f"exit {said.code} {said.text[-120:]}")


def audit_refuses(place: Place) -> None:
    said = place.quintile("data", "audit", place.files / "bars", "--out", "a.html")
    place.expect((place.scratch / "a.html").is_file(), f"no page: {said.text[-160:]}")
    place.expect("BTCUSDT" in (said.text + _read(place.scratch / "a.html")), "the zero price is not listed")


def benchmark_holes(place: Place) -> None:
    for file in ("index_full.csv", "index_one_hole.csv", "index_other_calendar.csv"):
        metrics = place.evaluated("bars.csv", "scores.csv", "--benchmark", place.files / file)
        place.near(f"{file} Sharpe", _benchmark(metrics), _carried_sharpe(place, file, metrics), 0.002)
    for file in ("index_zero.csv", "index_neg.csv"):
        words = ("evaluate", place.files / "scores.csv", "--bars", place.files / "bars.csv", "--out", "refused")
        said = place.quintile(*words, "--benchmark", place.files / file)
        place.expect(said.code != 0 and file in said.err, f"{file} is not refused: {said.text[:100]}")


def benchmark_that_accrues(place: Place) -> None:
    metrics = place.evaluated("bars.csv", "scores.csv", "--benchmark", place.files / "bills.csv")
    place.expect(_benchmark(metrics) is None, f"Sharpe of a constant {_benchmark(metrics)}")


def crypto_calendar(place: Place) -> None:
    place.trained("bars.csv", "--split", "2025-05-31,2025-07-31")
    _fills(place, "2025-11-07", "2025-11-08")
    place.expect("365" in _read(next(iter(place.scratch.glob("runs/*/*/report.html")), None)), "no 365 on the page")


def decide_on_another_exchange(place: Place) -> None:
    tiny = (*TINY, "model.lookback=10", "training.burn_in=10", "training.patience=1")
    place.trained("bars.csv", settings=tiny)
    _fills(place, "2020-01-05", "2020-01-06")


def empty_cell_in_benchmark_or_factors(place: Place) -> None:
    for file in ("index_empty.csv", "index_fred_dot.csv", "index_null.csv"):
        metrics = place.evaluated("bars.csv", "scores.csv", "--benchmark", place.files / file)
        place.expect(_benchmark(metrics) is not None, f"{file} is not read")
    for file in ("factors_empty.csv", "factors_empty.parquet", "factors_row_numbers.csv"):
        metrics = place.evaluated("bars.csv", "scores.csv", "--factors", place.files / file)
        place.expect(bool(metrics), f"{file} is not read")  # and 45 sessions are too few to regress: page one says so


def empty_volume_crash(place: Place) -> None:
    metrics = place.evaluated()
    place.headline(metrics, rank_ic=(0.1260, 1e-4), sharpe_net=(2.594, 1e-3), annual_return=(0.1424, 1e-4))
    place.headline(metrics, sessions=(299, 0))


def fewer_than_ten_names(place: Place) -> None:
    for scores in ("scores.csv", "scores_of_four.csv"):
        metrics = place.evaluated("bars.csv", scores)
        sentence = metrics.get("headline", {}).get("sentence", "nan")
        place.expect("nan" not in sentence, f"{scores}: {sentence}")


def holiday_bars(place: Place) -> None:
    said = place.quintile("data", "audit", place.files / "bars.csv", "--out", "a.html")
    page = _read(place.scratch / "a.html") + said.text
    place.expect("2025-11-05" in page and "2025-03-18" in page, "the sessions on which nobody traded are not named")
    place.expect("zero volume 16" not in said.text.lower(), "16 single findings")


def islands_real(place: Place) -> None:
    bars = _fixed(place, "i")
    for ticker, day in (("AMZN", "2023-02-02"), ("COIN", "2022-05-11"), ("COIN", "2022-05-12")):
        place.expect(bool(((bars["ticker"] == ticker) & (bars["date"] == day)).any()), f"{ticker} {day} deleted")


def limit_move_split(place: Place) -> None:
    given, bars = _rows(place.files / "bars.csv"), _fixed(place, "l")
    joined = given.merge(bars, on=["date", "ticker"], suffixes=("", "_fixed"))
    place.expect(len(joined) == len(given), f"{len(given) - len(joined)} bars deleted")
    moved = ((joined["close_fixed"] / joined["close"] - 1).abs() > 1e-9).sum()
    place.expect(moved == 0, f"{moved} closes rescaled")


def monthly_scores(place: Place) -> None:
    metrics = place.evaluated()
    place.near("ICIR a year", metrics.get("signal", {}).get("icir_annual"), 0.201, 0.002)
    place.expect(_near_any(metrics, 0.362, 0.002), "the IC until the next score is nowhere")
    place.headline(
        place.evaluated("bars.csv", "scores.csv", "--set", "portfolio.smoothing=1"), sharpe_net=(3.42, 0.005)
    )


def nse_calendar(place: Place) -> None:
    place.trained("bars.csv", "--split", "2025-06-30,2025-08-14")
    _fills(place, "2025-11-24", None)


def scores_end_early(place: Place) -> None:
    for bars in ("bars.csv", "bars_cut.csv"):
        metrics = place.evaluated(bars)
        place.headline(metrics, sessions=(121, 0), sharpe_net=(3.580, 0.001), annual_return=(0.194, 0.0005))
        place.headline(metrics, max_drawdown=(-0.012, 0.0005))


def short_history(place: Place) -> None:
    said = place.trained("bars.csv", "--split", "2025-06-30,2025-08-14")
    pages = list(place.scratch.glob("runs/*/*/report.html"))
    place.expect(said.code == 0 and len(pages) == 1, f"exit {said.code}: {said.err.strip()[-160:]}")


def thin_session(place: Place) -> None:
    settings = (*TINY, "model.scoring=long")
    place.trained("thin.csv", "--split", "2016-12-30,2017-03-31", settings=settings)
    scores = pd.read_parquet(next(place.scratch.glob("runs/*/*/scores.parquet")))
    numbers = scores.set_index(scores.columns[0]) if "session" in scores else scores
    scored = numbers.notna().sum(axis=1)
    place.expect(int(scored.min()) >= 13, f"as few as {scored.min()} names scored, {int((scored < 14).sum())} sessions")


def told_from_zero_on_the_wrong_side(place: Place) -> None:
    metrics = place.evaluated()
    place.headline(metrics, sharpe_net=(-3.02, 0.005), rank_ic=(-0.1841, 1e-4))
    sentence = metrics.get("headline", {}).get("sentence", "")
    place.expect("below zero" in sentence and "worse than" in sentence, sentence)


def trailing_space_splits_a_name(place: Place) -> None:
    right = {"sharpe_net": (0.173, 0.001), "annual_return": (0.0073, 1e-4), "rank_ic": (0.09656, 1e-5)}
    place.headline(place.evaluated(), **right)


def weekly_bars(place: Place) -> None:
    metrics = place.evaluated()
    place.headline(metrics, sharpe_net=(0.802, 0.002), annual_return=(0.0358, 2e-4), volatility=(0.0452, 2e-4))
    place.headline(metrics, sessions=(271, 0))


def year_of_bars(place: Place) -> None:
    metrics = place.evaluated()
    place.headline(metrics, rank_ic=(0.0471, 1e-4), sharpe_net=(2.276, 0.001), annual_return=(0.1117, 1e-4))
    place.headline(metrics, max_drawdown=(-0.0209, 1e-4), sessions=(249, 0))


def yen_fix(place: Place) -> None:
    bars = _fixed(place, "y")
    place.expect(len(bars) >= 1952, f"{1952 - len(bars)} genuine bars deleted")


CASES: dict[str, Callable[[Place], None]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        adjusted_closes_that_are_not,
        annual_risk_free,
        audit_of_clean_bars,
        audit_refuses,
        benchmark_holes,
        benchmark_that_accrues,
        crypto_calendar,
        decide_on_another_exchange,
        empty_cell_in_benchmark_or_factors,
        empty_volume_crash,
        fewer_than_ten_names,
        holiday_bars,
        islands_real,
        limit_move_split,
        monthly_scores,
        nse_calendar,
        scores_end_early,
        short_history,
        thin_session,
        told_from_zero_on_the_wrong_side,
        trailing_space_splits_a_name,
        weekly_bars,
        year_of_bars,
        yen_fix,
    )
}


def judged(name: str) -> list[str]:
    """What is wrong with a case today; empty where all is right."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(files=FOLDER / name, scratch=Path(scratch))
        CASES[name](place)
    return place.wrong


def _fills(place: Place, as_of: str, fill: str | None) -> None:
    """``decide`` on the case's bars blocks nothing and fills on the next session of its own exchange."""
    decide = ("decide", "latest", "--bars", place.files / "bars.csv", "--as-of", as_of, "--equity", "100000")
    said = place.quintile(*decide, "--out", "runs")
    place.expect(said.code == 0, f"decide: exit {said.code} {said.err[-160:]}")
    place.expect("BLOCKED" not in said.text, f"blocked: {said.text[:300]}")
    place.expect(fill is None or fill in said.text, f"does not fill on {fill}: {said.text[:200]}")


def _fixed(place: Place, name: str) -> pd.DataFrame:
    """Bars of a data set after ``data audit --fix``."""
    place.quintile("data", "import", place.files / "bars.csv", "--name", name)
    place.quintile("data", "audit", name, "--fix")
    stored = find_version(name, home=place.scratch / "data")
    assert stored is not None
    rows = read_rows(*stored)
    columns = {"date": rows.dates.astype("datetime64[D]").astype(str), "ticker": [rows.tickers[k] for k in rows.codes]}
    return pd.DataFrame(columns | dict(rows.numbers))


def _rows(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path, dtype={"ticker": str})
    rows.columns = [str(column).lower() for column in rows.columns]
    return rows


def _benchmark(metrics: dict[str, Any]) -> Any:
    return metrics.get("wall", {}).get("rivals", {}).get("benchmark", {}).get("sharpe")


def _carried_sharpe(place: Place, file: str, metrics: dict[str, Any]) -> float:
    """Sharpe ratio of an index over the judged sessions, its last known level carried into every hole."""
    sessions = sorted(pd.read_csv(place.files / "bars.csv")["date"].unique())
    index = pd.read_csv(place.files / file, index_col=0).iloc[:, -1].astype(float).dropna()
    levels = index.reindex(sorted({*sessions, *index.index})).ffill().reindex(sessions)
    first, last = metrics["headline"]["period"]
    returns = (levels / levels.shift(1) - 1.0).loc[first:last]
    return float(np.sqrt(252) * returns.mean() / returns.std())


def _alpha(place: Place, file: str, metrics: dict[str, Any]) -> float:
    """Annual intercept of the book's excess returns on the factors, by least squares."""
    net = pd.read_parquet(next(place.scratch.glob("runs*/*/*/returns.parquet")))
    factors = pd.read_csv(place.files / file, index_col=0, parse_dates=True)
    first, last = metrics["headline"]["period"]
    theirs = factors.loc[first:last].rename(columns={"risk_free": "rf"})
    ours = net.set_index("session")["net"] if "session" in net else net.iloc[:, 0]
    columns = theirs.drop(columns="rf").to_numpy()
    held = ours.loc[first:last].to_numpy() - theirs["rf"].to_numpy()
    found, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(held)), columns]), held, rcond=None)
    return float(252 * found[0])


def _deep(value: Any, key: str) -> Any:
    """First value of a key anywhere inside nested mappings."""
    if not isinstance(value, dict):
        return None
    if key in value:
        return value[key]
    return next((found for item in value.values() if (found := _deep(item, key)) is not None), None)


def _near_any(value: Any, right: float, within: float) -> bool:
    if isinstance(value, dict):
        return any(_near_any(item, right, within) for item in value.values())
    return isinstance(value, float) and abs(value - right) <= within


def _read(path: Path | None) -> str:
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def main(names: list[str]) -> int:
    """Print one line a case."""
    failed = 0
    for name in names or list(CASES):
        wrong = judged(name)
        failed += bool(wrong)
        print(f"{'wrong' if wrong else 'right'}  {name}  {'; '.join(wrong)}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
