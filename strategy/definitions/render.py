"""Render: a strategy in words and numbers, from its spec, so that text and code cannot disagree.

What a key means is the description of its field, in the settings class that declares it.
"""

import re
from collections.abc import Mapping
from typing import Any

from core.settings import Settings
from core.terminal import printable
from portfolio.own_rules import own_rule_words
from strategy.definitions.spec import StrategySpec

__all__ = ["BOOK_RULES", "CONVENTIONS", "MARK", "render_definition", "rule_words"]

ENTITY = re.compile(r"&(?=#?\w+;)")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(r"\](?=[(\[:])")
BLOCK = re.compile(r"^([ \t]*(?:\d+(?=[.)](?:\s|$)))?)([#>|`~=+*.)-])", re.MULTILINE)  # a heading, list or table
QUOTE = "'"
MARK = "Rendered from the spec by `quintile definition`"

BOOK_RULES: Mapping[str, str] = {
    "filter_negative": "Long the top k; short those of the bottom k whose expected return passes the short filter.",
    "quintile_long_short": "Long the top k and short the bottom k, equal weights within each leg.",
    "bottom_k": "Long the top k and short the bottom k, the short names sized by the short rule.",
    "confidence": "Long the top k and short the bottom k, each name in proportion to the size of its score.",
    "index_hedged": "Long the top k; short the hedge, all eligible names alike or one instrument.",
    "long_only": "Long the top k and nothing short.",
    "mean_variance": "Top k long and bottom k short; weights maximise expected return less the price of variance.",
    "mean_cvar": "Top k long and bottom k short; weights maximise expected return less the price of the tail's loss.",
    "risk_parity": "Top k long and bottom k short; every name carries the same share of its leg's risk.",
    "hrp": "Top k long and bottom k short; risk is split down the tree of correlations of each leg.",
}

CONVENTIONS = """\
- Rows carry the session at whose close they were known; nothing is shifted in advance.
- A decision of the close of *t* fills at `execution`; labels and fills share that one value.
- Targets are hard average ranks within one session; one sample is one session's whole cross-section.
- Scaler, winsor bounds and target scale are fitted on training rows, the calibration on validation rows.
- Order of the book: target, EWMA smoothing, rank gate, neutrality, volatility target, kill switches, position limit,
  dust, cash buffer, trade. Overlays read the book's own past net returns and act on the weights decided at the same
  close.
- Simple returns, `ddof = 1`, the sessions a year of the bars (252 in New York), drawdown counts the starting wealth.
"""


SLEEVES = """\
- A label spans {horizon} sessions after its fill and a score is an expected return over as many. The book holds
  {horizon} overlapping sleeves, one opened at each close and held for {horizon} sessions: each session's target is the
  mean of the last {horizon}, before smoothing; the first {horizon} sessions open the book.
"""


def rule_words(builder: str) -> str:
    """What a book rule does, in one sentence; of a user's own, what its user wrote."""
    return BOOK_RULES[builder] if builder in BOOK_RULES else own_rule_words(builder)


def render_definition(spec: StrategySpec) -> str:
    """Render the strategy as Markdown that ends with a newline."""
    head = [
        f"# {' '.join(_inline(spec.title).split())}",
        "",
        BLOCK.sub(r"\1\\\2", _inline(spec.summary)),
        "",
        f"- name: `{spec.name}`",
        f"- fingerprint: `{spec.fingerprint()}`",
        "",
    ]
    notice = [f"{MARK}; edit the spec, not this page.", ""]
    sections = [(name, spec, numbers) for name, numbers in spec.sections().items() if numbers]
    sleeves = "" if spec.label.horizon == 1 else SLEEVES.format(horizon=spec.label.horizon)
    tables = [line for section in sections for line in _table(*section)]
    return "\n".join([*head, *notice, *tables, "## Conventions", "", CONVENTIONS]) + sleeves


def _table(name: str, spec: StrategySpec, numbers: Mapping[str, object]) -> list[str]:
    rows = [f"| `{key}` | {_code(value)} | {_cell(_meaning(spec, name, key))} |" for key, value in numbers.items()]
    return [f"## {name}", "", "| key | value | meaning |", "|---|---|---|", *rows, ""]


def _meaning(spec: StrategySpec, section: str, key: str) -> str | None:
    """What a key of a section means; keys that a user names mean what the section does."""
    held = _held(spec, section)
    if isinstance(held, Settings):
        return type(held).model_fields[key].description
    above, _, own = section.rpartition(".")
    around: type[Settings] = type(_held(spec, above))
    return around.model_fields[own].description


def _held(spec: StrategySpec, section: str) -> Any:
    """The section of a dotted name, through settings and through tables whose keys a user names."""
    held: Any = spec
    for part in section.split("."):
        held = held[part] if isinstance(held, Mapping) else getattr(held, part)
    return held


def _code(value: object) -> str:
    if isinstance(value, str):
        return f"`{_in_row(printable(value)).replace('`', QUOTE)}`"
    return _cell(value)


def _cell(value: object) -> str:
    return _in_row(_inline(str(value)))


def _in_row(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|") if "\n" in text or "|" in text else text


def _inline(text: str) -> str:
    """Words that Markdown shows as they are: no tag, entity or link of theirs, no control character."""
    return LINK.sub(r"]\\", TAG.sub("&lt;", ENTITY.sub("&amp;", printable(text))))
