"""Catalogue: what each feature of a set is on given bars: definition, coverage, rank IC, and what it repeats."""

from strategy.catalogue.measure import Catalogue, CatalogueOptions, measure_catalogue
from strategy.catalogue.page import render_catalogue, write_catalogue

__all__ = ["Catalogue", "CatalogueOptions", "measure_catalogue", "render_catalogue", "write_catalogue"]
