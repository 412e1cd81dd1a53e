"""Claims page: headlines of forecasters beside what honest data say, as Markdown with a picture."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backtests.forecasts.claims.averaging_claims import most_of_averaging, wildness_for
from backtests.forecasts.claims.direction_claims import accuracy_of_sharpe, correlation_of_accuracy, sharpe_of_accuracy
from backtests.forecasts.claims.measured_claims import SHARPE_SESSIONS, MeasuredClaims
from backtests.forecasts.claims.price_claims import PERSISTENCE, rmse_over_persistence
from backtests.forecasts.claims.sharpe_claims import sharpe_claim
from backtests.report.forecasts import claim_tables as tables
from core.files import require_new, write_text

__all__ = ["MARKDOWN_PAGE", "PICTURE", "check_claims_folder", "claims_page", "write_claims"]

MARKDOWN_PAGE, PICTURE = "claims.md", "claims.svg"
ONE_SIDED = 1.645  # standard errors
TITLE = "# Headlines of forecasters"
WIDTH = 118
CLAIMED_MAE = 0.0436


class Claim(NamedTuple):
    """One headline: what was claimed, the tables beside it, why it looked true, and what to ask instead."""

    title: str
    claimed: str
    shown: Sequence[tables.ClaimTable]
    why: str
    ask: str


def claims_page(found: Sequence[MeasuredClaims], *, command: str) -> str:
    """The page in Markdown; the same numbers give the same text.

    Parameters
    ----------
    found : sequence of MeasuredClaims
        One for each set of bars, the built-in market first.
    command : str
        What drew it.
    """
    series = "; ".join(
        f"{tables.source_words(each)}: {len(each.panel.sessions):,} sessions, {len(each.panel.tickers):,} names, "
        f"{len(each.series)} whole series"
        for each in found
    )
    parts = [
        TITLE,
        f"Written by `{command}`; not edited by hand.",
        _filled(INTRODUCTION),
        _filled(
            f"Bars: {series}. The series are those of the most money traded among the names that print from the first "
            "session to the last, which is hindsight; what is shown is how measures behave, not what earns. Skill is 1 "
            "− mean absolute error of returns ÷ that of doing nothing, which says that the price stays where it is."
        ),
        f"![R² of prices and of returns; saying up; the luckiest book; the best of many forecasters]({PICTURE})",
    ]
    for claim in _claims(found):
        parts += _section(claim)
    parts += ["## What they have in common", "\n".join(f"- {_filled(line, '  ')}" for line in COMMON)]
    return "\n\n".join(parts) + "\n"


def check_claims_folder(folder: Path) -> None:
    """Refuse a folder whose page is of another kind, before minutes of work.

    Raises
    ------
    ValueError
        If it is.
    """
    require_new(folder / MARKDOWN_PAGE, what="page", ours=TITLE)


def write_claims(found: Sequence[MeasuredClaims], folder: Path, *, command: str) -> list[Path]:
    """Write the page and its picture; their paths.

    Raises
    ------
    ValueError
        If a page of another kind stands there.
    """
    from backtests.report.figures.claims_figures import draw_claims

    check_claims_folder(folder)
    path = folder / MARKDOWN_PAGE
    write_text(path, claims_page(found, command=command))
    draw_claims(found, folder / PICTURE)
    return [path, folder / PICTURE]


def _section(claim: Claim) -> list[str]:
    parts = [f"## {claim.title}", _filled(f"**Claimed.** {claim.claimed}")]
    for table in claim.shown:
        parts += [*([f"{table.caption}:"] if table.caption else []), _markdown(table)]
    return [*parts, _filled(f"**Why it looked true.** {claim.why}"), _filled(f"**Ask instead.** {claim.ask}")]


def _claims(found: Sequence[MeasuredClaims]) -> list[Claim]:
    first = found[0]
    return [
        _prices(found, first),
        _scaled(found, first),
        _direction(found),
        _sharpe(found),
        _averaging(found, first),
        _selection(found, first),
        _temperature(found, first),
    ]


def _prices(found: Sequence[MeasuredClaims], first: MeasuredClaims) -> Claim:
    free, fits = list(first.free.values()), list(first.fits.values())
    _, honest, leaky, _, peeking = fits
    errors = "; ".join(f"{tables.source_words(each)} {_percent(each.fits[PERSISTENCE].mape, 2)}" for each in found)
    return Claim(
        title="“R² 0.9986, 88 times better”",
        claimed="""
        An ensemble explains 99.86 % of the variance of tomorrow's prices of four index funds. One network had an R²
        of 0.111 on a young stock and 0.9826 on the four funds together: 88 times as much, from more data. The author
        suspects a leak, of which a scaler fitted on all rows comes first, and hopes for 0.5 to 0.7 without it.""",
        shown=[tables.free_table(found), *tables.fit_tables(found)],
        why=f"""
        Most of the variance of a price is where the price stands, and yesterday's price knows that. On the built-in
        market doing nothing has {free[0]:.2f} on the worst single series over 126 sessions, {free[1]:.2f} on the
        median one and {free[3]:.4f} on four together: pooling series of different price widens what there is to
        explain and leaves the error as it was. A ratio of two such R² compares two data sets, not two models. For the
        young stock the page itself gives doing nothing 0.96; an R² of 0.111 beside it is an error
        {rmse_over_persistence(0.111, 0.96):.1f} times as large, and that was the finding. The scaler is not the leak
        that matters: fitted on all rows instead of the training rows, the R² of prices is {leaky.r2_price:.5f}
        instead of {honest.r2_price:.5f}. Nor does an R² of prices show a leak that is beyond doubt: with an indicator
        that reads five sessions ahead it is {peeking.r2_price:.4f}, while the R² of returns goes from
        {honest.r2_return:+.3f} to {peeking.r2_return:+.3f}. Without any leak the R² of
        prices of the pooled series stays above 0.99 and
        that of returns is about nothing. The 0.5 to 0.7 that is hoped for would be far below doing nothing there.
        Its error of 1.64 % of the price, told beside the R², stands beside that of doing nothing on the four series
        here: {errors}.""",
        ask="""
        What is the R² of returns, and the skill over doing nothing with its range? `quintile forecast run` never
        prints an R² of prices without that of doing nothing beside it.""",
    )


def _scaled(found: Sequence[MeasuredClaims], first: MeasuredClaims) -> Claim:
    scaled = first.scaled
    return Claim(
        title="“MAE 0.0436: only 4.36 % error”",
        claimed="""
        The validation error of a compact LSTM, 0.0436 in min–max scaled prices of 430 sessions, is read as 4.36 % of
        the price: ±11.24 USD on a stock at 257.80.""",
        shown=[tables.scaled_table(found, claimed=CLAIMED_MAE)],
        why=f"""
        Scaled to its lowest and highest close, a series moves from 0 to 1, and an error of 0.0436 is 4.36 % of that
        range. What it is of the price depends on how far the price happened to travel. And a small number is no
        achievement by itself: on the built-in market doing nothing errs by {scaled["scaled"]:.4f} next session and
        {scaled["scaled_week"]:.4f} seven sessions ahead, in the same units.""",
        ask="""
        What does doing nothing err by in the same units, over the same sessions? Skill is 1 − that ratio;
        MASE is the ratio to doing nothing on the
        training sessions.""",
    )


def _direction(found: Sequence[MeasuredClaims]) -> Claim:
    return Claim(
        title="“60 to 65 % accuracy”",
        claimed="""
        A network that gets 47.6 % of signs right on three stocks is to reach 60 to 65 % on 1,695, and with that a
        Sharpe ratio of 1.5 to 1.8.""",
        shown=[tables.up_table(found), tables.coin_table()],
        why=f"""
        Prices rise more often than they fall, the more so the longer the horizon and the broader the average: always
        saying up is right as often as the first table says, and knows nothing. Of few forecasts luck does the rest:
        the second table has the best of some fair coins, and settings that are tried are coins. The two halves of the
        claim do not fit either. For normal returns 60 % of signs is a correlation of
        {correlation_of_accuracy(0.6):.2f}, an R² of returns of {correlation_of_accuracy(0.6) ** 2:.3f}. One bet a
        session on one such series has a Sharpe ratio of {sharpe_of_accuracy(0.6):.1f} before costs; fifty independent
        ones {sharpe_of_accuracy(0.6, n_bets=50):.0f}. A ratio of 1.5 on fifty independent bets takes
        {_percent(accuracy_of_sharpe(1.5, n_bets=50))} of signs: little more than half is no reproach.""",
        ask="""
        How often was the return above zero in the same forecasts, and what is the binomial range of the share?""",
    )


def _sharpe(found: Sequence[MeasuredClaims]) -> Claim:
    claim = sharpe_claim(tables.CLAIMED_SHARPE, SHARPE_SESSIONS)
    many = claim.by_trials.index[-1]
    lucky = claim.by_trials.loc[many, "best without skill"]
    return Claim(
        title="“Sharpe ratio 2.53”",
        claimed=f"""
        A long–short book earns 2.53 gross from April to October 2025. Temperature, book and short rule were compared
        on the same span. It is told as 159 sessions; New York held {tables.CALENDAR_SESSIONS} between the dates
        named.""",
        shown=[tables.sharpe_table(), tables.trial_table(found)],
        why=f"""
        It is an estimate from {SHARPE_SESSIONS} returns with a standard error of {claim.standard_error:.2f}: the 95 %
        range goes from {claim.low:.2f} to {claim.high:.2f}, and from {tables.CALENDAR_SESSIONS} returns it reaches
        across zero. For a single book fixed beforehand that is the edge:
        {claim.sessions_needed:.0f} sessions would do at such a ratio, one-sided at 95 %. For the best of
        several it is what luck shows: the best of {many} books without skill is expected at {lucky:.2f} over such a
        span, and random books on these bars, with ranks redrawn every session and without costs, get there.""",
        ask="""
        How long is the span, how many settings were compared on it, and what is the deflated Sharpe ratio? Every
        report of Quintile has the three beside the ratio; `quintile trials` counts.""",
    )


def _averaging(found: Sequence[MeasuredClaims], first: MeasuredClaims) -> Claim:
    walks = first.on_walks
    return Claim(
        title="“Ensembles are 30 to 40 % more accurate”",
        claimed="""
        LSTM, GRU and Transformer together are 30 to 40 % more accurate than one model.""",
        shown=[tables.averaging_table(found)],
        why=f"""
        Averaging takes away what the members say differently, and of forecasts of returns most is noise of their own.
        Three equally good regressions on random walks: the average errs {_percent(walks.over_mean_member)} less than
        a member, and {_percent(-walks.over_persistence)} more than doing nothing. The gain is real and is measured
        from the wrong place: the noisier the members, the larger it is. Three members with unrelated noise gain 30 %
        in root mean squared error where each errs {wildness_for(0.30):.1f} times as much as doing nothing, 40 % where
        it is {wildness_for(0.40):.1f} times, and {_percent(most_of_averaging(), 0)} is the most there is.""",
        ask="""
        Is the average better than doing nothing, and than its best member chosen on validation?""",
    )


def _selection(found: Sequence[MeasuredClaims], first: MeasuredClaims) -> Claim:
    few, many = first.selections[0], first.selections[1]
    moves = "; ".join(
        f"{tables.source_words(each)} {_percent(each.moves.min(), 2)} to {_percent(each.moves.max(), 2)}, "
        f"median {_percent(each.moves.median(), 2)}"
        for each in found
    )
    return Claim(
        title="“27.5 % better, zero regressions”",
        claimed="""
        Of 24 symbols 13 got another model by ranking the recorded errors again, by the error of the percentage return
        instead of the price. Where the model changed the error is 27.5 % lower on average, and on no symbol is it
        higher. One large stock goes from 0.0300 to 0.0152.""",
        shown=[tables.selection_table(found)],
        why=f"""
        The least of several numbers is never above any of them: on the data that chose, no regression is arithmetic
        and not evidence. How large the improvement looks depends on how many were compared on how few forecasts. Here
        all candidates are noise, alike in knowing nothing, and the incumbent is one of them drawn without looking:
        choosing among {few.candidates} on {few.points} forecasts shows {_percent(few.improved)} better, among
        {many.candidates} {_percent(many.improved)}. On the forecasts after, the improvement is {_percent(few.later)}
        and {_percent(many.later)}, and {_percent(few.worse_later, 0)} and {_percent(many.worse_later, 0)} of the
        replaced are worse. The change of measure explains little: within one series and a short span both measures
        choose alike, but for {_percent(first.other_choices)} of the choices among three on 20 forecasts. And doing
        nothing was not among the candidates; its error next session, the mean absolute return, is by series:
        {moves}.""",
        ask="""
        What is the improvement on data that did not choose, paired by forecast, and does the chosen one beat doing
        nothing there? `quintile forecast tune` selects on validation and shows test once.""",
    )


def _temperature(found: Sequence[MeasuredClaims], first: MeasuredClaims) -> Claim:
    leads = [(one.lead, one.lead_error) for each in found for one in each.learned.values() if one.lead_error > 0.0]
    better, worse = (sum(sign * lead > ONE_SIDED * error for lead, error in leads) for sign in (1.0, -1.0))
    most = max((abs(lead) for lead, _ in leads), default=0.0)
    raw = first.soft["raw"]
    return Claim(
        title="“τ = 0.05 is critical”",
        claimed="""
        Of five temperatures of a soft rank loss, 0.01 to 1.0, 0.05 is the best, by a Sharpe ratio of 2.53 over one
        span; higher ones are worse.""",
        shown=[tables.soft_table(found), tables.learned_table(found)],
        why=f"""
        On returns as they are, of one or two per cent, τ = 0.05 is no sharp rank at all: its correlation with ranks
        is {raw[0.05]:.2f}, little above the {raw[1.0]:.2f} of τ = 1, where a sigmoid is a straight line. On z-scored
        scores all five rank nearly alike. Of a linear scorer learned with each, session by session on validation,
        τ = 0.05 has a rank IC above that of another temperature beyond noise in {better or "none"} of {len(leads)}
        comparisons and below it in {worse or "none"} (paired, one-sided at 5 %, HAC), by {most:.4f} at most, and the
        order on test is another. That is tuning, not a threshold. The Sharpe ratio that chose has the error of the
        section above. The same holds for a network: see
        the [planted-alpha study](planted_alpha.md).""",
        ask="""
        How far apart are the settings beside the error of their paired difference, and
        does the order hold on other data?""",
    )


def _filled(text: str, indent: str = "") -> str:
    whole = " ".join(text.split()).replace(" %", "\0%")  # a number and its per cent stay on one line
    filled = textwrap.fill(whole, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return filled.replace("\0", " ")


def _percent(share: float, digits: int = 1) -> str:
    """A share in per cent, without a minus before nothing."""
    return f"{round(100.0 * share, digits) + 0.0:.{digits}f} %"


def _markdown(table: tables.ClaimTable) -> str:
    lines: list[Any] = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


INTRODUCTION = """
Seven headlines from projects that forecast prices, each beside the figure that was missing. They were told in good
faith, and most are right as arithmetic: the number was measured. What was not asked is what the same number is for
a forecast that knows nothing. Everybody who has done this for long has believed at least one of them.
"""
COMMON = (
    "A measure without that of doing nothing beside it says nothing: prices, scaled errors and signs all look good for "
    "free.",
    "A number that was chosen is no measurement: the more were compared on the fewer data, the better the best looks.",
    "A number without its error cannot be compared: with another setting, with another model, or with zero.",
    "A comparison with something bad, a member, an incumbent or a failed first try, is won easily.",
    "[Proofs](proofs.md), [verdict](verdict.md) and [intervals](intervals.md): how Quintile asks the same of itself.",
)
