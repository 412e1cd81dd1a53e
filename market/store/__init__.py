"""Store: named local data sets whose versions are never altered, in parquet by year and field."""

from market.store.commit import Kept, import_bars, keep_fixed, keep_rows, origin_of, read_rows, stored_bars, update_bars
from market.store.data_set_names import Reference, check_name, store_home
from market.store.data_versions import Change, Provenance, Version
from market.store.folder import DataFolder, data_folder, find_version, stored_names

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
