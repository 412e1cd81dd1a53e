"""Claims: what headlines of forecasters come to on honest data, and how much of them comes for free."""
