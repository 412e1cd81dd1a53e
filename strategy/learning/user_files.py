"""User files: what a user's Python file adds to this process, features, models and book rules."""

from pathlib import Path
from types import ModuleType

from core.user_file import run_user_file, source_sha256
from models.model_kinds import own_sources as own_models
from portfolio.own_rules import own_sources as own_rules
from signals.features.user_features import register_features_of

__all__ = ["load_models", "load_user_file"]


def load_models(path: str | Path) -> None:
    """Run a Python file of models and book rules, which its decorators register.

    Raises
    ------
    ValueError
        If there is no such file, it fails, or it registers none.
    """
    source = source_sha256(load_user_file(path), what=str(path))
    if source not in {*own_models().values(), *own_rules().values()}:
        raise ValueError(
            f"{Path(path).name} holds no model and no book rule: decorate a class with @qt.model, or a function with "
            "@qt.book_rule"
        )


def load_user_file(path: str | Path) -> ModuleType:
    """Run a user's file whatever it holds; its features become a set named as the file."""
    module = run_user_file(path, holds="models")
    register_features_of(module)
    return module
