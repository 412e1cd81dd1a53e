"""Start-up: what a user waits for before the first word."""

import subprocess
import sys

import pytest

from strategy.runs.closure import ROOT


@pytest.mark.parametrize("words", [("--help",), ("run", "--help")])
def test_help_is_told_to_its_end_without_pandas_or_torch(words: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.argv = ['quintile', *{words!r}]\n"
        "from quintile.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'numpy', 'pandas', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage: quintile" in told.stdout
    assert told.stderr == "[]\n"
