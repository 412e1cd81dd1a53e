"""Remembered: stages that many pipelines share, each computed once for whatever it is given.

The self-test puts the same questions, and so the same panels, to some sixty pipelines that differ from the honest one
in one stage each. A stage is a pure function of what it is given: its answer may be looked up. Every answer is handed
out as a copy, so that a pipeline that changes a frame in place changes only its own.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pandas as pd

from market.panel import Panel
from strategy.proofs.pipeline_under_test import PipelineUnderTest

__all__ = ["memoised"]

PANELS = 96  # that one pipeline is asked about, with some to spare
STAGES = ("features", "scores", "weights", "labels", "fill_equity", "scaler", "fit")


def memoised(pipeline: PipelineUnderTest) -> PipelineUnderTest:
    """Return the pipeline with its costly stages looked up where they were given the same before."""
    stages = {name: getattr(pipeline, name) for name in STAGES}
    looked_up: dict[str, Any] = {name: _once(stage) for name, stage in stages.items() if stage is not None}
    return replace(pipeline, **looked_up)


def _once(stage: Callable[..., Any]) -> Callable[..., Any]:
    answers: OrderedDict[bytes, Any] = OrderedDict()

    def answer(*given: Any) -> Any:
        key = _key(given)
        if key not in answers:
            answers[key] = stage(*given)
        answers.move_to_end(key)
        if len(answers) > PANELS:
            answers.popitem(last=False)
        return deepcopy(answers[key])

    return answer


def _key(given: tuple[Any, ...]) -> bytes:
    digest = hashlib.sha256()
    for each in given:
        _add(digest, each)
    return digest.digest()


def _add(digest: Any, given: Any) -> None:
    """Add everything that decides: axes, types and bits."""
    if isinstance(given, Panel):
        digest.update(given.fingerprint().encode())
    elif isinstance(given, Mapping):
        for name, frame in given.items():
            digest.update(repr(name).encode())
            _add(digest, frame)
    elif isinstance(given, pd.DataFrame):
        values = given.to_numpy()
        digest.update(f"{values.dtype} {values.shape} {list(given.columns)}".encode())
        _add(digest, given.index)
        digest.update(values.tobytes())
    else:
        digest.update(pd.DatetimeIndex(given).asi8.tobytes())
