"""``headstart:NAME``: the sources that come with the install, for which nothing is fetched."""

from __future__ import annotations

from headstart.errors import UnknownNameError
from headstart.sources import embedded_image, embedded_text
from headstart.sources.scheme import Scheme
from headstart.types import Modality, Source, SourceInfo

__all__ = ["SCHEME"]


def _open(name: str, modality: Modality | None) -> Source:  # noqa: ARG001 - the caller compares modalities
    return embedded_image.open_image() if _known(name) == "image" else embedded_text.open_text()


def _describe(name: str) -> SourceInfo:
    return embedded_image.describe_image() if _known(name) == "image" else embedded_text.INFO


def _known(name: str) -> str:
    if name not in ("image", "text"):
        raise UnknownNameError("source", f"headstart:{name}", ["headstart:image", "headstart:text"])
    return name


def _names() -> tuple[str, ...]:
    return ("image", "text") if embedded_text.is_installed() else ("image",)


SCHEME = Scheme("headstart:image or headstart:text", open=_open, describe=_describe, names=_names)
