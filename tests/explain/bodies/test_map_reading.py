"""Maps of every kind of body: built from a file of YAMNet, of speech, of two towers, of Keras, in int8, and fused."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from clip_files import clip, kept, siglip
from keras_models import TINY, run_keras
from map_models import random_body, squares, tones
from safetensors.numpy import save_file
from yamnet_reference import random_tensors

import headstart
from headstart.errors import ParameterError
from headstart.explain import METHODS
from headstart.explain.asking.query import source_in_fp32
from headstart.io import file_digest
from headstart.sources import open_source
from headstart.sources.fused import FusedSource
from headstart.sources.quantized import QuantizedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.transformers.speech_folder import write_speech_folder
from headstart.sources.transformers.whisper import whisper_module

WHISPER = {
    "model_type": "whisper", "d_model": 16, "num_mel_bins": 80, "max_source_positions": 1500, "encoder_layers": 2,
    "encoder_ffn_dim": 24, "encoder_attention_heads": 4, "init_std": 0.3, "decoder_layers": 1,
    "decoder_attention_heads": 4, "decoder_ffn_dim": 24,
}  # fmt: skip
GRADIENTS = ("grad_cam", "layer_cam")


def fitted(data, source, **options):
    return headstart.fit(data, source=source, heads=["ridge"], baselines="none", verbose=False, **options).model


def explained(model, item, *methods):
    return [model.explain(item, method=method).attributions[0] for method in methods]


def is_exact(found):
    """Whether a class map sums to the difference of the score, in which the body runs in fp32."""
    gap = abs(found.shown.values.sum() - (found.value - found.baseline))
    return gap < 1e-4 * max(1.0, abs(found.value - found.baseline))


def assert_maps(found):
    for one in found:
        assert np.isfinite(one.shown.values).all()
        assert one.shown.values.max() > 0
        assert '<figure class="map">' in one.to_html()


@pytest.fixture(scope="module")
def yamnet(tmp_path_factory):
    """A model on YAMNet with random weights, read from a file."""
    file = tmp_path_factory.mktemp("yamnet") / "yam.safetensors"
    tensors = random_tensors()
    tensors["frontend.window"] = np.hanning(401)[:-1].astype(np.float32)
    mel = np.zeros_like(tensors["frontend.mel"])
    for band in range(len(mel)):  # around 62 Hz, 125 Hz, ...: bins are 31.25 Hz apart
        mel[band, 2 * band + 1 : 2 * band + 4] = 1
    tensors["frontend.mel"] = mel
    save_file({name: a.astype(np.float16) if a.ndim == 4 else a for name, a in tensors.items()}, file)
    facts = {"architecture": "YAMNet (MobileNetV1)", "source": {"licence": "Apache-2.0"}, "sha256": file_digest(file)}
    file.with_suffix(".json").write_text(json.dumps(facts))
    return fitted(tones(), open_source(f"local:{file}", modality="audio"))


def test_yamnet_has_maps_over_time_and_frequency(yamnet):
    sound = tones()[0][0]
    found = explained(yamnet, sound, "cam", *GRADIENTS)
    assert_maps(found)
    assert is_exact(found[0])
    shown = found[0].shown
    assert shown.values.shape == shown.spectrogram.shape == (64, 96)  # bands and frames of a patch
    assert shown.cells == (2, 3)  # the body has time first
    row, _ = np.unravel_index(shown.spectrogram.argmax(), shown.spectrogram.shape)
    assert shown.hertz[row] == pytest.approx(400, rel=0.25)


def test_patches_of_a_long_sound_of_yamnet_are_one_map(yamnet):
    wave, rate = tones()[0][0]
    (found,) = explained(yamnet, (np.tile(wave, 8), rate), "cam")
    assert found.shown.values.shape[1] > 96
    assert found.shown.seconds >= 4.0 - 0.96
    assert is_exact(found)


def test_a_speech_body_has_a_map_over_time_which_is_drawn_on_frequencies(tmp_path):
    (tmp_path / "MIT").write_text("MIT License")
    torch.manual_seed(0)
    write_speech_folder(tmp_path / "model", whisper_module(WHISPER), WHISPER, tmp_path / "MIT")
    model = fitted(tones(), open_source(f"local:{tmp_path / 'model'}"))
    sound = tones()[0][0]
    found = explained(model, sound, "cam", *GRADIENTS, "occlusion")
    assert_maps(found)
    assert is_exact(found[0])
    for one in found:
        assert one.shown.values.shape[0] == 1
        assert one.shown.spectrogram.shape[0] > 1
        assert one.shown.seconds == pytest.approx(0.5)
        assert one.shown.largest(1)[0][0].endswith(" s")
    assert any("times only" in note for note in found[0].notes)
    # the tone fills the first half, and the second one is silent
    first, second = np.array_split(found[0].shown.spectrogram, 2, axis=1)
    assert first.max() > second[:, 2:].max()


@pytest.mark.parametrize("make", [clip, siglip])
@pytest.mark.filterwarnings("ignore")
def test_of_two_towers_the_image_tower_has_maps(make, tmp_path):
    kept(make, tmp_path / "model")
    model = fitted(squares(), open_source(f"local:{tmp_path / 'model'}"))
    picture = squares()[0][0]
    with pytest.raises(ParameterError, match=r"block 'last' of .* is not; use 'grad_cam' or 'occlusion'\.$"):
        model.explain(picture, method="cam")
    found = explained(model, picture, *GRADIENTS)
    assert_maps(found)
    assert [one.shown.cells for one in found] == [(4, 4), (4, 4)]  # patches of 8 pixels in 32
    assert "vision_model" in found[0].notes[0]
    assert found[0].checks["difference from the model's own score"] < 0.05  # as the model may run in bf16
    assert model.explain(picture).methods[0] == "grad_cam"


@cache
def in_int8():
    from headstart.engine.variants.int8_body import calibrate

    body = random_body("test_efficientnet")
    ranges = calibrate(body.body, [np.stack([body.prepare(one) for one in squares()[0][:4]])]).ranges
    return QuantizedSource(body, ranges)


def test_a_body_in_int8_is_explained_in_fp32_and_the_difference_is_stated():
    pytest.importorskip("openvino")
    model, picture = fitted(squares(), in_int8()), squares()[0][0]
    found = explained(model, picture, "cam", *GRADIENTS)
    assert_maps(found)
    assert is_exact(found[0])
    difference = found[0].checks["difference from the model's own score"]
    assert 0 < difference < 0.5
    assert any("Computed in fp32" in note and "int8" in note for note in found[0].notes)


def test_a_spectrogram_of_a_body_in_int8_is_explained_in_fp32():
    """Kind: a source inside of a source is seen through."""
    pytest.importorskip("openvino")
    source = Spectrogram(in_int8())
    assert source_in_fp32(source).image_source is in_int8().full
    found = explained(fitted(tones(), source), tones()[0][0], "cam", "grad_cam")
    assert_maps(found)
    assert is_exact(found[0])


def test_fused_sources_name_the_methods_that_explain_them():
    source = FusedSource((random_body("test_resnet"), random_body("test_efficientnet")))
    model, picture = fitted(squares(), source, fusion="concat"), squares()[0][0]
    for method in ("cam", *GRADIENTS):
        with pytest.raises(ParameterError, match=r"which 'fused:.*' is not; use 'occlusion'\.$"):
            model.explain(picture, method=method)
    found = model.explain(picture)
    assert found.methods[0] == "occlusion"
    parts = model.explain(picture, method="linear_attribution")["linear_attribution"]
    assert [one.name for one in parts.shown.columns] == list(model.source.names)
    assert parts.completeness < 1e-9


def test_an_item_of_several_columns_names_the_methods_that_explain_it():
    """A table with a text and numbers: each column has its share, and maps are refused."""
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "words": [f"a {word} film, number {k}" for k, word in enumerate(["good", "bad"] * 12)],
            "stars": rng.normal([4.0, 2.0] * 12),
            "kind": ["+", "-"] * 12,
        }
    )
    model = headstart.fit(
        table, label="kind", item=["words", "stars"], heads=["ridge"], baselines="none", verbose=False
    ).model
    assert model.source.info.modality == "multimodal"
    with pytest.raises(ParameterError, match=r"not multimodal items; use one of influence, linear_attribution, .*\.$"):
        model.explain(table.iloc[0], method="grad_cam")
    assert model.explain(table.iloc[0]).methods[0] == "linear_attribution"


@pytest.mark.slow
def test_a_model_of_keras_has_maps(tmp_path):
    pytest.importorskip("h5py")
    run_keras(TINY, str(tmp_path))
    rng = np.random.default_rng(0)
    pictures = [np.clip(rng.normal(60 + 140 * (k % 2), 20, (32, 32, 3)), 0, 255).astype(np.uint8) for k in range(16)]
    model = fitted((pictures, ["dark", "light"] * 8), open_source(f"local:{tmp_path / 'tiny.keras'}"))
    found = explained(model, pictures[0], "grad_cam", "layer_cam", "occlusion")
    for one in found:
        assert np.isfinite(one.shown.values).all()
    assert "Approximate" in found[0].notes[0]
    assert model.explain(pictures[0]).methods[0] in METHODS
