"""Sounds as pictures for an image source."""

import numpy as np
import pytest
import torch

from headstart.errors import SourceError
from headstart.sources.local import open_local
from headstart.sources.registry import describe, open_source
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.sources.toy import ToySource


def kept(make, folder):
    torch.manual_seed(0)
    model, processor = make()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model.eval(), processor


def test_an_image_source_hears_through_pictures(pair, sounds, tmp_path):
    source = open_source(f"local:{pair}", modality="audio")
    assert source.info.modality == "audio"
    rows = source.encode(sounds)
    assert rows.shape == (6, sum(block.width for block in source.info.blocks))
    source.save(tmp_path / "kept")
    again = open_source(f"local:{tmp_path / 'kept'}", modality="audio")
    np.testing.assert_array_equal(again.encode(sounds), rows)
    assert again.info.input == source.info.input
    assert describe(f"local:{tmp_path / 'kept'}").modality == "audio"
    assert not np.allclose(source.untrained(0).encode(sounds), rows)


def test_other_settings_are_kept(pair, sounds, tmp_path):
    from headstart.sources.local import open_local as open_image

    source = Spectrogram(open_image(pair), PictureSettings(n_mels=40, most_seconds=0.3))
    source.save(tmp_path)
    np.testing.assert_array_equal(open_local(tmp_path).encode(sounds), source.encode(sounds))
    (tmp_path / "spectrogram.json").write_text('{"n_mels": -1}')
    with pytest.raises(SourceError, match="within their ranges"):
        open_local(tmp_path)


def test_the_crop_takes_the_margins_only(pair):
    source = open_source(f"local:{pair}", modality="audio")
    wave = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    picture = source._picture(wave)
    assert picture.shape == (109, 109, 3)  # 96 / 0.875
    back = source.prepare((wave, 16000))[0][:, :, 0] / 255
    top, left = 6, 6
    wanted = picture[top : top + 96, left : left + 96, 0] / 255
    assert (
        min(
            np.abs(np.roll(back, (dy, dx), (0, 1)) - wanted)[2:-2, 2:-2].max() for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        )
        < 0.01
    )


def test_long_sounds_are_the_mean_of_their_parts():
    source = Spectrogram(ToySource(modality="image"), PictureSettings(most_seconds=1.0))
    wave = np.random.default_rng(0).normal(size=32000).astype(np.float32)
    whole, halves = source.encode([(wave, 16000)]), source.encode([(wave[:16000], 16000), (wave[16000:], 16000)])
    np.testing.assert_allclose(whole[0], halves.mean(0), rtol=1e-5)
    assert len(source.prepare((np.zeros(16000 * 100, np.float32), 16000))) == 12


def test_spectrogram_needs_an_image_source():
    with pytest.raises(SourceError, match="needs an image source"):
        Spectrogram(ToySource())
