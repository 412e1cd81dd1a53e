"""Trading: the next session's book, orders from holdings, and paper trading."""
