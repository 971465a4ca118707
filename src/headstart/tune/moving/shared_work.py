"""What several trainings of one body on parts of the same items share: the loaded body and the prepared items."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from headstart.sources.bodies.trainable import Trainable, trainable
from headstart.types import Source

__all__ = ["SharedWork"]

MEMORY = 2**30  # bytes of prepared items that are kept


class SharedWork:
    """A body that is loaded once, and items that are read once, for trainings that follow each other.

    Args:
        source: gives the body and prepares the items.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shared = SharedWork(toy_shift().source)
        >>> first = shared.body().module
        >>> before = first.state_dict()["blocks.0.0.bias"].clone()
        >>> _ = first.get_parameter("blocks.0.0.bias").data.add_(1.0)     # a training
        >>> again = shared.body().module
        >>> again is first, again.state_dict()["blocks.0.0.bias"].equal(before)
        (True, True)
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._body: Trainable | None = None
        self._weights: dict[str, Tensor] = {}
        self._parts: list[tuple[str, type[nn.Module]]] = []
        self._prepared: dict[int, tuple[Any, Any]] = {}
        self._bytes = 0

    def body(self) -> Trainable:
        """The body with the source's weights; the module that was given before must not be used any more.

        It is loaded again if a training left other submodules in it.
        """
        if self._body is None or _parts(self._body.module) != self._parts:
            self._body = trainable(self._source)
            self._weights = {name: value.detach().clone() for name, value in self._body.module.state_dict().items()}
            self._parts = _parts(self._body.module)
            return self._body
        module = self._body.module
        module.load_state_dict(self._weights)
        module.eval().requires_grad_(requires_grad=True)
        return self._body

    def prepare(self, item: Any) -> Any:
        """A prepared item, from memory if it was prepared before; safe to call from several threads."""
        known = self._prepared.get(id(item))
        if known is not None:
            return known[1]
        value = self._source.prepare(item)
        size = sum(np.asarray(part).nbytes for part in value) if isinstance(value, list) else np.asarray(value).nbytes
        if self._bytes + size <= MEMORY:
            self._prepared[id(item)] = (item, value)  # an item that is held keeps its identity
            self._bytes += size
        return value


def _parts(module: nn.Module) -> list[tuple[str, type[nn.Module]]]:
    return [(name, type(part)) for name, part in module.named_modules()]
