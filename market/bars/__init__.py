"""Bars: rows of prices in any spelling become one aligned Panel; knows files, no vendor and no store."""
