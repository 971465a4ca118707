"""The image source that comes with the install."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.errors import DigestError, UnknownNameError
from headstart.sources import describe, list_sources, open_saved, open_source, source_for
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.types import Dataset

FOLDER = Path(str(files("headstart"))) / "assets" / "image"


@pytest.fixture(scope="module")
def image():
    return open_source("headstart:image")


def test_it_is_listed_and_described_without_being_loaded():
    assert "headstart:image" in [info.name for info in list_sources()]
    info = describe("headstart:image")
    assert (info.modality, info.license, info.num_features) == ("image", "Apache-2.0", 384)
    assert info.parameters < 4_000_000
    assert info.sha256 == json.loads((FOLDER / "config.json").read_text())["sha256"]
    with pytest.raises(UnknownNameError, match="Did you mean 'headstart:image'"):
        open_source("headstart:images")


def test_it_is_small_enough_to_ship_and_its_card_is_there():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8 * 2**20
    card = (FOLDER / "CARD.md").read_text()
    for word in ("Tiny-ImageNet-200", "licence", "64", "Limits"):
        assert word in card


def test_pictures_of_all_sizes_and_modes_become_rows(image, pictures):
    rows = image.encode(pictures)
    assert rows.shape == (6, sum(block.width for block in image.info.blocks))
    assert np.isfinite(rows).all()
    assert np.linalg.norm(rows[0] - rows[1]) > 0.1


def test_its_weights_are_16_bit_and_its_rows_are_those_of_the_plain_body(image, pictures):
    from safetensors.torch import load_file

    stored = load_file(FOLDER / "model.safetensors")
    assert {value.dtype for value in stored.values() if value.ndim > 1} == {torch.float16}
    import timm

    facts = json.loads((FOLDER / "config.json").read_text())
    body = timm.create_model(facts["architecture"], pretrained=False, **facts["model_args"]).eval()
    body.load_state_dict(stored)
    mean, std = (np.array(facts["pretrained_cfg"][key], np.float32) for key in ("mean", "std"))
    batch = (np.stack([image.prepare(path) for path in pictures]) / np.float32(255) - mean) / std
    with torch.inference_mode():
        expected = body(torch.from_numpy(batch.transpose(0, 3, 1, 2))).numpy()
    last = image.with_layers("last").encode(pictures)
    cosines = (last * expected).sum(1) / np.linalg.norm(last, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999


def test_it_is_the_default_for_pictures_and_sounds_where_no_extra_is_installed(sounds, monkeypatch):
    monkeypatch.setattr("headstart.sources.default.installed_sources", lambda: {"headstart:image"})
    pictures = Dataset(["a.png"], ("0",), "image")
    assert source_for(pictures, None).info.name == "headstart:image"
    heard = source_for(Dataset(sounds, tuple("abcdef"), "audio"), None)
    assert (heard.info.modality, heard.info.name) == ("audio", "headstart:image")
    assert heard.encode(sounds).shape[0] == 6


def test_it_can_be_moved_and_left_untrained(image, pictures):
    fresh = image.untrained(0)
    assert np.abs(fresh.encode(pictures[:2]) - image.encode(pictures[:2])).max() > 0.01
    body = image.trainable()
    assert body.kind == "picture"
    assert body.source_head is None


@pytest.mark.slow
def test_a_model_names_it_and_keeps_the_weights_of_what_was_made_of_it(image, pictures, tmp_path):
    named = image.save(tmp_path / "named")
    assert named == {"name": "headstart:image", "sha256": image.info.sha256}
    assert not (tmp_path / "named").exists()
    assert open_saved(named, tmp_path / "named", "image").info.name == "headstart:image"
    for name, source in (
        ("moved", image.with_module(image.trainable().module, "moved")),
        ("fresh", image.untrained(0)),
    ):
        again = open_saved(source.save(tmp_path / name), tmp_path / name, "image")
        np.testing.assert_allclose(again.encode(pictures), source.encode(pictures), rtol=0.02, atol=0.02)


def test_a_model_of_sounds_keeps_settings_that_are_its_own(image, sounds, tmp_path):
    plain = Spectrogram(image)
    assert plain.save(tmp_path / "plain")["name"] == "headstart:image"
    own = Spectrogram(image, PictureSettings(n_mels=32))
    again = open_saved(own.save(tmp_path / "own"), tmp_path / "own", "audio")
    assert again.settings == own.settings
    np.testing.assert_allclose(again.encode(sounds), own.encode(sounds), rtol=0.02, atol=0.02)


def test_other_weights_are_refused(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path / "image")
    file = tmp_path / "image" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr("headstart.sources.built_in.image.assets_of", lambda _: tmp_path / "image")
    with pytest.raises(DigestError, match=r"model\.safetensors"):
        open_source("headstart:image")
