"""What a backend needs to know of a body; nothing here loads torch before `Recipe.build` is called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Batch", "Forward", "Recipe", "recipe_key"]

Batch = NDArray[Any] | Mapping[str, NDArray[Any]]
Forward = Callable[["nn.Module", Any], "list[Tensor]"]


@dataclass(frozen=True)
class Recipe:
    """How a frozen body is made and run.

    Attributes:
        key: hexadecimal digest of everything that decides the features in exact arithmetic: weights, architecture,
            layers that are read, preprocessing inside of ``forward``. Two recipes of one key are interchangeable.
        build: gives the module (evaluation mode, float32, on the CPU, with its weights) and a function of
            (module, batch of tensors) that gives one (n, width) tensor for each block.
        example: a few items as a batch of arrays, on which number formats are compared; loads no torch.
        lasting: whether the same body can be opened in a later process, so that a conversion is worth keeping.

    Examples:
        >>> Recipe(recipe_key("toy"), build=lambda: None, example=lambda: None).lasting
        True
    """

    key: str
    build: Callable[[], tuple[nn.Module, Forward]]
    example: Callable[[], Batch]
    lasting: bool = True


def recipe_key(*parts: Any) -> str:
    """A 160-bit digest of plain JSON values.

    Examples:
        >>> len(recipe_key("resnet18", {"num_classes": 10}))
        40
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]
