"""How a source sees a picture: the transform, from which follows what part of the picture the body saw."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from headstart.sources.preprocessing.picture_transform import PictureTransform

__all__ = ["HasPictureTransform"]


@runtime_checkable
class HasPictureTransform(Protocol):
    """A source that resizes and crops pictures by a `PictureTransform`.

    Examples:
        >>> from headstart.sources import open_source
        >>> source = open_source("headstart:image")
        >>> isinstance(source, HasPictureTransform), source.picture_transform.size
        (True, (64, 64))
    """

    @property
    def picture_transform(self) -> PictureTransform | None:
        """The transform; None where another library's processor prepares pictures."""
        ...
