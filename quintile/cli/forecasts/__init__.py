"""``quintile forecast``: a module a command."""
