"""Library form: an estimator of scikit-learn's, or one made of them, as bytes that name types and hold arrays.

Written by skops, whose file is an archive of JSON and arrays: nothing in it is executed, and reading makes objects of
listed types only. The archive is put into one order without clock or memory addresses, so that equal estimators give
equal bytes.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from core.user_file import named_failures
from models.estimators.estimator_model import Predictor, StoredForm

__all__ = ["library_form", "one_thread"]

TREES = ("sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor")
SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _OneThread:
    """An estimator that predicts without workers of its own, whose order would decide the last bits of a sum."""

    estimator: Any

    def predict(self, x: np.ndarray) -> np.ndarray:
        from joblib import parallel_config

        with parallel_config(backend="sequential"), named_failures(f"predict of {type(self.estimator).__name__}"):
            scores: np.ndarray = self.estimator.predict(x)
        return scores


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn and what it calls work on one thread: no workers of joblib's, none of OpenMP or BLAS."""
    from joblib import parallel_config

    with parallel_config(backend="sequential"), _thread_pools().limit(limits=1):
        yield


@cache
def _thread_pools() -> Any:
    """The libraries with threads that scikit-learn has loaded; looking for them takes milliseconds."""
    import sklearn.ensemble  # noqa: F401  what loads OpenMP and BLAS
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def library_form(cls: type) -> StoredForm:
    """How an estimator is kept, a user's or scikit-learn's; types of the module that defines it may be made again.

    Parameters
    ----------
    cls : type
        Has been imported because its user asked for that.
    """

    def load(tensors: Mapping[str, torch.Tensor]) -> Predictor:
        from skops import io as skops_io

        content = bytes(tensors["estimator"].numpy())
        own = (cls.__module__ + ".", *TREES)
        with named_failures(f"reading the kept {cls.__name__}"):
            if not zipfile.is_zipfile(io.BytesIO(content)):
                raise ValueError("it is no archive")
            untrusted = skops_io.get_untrusted_types(data=content)
        strange = [name for name in untrusted if not name.startswith(own)]
        if strange:
            raise ValueError(
                f"the estimator holds {', '.join(strange[:3])}, which is made by no file that was loaded: a checkpoint "
                "keeps the types of scikit-learn and of your own file"
            )
        with named_failures(f"reading the kept {cls.__name__}"):
            return _OneThread(skops_io.loads(content, trusted=untrusted))

    return StoredForm(dump=_dump, load=load)


def _dump(estimator: Any) -> Mapping[str, torch.Tensor]:
    from skops import io as skops_io

    with named_failures(f"keeping the fitted {type(estimator).__name__}"):
        content = bytearray(_settled(skops_io.dumps(estimator)))
    return {"estimator": torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())}


def _settled(archive: bytes) -> bytes:
    """The archive with objects numbered in the order in which the schema first names them."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    numbers: dict[str, int] = {}
    names: dict[str, str] = {}
    schema = _numbered(json.loads(files.pop(SCHEMA)), numbers, names)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as settled:
        for name, content in [(SCHEMA, json.dumps(schema).encode()), *((names[old], files[old]) for old in names)]:
            settled.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return sink.getvalue()


def _numbered(node: Any, numbers: dict[str, int], names: dict[str, str]) -> Any:
    """The schema with identities counted from 0, and files named by their place."""
    if isinstance(node, list):
        return [_numbered(each, numbers, names) for each in node]
    if not isinstance(node, dict):
        return node
    settled: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            settled[key] = numbers.setdefault(str(value), len(numbers))
        elif key == "file" and isinstance(value, str):
            settled[key] = names.setdefault(value, f"{len(names)}{value[value.rindex('.') :]}")
        else:
            settled[key] = _numbered(value, numbers, names)
    return settled
