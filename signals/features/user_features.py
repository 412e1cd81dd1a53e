"""User features: a Python file of features, run because the user named it on the command line, and never otherwise."""

from pathlib import Path
from types import ModuleType

from core.user_file import run_user_file
from signals.features.feature import Feature
from signals.features.feature_sets import register_feature_set

__all__ = ["load_features", "register_features_of"]

WANTED = "FEATURES"


def load_features(path: str | Path) -> str:
    """Run a Python file and register its features as a set named as the file.

    Parameters
    ----------
    path : str or Path
        A file such as ``my_features.py``. Its ``FEATURES``, a tuple, is the set; without one, every function that it
        decorates is, in the order in which they stand.

    Returns
    -------
    str
        Name of the set: the file's without ``.py``.

    Raises
    ------
    ValueError
        If there is no such file, it fails, or it holds no feature.
    """
    module = run_user_file(path, holds="features")
    register_feature_set(module.__name__, _features_of(module))
    return module.__name__


def register_features_of(module: ModuleType) -> None:
    """Register the features of a file that ran as a set named as the file, if it holds any."""
    features = _features_of(module)
    if features:
        register_feature_set(module.__name__, features)


def _features_of(module: ModuleType) -> tuple[Feature, ...]:
    if hasattr(module, WANTED):
        return tuple(getattr(module, WANTED))
    features = (value for value in vars(module).values() if isinstance(value, Feature))
    return tuple(value for value in features if value.formula.__module__ == module.__name__)
