"""The ledger of a living report is the Python one to the last bit, on a book in which everything goes wrong."""

from pathlib import Path

import numpy as np
import pytest

from backtests.report.living.carried_run import FINENESS, order_choices, run_told
from backtests.report.living.number_code import packed
from backtests.report.living.setting_twin import kept_books, open_carried
from tests.living_evaluation import SHARPES, node_says, traded_evaluation
from tests.living_troubles import TROUBLES, troubled_panel, troubled_scores, troubled_settings


def told_apart(name: str, folder: Path, *, place: int, n: int) -> tuple[int, int]:
    """Check every setting of a book to the last bit; how many called for margin, and how many failed."""
    panel = troubled_panel()
    run = traded_evaluation(TROUBLES[name], panel, troubled_scores(panel))
    blob = packed(*run_told(run, SHARPES, fineness=FINENESS[-1], reach=list(order_choices(run))[place]))
    carried = open_carried(blob)
    settings, called, stopped = troubled_settings(carried, n), 0, 0
    for setting, said in zip(settings, node_says(blob, settings, folder)["answers"], strict=True):
        record, start, stop = kept_books(carried, setting)
        end = len(record.equity) if stop < 0 else stop + 1
        kept = slice(setting.first, setting.first + end)
        assert "refused" not in said, setting
        assert (said["start"], said["stop"]) == (setting.first + start, -1 if stop < 0 else setting.first + stop)
        np.testing.assert_array_equal(np.array(said["equity"], dtype=float)[kept], record.equity[:end])
        cost = (record.trade + record.impact + record.borrow + record.interest)[:end]
        np.testing.assert_allclose(np.array(said["cost"], dtype=float)[kept], cost, rtol=1e-12, atol=1e-6)
        called += int(not np.isnan(record.called).all())
        stopped += stop >= 0
    return called, stopped


def test_the_page_s_ledger_keeps_a_book_in_trouble_to_the_last_bit(tmp_path: Path) -> None:
    called, stopped = told_apart("filter", tmp_path, place=0, n=16)
    assert called > 5
    assert stopped > 0


@pytest.mark.slow
@pytest.mark.parametrize("place", range(4), ids=["whole order", "part of it", "steps of k", "its own k"])
@pytest.mark.parametrize("name", TROUBLES)
def test_the_page_s_ledger_keeps_every_book_in_trouble_to_the_last_bit(name: str, place: int, tmp_path: Path) -> None:
    told_apart(name, tmp_path, place=place, n=50)
