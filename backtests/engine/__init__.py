"""Engine: decided weights to a backtest result, by vectorbt and by a share ledger that must agree."""
