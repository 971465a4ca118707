"""Image and audio bodies of transformers."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from headstart.errors import ItemError, SourceError
from headstart.sources.local import open_local
from headstart.sources.registry import describe
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.toy import ToySource
from headstart.sources.transformers.media_fronts import PictureFront, ProcessorFront


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


def clip():
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    size = {"height": 32, "width": 32}
    return CLIPVisionModel(config), CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)


def dinov2():
    from transformers import BitImageProcessor, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=42, patch_size=14, num_register_tokens=2
    )
    size = {"height": 42, "width": 42}
    return Dinov2WithRegistersModel(config), BitImageProcessor(
        size={"shortest_edge": 48}, crop_size=size, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    )


def donut():
    """A processor that is none of the usual ones."""
    from transformers import DonutImageProcessor, ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    return ViTModel(config, add_pooling_layer=False), DonutImageProcessor(size={"height": 32, "width": 32})


def whisper():
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    config = WhisperConfig(
        d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=16, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=16, num_mel_bins=8, vocab_size=20, max_source_positions=50,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return WhisperModel(config), WhisperFeatureExtractor(feature_size=8, chunk_length=1)


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


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("make", [vit, clip, convnext, resnet, dinov2])
def test_image_bodies_equal_transformers(make, pictures, tmp_path):
    from PIL import Image

    model, processor = kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    opened = [Image.open(path).convert("RGB") for path in pictures]
    pixels = torch.cat([processor(images=picture, return_tensors="pt")["pixel_values"] for picture in opened])
    front = source.parts.front
    assert isinstance(front, PictureFront)
    prepared = front.inputs(torch.from_numpy(np.stack([source.prepare(path) for path in pictures])))["pixel_values"]
    difference = (prepared - pixels).abs() * torch.tensor(processor.image_std)[None, :, None, None]
    assert difference.max() * 255 < 1.001
    assert difference.mean() <= 1 / 255
    with torch.inference_mode():
        output = model(pixel_values=pixels)
    last = output.last_hidden_state
    wanted = output.pooler_output.flatten(1) if last.ndim == 4 else last.mean(1)
    found = torch.from_numpy(source.encode(pictures)[:, -source.info.num_features :])
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.999
    assert source.info.modality == "image"


def test_an_unusual_processor_is_run_itself(pictures, tmp_path):
    model, processor = kept(donut, tmp_path / "model")
    source = open_local(tmp_path / "model")
    assert isinstance(source.parts.front, ProcessorFront)
    from PIL import Image

    wanted = processor(images=Image.open(pictures[0]).convert("RGB"), return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(source.prepare(pictures[0]), wanted[0].numpy(), atol=1e-6)
    with torch.inference_mode():
        last = model(pixel_values=wanted).last_hidden_state.mean(1)
    assert cosine(source.forward([source.prepare(pictures[0])])[:, -16:], last.numpy()).min() > 0.999


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


def test_samples_are_those_of_the_feature_extractor(sounds, tmp_path):
    _, processor = kept(wav2vec2, tmp_path / "model")
    source = open_local(tmp_path / "model")
    samples, rate = sounds[0]
    wanted = processor(samples, sampling_rate=rate, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(source.prepare(sounds[0]), wanted, atol=1e-6)


def test_a_sound_that_is_cut_is_said(sounds, tmp_path):
    kept(wav2vec2, tmp_path / "model")
    source = open_local(tmp_path / "model")
    assert source.notes_on(sounds) == ()
    assert source.notes_on([*sounds[:2], (np.zeros(300_001), 10_000)]) == (
        "1 of 3 sounds lasts more than 30 seconds: the first 30 seconds of each were read",
    )


def test_the_encoder_of_a_speech_body(sounds, tmp_path):
    model, processor = kept(whisper, tmp_path / "model")
    source = open_local(tmp_path / "model")
    samples, rate = sounds[0]
    with torch.inference_mode():
        wanted = model.get_encoder()(**processor(samples, sampling_rate=rate, return_tensors="pt")).last_hidden_state
    found = source.forward([source.prepare(sounds[0])])
    assert cosine(found[:, -16:], wanted.mean(1).numpy()).min() > 0.999


LATER = """
    import sys
    import numpy as np
    from headstart.sources.registry import open_source
    source = open_source(sys.argv[1])
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 256, (40, 60, 3), dtype=np.uint8), rng.integers(0, 256, (90, 60, 3), dtype=np.uint8)]
    if source.info.modality == "audio":
        items = [(rng.normal(size=n).astype(np.float32), 16000) for n in (8000, 12345)]
    rows = source.forward([source.prepare(item) for item in items])
    heavy = {"torch", "transformers", "torchvision", "timm"} & set(sys.modules)
    assert sys.argv[3] == "first" or not heavy, heavy
    np.save(sys.argv[2], rows)
"""


@pytest.mark.slow
@pytest.mark.parametrize("make", [vit, wav2vec2])
def test_a_later_process_needs_no_torch(make, tmp_path):
    pytest.importorskip("openvino")
    kept(make, tmp_path / "model")
    environment = {**os.environ, "HEADSTART_CACHE": str(tmp_path / "cache")}
    for when in ("first", "later"):
        name, out = f"local:{tmp_path / 'model'}", tmp_path / f"{when}.npy"
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LATER), name, out, when]
        subprocess.run(command, check=True, env=environment, timeout=300)
    np.testing.assert_array_equal(np.load(tmp_path / "first.npy"), np.load(tmp_path / "later.npy"))


@pytest.mark.parametrize(("make", "places"), [(vit, 16), (dinov2, 9), (wav2vec2, None)])
def test_a_row_for_each_patch_or_frame(make, places, pictures, sounds, tmp_path):
    model, _ = kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model")
    items = pictures[:3] if places else sounds[:3]
    prepared = [source.prepare(item) for item in items]
    rows = source.with_layers(["hidden.1", "last"], positions=True).forward(prepared)
    if places is None:
        lengths = [int(model._get_feat_extract_output_lengths(len(samples))) for samples in prepared]
        pooled = source.with_layers("last").forward(prepared)
        assert cosine(np.stack([row[:, 16:].mean(0) for row in rows]), pooled).min() > 0.999
    else:
        lengths = [places] * 3
    assert [row.shape for row in rows] == [(length, 32) for length in lengths]


@pytest.mark.parametrize("make", [resnet, wav2vec2])
def test_other_layers_of_a_saved_body(make, pictures, sounds, tmp_path):
    kept(make, tmp_path / "model")
    source = open_local(tmp_path / "model").with_layers("last")
    assert [block.name for block in source.info.blocks] == ["last"]
    source.save(tmp_path / "kept")
    again = open_local(tmp_path / "kept")
    assert again.info.blocks == source.info.blocks
    assert again.info.parameters == source.info.parameters


def test_layers_of_different_sizes_have_no_rows_for_positions(tmp_path):
    kept(resnet, tmp_path / "model")
    with pytest.raises(SourceError, match="different numbers of positions"):
        open_local(tmp_path / "model").with_layers("all", positions=True)


def test_a_sounds_features_do_not_depend_on_its_neighbours(sounds, tmp_path):
    kept(wav2vec2, tmp_path / "model")
    source = open_local(tmp_path / "model")
    rows = source.forward([source.prepare(sound) for sound in sounds])
    alone = source.forward([source.prepare(sounds[1])])
    assert cosine(rows[1:2], alone).min() > 0.9999


@pytest.mark.parametrize("item", ["no-such.wav", None, b"", (np.zeros(0), 8000)])
def test_nonsense_sounds(item):
    with pytest.raises(ItemError):
        Spectrogram(ToySource(modality="image")).prepare(item)
