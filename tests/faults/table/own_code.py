"""Faults of a user's own files: features, models and book rules that raise, leave, print, or give what is none."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

from tests.faults.expectations import says
from tests.faults.fault import Expected, Fault, short
from tests.faults.spoiled_files import put

__all__ = ["faults"]

SECTION = "Own code"
ENDS = {
    "raises RuntimeError": "raise RuntimeError('boom')",
    "raises a BaseException": "raise type('E', (BaseException,), {})('boom')",
    "raises StopIteration": "raise StopIteration",
    "raises KeyboardInterrupt": "raise KeyboardInterrupt",
    "raises GeneratorExit": "raise GeneratorExit",
    "leaves with 0": "import sys; sys.exit(0)",
    "leaves with 3": "import sys; sys.exit(3)",
    "asserts": "assert False, 'no'",
    "takes all memory": "x = [0] * 10**12",
    "recurses for ever": "f = lambda: f(); f()",
    "divides by zero": "1 / 0",
    "looks up what is not there": "{}['x']",
    "imports what is not there": "import nowhere",
    "raises a message of escape codes": "raise ValueError('\\x1b[2Jpwn\\x9b')",
    "raises a message of 100 lines": "raise ValueError('a\\n' * 100)",
    "raises what cannot be printed": "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "cannot be parsed": "def (",
    "holds a zero byte": "x = 1\0",
}
ALONE = ("def (", "x = 1\0")  # no file can hold them
GIVES = {
    "gives a text": "return 'abc'",
    "gives None": "return None",
    "gives a number": "return 1.0",
    "gives one row": "return panel.close.to_numpy()[:1]",
    "gives text in an array": "return panel.close.astype(str).to_numpy()",
    "gives complex numbers": "return panel.close.to_numpy() * 1j",
    "gives a frame turned round": "return panel.close.T",
    "gives dates": "return panel.close.index",
    "looks up what a panel has not": "return panel.nosuch",
}
FEATURE = '''
from signals import FEATURE_SETS, feature

@feature(group="price", warm_up=1)
def mine(panel):
    """Mine."""
{body}
    return (panel.open / panel.close.shift(1) - 1.0).to_numpy()
'''
RULE = '''
import quintile as qt

@qt.book_rule("mine")
def mine(scores, settings):
    """Mine."""
{body}
    return scores * 0
'''
MODEL = """
import quintile as qt

@qt.model("mine")
class Mine:
    def fit(self, x, y):
{body}
        pass

    def predict(self, x):
        return x[:, 0]
"""
COMPUTED = "--features own.py features bars.parquet --set own --quiet"
LISTED = ("--features own.py runs", "--models own.py runs")
BUILT = "--models own.py evaluate scores.csv --bars bars.parquet --quick --quiet --set portfolio.builder=mine"
LEARNED = "--models own.py run --bars bars.parquet --quiet --set model.kind=mine"
PRINTS = "print('hello')\nimport sys\nsys.stdout.write('there\\n')\n"


def faults(_world: Path) -> Iterator[Fault]:
    """Every end × every place where a user's code runs."""
    for tried, body in ENDS.items():
        for words in LISTED:
            yield _fault(f"a file that {tried}", words, body, says("own.py"))
        if body not in ALONE:
            yield _fault(f"a feature that {tried}", COMPUTED, FEATURE.format(body=_in(body)), says("mine"))
            yield _fault(f"a book rule that {tried}", BUILT, RULE.format(body=_in(body)), says("mine"))
            yield _fault(f"a model that {tried}", LEARNED, MODEL.format(body=_in(body, 8)), says("mine"))
    for tried, body in GIVES.items():
        yield _fault(f"a feature that {tried}", COMPUTED, FEATURE.format(body=_in(body)), says("mine"))
        rule = RULE.format(body=_in(body.replace("panel.close", "scores").replace("panel.", "scores.")))
        yield _fault(f"a book rule that {tried}", BUILT, rule, says("mine"))
    told = PRINTS + FEATURE.format(body="")
    yield _fault("a file that prints", "--features own.py runs --json", told, says("[", code=0), code=0)
    yield _fault(
        "a feature that prints", f"{COMPUTED} --json", FEATURE.format(body=_in(PRINTS)), says("{", code=0), code=0
    )
    yield _fault("a book rule that prints", f"{BUILT} --json", RULE.format(body=_in(PRINTS)), says("{", code=0), code=0)


def _in(body: str, deep: int = 4) -> str:
    return indent(dedent(body.replace("\n    ", "\n")), " " * deep)


def _fault(tried: str, words: str, body: str, expected: Expected, *, code: int | None = None) -> Fault:
    if "KeyboardInterrupt" in body:  # as if the user had pressed the keys
        expected = says("", code=130)
    failing = (
        expected
        if code == 0
        else Expected(f"fails, {expected.words}", lambda met: _taken(met.seen.code) or expected.wrong(met))
    )
    return Fault(
        section=SECTION,
        tried=f"{tried}: {short(words).replace(' own.py', '')}",
        words=tuple(words.split()),
        spoil=put("own.py", body),
        expected=failing,
    )


def _taken(code: int) -> str | None:
    return "success" if code == 0 else None
