"""Paper trading: a frozen version's decisions, committed before the open and scored after it."""

from strategy.paper.decisions import PaperLog, commit_decision, open_paper
from strategy.paper.record import PaperRecord, paper_record
from strategy.paper.replaying import replay_paper
from strategy.paper.scoring import score_fills

__all__ = [
    "PaperLog",
    "PaperRecord",
    "commit_decision",
    "open_paper",
    "paper_record",
    "replay_paper",
    "score_fills",
]
