"""Every case that once went wrong, where the folder of cases is there."""

import pytest

from tests.cases import CASES, FOLDER, judged


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_right(name: str) -> None:
    if not (FOLDER / name).is_dir():
        pytest.skip("no folder of cases beside the project")
    assert judged(name) == []
