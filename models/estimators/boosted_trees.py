"""Boosted trees: LightGBM behind the seam, kept as the text that the library documents; one thread, from its seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import torch

from models.estimators.estimator_model import FittedEstimator, StoredForm, fitted_estimator, restored_estimator
from models.estimators.samples import mean_rank_ic, samples_of
from models.estimators.session_forces import SessionForces
from models.estimators.window_columns import WindowColumns
from models.model import FitContext, StoredModel
from models.model_settings import ModelSettings
from models.sample_splits import Split
from models.windows import Windows

__all__ = ["BoostedTrees", "restored_trees", "tree_parameters"]


@dataclass(frozen=True, slots=True, eq=False)
class _Trees:
    """A booster that predicts on one thread, float32 samples as they are."""

    booster: lightgbm.Booster

    def predict(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = np.asarray(self.booster.predict(x, num_threads=1))
        return scores


def _dump(trees: _Trees) -> Mapping[str, torch.Tensor]:
    text = trees.booster.model_to_string().encode()
    return {"trees": torch.frombuffer(bytearray(text), dtype=torch.uint8)}


def _load(tensors: Mapping[str, torch.Tensor]) -> _Trees:
    text = bytes(tensors["trees"].numpy()).decode()
    try:
        return _Trees(lightgbm.Booster(model_str=text))
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"trees cannot be read: {error}") from error


def _leaves(trees: _Trees) -> int:
    return sum(tree["num_leaves"] for tree in trees.booster.dump_model()["tree_info"])


FORM = StoredForm(dump=_dump, load=_load, size=_leaves)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedTrees:
    """Regression or ranking trees whose number is chosen on validation rank IC.

    Parameters
    ----------
    settings : ModelSettings
        Of kind ``"lightgbm"``.

    References
    ----------
    G. Ke et al. (2017), "LightGBM: A highly efficient gradient boosting decision tree".
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedEstimator:
        """Add trees until validation rank IC has not risen for ``patience`` of them, and keep those up to its best."""
        kind: Any = self.settings.model
        booster, forces = self._untrained(windows, split)
        rows, mask = np.arange(len(windows.x))[split.validation], windows.mask[split.validation].cpu().numpy()
        known = WindowColumns.of(kind, windows.scaler.names).gathered(windows, rows, mask)
        scores = np.zeros(mask.shape)
        best, best_ic = 0, -np.inf
        for tree in range(1, kind.trees + 1):
            if booster.update(fobj=forces) or tree - best > kind.patience:
                break
            scores[mask] += booster.predict(known, start_iteration=tree - 1, num_iteration=1, num_threads=1)
            ic = mean_rank_ic(windows, split.validation, scores)
            best, best_ic = (tree, ic) if ic > best_ic else (best, best_ic)
            context.progress(tree, kind.trees, f"validation rank IC {ic:+.4f}")
        kept = _Trees(lightgbm.Booster(model_str=booster.model_to_string(num_iteration=max(best, 1))))
        facts = (("Trees", f"{kept.booster.num_trees()}"),)
        return fitted_estimator(kept, windows, split, settings=self.settings, form=FORM, facts=facts)

    def _untrained(self, windows: Windows, split: Split) -> tuple[lightgbm.Booster, SessionForces | None]:
        """A booster without trees, and its objective where the library has none of that name.

        Training samples are gathered, binned to a byte a number, and let go.
        """
        kind: Any = self.settings.model
        parameters = tree_parameters(kind, seed=self.settings.training.seed)
        samples = samples_of(windows, split.train, span="training", target=kind.target, settings=kind)
        binned = lightgbm.Dataset(samples.x, samples.y, params=parameters).construct()
        forces = SessionForces.of(samples) if kind.objective == "lambdarank_ic" else None
        return lightgbm.Booster(parameters, binned), forces


def restored_trees(settings: ModelSettings, stored: StoredModel) -> FittedEstimator:
    """The trees of a checkpoint.

    Raises
    ------
    ValueError
        If they cannot be read, or were grown on another number of features.
    """
    fitted = restored_estimator(settings, stored, form=FORM)
    trees: Any = fitted.predictor
    grown, wanted = trees.booster.num_feature(), fitted.columns.width
    if grown != wanted:
        raise ValueError(f"trees were grown on {grown} features, the card has {wanted}")
    return fitted


def tree_parameters(kind: Any, *, seed: int) -> dict[str, Any]:
    """The library's parameters of a kind's keys: one thread, deterministic."""
    return {
        "objective": "regression" if kind.objective == "l2" else "none",
        "learning_rate": kind.learning_rate,
        "num_leaves": kind.leaves,
        "min_data_in_leaf": kind.min_leaf,
        "feature_fraction": kind.column_share,
        "bagging_fraction": kind.row_share,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
