"""Commands of the desk: what is looked at between runs."""
