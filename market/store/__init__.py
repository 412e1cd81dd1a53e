"""Store: named local data sets whose versions are never altered, in parquet by year and field."""

from market.store.commit import Commit, commit_repair, import_bars, update_bars
from market.store.data_set_names import store_home
from market.store.data_versions import Change, Version
from market.store.folder import DataFolder, data_folder, find_version, restore_manifest, stored_names
from market.store.stored_rows import origin_of, read_rows, stored_bars

__all__ = [
    "Change",
    "Commit",
    "DataFolder",
    "Version",
    "commit_repair",
    "data_folder",
    "find_version",
    "import_bars",
    "origin_of",
    "read_rows",
    "restore_manifest",
    "store_home",
    "stored_bars",
    "stored_names",
    "update_bars",
]
