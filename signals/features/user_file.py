"""User file: a Python file of features, run because the user named it on the command line, and never otherwise."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from signals.features.feature import Feature
from signals.features.feature_sets import register_feature_set

__all__ = ["load_features"]

WANTED = "FEATURES"
FAILURES = (SyntaxError, NameError, ImportError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError)


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
    file = Path(path).resolve()
    if not file.is_file() or file.suffix != ".py":
        raise ValueError(f"{path} is no Python file: write your features into one, such as my_features.py")
    register_feature_set(file.stem, _features_of(_executed(file)))
    return file.stem


def _executed(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or file.stem in sys.builtin_module_names:
        raise ValueError(f"{file.name} cannot be a module: rename it")
    module = importlib.util.module_from_spec(spec)
    earlier = sys.modules.get(file.stem)
    if earlier is not None and getattr(earlier, "__file__", None) != str(file):
        raise ValueError(f"{file.name} has the name of a module that is loaded already: rename it")
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except FAILURES as error:
        del sys.modules[file.stem]
        raise ValueError(f"{file.name} failed: {type(error).__name__}: {error}") from error
    return module


def _features_of(module: ModuleType) -> tuple[Feature, ...]:
    if hasattr(module, WANTED):
        return tuple(getattr(module, WANTED))
    features = (value for value in vars(module).values() if isinstance(value, Feature))
    return tuple(value for value in features if value.formula.__module__ == module.__name__)
