"""Forecasts of single series: what is forecast, by which models, and what it came to beside doing nothing."""
