"""Sparse regression: the lasso and the elastic net, from XᵀX and Xᵀy alone.

A squared loss reads nothing else of its samples. So scikit-learn's ``ElasticNet`` is given as many rows as there are
columns, whose products are those of all samples, and no sample is held.

References
----------
H. Zou and T. Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2).
"""

import warnings

import numpy as np

from models.estimators.ridge_regression import Moments

__all__ = ["elastic_nets"]

MIN_EIGENVALUE = 1e-12  # of the largest: what is below is a column that others repeat
MAX_ROUNDS = 10_000


def elastic_nets(moments: Moments, *, penalties: tuple[float, ...], l1_share: float) -> list[np.ndarray]:
    """Coefficients (width,) for each penalty.

    Minimises ‖y − Xw‖²/(2n) + α·(r·‖w‖₁ + (1 − r)·‖w‖²/2), α = penalty·max|Xᵀy|/(n·r): at penalty 1 no coefficient is
    left.

    Parameters
    ----------
    moments : Moments
        Of samples centred within their sessions.
    penalties : tuple of float
        Between 0 and 1.
    l1_share : float
        r, above 0; 1 is the lasso.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet

    x, y = _equal_rows(moments)
    largest = float(np.abs(moments.products).max()) / moments.n_samples / l1_share
    found = []
    for penalty in penalties:
        net = ElasticNet(alpha=penalty * largest, l1_ratio=l1_share, fit_intercept=False, max_iter=MAX_ROUNDS)
        with warnings.catch_warnings():  # a column that others repeat: any of its solutions scores alike
            warnings.simplefilter("ignore", ConvergenceWarning)
            net.fit(x, y)
        found.append(np.asarray(net.coef_, dtype=np.float64))
    return found


def _equal_rows(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """As many rows as columns, (width, width) and (width,): XᵀX/width and Xᵀy/width are those of all samples over n."""
    values, vectors = np.linalg.eigh(moments.gram / moments.n_samples)
    kept = values > MIN_EIGENVALUE * values.max()
    scale = np.sqrt(np.where(kept, values, 0.0) * len(values))
    turned = vectors.T @ moments.products / moments.n_samples * len(values)
    return scale[:, None] * vectors.T, np.divide(turned, scale, out=np.zeros_like(turned), where=kept)
