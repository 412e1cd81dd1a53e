"""Claim tables: what the headlines came to on each set of bars, as rows of text."""

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

from backtests.forecasts.claims.direction_claims import best_of_coins
from backtests.forecasts.claims.measured_claims import SHARPE_SESSIONS, MeasuredClaims
from backtests.forecasts.claims.price_claims import PERSISTENCE
from backtests.forecasts.claims.sharpe_claims import TRIALS, sharpe_claim

__all__ = [
    "ClaimTable",
    "averaging_table",
    "coin_table",
    "fit_tables",
    "free_table",
    "learned_table",
    "scaled_table",
    "selection_table",
    "sharpe_table",
    "soft_table",
    "source_words",
    "trial_table",
    "up_table",
]

CLAIMED_SHARPE = 2.53
LEARNED_COLUMNS = ("validation ± HAC error", "lead of 0.05 over it ± HAC error", "test")
CALENDAR_SESSIONS = 149  # of New York from 2025-04-01 to 2025-10-31, the span that the reference names
COINS, FORECASTS = (1, 30, 90), (60, 126, 250, 1000)


class ClaimTable(NamedTuple):
    """Headings and rows of text; the caption is empty where the text before it says enough."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def source_words(measured: MeasuredClaims) -> str:
    """What bars are called in a heading: a file's name is text and never markup."""
    facts = measured.panel.facts
    if facts.synthetic:
        return "built-in market (SYNTHETIC)"
    plain = html.escape(facts.source).replace("|", "∣").replace("`", "'")
    return "".join(f"\\{letter}" if letter in "*_[]\\" else letter for letter in plain)


def free_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """Persistence's R² of prices, by what is judged together."""
    labels = list(zip(*(each.free for each in found), strict=True))
    values = list(zip(*(each.free.values() for each in found), strict=True))
    rows = [
        (label[0] if len(set(label)) == 1 else " / ".join(dict.fromkeys(label)), *(f"{value:.4f}" for value in row))
        for label, row in zip(labels, values, strict=True)
    ]
    return ClaimTable("", ("R² of next-session prices of doing nothing", *map(source_words, found)), rows)


def fit_tables(found: Sequence[MeasuredClaims]) -> list[ClaimTable]:
    """The linear model of prices by how it was scaled and split, a table for each set of bars."""
    columns = ("four series pooled", "R² of prices", "doing nothing, same cells", "R² of returns", "skill", "MAPE")
    tables = []
    for each in found:
        rows = [
            (
                name,
                f"{fit.r2_price:.4f}",
                f"{fit.r2_free:.4f}",
                f"{fit.r2_return:+.3f}",
                "–" if name == PERSISTENCE else _gain(fit.skill),
                f"{fit.mape:.2%}",
            )
            for name, fit in each.fits.items()
        ]
        tables.append(ClaimTable(source_words(each), columns, rows))
    return tables


def scaled_table(found: Sequence[MeasuredClaims], *, claimed: float) -> ClaimTable:
    """Doing nothing in units of the range and of the price."""
    rows: list[tuple[str, Callable[[MeasuredClaims], str]]] = [
        ("range of the window ÷ price", lambda each: f"{each.scaled['range_share']:.2f}"),
        ("doing nothing, next session: MAE of scaled prices", lambda each: f"{each.scaled['scaled']:.4f}"),
        ("the same, of the price", lambda each: f"{each.scaled['relative']:.2%}"),
        ("doing nothing, seven sessions ahead: MAE of scaled prices", lambda each: f"{each.scaled['scaled_week']:.4f}"),
        ("the same, of the price", lambda each: f"{each.scaled['relative_week']:.2%}"),
        (f"what {claimed:g} of the range is of the price", lambda each: f"{claimed * each.scaled['range_share']:.2%}"),
    ]
    return _across("median series", found, rows)


def up_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """How often the return was above zero."""
    columns = tuple(f"{source_words(each)}: {what}" for each in found for what in ("a series", "their average"))
    horizons = found[0].ups.index
    rows = [
        (f"{horizon}", *(f"{each.ups.loc[horizon, name]:.1%}" for each in found for name in ("series", "average")))
        for horizon in horizons
    ]
    return ClaimTable("", ("sessions ahead", *columns), rows)


def coin_table() -> ClaimTable:
    """What the luckiest of some coins gets right."""
    rows = [(f"{n:,}", *(f"{best_of_coins(n, coins):.1%}" for coins in COINS)) for n in FORECASTS]
    return ClaimTable("", ("forecasts", *(f"best of {n}" if n > 1 else "one coin" for n in COINS)), rows)


def sharpe_table() -> ClaimTable:
    """The Sharpe ratio that was claimed, by the length of its span."""
    claims = [sharpe_claim(CLAIMED_SHARPE, n) for n in (CALENDAR_SESSIONS, SHARPE_SESSIONS, 1000)]
    rows = [
        (f"{each.n_sessions:,}", f"{each.standard_error:.2f}", f"{each.low:+.2f} to {each.high:+.2f}")
        for each in claims
    ]
    return ClaimTable("", ("sessions", "standard error of 2.53", "95 % range"), rows)


def trial_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """The best book of many without skill, and the odds of 2.53 beside it."""
    claim = sharpe_claim(CLAIMED_SHARPE, SHARPE_SESSIONS)
    rows = []
    for count in TRIALS:
        row = claim.by_trials.loc[count]
        lucky = (f"{each.lucky[count]:.2f}" for each in found)
        rows.append((f"{count:,}", f"{row['best without skill']:.2f}", *lucky, f"{row['probability above it']:.2f}"))
    measured = tuple(f"best random book, {source_words(each)}" for each in found)
    return ClaimTable("", ("trials", "best without skill, expected", *measured, "P(true ratio above that)"), rows)


def averaging_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """Three equally good regressions and their average."""
    rows = []
    for each in found:
        name = source_words(each)
        for what, one in ((f"random walks as volatile as {name}", each.on_walks), (name, each.on_bars)):
            cells = (one.mean_member, one.worst_member, one.average)
            gains = (one.over_mean_member, one.over_worst_member, one.over_persistence)
            rows.append((what, *(f"{cell:.3f}" for cell in cells), *map(_gain, gains)))
    columns = ("a member", "the worst", "the average", "gain over a member", "over the worst", "over doing nothing")
    return ClaimTable("", ("MAE ÷ that of doing nothing", *columns), rows)


def selection_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """Choosing the best of k noise forecasters, on the same data and later."""
    rows = []
    for each in found:
        for one in each.selections:
            rows.append(
                (
                    source_words(each),
                    f"{one.points}",
                    f"{one.candidates}",
                    f"{one.replaced:.0%}",
                    _gain(one.improved),
                    f"{one.worse:.0%}",
                    _gain(one.later),
                    f"{one.worse_later:.0%}",
                )
            )
    same, later = "on the data that chose", "on later data"
    columns = ("candidates", "replaced", f"better, {same}", f"worse, {same}", f"better, {later}", f"worse, {later}")
    return ClaimTable("", ("bars", "forecasts", *columns), rows)


def soft_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """Soft ranks against ranks."""
    names = (("raw", "raw returns"), ("zscore", "z-scored"))
    columns = tuple(f"{source_words(each)}: {words}" for each in found for _, words in names)
    rows = [
        (f"{temperature:g}", *(f"{each.soft.loc[temperature, name]:.3f}" for each in found for name, _ in names))
        for temperature in found[0].soft.index
    ]
    return ClaimTable("", ("τ", *columns), rows)


def learned_table(found: Sequence[MeasuredClaims]) -> ClaimTable:
    """Rank ICs of a scorer learned at each temperature."""
    columns = tuple(f"{source_words(each)}: {what}" for each in found for what in LEARNED_COLUMNS)
    rows = []
    for temperature in found[0].learned:
        cells = []
        for each in found:
            one = each.learned[temperature]
            lead = f"{one.lead:+.4f} ± {one.lead_error:.4f}" if one.lead_error > 0.0 else "–"
            cells += [f"{one.validation:+.4f} ± {one.validation_error:.4f}", lead, f"{one.test:+.4f}"]
        rows.append((f"{temperature:g}", *cells))
    return ClaimTable("", ("τ", *columns), rows)


def _across(
    what: str, found: Sequence[MeasuredClaims], rows: Sequence[tuple[str, Callable[[MeasuredClaims], str]]]
) -> ClaimTable:
    cells: list[tuple[str, ...]] = [(label, *(told(each) for each in found)) for label, told in rows]
    return ClaimTable("", (what, *map(source_words, found)), cells)


def _gain(share: float) -> str:
    """A signed share in per cent; what rounds to nothing has no sign but plus."""
    return f"{round(share, 3) + 0.0:+.1%}"
