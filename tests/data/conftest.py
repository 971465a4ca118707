"""What the tests of data share: a private cache, and a picture that has some content."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HEADSTART_CACHE", str(folder))
    return folder


@pytest.fixture
def picture():
    """A function that makes a picture of random blocks: smooth enough for JPEG, different for each seed."""

    def make(seed, size=(96, 80)):
        blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture
def folder_of_pictures(tmp_path, picture):
    """A function that writes pictures to the given paths below a fresh folder, and returns the folder."""

    def make(*paths):
        root = tmp_path / "pictures"
        for seed, path in enumerate(paths):
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            picture(seed).save(target)
        return root

    return make


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png16(values):
    """A PNG of 16 bits a channel: grey (h, w), or (h, w, 3 or 4)."""
    height, width = values.shape[:2]
    colour = {2: 0, 3: {3: 2, 4: 6}.get(values.shape[-1])}[values.ndim]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    packed = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + packed


@pytest.fixture
def png16():
    """A function that writes numbers of 16 bits as a PNG: grey (h, w), or (h, w, 3 or 4)."""
    return _png16
