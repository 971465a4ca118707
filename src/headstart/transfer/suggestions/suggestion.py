"""A suggested item: what the model answers for it, and why its label would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Suggestion"]


@dataclass(frozen=True)
class Suggestion:
    """An item whose label would help.

    Attributes:
        index: its position among the items given.
        id: its name: a path below the folder, a row of the table, or its position.
        item: its text, the path of its file, or its numbers; empty for any other kind of item.
        prediction: the model's answer: a label, a list of labels, or a value.
        probability: of the predicted label; of several labels, that of the least certain one; None for a regression.
        gain: the share of the pool's predictive variance that its label removes; in its mean an item weighs the more
            the less decided the model is about it.
        similar: about how many items of the pool it stands for: no other suggestion is more like them.
        novel: whether it is less like the training items than 95% of them are; None if the model does not keep that.
        why: the reasons, in words.
    """

    index: int
    id: str
    item: str
    prediction: Any
    probability: float | None
    gain: float
    similar: int
    novel: bool | None
    why: str
