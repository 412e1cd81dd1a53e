"""Trailing windows: the compiled kernels equal their numpy twins bit by bit, whatever the layout of the numbers."""

import sys
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.features.trailing_windows import change, trailing_max, trailing_mean, trailing_min, trailing_std
from tests.oracles import trailing_windows as twin

KERNELS = {
    "mean": (trailing_mean, twin.mean),
    "std": (trailing_std, twin.standard_deviation),
    "max": (trailing_max, lambda values, window: twin.combined(values, window, np.maximum)),
    "min": (trailing_min, lambda values, window: twin.combined(values, window, np.minimum)),
}


def numbers(n_sessions: int, n_tickers: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0.0, 3.0, (n_sessions, n_tickers)))
    values[rng.random(values.shape) < 0.02] = np.nan
    return values


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=30)
@given(n_sessions=st.integers(0, 80), window=st.integers(2, 90), seed=st.integers(0, 99))
def test_kernels_equal_their_twins_bit_by_bit(name: str, n_sessions: int, window: int, seed: int) -> None:
    kernel, oracle = KERNELS[name]
    values = numbers(n_sessions, seed=seed)
    np.testing.assert_array_equal(kernel(values, window), oracle(values, window))


@pytest.mark.parametrize("name", KERNELS)
def test_windows_that_cross_a_tile_equal_their_twins(name: str) -> None:
    kernel, oracle = KERNELS[name]
    values = numbers(2_500, 2)
    np.testing.assert_array_equal(kernel(values, 20), oracle(values, 20))


@pytest.mark.parametrize("name", KERNELS)
def test_layout_and_permission_to_write_change_no_bit(name: str) -> None:
    kernel, values = KERNELS[name][0], numbers(60, 6)
    expected = kernel(values, 7)
    frozen = values.copy()
    frozen.flags.writeable = False
    for laid in (np.asfortranarray(values), frozen, np.repeat(values, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(kernel(laid, 7), expected)
    assert expected.flags.f_contiguous


@pytest.mark.slow
def test_signals_are_imported_without_the_compiler() -> None:
    asked = "import signals, sys; print('numba' in sys.modules)"
    told = run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert told.stdout.strip() == "False", told.stderr


def test_changes_of_whole_numbers_are_returns() -> None:
    np.testing.assert_array_equal(change(np.array([[2], [3]]), 1), [[np.nan], [0.5]])
