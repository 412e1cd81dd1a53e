"""Uncertainty settings: which spread an expected return is given, and whether it sizes; imports no torch."""

from typing import Literal

from pydantic import Field

from core.settings import Settings
from models.model_kinds import kind_of
from models.model_settings import KindSettings, RecurrentSettings

__all__ = ["UncertaintySettings", "refuse_idle_weighing", "refuse_missing_spread"]

BY_NAME = ("head", "dropout")  # methods whose spread differs between the names of a session


class UncertaintySettings(Settings):
    """The range of an expected return, off by default.

    A method gives each name a spread; what it must be multiplied by to hold a share of the returns is found on the
    validation span, see ``models.uncertainty.conformal``.

    Examples
    --------
    >>> spec = qt.load_strategy("filter_negative", {"uncertainty.method": "session"})
    >>> spec.uncertainty.method, spec.uncertainty.weigh
    ('session', False)
    """

    method: Literal["none", "constant", "session", "head", "dropout"] = Field(
        default="none",
        description="spread of a name before validation scales it: the same for all (constant), trailing dispersion of "
        "returns (session), the log_variance head, or the sd over passes of Monte Carlo dropout",
    )
    passes: int = Field(default=30, ge=2, le=1000, description="networks with dropped units behind a spread of dropout")
    weigh: bool = Field(
        default=False,
        description="confidence book: a score counts times its session's median spread ÷ the name's own",
    )

    @property
    def is_on(self) -> bool:
        """Whether expected returns get a range."""
        return self.method != "none"

    @property
    def differs_by_name(self) -> bool:
        """Whether names of one session have spreads of their own."""
        return self.method in BY_NAME

    def quick(self) -> "UncertaintySettings":
        """For checks that fit a small variant again, which may drop no unit; a range is fitted all the same."""
        method = "constant" if self.method == "dropout" else self.method
        return self.model_copy(update={"method": method, "passes": 2, "weigh": False})

    def is_learned_as(self, other: "UncertaintySettings") -> bool:
        """Whether validation would find the same: passes matter to dropout alone, weighing to no fit."""
        return self.method == other.method and (self.method != "dropout" or self.passes == other.passes)


def refuse_missing_spread(uncertainty: UncertaintySettings, model: KindSettings) -> None:
    """Refuse a method whose spread the model cannot give.

    Raises
    ------
    ValueError
        If a head is missing, or no unit is dropped.
    """
    if uncertainty.method == "head" and "log_variance" not in model.gives:
        remedy = f"add it to model.heads, now {', '.join(model.gives)}"
        if not hasattr(model, "heads"):
            remedy = f"model.kind {model.kind} has none, so choose a network, or another method"
        raise ValueError(f"uncertainty.method head needs the head log_variance: {remedy}")
    if uncertainty.method == "dropout" and not _dropped_share(model) > 0.0:
        raise ValueError(f"uncertainty.method dropout needs a network that drops units: {_dropout_remedy(model)}")


def refuse_idle_weighing(uncertainty: UncertaintySettings, builder: str) -> None:
    """Refuse to weigh scores where that would decide nothing, or more than sizes.

    Raises
    ------
    ValueError
        If every name of a session has the same spread, or the book does not size by scores.
    """
    if not uncertainty.weigh:
        return
    if not uncertainty.differs_by_name:
        raise ValueError(
            f"uncertainty.weigh does nothing where all names of a session have one spread: set uncertainty.method to "
            f"{' or '.join(BY_NAME)}, was {uncertainty.method}"
        )
    if builder != "confidence":
        raise ValueError(
            f"uncertainty.weigh does nothing in a {builder} book, which is not sized by scores: set portfolio.builder "
            "to confidence, or unset uncertainty.weigh"
        )


def _dropped_share(model: KindSettings) -> float:
    """Share of units that dropout drops; torch's recurrent layers drop between two of them only."""
    share = float(getattr(model, "dropout", 0.0))
    alone = isinstance(model, RecurrentSettings) and len(model.widths) == 1
    return 0.0 if alone or kind_of(model.kind).network is None else share


def _dropout_remedy(model: KindSettings) -> str:
    if kind_of(model.kind).network is None:
        return f"model.kind {model.kind} is none, choose another method"
    if isinstance(model, RecurrentSettings) and model.dropout > 0.0:
        return f"model.dropout acts between layers, so model.layers must be at least 2, was {len(model.widths)}"
    return f"set model.dropout above 0, was {getattr(model, 'dropout', 'no key')}"
