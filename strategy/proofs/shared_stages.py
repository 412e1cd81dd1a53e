"""Shared stages: the costly stages of a pipeline memoised, for the many pipelines that share them.

The self-test runs the same checks, and so the same panels, on some sixty pipelines that differ from the honest one in
one stage each. A stage is a pure function of its arguments, so its result can be looked up. Every result is handed out
as a copy, so that a pipeline that changes a frame in place changes only its own.
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

PANELS = 96  # that the checks of one pipeline use, with some to spare
STAGES = ("features", "scores", "weights", "labels", "fill_equity", "scaler", "fit")


def memoised(pipeline: PipelineUnderTest) -> PipelineUnderTest:
    """The pipeline with its costly stages memoised by their arguments."""
    stages = {name: getattr(pipeline, name) for name in STAGES}
    looked_up: dict[str, Any] = {name: _once(stage) for name, stage in stages.items() if stage is not None}
    return replace(pipeline, **looked_up)


def _once(stage: Callable[..., Any]) -> Callable[..., Any]:
    results: OrderedDict[bytes, Any] = OrderedDict()

    def lookup(*given: Any) -> Any:
        key = _key(given)
        if key not in results:
            results[key] = stage(*given)
        results.move_to_end(key)
        if len(results) > PANELS:
            results.popitem(last=False)
        return deepcopy(results[key])

    return lookup


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
