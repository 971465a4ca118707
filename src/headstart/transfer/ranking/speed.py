"""Encoding speed of a source on this machine, cached: rows from the feature store would not show what they cost."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from headstart.engine.cache.folder import entry_folder, mark_used, write_about
from headstart.errors import HeadstartError
from headstart.io import make_folder, read_json, write_json
from headstart.types import SourceInfo

__all__ = ["Speed", "keep_speed", "kept_speed"]

FILE = "speed.json"
FEW = 16  # items below which a measured speed is too noisy to keep


@dataclass(frozen=True)
class Speed:
    """The measured encoding speed of a body.

    Attributes:
        items_per_second: without setup time.
        items: number of items that it was measured on.
        form: backend and number format, such as ``"openvino bf16"``.

    Examples:
        >>> Speed(50.0, 400, "torch fp32").seconds_for(1000)
        20.0
    """

    items_per_second: float
    items: int
    form: str

    def seconds_for(self, count: int) -> float:
        """Seconds for encoding ``count`` items."""
        return count / self.items_per_second


def keep_speed(info: SourceInfo, backend: str, speed: Speed) -> None:
    """Cache a speed that was measured on at least 16 items, and on at least as many as the cached one.

    Args:
        info: of the source.
        backend: the requested one; speeds are cached per backend.
        speed: as measured.

    Examples:
        >>> once = SourceInfo("a source of few items", "text")
        >>> keep_speed(once, "auto", Speed(1.0, 3, ""))  # measured on three items: not cached
        >>> kept_speed(once, "auto") is None
        True
    """
    if speed.items < FEW:
        return
    before = kept_speed(info, backend)
    if before is not None and before.items > speed.items:
        return
    folder = _folder(info, backend)
    try:
        make_folder(folder)
        write_about(folder, {"source": info.name, "what": "encoding speed"})
        write_json(folder / FILE, asdict(speed))
    except OSError:  # a cache that cannot be written only shows as "-" in a later table
        return


def kept_speed(info: SourceInfo, backend: str) -> Speed | None:
    """The cached speed of an earlier encoding on this machine, or None.

    Args:
        info: of the source.
        backend: the requested one.

    Examples:
        >>> kept_speed(SourceInfo("never opened", "text"), "auto") is None
        True
    """
    folder = _folder(info, backend)
    try:
        found = Speed(**read_json(folder / FILE))
    except (HeadstartError, OSError, TypeError):
        return None
    mark_used(folder)
    return found


def _folder(info: SourceInfo, backend: str) -> Path:
    parts = (info.name, info.sha256, info.modality, backend)
    return entry_folder("ranking", hashlib.sha256(repr(parts).encode()).hexdigest()[:24])
