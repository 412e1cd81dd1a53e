"""Online error: how strict the next test of a growing sequence must be, whatever comes after it.

A log of verdicts never ends, so no correction by the number of tests can be final. These rules give each test its level
from the tests before it alone: LORD++, which decides in the verdict, and alpha-investing beside it. p-values are
one-sided; NaN is no discovery and takes its place all the same.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scipy.special import zeta

__all__ = ["ERROR_RATE", "OnlineTest", "OnlineTests", "alpha_investing", "last_test", "lord_plus_plus", "spending"]

ERROR_RATE = 0.05  # false discoveries allowed among the discoveries of a log
DECAY = 1.6  # of the spending sequence: a log begins short, so most is spent early
TOTAL = float(zeta(DECAY))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineTests:
    """A sequence of tests.

    Parameters
    ----------
    levels : tuple of float
        The p-value at or under which each test is a discovery, set before it was made.
    discoveries : tuple of bool
        Whether it was.
    """

    levels: tuple[float, ...]
    discoveries: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineTest:
    """One test in the sequence of a log.

    Parameters
    ----------
    number : int
        Which it is, from 1.
    p_value : float
        One-sided, of a true net Sharpe ratio of at most 0; NaN with too few sessions.
    allowed : float
        What LORD++ allows it.
    invested : float
        What alpha-investing would allow it; it decides nothing.
    """

    number: int
    p_value: float
    allowed: float
    invested: float

    @property
    def is_discovery(self) -> bool:
        """Whether the p-value is at most what LORD++ allows."""
        return self.p_value <= self.allowed


def spending(place: int) -> float:
    """Share of the wealth for the test this many places after it was earned, from 1: place⁻¹·⁶ ÷ ζ(1.6), in all 1.

    Examples
    --------
    >>> from backtests.statistics.online_error import spending
    >>> round(spending(1), 4), round(spending(10), 4)
    (0.4375, 0.011)
    """
    return float(place**-DECAY) / TOTAL


def lord_plus_plus(
    p_values: Sequence[float],
    *,
    error_rate: float = ERROR_RATE,
    wealth: float | None = None,
    conflicts: Sequence[Collection[int]] | None = None,
) -> OnlineTests:
    """Test a sequence so that at most ``error_rate`` of the discoveries are false, in expectation (LORD++).

    With γ the spending sequence, W₀ the wealth and τ₁ < τ₂ … the places of the discoveries before t, the level is
    γ(t) W₀ + γ(t − τ₁) (α − W₀) + α Σⱼ≥₂ γ(t − τⱼ).

    Parameters
    ----------
    p_values : sequence of float
        In the order in which the tests were made.
    error_rate : float
        α, in (0, 1).
    wealth : float, optional
        W₀, in (0, α]; half of α by default.
    conflicts : sequence of collections of int, optional
        For each test, places (from 0) of earlier ones whose p-values it may depend on, such as those on the same
        sessions. It earns nothing from their discoveries, nor from tests that did. None: all tests are independent.

    Notes
    -----
    The sum of all levels is at most α × max(1, discoveries), for any p-values and conflicts. A null p-value that is
    uniform or larger given the tests outside its conflicts then keeps E[false discoveries] ≤ α E[max(1, discoveries)].

    References
    ----------
    Javanmard, A. and Montanari, A., "Online Rules for Control of False Discovery Rate and False Discovery Exceedance",
    Annals of Statistics, 2018. Ramdas, A., Yang, F., Wainwright, M. and Jordan, M., "Online Control of the False
    Discovery Rate with Decaying Memory", NeurIPS 2017. Zrnic, T., Ramdas, A. and Jordan, M., "Asynchronous Online
    Testing of Multiple Hypotheses", Journal of Machine Learning Research, 2021 (conflicts).

    Examples
    --------
    >>> from backtests.statistics.online_error import lord_plus_plus
    >>> tests = lord_plus_plus([0.01, 0.04, 0.02])
    >>> [round(level, 4) for level in tests.levels], tests.discoveries
    ([0.0109, 0.0145, 0.0055], (True, False, False))
    """
    first = error_rate / 2.0 if wealth is None else wealth
    if not 0.0 < first <= error_rate < 1.0:
        raise ValueError(f"wealth and error_rate must be 0 < wealth <= error_rate < 1, were {first} and {error_rate}")
    levels, found = list[float](), list[int]()
    usable = _usable(len(p_values), conflicts)
    for place, p_value in enumerate(p_values):
        earned = [place - other for other in found if usable[place] >> other & 1]
        rewards = (error_rate - first, *[error_rate] * (len(earned) - 1))
        level = spending(place + 1) * first
        level += sum(reward * spending(ago) for reward, ago in zip(rewards, earned, strict=False))
        levels.append(level)
        if p_value <= level:
            found.append(place)
    return OnlineTests(levels=tuple(levels), discoveries=tuple(place in found for place in range(len(levels))))


def alpha_investing(
    p_values: Sequence[float], *, error_rate: float = ERROR_RATE, wealth: float | None = None
) -> OnlineTests:
    """Test a sequence by investing alpha-wealth: a discovery earns α, a failure at level a costs a ÷ (1 − a).

    Parameters
    ----------
    p_values : sequence of float
        In the order in which the tests were made; independent ones.
    error_rate : float
        α, in (0, 1); also what a discovery earns.
    wealth : float, optional
        W(0); α (1 − α) by default. Test t is given W(t − 1) ÷ (1 + t − k), k the last discovery or 0.

    References
    ----------
    Foster, D. and Stine, R., "α-investing: a Procedure for Sequential Control of Expected False Discoveries", Journal
    of the Royal Statistical Society B, 2008.

    Examples
    --------
    >>> from backtests.statistics.online_error import alpha_investing
    >>> [round(level, 4) for level in alpha_investing([0.5, 0.001, 0.5]).levels]
    [0.0238, 0.0077, 0.0366]
    """
    left = error_rate * (1.0 - error_rate) if wealth is None else wealth
    if not 0.0 < left <= 1.0 or not 0.0 < error_rate < 1.0:
        raise ValueError(f"wealth must lie in (0, 1], was {left}, and error_rate in (0, 1), was {error_rate}")
    levels, discoveries, last = list[float](), list[bool](), 0
    for number, p_value in enumerate(p_values, start=1):
        level = min(left, 1.0) / (1.0 + number - last)
        levels.append(level)
        discoveries.append(bool(p_value <= level))
        left += error_rate if discoveries[-1] else -level / (1.0 - level)
        last = number if discoveries[-1] else last
    return OnlineTests(levels=tuple(levels), discoveries=tuple(discoveries))


def last_test(p_values: Sequence[float], conflicts: Sequence[Collection[int]]) -> OnlineTest:
    """The last of a sequence of tests, under both rules' defaults; alpha-investing takes all as independent."""
    return OnlineTest(
        number=len(p_values),
        p_value=p_values[-1],
        allowed=lord_plus_plus(p_values, conflicts=conflicts).levels[-1],
        invested=alpha_investing(p_values).levels[-1],
    )


def _usable(n_tests: int, conflicts: Sequence[Collection[int]] | None) -> list[int]:
    """For each test the earlier ones it may earn from, as the bits of an integer.

    A test that earned from one in conflict carries what that one found: it is left out with it.
    """
    if conflicts is None:
        return [(1 << place) - 1 for place in range(n_tests)]
    if len(conflicts) != n_tests:
        raise ValueError(f"conflicts must be given for each of the {n_tests} tests, were {len(conflicts)}")
    usable = list[int]()
    for place, others in enumerate(conflicts):
        barred = sum(1 << other for other in set(others))
        free = (other for other in range(place) if not barred >> other & 1 and not usable[other] & barred)
        usable.append(sum(1 << other for other in free))
    return usable
