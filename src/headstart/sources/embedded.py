"""Built-in sources: ``headstart:NAME``, which come with the install and need no download.

``headstart:image`` is a small ResNet (He et al. 2016) for pictures of 64x64 pixels. The project pre-trained it by
distillation from larger bodies on unlabelled pictures (``pretrain/image.py``). ``assets/image/CARD.md`` describes its
data, its teachers and its limitations.

Command: headstart fit DATA --source headstart:image
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from headstart.errors import UnknownNameError
from headstart.sources import embedded_text
from headstart.sources.local import describe_local, open_timm_folder
from headstart.sources.scheme import Scheme
from headstart.types import Modality, Source, SourceInfo

__all__ = [
    "SCHEME",
    "describe_image",
    "open_image",
]


def _open(name: str, modality: Modality | None) -> Source:  # noqa: ARG001 - the caller compares modalities
    return open_image() if _known(name) == "image" else embedded_text.open_text()


def _describe(name: str) -> SourceInfo:
    return describe_image() if _known(name) == "image" else embedded_text.INFO


def _known(name: str) -> str:
    if name not in ("image", "text"):
        raise UnknownNameError("source", f"headstart:{name}", ["headstart:image", "headstart:text"])
    return name


def _names() -> tuple[str, ...]:
    return ("image", "text") if embedded_text.is_installed() else ("image",)


SCHEME = Scheme("headstart:image or headstart:text", open=_open, describe=_describe, names=_names)
NAME = "headstart:image"


def open_image() -> Source:
    """Open ``headstart:image``.

    Raises:
        DigestError: if its weights are not those that were shipped.
        ModelFolderError: if a file of the install is missing.

    Examples:
        >>> open_image().info.modality
        'image'
    """
    return open_timm_folder(_folder(), describe_image(), installed=True)


def describe_image() -> SourceInfo:
    """The facts about ``headstart:image``, without loading its weights.

    Examples:
        >>> known = describe_image()
        >>> known.license, known.input["input_size"]
        ('Apache-2.0', (3, 64, 64))
    """
    return replace(describe_local(_folder()), name=NAME)


def _folder() -> Path:
    return Path(str(files("headstart"))) / "assets" / "image"
