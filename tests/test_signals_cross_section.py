"""Cross-section tools: names of one session compared with each other and with nothing else."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.cross_section import centered_rank, demean, neutralize, rank, session_mean, winsorize, zscore
from tests.oracles.signal_panels import bits

SECTORS = pd.Series({"A": "tech", "B": "tech", "C": "oil", "D": "oil", "E": "oil", "F": "bank"})


def by_sector(values: pd.DataFrame) -> pd.DataFrame:
    sectors = pd.Series([("tech", "oil", "bank")[ord(ticker) % 3] for ticker in values.columns], index=values.columns)
    return neutralize(values, sectors)


TOOLS: list[Callable[[pd.DataFrame], pd.DataFrame]] = [rank, centered_rank, demean, zscore, winsorize, by_sector]


def random_scores(seed: int, n_sessions: int = 12, n_tickers: int = 25) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.round(rng.standard_t(3, (n_sessions, n_tickers)), 2)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[3] = np.nan
    sessions = pd.bdate_range("2020-01-01", periods=n_sessions, name="session")
    return pd.DataFrame(values, index=sessions, columns=[chr(ord("A") + column) for column in range(n_tickers)])


def one_session(*values: float) -> pd.DataFrame:
    return pd.DataFrame([values], columns=[chr(ord("A") + column) for column in range(len(values))])


def test_hand_computed_cases() -> None:
    nan = np.nan
    values = one_session(3.0, 1.0, nan, 1.0, 5.0, 10.0)
    np.testing.assert_array_equal(rank(values), [[3.0, 1.5, nan, 1.5, 4.0, 5.0]])
    np.testing.assert_allclose(centered_rank(values), [[0.0, -0.3, nan, -0.3, 0.2, 0.4]])
    np.testing.assert_array_equal(session_mean(values), [4.0])
    np.testing.assert_array_equal(demean(values), [[-1.0, -3.0, nan, -3.0, 1.0, 6.0]])
    np.testing.assert_allclose(zscore(values), np.array([[-1.0, -3.0, nan, -3.0, 1.0, 6.0]]) / np.sqrt(14.0))
    np.testing.assert_allclose(winsorize(values, lower=0.25, upper=0.75), [[3.0, 1.0, nan, 1.0, 5.0, 5.0]])
    np.testing.assert_array_equal(neutralize(values, SECTORS), [[1.0, -1.0, nan, -2.0, 2.0, 0.0]])


def test_tools_agree_with_numpy_session_by_session() -> None:
    values = random_scores(1)
    scored, clipped = zscore(values), winsorize(values, lower=0.05, upper=0.9)
    for session, row in values.iterrows():
        known = row.dropna().to_numpy()
        if len(known) == 0:
            assert scored.loc[session].isna().all()
            continue
        low, high = np.quantile(known, [0.05, 0.9])
        np.testing.assert_allclose(clipped.loc[session].dropna(), np.clip(known, low, high), rtol=1e-14)
        np.testing.assert_allclose(scored.loc[session].dropna(), (known - known.mean()) / known.std(ddof=1), rtol=1e-12)


@pytest.mark.parametrize("tool", TOOLS)
def test_missing_stays_missing_and_axes_stay(tool: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    values = random_scores(2)
    before = bits(values)
    result = tool(values)
    assert result.isna().equals(values.isna())
    assert result.index.equals(values.index)
    assert result.columns.equals(values.columns)
    assert bits(values) == before


@pytest.mark.parametrize("tool", TOOLS)
def test_a_session_knows_nothing_of_the_others(tool: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    values = random_scores(3)
    assert bits(tool(values).iloc[5:6]) == bits(tool(values.iloc[5:6]))


@settings(max_examples=20)
@given(seed=st.integers(0, 100), order=st.permutations(range(25)))
def test_permuting_tickers_permutes_every_bit(seed: int, order: list[int]) -> None:
    values = random_scores(seed)
    for tool in TOOLS:
        assert bits(tool(values).iloc[:, order]) == bits(tool(values.iloc[:, order])), tool.__name__


@settings(max_examples=20)
@given(seed=st.integers(0, 100))
def test_a_ticker_without_values_changes_no_bit(seed: int) -> None:
    values = random_scores(seed)
    wider = values.assign(empty=np.nan)[["empty", *values.columns]]
    assert bits(session_mean(values)) == bits(session_mean(wider))
    assert bits(zscore(values)) == bits(zscore(wider).drop(columns="empty"))


@settings(max_examples=20)
@given(seed=st.integers(0, 100), scale=st.floats(0.01, 100.0))
def test_increasing_transforms_keep_ranks(seed: int, scale: float) -> None:
    values = random_scores(seed)
    assert bits(rank(values)) == bits(rank(np.exp(values * scale / 100.0)))
    assert bits(centered_rank(-values)) == bits(-centered_rank(values) + 0.0)


@settings(max_examples=20)
@given(seed=st.integers(0, 100))
def test_standardized_and_neutralized_sessions_are_centred(seed: int) -> None:
    values = random_scores(seed)
    scored = zscore(values).drop(index=values.index[3])
    np.testing.assert_allclose(scored.mean(axis=1), 0.0, atol=1e-14)
    np.testing.assert_allclose(scored.std(axis=1, ddof=1), 1.0, rtol=1e-13)
    oil = [ticker for ticker in values.columns if ord(ticker) % 3 == 1]
    np.testing.assert_allclose(by_sector(values)[oil].mean(axis=1).dropna(), 0.0, atol=1e-14)


def test_equal_or_lone_values_have_no_z_score() -> None:
    assert zscore(one_session(0.1, 0.1, 0.1)).isna().all(axis=None)  # their mean rounds, their spread is still none
    assert zscore(one_session(0.1, np.nan, np.nan)).isna().all(axis=None)
    assert centered_rank(one_session(0.1, np.nan)).iloc[0, 0] == 0.0


def test_groups_may_change_by_session_and_be_missing() -> None:
    values = pd.DataFrame([[1.0, 3.0, 8.0], [1.0, 3.0, 8.0]], columns=list("ABC"))
    groups = pd.DataFrame([["x", "x", None], ["y", "x", "x"]], columns=list("ABC"))
    np.testing.assert_array_equal(neutralize(values, groups), [[-1.0, 1.0, np.nan], [0.0, -2.5, 2.5]])


def test_wrong_input_is_refused_with_the_remedy() -> None:
    values = one_session(1.0, 2.0)
    with pytest.raises(ValueError, match="lower and upper must satisfy"):
        winsorize(values, lower=0.9, upper=0.1)
    with pytest.raises(ValueError, match="groups name none of the tickers"):
        neutralize(values, pd.Series({"Z": "oil"}))
    with pytest.raises(ValueError, match="values must be finite or NaN, 1 values were infinite"):
        rank(one_session(1.0, np.inf))
    with pytest.raises(ValueError, match="values must hold at least one session and one ticker"):
        demean(values.iloc[:, :0])
