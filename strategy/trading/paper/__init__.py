"""Paper trading: a frozen version's decisions, committed before the open and scored after it."""

from strategy.trading.paper.decisions import PaperLog, commit_decision, open_paper
from strategy.trading.paper.paper_record import PaperRecord, paper_record
from strategy.trading.paper.paper_replay import replay_paper
from strategy.trading.paper.paper_scores import score_fills
from strategy.trading.paper.paper_session import PaperSession, trade_session

__all__ = [
    "PaperLog",
    "PaperRecord",
    "PaperSession",
    "commit_decision",
    "open_paper",
    "paper_record",
    "replay_paper",
    "score_fills",
    "trade_session",
]
