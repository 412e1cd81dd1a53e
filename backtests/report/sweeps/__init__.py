"""The page of a sweep, and the values that it is drawn from."""
