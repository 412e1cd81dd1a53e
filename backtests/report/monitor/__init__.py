"""Report of a monitored version: what was found, as values, and its page."""
