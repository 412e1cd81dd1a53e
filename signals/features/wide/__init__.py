"""wide95: 95 textbook features in the six groups of the reference, one short function each.

Ten of price, forty technical, ten of volume, fifteen of momentum, ten of volatility and ten of patterns. Row *t* uses
bars of sessions ≤ *t* of its own ticker only, and every feature is free of the scale of prices and of volumes: a price
is given as a fraction of the close of *t*, a volume as a fraction of others. Names and conventions are those of TA-Lib
where it has the feature, with three differences, the same everywhere:

- **Gaps.** A feature is NaN unless every bar that its definition reads was printed; short holes are skipped where
  features are computed (``signals.features.print_windows``).
- **Memory.** An exponential mean is cut off where a millionth of its weight is left
  (``signals.features.recursive_averages``).
- **Nothing to divide by.** A ratio over a window without range, movement or volume is NaN, where TA-Lib writes 0.

Oscillators keep their customary scale, such as 0 to 100; distances, returns and volatilities are fractions.
"""

from signals.features.feature import Feature
from signals.features.wide.averages import AVERAGES
from signals.features.wide.momentum import MOMENTUM
from signals.features.wide.oscillators import OSCILLATORS
from signals.features.wide.pattern import PATTERN
from signals.features.wide.price import PRICE
from signals.features.wide.volatility import VOLATILITY
from signals.features.wide.volume import VOLUME

__all__ = ["WIDE95"]

WIDE95: tuple[Feature, ...] = (*PRICE, *AVERAGES, *OSCILLATORS, *VOLUME, *MOMENTUM, *VOLATILITY, *PATTERN)
