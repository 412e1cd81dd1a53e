"""Reports of forecasts: sentences, tables and the page of a task."""
