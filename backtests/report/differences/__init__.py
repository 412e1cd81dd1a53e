"""Differences: the page that says why two results differ; it draws what others divided and decides nothing."""
