"""``headstart:image``: the image source that comes with every install, checked before it is used.

A small ResNet (He et al. 2016) that looks at pictures of 64 pixels a side, pre-trained by the project: what larger
bodies know was distilled into it on pictures without labels (``pretrain/image.py``). ``assets/image/CARD.md`` tells of
its data, its teachers and its limits.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from headstart.sources.local import describe_local, open_timm_folder
from headstart.types import Source, SourceInfo

__all__ = ["describe_image", "open_image"]

NAME = "headstart:image"


def open_image() -> Source:
    """Open the source.

    Raises:
        DigestError: if its weights are not the ones that were shipped.
        ModelFolderError: if a file of the install is missing.

    Examples:
        >>> open_image().info.modality
        'image'
    """
    return open_timm_folder(_folder(), describe_image(), installed=True)


def describe_image() -> SourceInfo:
    """What is known of the source without loading its weights.

    Examples:
        >>> describe_image().license
        'Apache-2.0'
    """
    return replace(describe_local(_folder()), name=NAME)


def _folder() -> Path:
    return Path(str(files("headstart"))) / "assets" / "image"
