"""Store: named local data sets whose versions are never altered, in parquet by year and field."""

from market.store.commit import (
    Commit,
    commit_repair,
    commit_rows,
    import_bars,
    origin_of,
    read_rows,
    stored_bars,
    update_bars,
)
from market.store.data_set_names import Reference, check_name, store_home
from market.store.data_versions import Change, Provenance, Version
from market.store.folder import DataFolder, data_folder, find_version, stored_names

__all__ = [
    "Change",
    "Commit",
    "DataFolder",
    "Provenance",
    "Reference",
    "Version",
    "check_name",
    "commit_repair",
    "commit_rows",
    "data_folder",
    "find_version",
    "import_bars",
    "origin_of",
    "read_rows",
    "store_home",
    "stored_bars",
    "stored_names",
    "update_bars",
]
