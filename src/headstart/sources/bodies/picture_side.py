"""Image bodies at another input size: the ending ``@SIDE`` of a source's name, as in ``headstart:photo@160``.

Smaller pictures cost less: the work of a convolutional body grows with the area. The weights stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from headstart.errors import SourceError
from headstart.io import path_exists
from headstart.types import Source, SourceInfo

__all__ = ["SideChoosing", "described_at", "no_other_side", "opened_at", "split_side"]

SCHEMES = ("headstart", "local", "timm")
LEAST_SIDE, MOST_SIDE = 32, 1024  # pixels


@runtime_checkable
class SideChoosing(Protocol):
    """A source whose body can read pictures of another size.

    Examples:
        >>> from headstart.sources import open_source
        >>> isinstance(open_source("headstart:image"), SideChoosing)
        True
    """

    def with_side(self, side: int) -> Source:
        """The same body for pictures of ``side`` x ``side`` pixels."""
        ...


def split_side(name: str) -> tuple[str, int | None]:
    """A source's name without its ``@SIDE``, and the side in pixels; None if it states none.

    A path that exists as it is written keeps its ending.

    Args:
        name: the full name with its scheme.

    Raises:
        SourceError: for a side out of range.

    Examples:
        >>> split_side("headstart:photo@160"), split_side("hf:org/name@160")
        (('headstart:photo', 160), ('hf:org/name@160', None))
        >>> split_side("headstart:photo@1")
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'headstart:photo@1' asks for pictures of 1 pixels a side; give 32 to...
    """
    found = re.fullmatch(r"((\w+):.+)@([0-9]{1,9})", name, re.ASCII | re.DOTALL)
    if found is None or found[2] not in SCHEMES:
        return name, None
    if found[2] == "local" and path_exists(Path(name.partition(":")[2]).expanduser()):
        return name, None
    side = int(found[3])
    if not LEAST_SIDE <= side <= MOST_SIDE:
        raise SourceError(
            f"The source '{name:.200}' asks for pictures of {side} pixels a side; give {LEAST_SIDE} to {MOST_SIDE}."
        )
    return found[1], side


def opened_at(source: Source, side: int) -> Source:
    """An open source for pictures of another size.

    Args:
        source: an image body.
        side: height and width in pixels.

    Raises:
        SourceError: if the source reads no pictures, or pictures of one size only.

    Examples:
        >>> from headstart.sources import open_source
        >>> opened_at(open_source("headstart:image"), 96).info.name
        'headstart:image@96'
    """
    if not isinstance(source, SideChoosing):
        raise no_other_side(source.info.name, side)
    return source.with_side(side)


def described_at(info: SourceInfo, side: int) -> SourceInfo:
    """The facts about a source for pictures of another size; those that the size changes are left out.

    Args:
        info: the facts at its own size.
        side: height and width in pixels.

    Raises:
        SourceError: if the source reads no pictures.

    Examples:
        >>> from headstart.sources import describe
        >>> described_at(describe("headstart:image"), 96).input["input_size"]
        (3, 96, 96)
    """
    if info.modality != "image" or "input_size" not in info.input:
        raise no_other_side(info.name, side)
    if list(info.input["input_size"]) == [3, side, side]:
        return info
    # The published accuracy holds for the published size.
    size = {**info.input, "input_size": (3, side, side)}
    return replace(info, name=f"{info.name}@{side}", input=size, accuracy=None, source_task=None)


def no_other_side(name: str, side: int, reason: Exception | None = None) -> SourceError:
    """The error for a source that cannot read pictures of another size.

    Examples:
        >>> print(no_other_side("toy", 160))
        The source 'toy' cannot read pictures of 160 pixels a side; leave '@160' out.
    """
    why = f" ({' '.join(str(reason).split())[:200]})" if reason is not None else ""
    return SourceError(f"The source '{name}' cannot read pictures of {side} pixels a side{why}; leave '@{side}' out.")
