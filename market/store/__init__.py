"""Store: named local data sets whose versions are never altered, in parquet by year and field."""

from market.store.folder import DataFolder, data_folder, find_version, stored_names
from market.store.keeping import Kept, import_bars, keep_fixed, keep_rows, read_rows, update_bars
from market.store.naming import Reference, check_name, store_home
from market.store.reading import origin_of, stored_bars
from market.store.versions import Change, Provenance, Version

__all__ = [
    "Change",
    "DataFolder",
    "Kept",
    "Provenance",
    "Reference",
    "Version",
    "check_name",
    "data_folder",
    "find_version",
    "import_bars",
    "keep_fixed",
    "keep_rows",
    "origin_of",
    "read_rows",
    "store_home",
    "stored_bars",
    "stored_names",
    "update_bars",
]
