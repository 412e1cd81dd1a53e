"""Catalogue: what each feature of a set is on given bars: definition, coverage, rank IC, and what it repeats."""

from signals.catalogue.catalogue_page import render_catalogue, write_catalogue
from signals.catalogue.feature_measures import Catalogue, CatalogueOptions, measure_catalogue

__all__ = ["Catalogue", "CatalogueOptions", "measure_catalogue", "render_catalogue", "write_catalogue"]
