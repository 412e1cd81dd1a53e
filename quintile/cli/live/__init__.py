"""Commands of what leaves the laboratory: export, serve, measure, watch, retrain, trade, explain."""
