"""Bodies that all caches of a run of the tests share: each is converted once, whatever rows a test may find."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def share_bodies(cache: Path) -> Path:
    """Make a cache, empty but for the bodies that other caches of this run hold; returns it."""
    shared = Path(tempfile.gettempdir()) / "bodies"  # in the private folder of the run
    shared.mkdir(mode=0o700, exist_ok=True)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":  # where making a link wants a privilege
        (cache / "bodies").symlink_to(shared, target_is_directory=True)
    return cache
