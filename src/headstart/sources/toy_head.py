"""The toy shift's body with the head of its own source task, for tests of what needs one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from headstart.sources.bodies.trainable import Trainable
from headstart.sources.module import ModuleSource
from headstart.sources.toy_shift import ToyShift

__all__ = ["HeadedToy", "toy_with_head"]

SHARPNESS = 3.0  # of the logits, whose least squares are near 0 and 1
CUT = 0.01  # smallest singular value of the rows that counts, as a share of the largest: the others need huge weights


class HeadedToy(ModuleSource):
    """A toy body whose classifier is its source head.

    Examples:
        >>> issubclass(HeadedToy, ModuleSource)
        True
    """

    def trainable(self) -> Trainable:
        """The body as training sees it, with its source head."""
        return replace(super().trainable(), source_head=_logits)

    def with_module(self, module: nn.Module, name: str) -> HeadedToy:
        """The same with the weights of ``module``, under another name."""
        return _headed(super().with_module(module, name))


def toy_with_head(shift: ToyShift) -> HeadedToy:
    """The toy's body with a classifier of its source data, solved by least squares.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> found = toy_with_head(shift).trainable()
        >>> logits = found.source_head(found.module, found.collate(list(shift.source_data.items)))
        >>> bool((logits.argmax(dim=1).numpy() == shift.source_data.y).mean() > 0.8)
        True
    """
    shift.source.encode(shift.train.items[:2])
    body = shift.source.trainable().module
    task, y = shift.source_data.labelled()
    with torch.no_grad():
        rows = _pooled(body, torch.from_numpy(np.stack(list(shift.source_data.items)))).double().numpy()
        design = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        solved = SHARPNESS * np.linalg.lstsq(design, np.eye(task.num_outputs)[y], rcond=CUT)[0]
        body.get_parameter("classifier.weight").copy_(torch.from_numpy(solved[:-1].T))
        body.get_parameter("classifier.bias").copy_(torch.from_numpy(solved[-1]))
    return _headed(shift.source.with_module(body, shift.source.info.name))


def _headed(source: ModuleSource) -> HeadedToy:
    source.__class__ = HeadedToy  # the same state with one more method
    return source  # type: ignore[return-value] # as the line before says


def _pooled(body: Any, pictures: Tensor) -> Tensor:
    pooled: Tensor = body.features(pictures).mean(dim=(2, 3))
    return pooled


def _logits(body: Any, pictures: Tensor) -> Tensor:
    logits: Tensor = body.classifier(_pooled(body, pictures))
    return logits
