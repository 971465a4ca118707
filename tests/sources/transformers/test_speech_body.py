"""The speech body: a row depends on its sound alone, long sounds are averaged, and it can be fine-tuned and saved."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import ItemError, UnknownNameError
from headstart.model.loading import load
from headstart.sources import open_saved, open_source
from headstart.sources.bodies.adapters import insert_adapters
from headstart.sources.transformers.speech_folder import write_speech_folder
from headstart.sources.transformers.whisper import whisper_module
from headstart.tune import STRATEGIES, fit
from headstart.tune.network.frozen_prefix import find_cut
from headstart.types import Dataset, Task

CONFIG = {
    "model_type": "whisper", "d_model": 16, "num_mel_bins": 80, "max_source_positions": 1500, "encoder_layers": 2,
    "encoder_ffn_dim": 24, "encoder_attention_heads": 4, "init_std": 0.3, "decoder_layers": 1,
    "decoder_attention_heads": 4, "decoder_ffn_dim": 24,
}  # fmt: skip


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    """Rows are compared with those of the plain module, so they aren't computed in bf16."""
    monkeypatch.setenv("HEADSTART_BF16", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint folder of a tiny speech body with random weights."""
    made = tmp_path_factory.mktemp("speech")
    (made / "MIT").write_text("MIT License")
    torch.manual_seed(0)
    write_speech_folder(made / "model", whisper_module(CONFIG), CONFIG, made / "MIT")
    return made / "model"


@pytest.fixture(scope="module")
def source(folder):
    return open_source(f"local:{folder}")


@pytest.fixture(scope="module")
def noises():
    rng = np.random.default_rng(0)
    lengths = [3000, 8000, 8100, 16_000, 16_000, 23_456, 50]
    return [(rng.normal(scale=0.1, size=n).astype(np.float32), 16_000) for n in lengths]


@pytest.fixture(scope="module")
def long_noise():
    rng = np.random.default_rng(1)
    return rng.normal(scale=0.1, size=40 * 16_000).astype(np.float32), 16_000


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_row_depends_on_its_sound_alone(source, noises, long_noise, backend, own_cache):
    if backend == "openvino":
        pytest.importorskip("openvino")
    prepared = [source.prepare(sound) for sound in [*noises, long_noise]]
    source.choose(Engine(backend=backend), 1, lambda: prepared[:2])
    together = source.forward(prepared)
    assert together.shape == (8, 48)
    alone = np.concatenate([source.forward([one]) for one in prepared])
    turned = source.forward(prepared[::-1])[::-1]
    if backend == "openvino":  # the same bits, whatever else is in the batch
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(together, turned)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-4)


def test_rows_of_frames_average_to_the_row_of_the_sound(source, noises, long_noise):
    prepared = [source.prepare(sound) for sound in [*noises, long_noise]]
    frames = source.with_layers("blocks", positions=True).forward(prepared)
    assert [len(rows) for rows in frames] == [10, 25, 26, 50, 50, 74, 1, 2000]  # of 20 ms
    np.testing.assert_allclose([rows.mean(axis=0) for rows in frames], source.forward(prepared), rtol=0, atol=2e-3)


def test_the_parts_of_a_long_sound_are_weighted_by_their_frames(source, long_noise):
    samples, rate = long_noise
    begin, end = (samples[: 20 * rate], rate), (samples[20 * rate :], rate)
    rows = source.forward([source.prepare(one) for one in (long_noise, begin, end)])
    np.testing.assert_allclose(rows[0], (rows[1] + rows[2]) / 2, rtol=0, atol=1e-5)


def test_long_sounds_are_said_from_the_items_also_where_rows_are_stored(noises, long_noise):
    """The note belongs to the items of one call: it is there for stored rows, and gone for short sounds."""
    source = open_source("headstart:speech").with_layers("last")
    said = (
        "1 of 2 sounds lasts more than 30 seconds: each was split into equal parts, and the rows of the parts averaged"
    )
    for _ in range(2):
        found = extract(source, [noises[0], long_noise], engine=Engine(backend="torch"))
        assert said in found.notes
    assert found.hits == 2
    assert not [note for note in extract(source, noises[:2], engine=Engine(backend="torch")).notes if "sounds" in note]


def test_rates_channels_and_nonsense(source):
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    [slow] = source.prepare((tone, 8000))
    assert slow.shape == (80, 100, 1)
    stereo = np.stack([tone, tone], axis=1)
    np.testing.assert_allclose(source.prepare((stereo, 8000))[0], slow, atol=1e-6)
    for nothing in ("no-such.wav", None, b"", (np.zeros(0), 8000)):
        with pytest.raises(ItemError):
            source.prepare(nothing)
    with pytest.raises(UnknownNameError, match=r"layer\.2"):
        source.with_layers(["layer.9"]).info  # noqa: B018 - the layers are checked when the facts are measured


def test_the_training_forward_is_that_of_inference(source, noises, long_noise):
    body = source.trainable()
    assert body.kind == "pictures"
    assert [group[0].partition(".")[0] for group in body.groups] == ["conv1", "layers", "layers"]
    assert "embed_positions.weight" not in {name for group in body.groups for name in group}
    prepared = [source.prepare(sound) for sound in [*noises[:3], long_noise]]
    rows = torch.cat(body.forward(body.module, body.collate(prepared)), dim=1)
    np.testing.assert_allclose(rows.detach(), source.forward(prepared), rtol=0, atol=1e-2)
    rows.sum().backward()
    trained = {name for group in body.groups for name in group}
    assert all(p.grad is not None for name, p in body.module.named_parameters() if name in trained)


def test_a_fine_tuned_body_is_saved_and_loads_in_transformers(source, noises, tmp_path):
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
    from transformers.utils import logging

    body = source.trainable()
    with torch.no_grad():
        body.module["layers"][0]["fc1"].weight.mul_(1.5)
    moved = source.with_module(body.module, "moved")
    reference = moved.save(tmp_path / "kept")
    assert reference == {"name": "local:."}
    again = open_saved(reference, tmp_path / "kept", "audio")
    rows = moved.encode(noises)
    np.testing.assert_allclose(again.encode(noises), rows, rtol=0, atol=1e-5)
    assert np.abs(rows - source.encode(noises)).max() > 0.01
    assert (tmp_path / "kept" / "LICENSE").read_text() == "MIT License"
    assert AutoFeatureExtractor.from_pretrained(tmp_path / "kept").feature_size == 80
    logging.set_verbosity_error()  # of the classifier, which is new
    loaded, how = AutoModelForAudioClassification.from_pretrained(tmp_path / "kept", output_loading_info=True)
    assert all(name.startswith(("projector", "classifier")) for name in how["missing_keys"])
    assert not how["unexpected_keys"]
    np.testing.assert_array_equal(
        loaded.encoder.layers[0].fc1.weight.detach(), body.module["layers"][0]["fc1"].weight.detach()
    )


def test_layers_adapters_and_random_weights_are_saved(source, noises, tmp_path):
    adapted = source.trainable()
    insert_adapters(adapted.module, 4, seed=0)
    with torch.no_grad():
        for name, parameter in adapted.module.named_parameters():
            if "adapter" in name:
                parameter.add_(0.1)
    for name, made in (
        ("last", source.with_layers("last")),
        ("frames", source.with_layers(["layer.1"], positions=True)),
        ("fresh", source.untrained(3)),
        ("adapted", source.with_module(adapted.module, "adapted")),
        ("fresh again", open_source(f"local:{source.info.name.removeprefix('local:')}").untrained(3)),
    ):
        again = open_saved(made.save(tmp_path / name), tmp_path / name, "audio")
        assert again.info.blocks == made.info.blocks
        prepared = [source.prepare(sound) for sound in noises[:3]]
        for found, wanted in zip(again.forward(prepared), made.forward(prepared), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)
    assert np.abs(source.untrained(3).encode(noises) - source.untrained(4).encode(noises)).max() > 0.01


@pytest.mark.parametrize("name", ["full", "partial", "lora", "bitfit", "adapters"])
def test_strategies_fine_tune_it(source, name, tmp_path):
    rng = np.random.default_rng(0)
    pitches = [300 + 900 * (k % 2) for k in range(24)]  # low and high tones of different lengths
    items = [(np.sin(np.arange(2000 + 300 * k) * pitch / 2500) + rng.normal(size=2000 + 300 * k), 16_000)
             for k, pitch in enumerate(pitches)]  # fmt: skip
    y = np.arange(24) % 2
    data = Dataset(items, tuple(map(str, range(24))), "audio", Task("classification", ("low", "high")), y)
    strategy = STRATEGIES[name]
    quick = replace(strategy, training=replace(strategy.training, epochs=1))
    model = fit(quick, source, data.take(range(16)), valid=data.take(range(16, 24)))
    assert model.predict(items[:2]) == ["low", "high"]
    model.save(tmp_path / "kept")
    again = load(tmp_path / "kept")
    np.testing.assert_allclose(again.predict_proba(items), model.predict_proba(items), atol=1e-3)


def test_no_frozen_prefix_is_kept_for_sounds_of_several_parts(source, noises, long_noise):
    body = source.trainable()
    for name, parameter in body.module.named_parameters():
        parameter.requires_grad_(name.startswith(("layers.1", "layer_norm")))
    assert find_cut(body, body.collate([source.prepare(sound) for sound in [*noises[:2], long_noise]])) is None
