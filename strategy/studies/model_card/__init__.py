"""Model card: what a trained model is, what it costs, how it learned and what it is worth, as one page and as JSON."""
