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

SCHEMES = ("headstart", "hf", "keras", "local", "timm")  # their names hold no @, except in a path
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

    In ``local:PATH@160`` it is a size only if there is no such file or folder, but one without the ending.

    Args:
        name: the full name with its scheme.

    Raises:
        SourceError: for a side that is not a whole number in its range, and for sources of the Hugging Face hub and of
            Keras.

    Examples:
        >>> split_side("headstart:photo@160"), split_side("fused:a@160+b")
        (('headstart:photo', 160), ('fused:a@160+b', None))
        >>> split_side("headstart:photo@1")
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'headstart:photo@1' must ask for a whole number of pixels a side, ...
    """
    scheme, colon, rest = name.partition(":")
    base, at, asked = rest.rpartition("@")
    if not (colon and at) or scheme not in SCHEMES or (scheme == "local" and not _is_path_with_side(base, asked)):
        return name, None
    if not re.fullmatch("[1-9][0-9]{1,3}", asked) or not LEAST_SIDE <= int(asked) <= MOST_SIDE:
        raise SourceError(
            f"The source '{name:.200}' must ask for a whole number of pixels a side, {LEAST_SIDE} to {MOST_SIDE}. Got "
            f"{asked[:40]!r} instead; write a size, such as {scheme}:{base:.100}@160, or leave '@{asked:.40}' out."
        )
    if scheme in ("hf", "keras"):  # known before anything is fetched or built
        raise no_other_side(
            f"{scheme}:{base:.200}", int(asked), "only image bodies of timm and headstart are opened at another size"
        )
    return f"{scheme}:{base}", int(asked)


def _is_path_with_side(path: str, asked: str) -> bool:
    found = path_exists(Path(path).expanduser()) and not path_exists(Path(f"{path}@{asked}").expanduser())
    return bool(path) and found and not re.search(r"[/\\]", asked)


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
    if "input_size" not in info.input:
        raise no_other_side(info.name, side)
    if list(info.input["input_size"]) == [3, side, side]:
        return info
    # The published accuracy holds for the published size.
    size = {**info.input, "input_size": (3, side, side)}
    name = _without_side(info.name, int(info.input["input_size"][-1]))
    return replace(info, name=f"{name}@{side}", input=size, accuracy=None, source_task=None)


def _without_side(name: str, side: int) -> str:
    """The name of a source that has been opened at another size before; a path that exists keeps its ending."""
    is_path = name.startswith("local:") and path_exists(Path(name.removeprefix("local:")).expanduser())
    return name if is_path else name.removesuffix(f"@{side}")


def no_other_side(name: str, side: int, reason: object = None) -> SourceError:
    """The error for a source that cannot read pictures of another size.

    Examples:
        >>> print(no_other_side("toy", 160))
        The source 'toy' cannot read pictures of 160 pixels a side; leave '@160' out.
    """
    why = f" ({' '.join(str(reason).split()).rstrip('.')[:200]})" if reason is not None else ""
    return SourceError(f"The source '{name}' cannot read pictures of {side} pixels a side{why}; leave '@{side}' out.")
