"""The built-in market: seeded bars with a planted alpha of known strength, for demonstrations, tests and null runs."""

from market.synthetic.alpha import oracle_scores
from market.synthetic.generate import SyntheticMarket, synthetic_market
from market.synthetic.synthetic_settings import SyntheticSettings

__all__ = ["SyntheticMarket", "SyntheticSettings", "oracle_scores", "synthetic_market"]
