import pytest

from market.builtin_words import is_builtin
from market.inputs import load_inputs
from market.request import BarsRequest
from market.sources import load_bars
from market.sources.builtin_bars import builtin_market, builtin_source
from market.synthetic import SyntheticSettings, synthetic_market

SMALL = SyntheticSettings(seed=3, n_tickers=20, n_sessions=150, planted_ic=0.0)


def test_words_and_settings_name_one_market() -> None:
    source = builtin_source(SMALL)
    assert source == "builtin:seed=3,n_tickers=20,n_sessions=150,planted_ic=0.0"
    made = synthetic_market(SMALL).panel
    assert builtin_market(source).panel.fingerprint() == made.fingerprint()
    assert load_bars(source).fingerprint() == made.fingerprint()


def test_a_request_of_another_builtin_market_brings_its_oracle_and_sectors() -> None:
    inputs = load_inputs(BarsRequest(bars=builtin_source(SMALL)))
    assert inputs.oracle is not None
    assert inputs.sectors is not None
    assert inputs.panel.facts.synthetic
    assert inputs.panel.facts.universe == synthetic_market(SMALL).panel.facts.universe


def test_the_default_market_keeps_its_plain_name() -> None:
    assert builtin_source(SyntheticSettings()) == "builtin"
    assert is_builtin("builtin")
    assert not is_builtin("builtins")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("builtin:size=3", "size extra inputs are not permitted, was '3'; settings are seed, n_tickers"),
        ("builtin:n_tickers=5", "n_tickers input should be greater than or equal to 20, was '5'"),
        ("builtin:seed", "seed .*, was ''"),
    ],
)
def test_words_that_name_no_market_are_refused_in_one_line(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_bars(source)
