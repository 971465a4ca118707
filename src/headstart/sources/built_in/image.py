"""Small image body: ``headstart:image``, a ResNet for pictures of 64x64 pixels that comes with every install.

The ResNet (He et al. 2016) was pre-trained by the project by distillation from larger bodies on unlabelled pictures
(``pretrain/image.py``). ``assets/image/CARD.md`` describes its data, its teachers and its limitations.
"""

from __future__ import annotations

from dataclasses import replace

from headstart.sources.built_in.entry import BuiltIn, assets_of
from headstart.sources.local import describe_local, open_timm_folder
from headstart.types import Source, SourceInfo

__all__ = ["IMAGE", "describe_image", "open_image"]

NAME = "headstart:image"


def open_image() -> Source:
    """Open ``headstart:image``.

    Raises:
        DigestError: if its weights are not those that were shipped.
        ModelFolderError: if a file of the install is missing.

    Examples:
        >>> source = open_image()
        >>> source.info.modality, source.info.num_features
        ('image', 384)
    """
    return open_timm_folder(assets_of(NAME), describe_image(), installed=True)


def describe_image() -> SourceInfo:
    """The facts about ``headstart:image``, without loading its weights.

    Examples:
        >>> known = describe_image()
        >>> known.license, known.input["input_size"]
        ('Apache-2.0', (3, 64, 64))
    """
    return replace(describe_local(assets_of(NAME)), name=NAME)


IMAGE = BuiltIn(describe_image, open_image)
