"""The recipe of a body: how a backend builds and runs it. torch is not loaded before `Recipe.build` is called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from headstart.engine.body.machine import package_version
from headstart.types import Modality

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Batch", "DirectForm", "Forward", "Recipe", "Tensors", "recipe_key", "rows_key"]

Batch = NDArray[Any] | Mapping[str, NDArray[Any]]
# A batch as tensors, as it goes through a body.
Tensors: TypeAlias = "Tensor | Mapping[str, Tensor]"
Forward = Callable[["nn.Module", Any], "list[Tensor]"]

# The version of the code that reads and prepares items: raise it when the same item gives other pixels, samples or
# tokens. READERS names the packages on whose version this depends too.
PREPARING = 2
READERS: Mapping[Modality, tuple[str, ...]] = {
    "image": ("pillow",),
    "audio": ("soundfile", "soxr", "pillow"),
    "text": ("tokenizers",),
    "vector": (),
}


@dataclass(frozen=True)
class DirectForm:
    """A body that needs no torch: OpenVINO runs a model that is made of its weights.

    Attributes:
        graph: returns the body as an OpenVINO model, all blocks as one output.
        blocks: the body in numpy: a function of a batch that returns its blocks, (n, width) float32 each.
        weight_bytes: the size of its weights.
    """

    graph: Callable[[], Any]
    blocks: Callable[[Batch], list[NDArray[Any]]]
    weight_bytes: int


@dataclass(frozen=True)
class Recipe:
    """How a frozen body is made and run.

    Attributes:
        key: hexadecimal digest of everything that determines the features in exact arithmetic: weights, architecture,
            layers that are read, preprocessing inside ``forward``. Recipes with the same key are interchangeable.
        build: returns the module (evaluation mode, float32, on the CPU, with its weights) and a function of
            (module, batch of tensors) that returns one (n, width) tensor for each block.
        example: returns a few items as a batch of arrays, on which number formats are compared; must not load torch.
        lasting: whether a later process can open the same body, so that a conversion is worth keeping.
        direct: how OpenVINO runs it without torch; None if it has to be traced.
    """

    key: str
    build: Callable[[], tuple[nn.Module, Forward]]
    example: Callable[[], Batch]
    lasting: bool = True
    direct: DirectForm | None = None


def recipe_key(*parts: object) -> str:
    """A 160-bit digest of plain JSON values.

    Examples:
        >>> len(recipe_key("resnet18", {"num_classes": 10}))
        40
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def rows_key(modality: Modality, *parts: object) -> str:
    """The digest under which rows are cached: of what computes them, and of what reads and prepares the items.

    Args:
        modality: the kind of items.
        parts: plain JSON values that determine the rows, such as a recipe's key and the form of the body.

    Examples:
        >>> rows_key("image", "resnet18", "torch fp32") != rows_key("image", "resnet18", "openvino bf16")
        True
    """
    return recipe_key("rows", PREPARING, [f"{name} {package_version(name)}" for name in READERS[modality]], parts)
