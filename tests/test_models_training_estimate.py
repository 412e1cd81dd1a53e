"""The estimate before a long training: right in what it adds up, and without a trace in the training."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.progress import announcer, silent
from models.model import FitContext
from models.model_kinds import make_model
from models.networks import network_model, training_estimate
from models.networks.training_estimate import TrainingEstimate, estimate_training
from quintile.progress_display import CellBars, progress_bars
from strategy.definitions.spec import load_spec
from strategy.learning.learn import learn
from tests.oracles.planted import planted_windows, small_settings


def enough(**training: Any) -> Any:
    """Settings of a small network with dropout whose training has 21 steps."""
    settings = small_settings(**({"max_epochs": 7} | training))
    model = settings.model.model_copy(update={"layers": 2, "dropout": 0.3})
    return settings.model_copy(update={"model": model})


def ticking(*seconds: float) -> Any:
    """A clock that says one number after the other."""
    left = iter(seconds)
    return lambda: next(left)


@pytest.mark.parametrize("more", [{}, {"mixup": 0.2, "input_noise": 0.1}, {"mode": "exact", "accumulate": 2}])
def test_a_training_that_was_estimated_has_the_bits_of_one_that_was_not(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    windows, split = planted_windows()
    monkeypatch.setattr(training_estimate, "LONG_SECONDS", -1.0)
    monkeypatch.setattr(training_estimate, "MIN_STEPS", 1)
    said: list[str] = []
    model = make_model(enough(max_epochs=2, **more))
    plain = model.fit(windows, split, context=FitContext(device="cpu"))
    told = model.fit(windows, split, context=FitContext(device="cpu", announce=said.append))
    assert len(said) == 1
    assert f"; {plain.card.n_parameters:,} parameters, about " in said[0]
    one, other = plain.stored(), told.stored()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert one.record == other.record


def test_an_estimate_leaves_every_random_state_and_the_threads_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a network of a user's own draws from."""

    def drawing(*_given: Any, **_told: Any) -> None:
        torch.rand(3)
        np.random.random(3)  # noqa: NPY002

    windows, split = planted_windows()
    monkeypatch.setattr(training_estimate, "step_gradient", drawing)
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    assert estimate_training(windows, split, settings=enough()) is not None
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert drawn == np.random.random()  # noqa: NPY002


def test_seconds_are_those_of_the_quicker_step_times_every_step_there_may_be() -> None:
    windows, split = planted_windows()
    settings = enough(patience=2)
    found = estimate_training(windows, split, settings=settings, clock=ticking(0.0, 5.0, 5.0, 7.0))
    assert found is not None
    rows = int(windows.labelled[split.train].any(dim=1).sum())
    steps = round(rows / 20)
    validated = (split.validation.stop - split.validation.start) / rows / 3
    assert found.seconds == pytest.approx(2.0 * steps * 7 * (1 + validated))
    assert found.epochs == 7
    assert found.stops_early
    assert found.is_long
    # 4·8·(3 + 8) + 2·4·8 of the first layer, 4·8·(8 + 8) + 2·4·8 of the second, and the head's 8 + 1
    assert found.n_parameters == (352 + 64) + (512 + 64) + 9
    assert found.n_bytes > 10**8


def test_a_refit_counts_as_many_epochs_again_on_more_rows() -> None:
    windows, split = planted_windows()
    clock = partial(ticking, 0.0, 1.0, 1.0, 2.0)
    once, twice = (
        estimate_training(windows, split, settings=enough(refit=refit), clock=clock()) for refit in (False, True)
    )
    assert once is not None
    assert twice is not None
    rows = int(windows.labelled[split.train].any(dim=1).sum())
    more = (split.validation.stop - split.train.start) / (split.train.stop - split.train.start)
    assert twice.seconds - once.seconds == pytest.approx(7 * round(rows / 20) * more)
    assert more > 1.0


def test_a_training_of_few_steps_is_not_measured() -> None:
    windows, split = planted_windows()
    assert estimate_training(windows, split, settings=small_settings(max_epochs=1), clock=ticking()) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "about 12 min: 30 epochs of 24 s, early stopping may end it sooner; 14,113 parameters, about 0.4 GB"),
        ({"n_bytes": 0, "stops_early": False}, "about 12 min: 30 epochs of 24 s; 14,113 parameters"),
        (
            {"seconds": 11.2, "epochs": 1, "n_bytes": 0},
            "about 11 s: 1 epoch of 11 s, early stopping may end it sooner; 14,113 parameters",
        ),
    ],
)
def test_an_estimate_is_one_line(changes: dict[str, Any], said: str) -> None:
    found = TrainingEstimate(n_parameters=14_113, n_bytes=4 * 10**8, seconds=720.0, epochs=30, stops_early=True)
    assert replace(found, **changes).words == said


def test_a_short_training_is_not_announced() -> None:
    windows, split = planted_windows()
    said: list[str] = []
    make_model(enough()).fit(windows, split, context=FitContext(device="cpu", announce=said.append))
    assert said == []


def test_nothing_is_measured_where_nobody_reads_it_or_a_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measured(*_given: Any, **_told: Any) -> None:
        raise AssertionError("it was estimated")

    windows, split = planted_windows()
    model = make_model(enough())
    monkeypatch.setattr(network_model, "estimate_training", measured)
    model.fit(windows, split, context=FitContext(device="cpu", folder=tmp_path))
    model.fit(windows, split, context=FitContext(device="cpu", folder=tmp_path, announce=print))
    with pytest.raises(AssertionError, match="it was estimated"):
        model.fit(windows, split, context=FitContext(device="cpu", announce=print))


def test_members_are_announced_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.test_models_kinds import settings_for

    windows, split = planted_windows()
    monkeypatch.setattr(training_estimate, "LONG_SECONDS", -1.0)
    said: list[str] = []
    monkeypatch.setattr(training_estimate, "MIN_STEPS", 1)
    settings = settings_for("ensemble", seeds=2)
    make_model(settings).fit(windows, split, context=FitContext(device="cpu", announce=said.append))
    assert [line.partition(":")[0] for line in said] == ["deep.0", "deep.1"]


def test_a_line_is_said_where_bars_are_shown_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as shown:
        say = announcer(shown)
        assert say is not None
        say("14,113 parameters, about 12 min [bold] \x1b[31m")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.strip() == "14,113 parameters, about 12 min [bold] \\u001b[31m"
    with progress_bars(quiet=True) as hidden:
        assert announcer(hidden) is None
    assert announcer(silent) is None


def test_a_notebook_shows_the_line_above_its_bars() -> None:
    class Handle:
        shown = ""

        def update(self, bundle: dict[str, str], *, raw: bool) -> None:
            self.shown = bundle["text/html"] if raw else ""

    handle = Handle()
    bars = CellBars(handle)
    bars.say("9 <b> parameters")
    assert handle.shown.startswith("<p>9 &lt;b&gt; parameters</p><table>")


def test_learning_hands_the_display_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Display:
        def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
            """Show nothing."""

        def say(self, words: str) -> None:
            raise LookupError(words)

    class Announced:
        def fit(self, _windows: Any, _split: Any, *, context: FitContext) -> None:
            assert context.announce is not None
            context.announce("long")

    monkeypatch.setattr("strategy.learning.learn.make_model", lambda _settings: Announced())
    made: Any = SimpleNamespace(windows=None, split=None, start=None)
    with pytest.raises(LookupError, match="long"):
        learn(load_spec(), made, folder=tmp_path, identity={}, progress=Display())
