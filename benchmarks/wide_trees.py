"""LightGBM on 1,695 names, 2,500 sessions and 14 features, beside the same trees on float64 samples."""

from collections.abc import Callable

import lightgbm
import numpy as np
import pandas as pd
import torch

from benchmarks.runner import Options, Ratio, Section, added_peak, fresh_peak, interleaved
from core.allocator import keep_large_blocks
from models.estimators.boosted_trees import tree_parameters
from models.kinds.lightgbm import LightgbmSettings
from models.model import FitContext
from models.model_kinds import make_model
from models.model_settings import ModelSettings, SplitSettings
from models.sample_splits import Split, resolve_split
from models.windows import Scaler, Windows

N_NAMES, N_SESSIONS, N_FEATURES, LOOKBACK = 1_695, 2_500, 14, 90
TREES = 5
FORMS = ("kind lightgbm", "float64 samples")


def made_windows() -> tuple[Windows, Split]:
    """Made-up windows, every name known from the first whole window on."""
    made = torch.Generator().manual_seed(0)
    x = torch.randn(N_SESSIONS, N_NAMES, N_FEATURES, generator=made)
    y = 0.02 * (0.05 * x[:, :, 0] + torch.randn(N_SESSIONS, N_NAMES, generator=made))
    mask = torch.ones(N_SESSIONS, N_NAMES, dtype=torch.bool)
    mask[: LOOKBACK - 1] = False
    wide = {"lower": (-3.0,) * N_FEATURES, "upper": (3.0,) * N_FEATURES, "mean": (0.0,) * N_FEATURES}
    names, sd = tuple(f"f{k}" for k in range(N_FEATURES)), (1.0,) * N_FEATURES
    sessions = pd.bdate_range("2010-01-04", periods=N_SESSIONS)
    windows = Windows(
        x=x,
        y=y,
        mask=mask,
        present=mask,
        scaler=Scaler(names=names, sd=sd, target_sd=0.02, **wide),
        lookback=LOOKBACK,
        sessions=sessions,
        tickers=pd.Index([f"T{k:04d}" for k in range(N_NAMES)]),
    )
    return windows, resolve_split(sessions, SplitSettings(), delay=1, horizon=1)


def fit(form: str, windows: Windows, split: Split) -> Callable[[], object]:
    """Five trees, validation scored after each."""
    settings = LightgbmSettings(trees=TREES)
    if form == "kind lightgbm":
        return lambda: make_model(ModelSettings(model=settings)).fit(windows, split, context=FitContext())

    def plain() -> object:
        held, known = windows.labelled[split.train], windows.mask[split.validation]
        x, y = (each[split.train][held].numpy().astype(np.float64) for each in (windows.x, windows.y))
        asked = windows.x[split.validation][known].numpy().astype(np.float64)
        parameters = tree_parameters(settings, seed=1)
        booster = lightgbm.Booster(parameters, lightgbm.Dataset(x, y, params=parameters, free_raw_data=False))
        for _ in range(TREES):
            booster.update()
            booster.predict(asked, num_threads=1)
        return booster

    return plain


def peak(form: str) -> float:
    """MB that one fit adds to what windows hold already."""
    torch.set_num_threads(1)
    return added_peak(fit(form, *made_windows()))


def section(options: Options) -> Section:
    """Measure, and return the section."""
    torch.set_num_threads(1)
    keep_large_blocks()
    windows, split = made_windows()
    seconds = interleaved({form: fit(form, windows, split) for form in FORMS}, options.rounds)
    peaks = {form: fresh_peak("wide_trees", form) for form in FORMS} if options.memory else {}
    size = f"{N_NAMES:,} names × {N_SESSIONS:,} sessions × {N_FEATURES} features"
    ours, plain = FORMS
    compared = f", {peaks[plain] / peaks[ours]:.2f} times our MB" if peaks else ""
    return Section(
        heading="LightGBM on a wide market",
        clock=f"CPU, one thread, processor time, medians of {options.rounds} interleaved rounds in one run",
        notes=(
            f"{size}, {int(windows.labelled[split.train].sum()):,} training samples, {TREES} trees, validation scored "
            "after each. The kind ranks labels, measures validation rank ICs and scores validation once more at the "
            f"end; beside it the same parameters on samples copied to float64, with none of that{compared}. MB is what "
            "one fit adds to the peak of a fresh process that holds the windows.",
        ),
        columns=("form", "seconds", "MB"),
        rows=tuple((form, f"{seconds[form]:,.1f}", f"{peaks[form]:,.0f}" if peaks else "") for form in FORMS),
        ratios=(Ratio(form="kind lightgbm", rival="float64 samples", times=seconds[plain] / seconds[ours]),),
    )
