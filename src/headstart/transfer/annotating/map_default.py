"""The source of boxes and masks where none is named."""

from __future__ import annotations

from headstart.sources import open_source
from headstart.sources.default import installed_sources
from headstart.types import Source

__all__ = ["map_source"]

PHOTO, IMAGE = "headstart:photo", "headstart:image"


def map_source() -> Source:
    """``headstart:photo`` where it is installed, else ``headstart:image``.

    Examples:
        >>> map_source().info.modality
        'image'
    """
    return open_source(PHOTO if PHOTO in installed_sources() else IMAGE)
