"""Monitor: how a frozen version does on sessions that it had not seen, and whether that is what its test span said."""
