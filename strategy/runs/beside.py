"""Beside the bars: a fingerprint of what a run reads that its bars' own does not cover."""

import hashlib

import pandas as pd

from market.inputs import BESIDE, Inputs

__all__ = ["beside_fingerprint"]


def beside_fingerprint(inputs: Inputs) -> str:
    """The sha256 of oracle, benchmark, sectors, VIX and factors, where they are given, in hexadecimal."""
    digest = hashlib.sha256()
    for name in BESIDE:
        given = getattr(inputs, name)
        if given is not None:
            frame = given.to_frame(name) if isinstance(given, pd.Series) else given
            digest.update("\0".join([name, *map(str, frame.columns)]).encode())
            digest.update(pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes())
    return digest.hexdigest()
