"""YAMNet: a MobileNetV1 that classifies log-mel patches of 0.96 s into the 521 classes of AudioSet.

The batch normalisations are folded into the convolutions, as in the published TensorFlow Lite model.

References: Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications";
Gemmeke et al. 2017, "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.sources.bodies.adapters import restore_structure
from headstart.sources.bodies.averaging import item_means
from headstart.sources.bodies.same_padding import same_pads
from headstart.sources.preprocessing.yamnet_patches import BANDS, BINS, FRAMES, WINDOW

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "CLASSES",
    "EMBEDDING",
    "FRONT",
    "PARAMETERS",
    "build_yamnet",
    "last_map",
    "load_yamnet",
    "log_scores",
    "read_front",
    "tensor_shapes",
    "with_front",
]

CLASSES, STEM = 521, 32
LEAST_SCORE = 1e-12  # the logarithm of a smaller score is cut off
# (output channels, stride) of each pair of a depthwise and a pointwise convolution.
LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
EMBEDDING = LAYERS[-1][0]
FRONT = {"frontend.window": (WINDOW,), "frontend.mel": (BANDS, BINS)}


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """The name and the shape of each tensor of the network; its file has those of `FRONT` besides.

    Examples:
        >>> tensor_shapes()["blocks.0.pw.weight"]
        (64, 32, 1, 1)
    """
    shapes: dict[str, tuple[int, ...]] = {"stem.weight": (STEM, 1, 3, 3), "stem.bias": (STEM,)}
    width = STEM
    for k, (wider, _) in enumerate(LAYERS):
        shapes |= {f"blocks.{k}.dw.weight": (width, 1, 3, 3), f"blocks.{k}.dw.bias": (width,)}
        shapes |= {f"blocks.{k}.pw.weight": (wider, width, 1, 1), f"blocks.{k}.pw.bias": (wider,)}
        width = wider
    return {**shapes, "classifier.weight": (CLASSES, width), "classifier.bias": (CLASSES,)}


PARAMETERS = sum(map(prod, tensor_shapes().values()))


def build_yamnet() -> nn.Module:
    """The network with random weights.

    Its forward function takes patches (n, 96, 64) float32 and returns the embeddings (n, 1024), the mean over the last
    map. ``classifier`` makes the logits of AudioSet's classes of them.

    Examples:
        >>> import torch
        >>> build_yamnet()(torch.zeros(2, 96, 64)).shape
        torch.Size([2, 1024])
    """
    import torch
    from torch import nn

    class SameConv(nn.Conv2d):
        """A 3x3 convolution with TensorFlow's padding, which the layer itself does where it is symmetric."""

        def __init__(self, inside: int, outside: int, stride: int, groups: int, sides: tuple[int, int]) -> None:
            left, right, top, bottom = pads = same_pads(sides, (3, 3), (stride, stride))
            symmetric = left == right == top == bottom
            super().__init__(inside, outside, 3, stride, padding=left if symmetric else 0, groups=groups)
            self.pads = [] if symmetric else pads

        def forward(self, x: Tensor) -> Tensor:
            if self.pads:
                x = torch.nn.functional.pad(x, self.pads)
            return super().forward(x)

    def block(width: int, wider: int, stride: int, sides: tuple[int, int]) -> nn.Module:
        layers = {"dw": SameConv(width, width, stride, width, sides), "dw_relu": nn.ReLU()}
        return nn.Sequential(OrderedDict({**layers, "pw": nn.Conv2d(width, wider, 1), "pw_relu": nn.ReLU()}))

    class Yamnet(nn.Module):
        """The network."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = SameConv(1, STEM, 2, 1, (FRAMES, BANDS))
            self.blocks = nn.ModuleList()
            width, sides = STEM, (FRAMES // 2, BANDS // 2)
            for wider, stride in LAYERS:
                self.blocks.append(block(width, wider, stride, sides))
                width, sides = wider, (sides[0] // stride, sides[1] // stride)
            self.classifier = nn.Linear(EMBEDDING, CLASSES)

        def forward(self, patches: Tensor) -> Tensor:
            x = self.stem(patches.unsqueeze(1)).relu()
            for layer in self.blocks:
                x = layer(x)
            embedding: Tensor = x.mean((2, 3))
            return embedding

    return Yamnet()


def last_map(module: nn.Module, patches: Tensor) -> Tensor:
    """The last map (n, 1024, 3, 2) of patches (n, 96, 64), whose mean is the embedding.

    Examples:
        >>> import torch
        >>> last_map(build_yamnet(), torch.zeros(1, 96, 64)).shape
        torch.Size([1, 1024, 3, 2])
    """
    x: Tensor = module.get_submodule("stem")(patches.unsqueeze(1)).relu()
    for layer in module.get_submodule("blocks").children():
        x = layer(x)
    return x


def log_scores(module: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """(n, 521): the logarithm of the scores, so that their softmax is a distribution over AudioSet's classes.

    A score is a sigmoid's, of one class independently of the others, and YAMNet averages scores over the patches.

    Args:
        module: the network.
        batch: ``patches`` of n sounds, one after the other, and ``counts`` (n,), how many each sound has.

    Examples:
        >>> import torch
        >>> batch = {"patches": torch.zeros(3, 96, 64), "counts": torch.tensor([1, 2])}
        >>> log_scores(build_yamnet(), batch).shape
        torch.Size([2, 521])
    """
    scores = module.get_submodule("classifier")(module(batch["patches"])).sigmoid()
    return item_means([scores], batch["counts"])[0].clamp_min(LEAST_SCORE).log()


def load_yamnet(file: Path, structure: Mapping[str, Any] | None = None) -> nn.Module:
    """The network with the weights of a safetensors file, float32.

    Args:
        file: the file.
        structure: the adapters that the file has weights of; by default none.

    Raises:
        SourceError: if the file is damaged, or holds other tensors than the network has.

    Examples:
        >>> load_yamnet(Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights of YAMNet in '...' are damaged (...); copy the file again.
    """
    import torch

    module = build_yamnet()
    restore_structure(module, structure or {})
    names = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    arrays = _read(file, {**names, **FRONT}, list(names))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return module


def read_front(file: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The window (400,) and the mel filters (64, 257) of a file; torch is not needed.

    Raises:
        SourceError: if the file is damaged, or lacks them.

    Examples:
        >>> read_front(Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights of YAMNet in '...' are damaged (...); copy the file again.
    """
    front = _read(file, FRONT, list(FRONT))
    return front["frontend.window"], front["frontend.mel"]


def with_front(digest: str, front: tuple[NDArray[np.float32], NDArray[np.float32]]) -> str:
    """What identifies weights that are not those of a file, with the window and the filters: both determine the rows.

    Examples:
        >>> window, mel = np.ones(400, np.float32), np.ones((64, 257), np.float32)
        >>> with_front("a", (window, mel)) == with_front("a", (window, 2 * mel))
        False
    """
    found = hashlib.sha256()
    for array in front:
        found.update(np.ascontiguousarray(array, np.float32).tobytes())
    return f"{digest}, front {found.hexdigest()}"


def _read(file: Path, wanted: Mapping[str, tuple[int, ...]], names: list[str]) -> dict[str, NDArray[np.float32]]:
    """Some tensors of a file as float32; the header is compared with the wanted shapes before any of them is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as opened:
            found = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
            shapes = {name: tuple(part.get_shape()) for name, part in found.items()}
            kinds = {part.get_dtype() for part in found.values()}
            if any(shapes.get(name) != shape for name, shape in wanted.items()) or not kinds <= {"F16", "F32"}:
                bad = next(
                    (name for name, shape in wanted.items() if shapes.get(name) != shape), "a tensor of another dtype"
                )
                raise SourceError(
                    f"'{file}' does not hold the tensors of YAMNet as fp16 or fp32, with its window and mel filters "
                    f"({bad} is missing or different); copy the file again, or convert the published model."
                )
            arrays = {name: opened.get_tensor(name).astype(np.float32) for name in names}
    except SourceError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights of YAMNet in '{file}' are damaged ({reason}); copy the file again.") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise SourceError(f"The tensor '{name}' in '{file}' holds NaN or infinite numbers; copy the file again.")
    return arrays
