"""Image and audio bodies of transformers, and sounds as pictures."""

import numpy as np
import pytest
import torch

from headstart.errors import ItemError, SourceError
from headstart.sources.local import open_local
from headstart.sources.registry import describe, open_source
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.sources.toy import ToySource


def vit():
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    return ViTModel(config, add_pooling_layer=False), ViTImageProcessor(size={"height": 32, "width": 32})


def convnext():
    from transformers import ConvNextConfig, ConvNextImageProcessor, ConvNextModel

    return ConvNextModel(ConvNextConfig(hidden_sizes=[4, 8, 8, 16], depths=[1, 1, 1, 1])), ConvNextImageProcessor(
        size={"shortest_edge": 64}
    )


def resnet():
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetModel

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic")
    return ResNetModel(config), ConvNextImageProcessor(size={"shortest_edge": 64})


def wav2vec2():
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 8),
        num_conv_pos_embedding_groups=2, num_conv_pos_embeddings=8,
    )  # fmt: skip
    return Wav2Vec2Model(config), Wav2Vec2FeatureExtractor()


def ast():
    import warnings

    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extractor = ASTFeatureExtractor(max_length=128)
    config = ASTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_length=128)
    return ASTModel(config), extractor


def kept(make, folder):
    torch.manual_seed(0)
    model, processor = make()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model.eval(), processor


@pytest.mark.parametrize("make", [vit, convnext, resnet])
def test_image_bodies_equal_transformers(make, pictures, tmp_path):
    from PIL import Image

    model, processor = kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    opened = [Image.open(path).convert("RGB") for path in pictures]
    pixels = torch.cat([processor(images=picture, return_tensors="pt")["pixel_values"] for picture in opened])
    torch.testing.assert_close(torch.stack([source.prepare(path) for path in pictures]), pixels, atol=1e-6, rtol=0)
    with torch.inference_mode():
        output = model(pixel_values=pixels)
    last = output.last_hidden_state
    wanted = output.pooler_output.flatten(1) if last.ndim == 4 else last.mean(1)
    found = torch.from_numpy(source.encode(pictures)[:, -source.info.num_features :])
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.999
    assert source.info.modality == "image"


@pytest.mark.parametrize("make", [wav2vec2, ast])
def test_audio_bodies_equal_transformers(make, sounds, tmp_path):
    model, processor = kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    samples, rate = sounds[0]
    inputs = processor(samples, sampling_rate=rate, return_tensors="pt")
    with torch.inference_mode():
        wanted = model(**inputs).last_hidden_state.mean(1)
    rows = source.encode(sounds)
    found = torch.from_numpy(rows[:1, -source.info.num_features :])
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.999
    assert np.isfinite(rows).all()
    assert source.info.modality == describe(f"local:{tmp_path / 'model'}").modality == "audio"


@pytest.mark.parametrize("make", [vit, resnet, wav2vec2])
def test_saved_bodies_reload_with_the_same_bits(make, pictures, sounds, tmp_path):
    kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    items = sounds if source.info.modality == "audio" else pictures
    source.save(tmp_path / "kept")
    np.testing.assert_array_equal(source.encode(items), open_local(tmp_path / "kept").encode(items))


@pytest.mark.parametrize("make", [vit, wav2vec2])
def test_untrained_bodies(make, pictures, sounds, tmp_path):
    kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    items = sounds[:2] if source.info.modality == "audio" else pictures
    first, same, other = (source.untrained(seed).encode(items) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_a_sounds_features_do_not_depend_on_its_neighbours(sounds, tmp_path):
    kept(wav2vec2, tmp_path / "model")
    source = open_local(tmp_path / "model")
    source.body.precision = "fp32"
    np.testing.assert_allclose(source.encode(sounds)[1:2], source.encode(sounds[1:2]), atol=1e-4)


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
    with pytest.raises(SourceError, match="positive numbers"):
        open_local(tmp_path)


def test_the_crop_takes_the_margins_only(pair):
    source = open_source(f"local:{pair}", modality="audio")
    wave = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    picture = source._picture(wave)
    assert picture.shape == (109, 109, 3)  # 96 / 0.875
    prepared = source.prepare((wave, 16000))[0]
    back = prepared[0].numpy() * 0.2 + 0.4
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


@pytest.mark.parametrize("item", ["no-such.wav", None, b"", (np.zeros(0), 8000)])
def test_nonsense_sounds(item):
    with pytest.raises(ItemError):
        Spectrogram(ToySource(modality="image")).prepare(item)
