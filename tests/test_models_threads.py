"""Threads: work on a session has one, whatever there are, and the number before comes back."""

import torch

from models.threads import side_by_side, steady, threads

CPU = torch.device("cpu")


def test_each_item_is_worked_on_by_one_thread_in_order() -> None:
    with threads(3):
        found = list(side_by_side(lambda item: (item, torch.get_num_threads()), range(7), device=CPU))
        assert torch.get_num_threads() == 3
    assert found == [(item, 1) for item in range(7)]


def test_nothing_is_kept_for_a_gradient() -> None:
    weight = torch.ones(2, requires_grad=True)
    (found,) = side_by_side(lambda x: weight * x, [2.0], device=CPU)
    assert not found.requires_grad


def test_a_steady_block_has_one_thread_and_gives_back_the_others() -> None:
    with threads(2):
        with steady():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
