"""Request: which bars to load and what stands beside them; enough to load the same bars again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from core.errors import SourceError
from market.builtin_words import is_builtin

__all__ = ["BarsRequest"]

FORMER = {"keep_thin_sessions": True}  # what was done before the field came
WORDS = {bool: "true or false", str: "text"}
TABLES = "outside"
SHOWN = 40  # characters of a value that is not what it should be


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsRequest:
    """Bars and what stands beside them, as ``load_inputs`` reads them.

    Parameters
    ----------
    bars, universe : str
        As ``load_bars`` and ``choose_universe`` take them; files by absolute path.
    start, end : str or None
        First and last session, ISO dates.
    benchmark : str or None
        File of a benchmark series.
    point_in_time : bool
        The user declares that the bars hold dead names too.
    vix : str or None
        File of the VIX.
    sectors : str or None
        File with the sector of each ticker.
    factors : str or None
        File of factor returns.
    hedge : str or None
        File with the bars of instruments beside the universe, for a book that is hedged with one.
    exchange : str or None
        Whose sessions the bars hold: a code of exchange-calendars, ``"24/7"`` or ``"none"``; inferred where None.
    keep_thin_sessions : bool
        Keep sessions in which fewer than half of the names that usually trade did.
    outside : mapping of str to str
        Files of outside tables by name, see :mod:`market.outside.outside_file`.

    Examples
    --------
    >>> qt.BarsRequest(bars="us", universe="top400").start is None
    True
    """

    bars: str = "builtin"
    universe: str = "all"
    start: str | None = None
    end: str | None = None
    benchmark: str | None = None
    point_in_time: bool = False
    vix: str | None = None
    sectors: str | None = None
    factors: str | None = None
    hedge: str | None = None
    exchange: str | None = None
    keep_thin_sessions: bool = False
    outside: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def recorded(cls, recorded: Mapping[str, Any]) -> Self:
        """The request that a run or a lock wrote down; one older than a field meant what was done before.

        Raises
        ------
        SourceError
            If it is no request, or has a field of a newer release.
        """
        if not isinstance(recorded, Mapping):
            raise SourceError(f"a recorded request of bars must be a table of fields, was {_shown(recorded)}")
        known: dict[str, Any] = {each.name: {} if each.name == TABLES else each.default for each in fields(cls)}
        if strange := sorted(map(str, recorded.keys() - known)):
            raise SourceError(
                f"the recorded request of bars has the field {_shown(strange[0])}, which this release does not know: "
                "use the release that wrote it"
            )
        if not _are_files(recorded.get(TABLES, {})):
            raise SourceError(
                f"the recorded request of bars has {TABLES} {_shown(recorded[TABLES])}, must be a table of texts: "
                "restore the file that it is in"
            )
        for name, value in recorded.items():
            if name == TABLES:
                continue
            wanted = bool if isinstance(known[name], bool) else str
            if not isinstance(value, wanted) and not (value is None and known[name] is None):
                raise SourceError(
                    f"the recorded request of bars has {name} {_shown(value)}, must be {WORDS[wanted]}: restore the "
                    "file that it is in"
                )
        return cls(**{**FORMER, **recorded})

    @classmethod
    def for_bars(cls, recorded: Mapping[str, Any], **changes: str) -> Self:
        """Request the bars alone that a version's lock describes, with some fields changed."""
        beside: dict[str, Any] = dict.fromkeys(("benchmark", "vix", "sectors", "factors", "hedge")) | {TABLES: {}}
        return replace(cls.recorded(recorded), **(beside | changes))

    def as_record(self) -> dict[str, Any]:
        """The fields to write down; those of no outside table are left out, as before there were any."""
        return {name: value for name, value in asdict(self).items() if name != TABLES or value}

    def on_exchange(self, exchange: str) -> Self:
        """The request with the exchange that its bars turned out to have, so that later bars of it have the same."""
        return replace(self, exchange=exchange) if self.exchange is None and not is_builtin(self.bars) else self


def _are_files(value: object) -> bool:
    """Whether a recorded value names files by table."""
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _shown(value: object) -> str:
    """The beginning of a value, for a message."""
    text = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
