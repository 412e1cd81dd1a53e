"""A hedge beside the universe: joined by session, never eligible, taken out again without a trace."""

import numpy as np
import pandas as pd
import pytest

from core.errors import BarsError
from market.hedge import with_hedge, without_tickers
from market.panel import BAR_FIELDS
from market.universe import survivorship
from tests.oracles.markets import panel_of


def closes(*columns):
    return np.array(columns, dtype=float).T


def market():
    prices = closes([10, 11, 12, 13], [20, 21, 22, 23])
    return panel_of(prices, prices)


def index(first=0, ticker="INDEX"):
    prices = closes([100, 101, 102, 103])
    panel = panel_of(prices, prices)
    frames = {name: getattr(panel, name).set_axis([ticker], axis=1) for name in (*BAR_FIELDS, "universe")}
    moved = {name: frame.rename_axis(columns="ticker").iloc[first:] for name, frame in frames.items()}
    return type(panel)(**moved, facts=panel.facts)


def test_a_hedge_is_traded_beside_the_universe_and_never_in_it():
    joined = with_hedge(market(), index(first=2))
    assert list(joined.tickers) == [*market().tickers, "INDEX"]
    assert not joined.universe["INDEX"].any()
    assert joined.close["INDEX"].tolist()[2:] == [102, 103]
    assert joined.close["INDEX"].isna().tolist() == [True, True, False, False]
    assert "hedge INDEX" in joined.facts.notes[-1]


def test_a_hedge_is_no_name_of_the_bars():
    joined = with_hedge(market(), index())
    assert (joined.facts.beside, survivorship(joined)) == (("INDEX",), survivorship(market()))
    assert without_tickers(joined, pd.Index(["INDEX"])).facts.beside == ()


def test_taking_the_hedge_out_again_leaves_the_panel():
    again = without_tickers(with_hedge(market(), index()), pd.Index(["INDEX"]))
    assert again.fingerprint() == market().fingerprint()


def test_a_hedge_that_is_in_the_bars_or_never_prints_is_refused():
    with pytest.raises(BarsError, match="both hold T000"):
        with_hedge(market(), index(ticker="T000"))
    with pytest.raises(BarsError, match="INDEX has no print"):
        with_hedge(market().until(market().sessions[0]), index(first=1))
