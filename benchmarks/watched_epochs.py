"""What the curves of a training cost: processor time of the same epoch with and without the batches' rank IC, in pairs.

``python -m benchmarks.watched_epochs [PAIRS]``. The network and features of ``filter_negative`` on the built-in market,
a third of its training sessions, one thread; in every pair the order is turned. The norm of the gradient is what
clipping returns and costs nothing.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

from market.inputs import load_inputs
from market.request import BarsRequest
from models.model_settings import ModelSettings
from models.networks import step_gradient
from models.networks.train import _begin, _reproducible, _train_epoch
from models.spans import usable_rows
from models.threads import steady
from strategy.definitions.spec import load_spec
from strategy.learning.training_data import kept_model_features, prepare_training_data


def unwatched(*_given: Any) -> dict[str, float]:
    """What an epoch did before its rank IC was watched."""
    return {"ic": 0.0, "ranked": 0.0}


def seconds(epoch: Callable[[], object], measure: Callable[..., dict[str, float]]) -> float:
    """Processor time of an epoch that measures its batches so."""
    with patch.object(step_gradient, "rank_sums", measure):
        started = time.process_time()
        epoch()
        return time.process_time() - started


def main(pairs: int) -> None:
    """Print the ratio of each pair and their median."""
    spec = load_spec("filter_negative")
    panel = load_inputs(BarsRequest(bars="builtin"), holdout=spec.holdout).panel
    known = prepare_training_data(spec, panel, features=kept_model_features(spec, panel))
    settings = ModelSettings(model=spec.model, loss=spec.loss, training=spec.training)
    rows = usable_rows(known.windows, known.split.train, span="training")
    rows, watched = rows[: len(rows) // 3], step_gradient.rank_sums
    ratios = []
    with steady(), _reproducible(known.windows.x.device):
        learner = _begin(known.windows, settings)
        epoch = partial(_train_epoch, learner, known.windows, rows, settings=settings, epoch=1, rate=1e-3)
        epoch()
        for pair in range(pairs):
            order = (watched, unwatched) if pair % 2 else (unwatched, watched)
            spent = {measure: seconds(epoch, measure) for measure in order}
            ratios.append(spent[watched] / spent[unwatched])
            print(f"{spent[watched]:.3f} s watched, {spent[unwatched]:.3f} s not: {ratios[-1]:.4f}", flush=True)
    print(f"median of {pairs}: {statistics.median(ratios):.4f}, {min(ratios):.4f} to {max(ratios):.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
