"""Statistics: the only home of performance numbers, their standard errors and their ranges."""
