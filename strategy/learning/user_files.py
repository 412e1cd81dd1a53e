"""User files: what a user's Python file adds to this process, features, models and book rules."""

from pathlib import Path

from core.user_file import run_user_file
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
    load_user_file(path)
    if not (own_models() or own_rules()):
        raise ValueError(
            f"{Path(path).name} holds no model and no book rule: decorate a class with @qt.model, or a function with "
            "@qt.book_rule"
        )


def load_user_file(path: str | Path) -> None:
    """Run a user's file whatever it holds; its features become a set named as the file."""
    register_features_of(run_user_file(path, holds="models"))
