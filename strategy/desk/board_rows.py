"""Board rows: runs, sweeps, forecast studies and versions as rows of the board, read as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backtests.report.boards.board_page import BoardRow, Measure
from backtests.report.boards.equity_curve import curve_of_file
from backtests.report.formats import percent, plus_minus, ratio
from core.errors import RunError, SourceError
from core.files import read_json
from strategy.desk.run_entry import RunEntry
from strategy.desk.run_index import differing_settings
from strategy.frozen.versions import VersionFolder, list_versions

__all__ = ["forecast_rows", "run_rows_of", "sweep_rows", "version_rows"]

KINDS: Final = {
    **{"run": "run", "walk": "walk", "version": "version's run"},
    **{"model": "given model", "scores": "given scores"},
}
MAX_SYMBOLS: Final = 6  # of a study, named
MAX_DIFFERS: Final = 8  # settings of a row


def run_rows_of(entries: Sequence[RunEntry]) -> Iterator[BoardRow]:
    """Runs and walks, in their order; what cannot be read, has not finished or was pruned is a row too."""
    apart = differing_settings(entries)
    for entry in entries:
        page = "quick" not in entry.status and entry.reported
        yield BoardRow(
            kind=KINDS[entry.kind],
            name=entry.run,
            strategy=entry.strategy,
            path=f"{entry.home}/{entry.run}/report.html" if page else "",
            verdict=entry.words_of("verdict"),
            stamps=entry.stamps,
            conditions=_conditions(entry.headline, entry.origin),
            differs=_shortened(apart.get((entry.home, entry.run), {})),
            problem=entry.problem,
            started=entry.started[:16].replace("T", " "),
            curve=entry.curve or "",
            **_measures(entry.headline),
        )


def sweep_rows(root: Path) -> Iterator[BoardRow]:
    """Sweeps of a store, by ``<strategy>/sweeps/<id>/sweep.json``."""
    for path in sorted(root.glob("*/sweeps/*/sweep.json"), reverse=True):
        folder = path.parent
        row: dict[str, Any] = {"kind": "sweep", "name": folder.name, "strategy": path.parents[2].name}
        try:
            sweep = _table(read_json(path), path)
            yield BoardRow(**row, **_swept(sweep, folder, root))
        except (RunError, SourceError, OSError) as error:
            yield BoardRow(**row, stamps=("DAMAGED",), problem=str(error))


def forecast_rows(forecasts: Path, way: str) -> Iterator[BoardRow]:
    """Studies of a folder of forecasts; ``way`` leads from the board to it, and is empty where none does."""
    for path in sorted(forecasts.glob("studies/*/study.json"), reverse=True):
        row: dict[str, Any] = {"kind": "forecast", "name": path.parent.name, "strategy": "forecasts"}
        page = path.parent / "study.html"
        address = f"{way}/studies/{path.parent.name}/study.html" if way and page.is_file() else ""
        try:
            study = _table(read_json(path), path)
        except (RunError, SourceError, OSError) as error:
            yield BoardRow(**row, stamps=("DAMAGED",), problem=str(error))
            continue
        stamps = ("SYNTHETIC",) if study.get("synthetic") is True else ()
        yield BoardRow(**row, path=address, stamps=stamps, conditions=tuple(_studied(study)))


def version_rows(versions: Path) -> Iterator[BoardRow]:
    """Frozen versions of a folder, the newest of a name first."""
    for folder in reversed(list_versions(versions)):
        row: dict[str, Any] = {"kind": "version", "name": str(folder.version), "strategy": folder.version.name}
        try:
            body = folder.body
        except (ValueError, OSError) as error:
            yield BoardRow(**row, stamps=("DAMAGED",), problem=str(error))
            continue
        headline = body["headline"] | {"sessions_per_year": body.get("sessions_per_year")}
        yield BoardRow(
            **row,
            verdict=str(headline.get("verdict") or ""),
            stamps=("FROZEN",),
            conditions=_conditions(headline, f"frozen from run {body.get('run', 'n/a')}"),
            started=str(body.get("frozen", ""))[:16].replace("T", " "),
            curve=_version_curve(folder),
            **_measures(headline),
        )


def _version_curve(folder: VersionFolder) -> str:
    try:
        return curve_of_file(folder.path / "expected" / "returns.parquet", "net")
    except RunError:
        return ""


def _measures(headline: Mapping[str, Any]) -> dict[str, Any]:
    sharpe, ic, depth = (_number(headline, key) for key in ("sharpe_net", "rank_ic", "max_drawdown"))
    return {
        "sharpe": _measure(sharpe, plus_minus(sharpe, _number(headline, "sharpe_standard_error"))),
        "rank_ic": _measure(ic, plus_minus(ic, _number(headline, "rank_ic_standard_error"), 4)),
        "drawdown": _measure(depth, percent(depth)),
    }


def _measure(value: float | None, shown: str) -> Measure:
    return Measure() if value is None else Measure(value=value, shown=shown)


def _conditions(headline: Mapping[str, Any], origin: str) -> tuple[str, ...]:
    """What the numbers must not be read without."""
    if not headline:
        return (origin,) if origin else ()
    period, sessions = headline.get("period"), headline.get("sessions")
    span = " to ".join(map(str, period)) if isinstance(period, list | tuple) else "period n/a"
    counted = f"{headline.get('trials', 'n/a')} trials, {headline.get('comparable_trials', 'n/a')} on its bars and span"
    bps = headline.get("trade_bps")
    costs = headline.get("costs") or ("costs n/a" if bps is None else f"{bps:g} bps one way on traded notional")
    bars = f"{headline.get('source', '')}; {headline.get('universe', '')}"
    said = (f"{span}, {sessions or 'n/a'} sessions", bars, costs, counted, origin)
    return tuple(str(each).strip("; ") for each in said if str(each).strip("; "))


def _shortened(differs: Mapping[str, str]) -> str:
    shown = [f"{key} = {value}" for key, value in differs.items()]
    more = [f"and {len(shown) - MAX_DIFFERS} more"] if len(shown) > MAX_DIFFERS else []
    return ", ".join([*shown[:MAX_DIFFERS], *more])


def _swept(sweep: Mapping[str, Any], folder: Path, root: Path) -> dict[str, Any]:
    """What the board says of a sweep: how far it is, its best point on validation, and its winner's test."""
    points, best, winner = (_inner(sweep, key) for key in ("points", "best", "winner"))
    page, finished = folder / "sweep.html", bool(sweep.get("finished"))
    told = [f"{points.get('done', 0)} of {points.get('total', 'n/a')} points"]
    if best:
        ic, sharpe = ratio(_number(best, "rank_ic"), 4), ratio(_number(best, "sharpe"))
        told.append(f"best on validation: rank IC {ic}, Sharpe ratio {sharpe}")
    if winner:
        told.append(f"winner judged on test: run {winner.get('run', 'n/a')}")
    own = _number(winner, "sharpe")
    settings = {str(key): str(value) for key, value in _inner(winner or best, "settings").items()}
    return {
        "path": page.relative_to(root).as_posix() if page.is_file() else "",
        "verdict": str(winner.get("verdict") or ""),
        "stamps": () if finished else ("UNFINISHED",),
        "sharpe": _measure(own, plus_minus(own, _number(winner, "sharpe_standard_error"))),
        "conditions": tuple(told),
        "differs": _shortened(settings),
        "started": str(sweep.get("created", ""))[:16].replace("T", " "),
    }


def _studied(study: Mapping[str, Any]) -> Iterator[str]:
    symbols = [each for each in study.get("symbols", ()) if isinstance(each, dict)]
    names = [str(each.get("symbol", "")) for each in symbols[:MAX_SYMBOLS]]
    more = f" and {len(symbols) - MAX_SYMBOLS} more" if len(symbols) > MAX_SYMBOLS else ""
    yield f"{', '.join(names)}{more}" if names else "no symbol is finished"
    yield f"{study.get('source', '')}; {len(study.get('models', ()))} forecasters; {study.get('trials', 0)} trials"
    skills = [_number(_inner(each, "test"), "skill") for each in symbols]
    known = sorted(skill for skill in skills if skill is not None)
    if known:
        yield f"skill beside persistence on test: median {percent(known[len(known) // 2], 2)} of {len(known)} symbols"


def _inner(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _number(table: Mapping[str, Any], key: str) -> float | None:
    value = table.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _table(value: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no table: restore it, or remove its folder")
    return value
