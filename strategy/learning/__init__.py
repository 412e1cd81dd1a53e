"""Learning: training data, fitting, scoring and explaining; where decisions come from."""
