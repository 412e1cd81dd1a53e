"""Model settings: kind, loss, training and split, as a strategy file names them; imports no torch."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, InstanceOf, SerializeAsAny, field_validator, model_validator

from core.settings import Later, Settings

__all__ = [
    "KIND_MEANING",
    "SCORING_MEANING",
    "TERM_HEADS",
    "AttentionSettings",
    "Head",
    "KindSettings",
    "LossSettings",
    "LossTerm",
    "ModelSettings",
    "NetworkSettings",
    "RecurrentSettings",
    "Scoring",
    "SplitSettings",
    "TrainingSettings",
    "refuse_unmatched_heads",
]

Scoring = Literal["exact", "long"]
Beta = Annotated[float, Field(ge=0.0, lt=1.0)]
LossTerm = Literal[
    "soft_rank",
    "pearson",
    "huber",
    "mse",
    "listnet",
    "margin",
    "bpr",
    "ranknet",
    "lambdarank_ic",
    "gaussian",
    "direction",
    "volatility",
]
Head = Literal["score", "log_variance", "direction", "volatility"]

TERM_HEADS: Mapping[str, Head] = {"gaussian": "log_variance", "direction": "direction", "volatility": "volatility"}
SCORELESS = frozenset({"direction", "volatility"})  # terms that teach their own head and not the score

KIND_MEANING = "kind of model, such as lstm, ridge or lightgbm, or a class of your own"
SCORING_MEANING = "exact: each session's own windows; long: the network carried through each calendar quarter"


class KindSettings(Settings):
    """What every kind of model is told; each kind adds keys of its own.

    A lookback counts the decision's own session. A name is scored where every feature of all ``lookback`` sessions is
    known, whatever part of that window the kind reads, so that kinds of one lookback are judged on the same names.

    Parameters
    ----------
    kind : str
        Its name in ``[model]``.
    lookback : int
        Sessions of a window.

    Attributes
    ----------
    learns_by_epochs : bool
        Whether the sections ``loss`` and ``training`` apply; else ``training.seed`` alone does.

    Examples
    --------
    >>> class Mine(qt.KindSettings):
    ...     width: int = 8
    >>> Mine(kind="mine").lookback
    90
    """

    learns_by_epochs: ClassVar[bool] = False

    kind: str = Field(description=KIND_MEANING)
    lookback: int = Field(default=90, ge=1, description="sessions in one input window")

    def quick(self) -> Self:
        """A small fast variant for checks that fit again on other bars: enough to read what it should not."""
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its kind, and those of the models that it is made of."""
        return (self.kind,)

    @property
    def scored(self) -> Scoring:
        """How sessions are scored: as ``scoring`` says, of a kind that has that key."""
        scoring: Scoring = getattr(self, "scoring", "exact")
        return scoring

    @property
    def gives(self) -> tuple[str, ...]:
        """What a network gives for each name: as ``heads`` says, of a kind that has that key."""
        heads: tuple[str, ...] = getattr(self, "heads", ("score",))
        return heads

    def scored_as(self, scoring: Scoring) -> Self:
        """The settings with another way to score, which nothing that was learned depends on; most kinds have one."""
        return self.model_copy(update={"scoring": scoring}) if "scoring" in type(self).model_fields else self


class NetworkSettings(KindSettings):
    """A network that the training loop trains: what it gives for each name.

    Its head gives the score, and what else the loss asks for: terms of the loss name the head that they need.
    """

    learns_by_epochs: ClassVar[bool] = True

    heads: Later[tuple[Head, ...]] = Field(
        default=("score",),
        description="what the network gives a name, score first: log_variance, direction and volatility beside it",
    )

    @field_validator("heads")
    @classmethod
    def _check_heads(cls, heads: tuple[Head, ...]) -> tuple[Head, ...]:
        if heads[:1] != ("score",) or len(set(heads)) < len(heads):
            raise ValueError(f"heads must begin with score, each once, were {', '.join(heads)}")
        return heads


class RecurrentSettings(NetworkSettings):
    """A recurrent network: width, depth and how much it sees.

    ``scoring = "exact"`` reads windows from a zero state; ``"long"`` begins ``lookback`` sessions before each quarter,
    see ``models.networks.carried``, and decides nothing that is learned but the calibration.
    """

    hidden: int | tuple[int, ...] = Field(
        default=128, description="width of each recurrent layer, or one width a layer, such as [64, 32, 16]"
    )
    layers: int = Field(default=2, ge=1, description="stacked recurrent layers; as many as hidden has widths")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="dropout between layers")
    scoring: Later[Scoring] = Field(
        default="exact",
        description=SCORING_MEANING,
    )

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each layer."""
        return self.hidden if isinstance(self.hidden, tuple) else (self.hidden,) * self.layers

    def quick(self) -> Self:
        """One layer of 16 units."""
        return self.model_copy(update={"hidden": 16, "layers": 1})

    @field_validator("hidden", mode="before")
    @classmethod
    def _check_hidden(cls, hidden: Any) -> Any:
        hidden = int(hidden) if isinstance(hidden, str) and hidden.isdecimal() else hidden  # as of any other number
        widths = hidden if isinstance(hidden, list | tuple) else [hidden]
        if not widths or not all(_is_width(width) for width in widths):
            raise ValueError(f"must be a width of at least 1, or one a layer, such as [64, 32], was {hidden!r}")
        return hidden

    @model_validator(mode="before")
    @classmethod
    def _count_layers(cls, numbers: Any) -> Any:
        """Layers as many as widths, where they are not said."""
        widths = numbers.get("hidden") if isinstance(numbers, Mapping) else None
        return {"layers": len(widths), **numbers} if isinstance(widths, list | tuple) else numbers

    @model_validator(mode="after")
    def _check_widths(self) -> Self:
        if len(self.widths) != self.layers:
            raise ValueError(f"layers must be {len(self.widths)}, as hidden has widths, was {self.layers}")
        return self


def _is_width(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and number >= 1 and number % 1 == 0


class AttentionSettings(NetworkSettings):
    """Layers of attention, over time or between names, each with two dense layers, and one linear head."""

    hidden: int = Field(default=64, ge=1, description="width of each layer, a multiple of attention_heads")
    layers: int = Field(default=1, ge=1, description="layers of attention")
    attention_heads: int = Field(default=4, ge=1, description="heads of each layer's attention")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="dropout of what each part of a layer adds")

    def quick(self) -> Self:
        """One layer of 16 units."""
        return self.model_copy(update={"hidden": 16, "layers": 1, "attention_heads": 2})

    @model_validator(mode="after")
    def _check_width(self) -> Self:
        if self.hidden % self.attention_heads:
            raise ValueError(f"hidden must be a multiple of attention_heads {self.attention_heads}, was {self.hidden}")
        return self


class LossSettings(Settings):
    """Terms of the loss and their weights: by default soft rank 0.7 and Huber 0.3.

    The temperature is in standard deviations of the session's predictions (``rank_scale = "zscore"``) or raw units
    (``"raw"``). ``"zscore"`` ranks z-scored predictions against hard average ranks of the targets and divides the Huber
    term's targets and δ by the training span's cross-sectional sd; ``"raw"`` is the literal loss on unscaled numbers.

    Examples
    --------
    >>> LossSettings().weights
    {'soft_rank': 0.7, 'huber': 0.30000000000000004}
    >>> LossSettings(terms={"listnet": 1.0}).weights
    {'listnet': 1.0}
    """

    temperature: float = Field(default=0.05, gt=0.0, description="soft-rank temperature τ")
    rank_weight: float = Field(
        default=0.7, ge=0.0, le=1.0, description="weight of 1 − soft Spearman; the rest is Huber"
    )
    huber_delta: float = Field(default=0.05, gt=0.0, description="Huber threshold, as a raw next-session return")
    rank_scale: Literal["zscore", "raw"] = Field(
        default="zscore", description="predictions are z-scored within the session before τ, or taken raw"
    )
    correlation: Later[Literal["soft_rank", "pearson"]] = Field(
        default="soft_rank",
        description="what the correlation term correlates: soft ranks, or the values themselves (pearson)",
    )
    terms: Later[Mapping[LossTerm, Annotated[float, Field(gt=0.0)]]] = Field(
        default={}, description="terms and their weights, in place of rank_weight and correlation"
    )
    margin: Later[float] = Field(
        default=1.0, gt=0.0, description="by how much the better of two names should score higher, to the term margin"
    )

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term, by its name."""
        return {str(name): weight for name, weight in self.terms.items()} or {
            self.correlation: self.rank_weight,
            "huber": 1.0 - self.rank_weight,
        }

    @field_validator("terms")
    @classmethod
    def _in_one_order(cls, terms: Mapping[LossTerm, float]) -> dict[LossTerm, float]:
        return dict(sorted(terms.items()))  # the order of a sum decides bits, the order of a file does not

    @model_validator(mode="after")
    def _check_terms(self) -> Self:
        if self.terms and SCORELESS.issuperset(self.terms):
            raise ValueError(f"terms {', '.join(self.terms)} teach no score: add one that does, such as soft_rank")
        fields = type(self).model_fields
        pair = [name for name in ("rank_weight", "correlation") if getattr(self, name) != fields[name].default]
        if self.terms and pair:
            raise ValueError(f"terms stand in place of {pair[0]}: give one or the other")
        return self


class TrainingSettings(Settings):
    """Optimiser, schedule and stopping.

    ``mode = "long"`` unrolls consecutive sessions after a burn-in and scores every step; ``"exact"`` unrolls each
    session's windows from a zero state, as prediction does, some 25 to 60 times slower. A network that reads windows
    rather than sequences is always trained on exact ones. ``burn_in`` and ``chunk_sessions`` are of long mode, whose
    step holds whole chunks: as many as fit into ``batch_sessions``, and one where none does. So 32 is a step of 32
    sessions in exact mode, and of one chunk of 64 in long mode. ``accumulate`` batches make one step, by their mean
    session loss: the step of one larger batch.

    Examples
    --------
    >>> TrainingSettings(batch_sessions=32, chunk_sessions=64).step_sessions
    64
    >>> TrainingSettings(batch_sessions=150, chunk_sessions=64).step_sessions
    128
    >>> TrainingSettings(batch_sessions=64, accumulate=4).step_sessions
    256
    """

    mode: Literal["long", "exact"] = Field(
        default="long", description="long: unrolled sequences; exact: one window a prediction"
    )
    batch_sessions: int = Field(
        default=32,
        ge=1,
        description="sessions in one step, each a whole cross-section; in long mode whole chunks, at least one",
    )
    learning_rate: float = Field(default=1e-3, gt=0.0, description="Adam step size")
    weight_decay: float = Field(default=1e-5, ge=0.0, description="Adam L2 penalty")
    max_epochs: int = Field(default=50, ge=1, description="epochs at most")
    patience: int = Field(default=15, ge=1, description="epochs without improvement before training stops")
    min_delta: float = Field(
        default=1e-4, ge=0.0, description="smallest improvement of the validation loss that counts"
    )
    clip_norm: float = Field(default=1.0, gt=0.0, description="largest gradient norm")
    plateau_factor: float = Field(default=0.5, gt=0.0, lt=1.0, description="learning rate factor on a plateau")
    plateau_patience: int = Field(default=5, ge=0, description="epochs on a plateau before the factor applies")
    min_learning_rate: float = Field(default=1e-6, gt=0.0, description="smallest step size")
    burn_in: int = Field(default=90, ge=0, description="sessions unrolled before the first that counts")
    chunk_sessions: int = Field(default=64, ge=1, description="sessions of a chunk that count, least of a long step")
    seed: int = Field(default=1, ge=0, lt=2**31, description="seed of everything random")
    optimizer: Later[Literal["adam", "adamw"]] = Field(
        default="adam", description="adam: weight decay in the gradient; adamw: beside it, scaled by the step size"
    )
    betas: Later[tuple[Beta, Beta]] = Field(default=(0.9, 0.999), description="decay of Adam's two moving averages")
    accumulate: Later[int] = Field(default=1, ge=1, description="batches whose gradients make one step")
    precision: Later[Literal["float32", "bf16"]] = Field(
        default="float32", description="bf16: the network's products in bfloat16 while it trains; scoring is float32"
    )
    input_noise: Later[float] = Field(
        default=0.0, ge=0.0, description="sd of noise added to the scaled features in training"
    )
    mixup: Later[float] = Field(
        default=0.0, ge=0.0, description="α of Beta(α, α) by which two names of a session are mixed; 0 mixes none"
    )
    refit: Later[bool] = Field(
        default=False, description="train anew on training and validation for the number of epochs that was chosen"
    )
    start: Later[str] = Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="sha256 of the weights that training begins with, set by --from; drawn from the seed where empty",
    )

    @property
    def chunks_a_step(self) -> int:
        """Chunks in one batch of long mode."""
        return max(1, self.batch_sessions // self.chunk_sessions)

    @property
    def step_sessions(self) -> int:
        """Sessions in one step of the mode: what is left at the end of an epoch may be fewer."""
        batch = self.chunks_a_step * self.chunk_sessions if self.mode == "long" else self.batch_sessions
        return self.accumulate * batch


class ModelSettings(Settings):
    """Everything that decides what is learned from given windows: kind, loss and training."""

    model: SerializeAsAny[InstanceOf[KindSettings]]
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        refuse_unmatched_heads(self.model, self.loss)
        return self


def refuse_unmatched_heads(model: KindSettings, loss: LossSettings) -> None:
    """Refuse a loss of which a term reads what the model does not give, and a head that no term reads.

    Raises
    ------
    ValueError
        If a term's head is not among the model's, or a head is trained by no term.
    """
    for term in loss.terms:
        head = TERM_HEADS.get(term, "score")
        if head not in model.gives:
            remedy = f"add it to model.heads, now {', '.join(model.gives)}"
            if not hasattr(model, "heads"):
                remedy = f"model.kind {model.kind} gives {', '.join(model.gives)} alone, so remove the term"
            raise ValueError(f"loss.terms.{term} needs the head {head}: {remedy}")
    for teacher, head in TERM_HEADS.items():
        if head in model.gives and teacher not in loss.weights:
            raise ValueError(
                f"model.heads names {head}, which no term of the loss teaches: give loss.terms.{teacher} a weight, "
                "or take it out"
            )


class SplitSettings(Settings):
    """Where training, validation and test meet: fractions of the sessions, or two dates, both included.

    The test span has the rest.
    """

    train: float = Field(default=0.60, gt=0.0, lt=1.0, description="fraction of sessions the network is trained on")
    validation: float = Field(
        default=0.15, gt=0.0, lt=1.0, description="fraction of sessions for early stopping and calibration"
    )
    train_end: dt.date | None = Field(
        default=None, description="last session of training; with validation_end it replaces the fractions"
    )
    validation_end: dt.date | None = Field(default=None, description="last session of validation")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.train_end is None) != (self.validation_end is None):
            raise ValueError("train_end and validation_end go together: give both or neither")
        if self.train_end and self.validation_end and self.train_end >= self.validation_end:
            raise ValueError(f"train_end {self.train_end} must be before validation_end {self.validation_end}")
        if self.train + self.validation >= 1.0:
            raise ValueError(f"train + validation must leave a test span, was {self.train + self.validation:g}")
        return self
