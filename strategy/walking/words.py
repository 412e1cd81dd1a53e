"""Words: what a walk does, in one sentence."""

from strategy.walking.settings import WalkSettings

__all__ = ["plan_sentence"]


def plan_sentence(settings: WalkSettings, n_folds: int) -> str:
    """Return what was retrained when."""
    spans = settings.retraining
    gap = f"purged by label horizon and delay, embargo {spans.embargo} sessions"
    if settings.combinatorial is not None:
        groups = settings.combinatorial
        return (
            f"Combinatorial purged cross-validation: {n_folds} trainings of {settings.learner}, each choice of "
            f"{groups.k_test} among {groups.n_groups} groups judged once, the last {spans.validation:.0%} of the rest "
            f"for validation, {gap}. "
            "Training reads sessions after the judged ones: a study of luck, not a record that could have been traded."
        )
    span = f"an expanding span of at least {spans.train}" if spans.expanding else f"the last {spans.train}"
    return (
        f"Walk forward: {settings.learner} retrained {n_folds} times, every {spans.test} sessions on {span} sessions, "
        f"the last {spans.validation:.0%} of it for validation, {gap}."
    )
