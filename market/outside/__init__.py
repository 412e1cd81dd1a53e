"""Outside tables: numbers from beside the bars, each with the moment at which it became known."""
