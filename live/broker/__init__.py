"""Broker: the paper log's committed decisions become orders, and what became of them comes back into the log."""
