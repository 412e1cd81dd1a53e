"""Counting: every item once and in order, told of only when the caller is through with it."""

from core.progress import counted


def test_items_pass_in_order_and_are_counted_after_their_use() -> None:
    seen: list[object] = []
    for item in counted("abc", lambda done, total: seen.append((done, total))):
        seen.append(item)
    assert seen == ["a", (1, 3), "b", (2, 3), "c", (3, 3)]


def test_nobody_need_listen() -> None:
    assert list(counted([3, 1, 2], None)) == [3, 1, 2]
