"""Library model: an estimator of scikit-learn's behind the seam, by its name in a fixed list.

Weighted sums are kept as their coefficients, trees as the archive of ``library_form``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.estimators.estimator_model import FittedEstimator, StoredForm, fitted_estimator, restored_estimator
from models.estimators.forests import FOREST_CLASSES, boosted, forest, n_leaves
from models.estimators.fourier_features import FOURIER_FORM, FourierColumns, FourierRidge
from models.estimators.library_form import library_form, one_thread
from models.estimators.ridge_model import LINEAR_FORM, Linear
from models.estimators.ridge_regression import best_linear, moments_of
from models.estimators.samples import Samples, samples_of
from models.estimators.sparse_regression import elastic_nets
from models.estimators.window_columns import WindowColumns
from models.model import FitContext, StoredModel
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.spans import usable_rows
from models.threads import threads
from models.windows import Windows

__all__ = ["LibraryModel", "restored_library_model"]

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryModel:
    """One of scikit-learn's estimators, from its seed and on one thread.

    Parameters
    ----------
    settings : ModelSettings
        Of kind ``"sklearn"``.
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedEstimator:
        """Fit on the samples of the training rows; validation chooses a penalty where there are several."""
        kind: Any = self.settings.model
        with threads(1), one_thread():
            found, more = WAYS[kind.estimator](self.settings, windows, split, context)
        said = ", ".join(f"{key} {value}" for key, value in kind.knobs.items() if key != "penalties")
        facts = (("Estimator", f"{kind.estimator}: {said}" if said else kind.estimator), *more)
        model = fitted_estimator(found, windows, split, settings=self.settings, form=_form(kind.estimator), facts=facts)
        total = kind.knobs.get("trees", 1)
        context.progress(total, total, f"validation rank IC {model.validation_ic:+.4f}")
        return model


def restored_library_model(settings: ModelSettings, stored: StoredModel) -> FittedEstimator:
    """The fitted estimator of a checkpoint.

    Raises
    ------
    ValueError
        If it cannot be read, is of another class, or was fitted on samples of another width.
    """
    estimator = settings.model.estimator  # type: ignore[attr-defined]
    fitted = restored_estimator(settings, stored, form=_form(estimator))
    predictor: Any = fitted.predictor
    if estimator in FOREST_CLASSES:
        held, wanted = type(predictor.estimator), FOREST_CLASSES[estimator]()
        if held is not wanted:
            raise ValueError(f"the estimator kept is {held.__name__}, that of {estimator} is {wanted.__name__}")
        width = int(predictor.estimator.n_features_in_)
    else:
        width = len(predictor.frequencies if estimator == "fourier_ridge" else predictor.coefficients)
    if width != fitted.columns.width:
        raise ValueError(f"{estimator} was fitted on {width} numbers a sample, the card has {fitted.columns.width}")
    return fitted


def _form(estimator: str) -> StoredForm:
    if estimator == "fourier_ridge":
        return FOURIER_FORM
    if estimator not in FOREST_CLASSES:
        return LINEAR_FORM
    kept = library_form(FOREST_CLASSES[estimator]())
    return StoredForm(dump=kept.dump, load=kept.load, size=n_leaves)


def _trees(settings: ModelSettings, windows: Windows, split: Split, context: FitContext) -> tuple[Any, Facts]:
    kind: Any = settings.model
    samples = _samples(settings, windows, split)
    grow = boosted if kind.estimator == "hist_gradient_boosting" else forest
    return grow(samples, kind, seed=settings.training.seed, progress=context.progress), ()


def _sparse(settings: ModelSettings, windows: Windows, split: Split, _context: FitContext) -> tuple[Any, Facts]:
    kind: Any = settings.model
    columns, knobs = WindowColumns.of(kind, windows.scaler.names), kind.knobs
    rows = usable_rows(windows, split.train, span="training")
    moments = moments_of(windows, rows, columns=columns, target=kind.target)
    nets = elastic_nets(moments, penalties=knobs["penalties"], l1_share=knobs.get("l1_share", 1.0))
    best, _ = best_linear(nets, windows, split.validation, columns=columns)
    facts = (
        ("Penalty", f"{knobs['penalties'][best]:g}"),
        ("Coefficients that are not 0", f"{np.count_nonzero(nets[best])} of {columns.width}"),
    )
    return Linear(nets[best]), facts


def _fourier(settings: ModelSettings, windows: Windows, split: Split, _context: FitContext) -> tuple[Any, Facts]:
    kind: Any = settings.model
    knobs = kind.knobs
    columns = FourierColumns.drawn(
        WindowColumns.of(kind, windows.scaler.names),
        components=knobs["components"],
        width=knobs["width"],
        seed=settings.training.seed,
    )
    rows = usable_rows(windows, split.train, span="training")
    moments = moments_of(windows, rows, columns=columns, target=kind.target)
    ridge = np.eye(columns.width) * moments.n_samples
    fitted = [np.linalg.solve(moments.gram + penalty * ridge, moments.products) for penalty in knobs["penalties"]]
    best, _ = best_linear(fitted, windows, split.validation, columns=columns)
    found = FourierRidge(frequencies=columns.frequencies, offsets=columns.offsets, coefficients=fitted[best])
    return found, (("Penalty", f"{knobs['penalties'][best]:g}"),)


def _huber(settings: ModelSettings, windows: Windows, split: Split, _context: FitContext) -> tuple[Any, Facts]:
    """Least squares for small residuals and absolute ones beyond, their scale fitted along (Huber 1981, 7.7)."""
    from sklearn.linear_model import HuberRegressor

    kind: Any = settings.model
    samples = _centred(_samples(settings, windows, split))
    huber = HuberRegressor(epsilon=kind.knobs["delta"], fit_intercept=False, max_iter=1_000)
    huber.fit(samples.x, samples.y)
    return Linear(np.asarray(huber.coef_, dtype=np.float64)), ()


def _samples(settings: ModelSettings, windows: Windows, split: Split) -> Samples:
    kind: Any = settings.model
    return samples_of(windows, split.train, span="training", target=kind.target, settings=kind)


def _centred(samples: Samples) -> Samples:
    """The samples, less the mean of their session, in place."""
    for session in np.split(samples.x, np.cumsum(samples.sizes)[:-1]):
        session -= session.mean(axis=0, dtype=np.float64)
    return samples


WAYS: Mapping[str, Callable[[ModelSettings, Windows, Split, FitContext], tuple[Any, Facts]]] = {
    "elastic_net": _sparse,
    "extra_trees": _trees,
    "fourier_ridge": _fourier,
    "hist_gradient_boosting": _trees,
    "huber_regression": _huber,
    "lasso": _sparse,
    "random_forest": _trees,
}
