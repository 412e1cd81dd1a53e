"""Client order ids: what a lock, a session, a name, a side and an attempt make; the same words give the same id."""

import hashlib

__all__ = ["client_order_id"]

LENGTH = 32  # hexadecimal digits; brokers allow 48 characters and more


def client_order_id(lock: str, session: str, *, ticker: str, side: str, attempt: int) -> str:
    """The id of an order.

    Parameters
    ----------
    lock : str
        Sha256 of the version's lock.
    session : str
        ISO date of the decision.
    ticker, side : str
        What is traded and in which direction.
    attempt : int
        From 1; a further attempt is made only after the broker rejected the one before.

    Examples
    --------
    >>> from live.broker.client_order_ids import client_order_id
    >>> client_order_id("0" * 64, "2026-01-05", ticker="ABC", side="buy", attempt=1)[:20]
    'qt-20260105-61315d2d'
    """
    words = "\n".join((lock, session, ticker, side, str(attempt)))
    digest = hashlib.sha256(words.encode()).hexdigest()
    return f"qt-{session.replace('-', '')}-{digest[:LENGTH]}"
