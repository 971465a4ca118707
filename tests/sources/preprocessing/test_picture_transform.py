"""Preprocessing without torch against timm's and transformers' own."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from headstart.errors import SourceError
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.preprocessing.picture_transform import PictureTransform

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@cache
def natural(width, height):
    whole = Image.fromarray(example_pictures(1, 256)[0])
    return whole.resize((width, height), Image.Resampling.LANCZOS, box=(0, 0, min(width, 256), min(height, 256)))


def timms_own(config, picture):
    from timm.data import create_transform

    tensor = create_transform(**config, is_training=False, normalize=False)(picture)
    return tensor.permute(1, 2, 0).numpy()


def differences(found, wanted):
    assert found.shape == wanted.shape
    return np.abs(found.astype(int) - wanted)


SIDES = st.integers(5, 300)


@settings(max_examples=100, deadline=None)
@given(
    width=SIDES,
    height=SIDES,
    size=st.tuples(st.integers(8, 96), st.integers(8, 96)) | st.integers(8, 96).map(lambda side: (side, side)),
    crop_pct=st.sampled_from([0.5, 0.8, 0.875, 0.9, 0.95, 1.0]),
    crop_mode=st.sampled_from(["center", "squash", "border"]),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]),
)
@example(width=256, height=256, size=(224, 224), crop_pct=0.875, crop_mode="center", interpolation="bicubic")
@example(width=300, height=31, size=(64, 32), crop_pct=1.0, crop_mode="border", interpolation="bilinear")
def test_crops_are_timms_own(width, height, size, crop_pct, crop_mode, interpolation):
    assume(max(width, height) / min(width, height) < 8 or crop_mode != "border")  # timm fails on sides of 0 pixels
    picture = natural(width, height)
    config = {
        "input_size": (3, *size), "mean": MEAN, "std": STD,
        "interpolation": interpolation, "crop_pct": crop_pct, "crop_mode": crop_mode,
    }  # fmt: skip
    off = differences(PictureTransform.from_timm(config).prepare(picture), timms_own(config, picture))
    # Pillow resizes rows first or columns first, whatever costs less; only the crop is computed here, rows first.
    assert off.mean() <= 0.5
    if interpolation in ("nearest", "box"):
        assert off.max() == 0


def test_an_unresized_picture_is_cropped_to_the_bit():
    picture = natural(300, 256)
    transform = PictureTransform((224, 224), (256, 256))
    np.testing.assert_array_equal(transform.prepare(picture), np.asarray(picture)[16:240, 38:262])


def test_only_the_crop_of_a_very_long_picture_is_computed():
    strip = Image.new("RGB", (60_000, 2), "red")  # 7.7 million columns, were it resized whole
    assert (PictureTransform((224, 224), (256, 256)).prepare(strip)[..., 0] == 255).all()


@pytest.mark.parametrize(
    ("change", "words"), [({"input_size": (1, 8, 8)}, "must read 3 channels"), ({"interpolation": "cubic"}, "one of")]
)
def test_what_timm_bodies_may_ask_for(change, words):
    config = {"input_size": (3, 8, 8), "mean": MEAN, "std": STD, "interpolation": "box", "crop_pct": 1, "crop_mode": ""}
    with pytest.raises(SourceError, match=words):
        PictureTransform.from_timm({**config, **change})


PROCESSORS = {
    "ViTImageProcessor": {"size": {"height": 32, "width": 48}},
    "DeiTImageProcessor": {"size": {"height": 40, "width": 40}, "crop_size": {"height": 33, "width": 33}},
    "SiglipImageProcessor": {"size": {"height": 32, "width": 32}, "do_rescale": False},
    "CLIPImageProcessor": {"size": {"shortest_edge": 40}, "crop_size": {"height": 33, "width": 32}},
    "BitImageProcessor": {"size": {"shortest_edge": 40}, "crop_size": {"height": 64, "width": 32}, "resample": 2},
    "ConvNextImageProcessor": {"size": {"shortest_edge": 31}, "do_normalize": False},
}


@pytest.mark.parametrize("name", [*PROCESSORS, "ConvNextImageProcessor of 384"])
def test_crops_are_the_processors_own(name):
    import torch
    import transformers

    name, _, large = name.partition(" of ")
    arguments = {"size": {"shortest_edge": 384}} if large else PROCESSORS[name]
    processor = getattr(transformers, name)(**arguments)
    transform = PictureTransform.from_processor(processor.to_dict())
    assert transform is not None
    for size in [(80, 60), (60, 81), (35, 35), (300, 201)]:
        crop = transform.prepare(natural(*size))
        wanted = processor(images=natural(*size), return_tensors="pt")["pixel_values"][0].permute(1, 2, 0)
        found = (torch.from_numpy(crop.copy()) / 255 - torch.tensor(transform.mean)) / torch.tensor(transform.std)
        # torchvision's resize of uint8 rounds in another way than Pillow's, which these processors were made with.
        grey_levels = ((found - wanted) * torch.tensor(transform.std) * 255).abs()
        assert float(grey_levels.mean()) < 0.6
        assert float(grey_levels.max()) < 3


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"image_processor_type": "DonutImageProcessor"},
        {"image_processor_type": "ViTImageProcessor", "do_pad": True},
        {"image_processor_type": "ViTImageProcessor", "do_resize": False},
        {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 9}},
        {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 9, "longest_edge": 12}},
        {"image_processor_type": "ConvNextImageProcessor", "size": {"height": 9, "width": 9}},
        {"image_processor_type": "ViTImageProcessor", "image_mean": 0.5},
        {"image_processor_type": "ViTImageProcessor", "resample": 0},
    ],
)
def test_other_processors_are_left_to_their_own_code(settings):
    usual = {"size": 9, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "crop_size": 9}
    assert PictureTransform.from_processor({**usual, **settings}) is None


@pytest.mark.realdata
@pytest.mark.parametrize("archive", ["images/hymenoptera.tar", "images/clothing10_cc0.tar"])
def test_real_pictures_agree_with_timm(unpacked, archive):
    config = {
        "input_size": (3, 224, 224), "mean": MEAN, "std": STD,
        "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "center",
    }  # fmt: skip
    transform = PictureTransform.from_timm(config)
    paths = sorted(unpacked(archive).rglob("*.jpg"))[::12]
    assert len(paths) > 25
    for path in paths:
        off = differences(transform.prepare(path), timms_own(config, Image.open(path).convert("RGB")))
        assert off.max() <= 2
        assert off.mean() < 0.02


def test_no_torch_is_loaded():
    code = (
        "import sys, numpy as np; from headstart.sources.preprocessing.picture_transform import PictureTransform as P;"
        "P((8, 8), (9, 9)).prepare(np.zeros((20, 20), np.uint8));"
        "assert not {'torch', 'timm', 'torchvision', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
