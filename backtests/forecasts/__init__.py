"""What forecasts of single series came to: errors, ranges, skill over doing nothing, and the best of many."""
