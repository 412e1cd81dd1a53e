import pytest
import torch

from core.memory import half_of_memory, memory_errors, memory_of


@pytest.mark.parametrize(("words", "size"), [("4GB", 4e9), ("1.5 gib", 1.5 * 2**30), (" 250MB ", 250e6)])
def test_a_size_is_a_number_with_a_unit(words, size):
    assert memory_of(words) == size


@pytest.mark.parametrize("words", ["4", "GB", "-1GB", "4TB", "four GB", "1e3MB", ""])
def test_any_other_word_is_refused_with_an_example(words):
    with pytest.raises(ValueError, match="such as 4GB"):
        memory_of(words)


def test_a_system_that_does_not_say_what_it_has_gets_four_gigabytes(monkeypatch):
    assert half_of_memory() > 10**8
    monkeypatch.delattr("os.sysconf")
    assert half_of_memory() == 4 * 10**9


def test_no_room_for_a_tensor_is_a_memory_error_and_another_fault_is_not():
    with pytest.raises(MemoryError, match="allocate"), memory_errors():
        torch.empty(2**57)
    with pytest.raises(RuntimeError, match="shapes") as other, memory_errors():
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert not isinstance(other.value, MemoryError)
