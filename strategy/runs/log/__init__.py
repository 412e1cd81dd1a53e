"""Log of a run: how its lines are written and read; nothing of it decides, and no version keeps it."""
