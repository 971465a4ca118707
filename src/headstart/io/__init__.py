"""File input and output that is safe against crashes, full disks and hostile files.

Rules for any file go in here; the formats of models, tables and caches belong to their packages.
"""

from headstart.io.atomic import (
    atomic_file,
    atomic_folder,
    check_writable,
    follow_umask,
    is_running,
    link_or_copy,
    remove_leftovers,
    sync_folder,
)
from headstart.io.cache_place import cache_folder, is_private, make_folder, make_private
from headstart.io.csv_cells import harmless_cell, harmless_frame, write_csv
from headstart.io.disk import disk_is_full, write_reason
from headstart.io.files import (
    check_digest,
    file_digest,
    file_size,
    is_file,
    path_exists,
    read_json,
    read_start,
    read_tensors,
    write_json,
    write_tensors,
)
from headstart.io.folders import RUN_FILES, check_replaceable, is_run
from headstart.io.locks import exclusive_lock
from headstart.io.parquet_files import read_parquet

__all__ = [
    "RUN_FILES",
    "atomic_file",
    "atomic_folder",
    "cache_folder",
    "check_digest",
    "check_replaceable",
    "check_writable",
    "disk_is_full",
    "exclusive_lock",
    "file_digest",
    "file_size",
    "follow_umask",
    "harmless_cell",
    "harmless_frame",
    "is_file",
    "is_private",
    "is_run",
    "is_running",
    "link_or_copy",
    "make_folder",
    "make_private",
    "path_exists",
    "read_json",
    "read_parquet",
    "read_start",
    "read_tensors",
    "remove_leftovers",
    "sync_folder",
    "write_csv",
    "write_json",
    "write_reason",
    "write_tensors",
]
