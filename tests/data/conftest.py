"""What the tests of data share: a private cache, and a picture that has some content."""

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
