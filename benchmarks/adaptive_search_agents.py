"""Adaptive searches: what asks for one answer after another, and lets each answer choose the next question.

Each takes a function that answers, a number of looks and a source of randomness, and gives what it looked at, in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.adaptive_search_market import FRACTIONS, HALF_LIVES, HOLDS, N_FEATURES, Spec

__all__ = ["AGENTS", "Look", "Search", "best_of", "climb", "edit_greedily", "sample_by_tpe"]

Look = Callable[[Spec], float]
Search = Callable[[Look, int, np.random.Generator], list[tuple[Spec, float]]]
Edit = Callable[[Spec], Spec]
STEP = 0.4  # deviation of a climber's step in each weight
CHANGED = 0.2  # how often a step changes a setting of the book


def best_of(looked: list[tuple[Spec, float]]) -> Spec:
    """The specification with the best answer, the first of equals."""
    return max(looked, key=lambda each: each[1])[0]


def climb(look: Look, n_looks: int, rng: np.random.Generator) -> list[tuple[Spec, float]]:
    """Hill climbing: a random step from the best so far."""
    looked = [_asked(look, _random_spec(rng))]
    while len(looked) < n_looks:
        looked.append(_asked(look, _step(best_of(looked), rng=rng)))
    return looked


def sample_by_tpe(look: Look, n_looks: int, rng: np.random.Generator) -> list[tuple[Spec, float]]:
    """Optuna's tree-structured Parzen estimator."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    looked = list[tuple[Spec, float]]()
    for _ in range(n_looks):
        trial = study.ask()
        weights = tuple(trial.suggest_float(f"weight {place}", -1.0, 1.0) for place in range(N_FEATURES))
        looked.append(
            _asked(
                look,
                Spec(
                    weights=weights,
                    fraction=trial.suggest_categorical("fraction", FRACTIONS),
                    half_life=trial.suggest_categorical("half life", HALF_LIVES),
                    hold=trial.suggest_categorical("hold", HOLDS),
                ),
            )
        )
        study.tell(trial, looked[-1][1])
    return looked


def edit_greedily(look: Look, n_looks: int, rng: np.random.Generator) -> list[tuple[Spec, float]]:
    """An agent that edits one line of its specification and keeps what helped; edits that helped come first again."""
    looked = [_asked(look, _random_spec(rng))]
    edits = [_EDITS[each] for each in rng.permutation(len(_EDITS))]
    while len(looked) < n_looks:
        best, known = best_of(looked), {spec for spec, _ in looked}
        unknown = (edit for edit in edits if edit(best) not in known)
        edit = next(unknown, partial(_step, rng=rng))  # a random step where every edit is known
        looked.append(_asked(look, edit(best)))
        if best_of(looked) != best and edit in edits:
            edits.insert(0, edits.pop(edits.index(edit)))
    return looked


AGENTS: Mapping[str, Search] = {
    "hill climbing": climb,
    "greedy agent": edit_greedily,
    "TPE": sample_by_tpe,
}


def _asked(look: Look, spec: Spec) -> tuple[Spec, float]:
    return spec, look(spec)


def _random_spec(rng: np.random.Generator) -> Spec:
    return Spec(
        weights=tuple(rng.standard_normal(N_FEATURES)),
        fraction=float(rng.choice(FRACTIONS)),
        half_life=float(rng.choice(HALF_LIVES)),
        hold=int(rng.choice(HOLDS)),
    )


def _step(spec: Spec, *, rng: np.random.Generator) -> Spec:
    moved = np.array(spec.weights) + STEP * rng.standard_normal(N_FEATURES)
    stepped = replace(spec, weights=tuple(moved / np.sqrt((moved**2).mean())))
    other = _random_spec(rng)
    kept = {name: getattr(spec, name) for name in ("fraction", "half_life", "hold") if rng.random() >= CHANGED}
    return replace(other, weights=stepped.weights, **kept)


def _weighed(spec: Spec, *, place: int, times: float = 1.0, added: float = 0.0) -> Spec:
    weights = list(spec.weights)
    weights[place] = weights[place] * times + added
    return replace(spec, weights=tuple(weights))


def _next_of(spec: Spec, *, name: str, choices: tuple[float, ...], by: int) -> Spec:
    place = max(0, min(len(choices) - 1, choices.index(getattr(spec, name)) + by))
    return replace(spec, **{name: choices[place]})


_EDITS: tuple[Edit, ...] = (
    *(partial(_weighed, place=place, times=times) for place in range(N_FEATURES) for times in (0.0, -1.0, 2.0, 0.5)),
    *(partial(_weighed, place=place, added=added) for place in range(N_FEATURES) for added in (-0.5, 0.5)),
    *(
        partial(_next_of, name=name, choices=choices, by=by)
        for name, choices in (("fraction", FRACTIONS), ("half_life", HALF_LIVES), ("hold", HOLDS))
        for by in (-1, 1)
    ),
)
