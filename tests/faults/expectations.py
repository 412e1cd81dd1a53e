"""Expectations: what may be seen of a fault, as a judgement of what was met."""

from collections.abc import Mapping

from tests.faults.fault import Expected, Meeting, plain

__all__ = ["NOTED", "REFUSED", "SAME", "SURVIVED", "TOLD", "WORKS", "kept", "says"]

OURS = (
    ".lock",
    ".features/",
    "digests.json",
    "trials.sqlite",
    "-wal",
    "-shm",
    "-journal",
    ".attested.json",
    ".partial",
)


def _refused(met: Meeting) -> str | None:
    if met.seen.code == 0:
        return "taken"
    changed = _changed(met.before, met.after)
    return f"refused, yet {changed[0]} changed" if changed else None


def _same(met: Meeting) -> str | None:
    if met.seen.code != met.clean.code:
        return f"exit {met.seen.code}, not {met.clean.code}"
    if met.made != met.whole:
        return "OTHER BITS: " + ", ".join(sorted(name for name in met.whole if met.made.get(name) != met.whole[name]))
    return None if plain(met.seen.out) == plain(met.clean.out) else "ANOTHER RESULT"


def _noted(met: Meeting) -> str | None:
    if met.seen.code != met.clean.code:
        return f"exit {met.seen.code}, not {met.clean.code}"
    return None if _names_it(met) else "no note of it"


def _survived(met: Meeting) -> str | None:
    if met.seen.code not in (0, met.clean.code):
        return _refused(met)
    different = _same(met)
    return different and (None if _names_it(met) else f"{different}, and nothing said")


def _names_it(met: Meeting) -> bool:
    """Whether a file that was spoiled, or its folder, is named where something is printed."""
    names = {part for name in met.spoiled for part in name.split("/")[-2:]}
    return any(name in met.seen.err + met.seen.out for name in names)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    both = sorted({*before, *after})
    return [name for name in both if before.get(name) != after.get(name) and not any(ours in name for ours in OURS)]


REFUSED = Expected("one line, and nothing changed", _refused)
SAME = Expected("the same result as without it", _same)
NOTED = Expected("goes on, with a note that names it", _noted)
SURVIVED = Expected("one line, or the same result, or a note that names it", _survived)
WORKS = Expected("works", lambda met: None if met.seen.code == 0 else f"exit {met.seen.code}")
TOLD = Expected("one line or success", lambda _met: None)


def says(*words: str, code: int | None = None) -> Expected:
    """Expect words in what is printed, in any case, and an exit status."""

    def wrong(met: Meeting) -> str | None:
        printed = (met.seen.out + met.seen.err).casefold()
        if code is not None and met.seen.code != code:
            return f"exit {met.seen.code}, not {code}"
        return None if any(word.casefold() in printed for word in words) else f"does not say {' or '.join(words)}"

    return Expected(("" if code is None else f"exit {code}, ") + f"says {' or '.join(words)}", wrong)


def kept(*names: str) -> Expected:
    """Expect files as they were, whatever the command does."""

    def wrong(met: Meeting) -> str | None:
        lost = [name for name in names if met.before[name] != met.after.get(name)]
        return f"LOST {lost[0]}" if lost else None

    return Expected(f"{' and '.join(names)} kept", wrong)
