"""Features from bars, cross-section tools, and the only home of signal metrics."""
