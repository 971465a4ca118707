"""The least head that fulfils the contract of `headstart.heads.annotating`: each word gets the same label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Sentence, Span
from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.heads.annotating.contract import ANNOTATION_HEADS
from headstart.reporting import Progress
from headstart.types import Source, Task


@dataclass(frozen=True)
class SameLabel:
    """Gives each word of a sentence the same label.

    Attributes:
        label: the label.
    """

    kind: ClassVar[str] = "token"

    label: str
    name = "same label"

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[tuple[Span, ...]]:
        """A span for each word."""
        del source, engine, progress
        for number, item in enumerate(items):
            if not isinstance(item, Sentence):
                raise ItemError(f"Item {number} is a {type(item).__name__}, not a sentence.")
        return [tuple(Span(k, k + 1, self.label) for k in range(len(item))) for item in items]

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """One empty array: a file of arrays holds at least one."""
        return {"none": np.zeros(1, np.float32)}

    def facts(self) -> Mapping[str, Any]:
        """The label."""
        return {"label": self.label}

    @classmethod
    def from_saved(cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> SameLabel:
        """The head; `ValueError` for a label that the task does not have."""
        del tensors
        if facts["label"] not in task.labels:
            raise ValueError(f"the label {str(facts['label'])[:60]!r}, which the task does not have")
        return cls(facts["label"])


if SameLabel.name not in ANNOTATION_HEADS:
    ANNOTATION_HEADS.register(SameLabel.name, SameLabel)
