"""Parity: how far the answers of an exported model are from those of the model, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParityError
from headstart.tasks import is_classification, is_regression
from headstart.types import Task

__all__ = ["TIE", "TOLERANCE", "Gap", "Parity", "difference"]

TOLERANCE = 1e-2  # of a probability, or of a value in units of its standard deviation over the items
TIE = 1e-3  # the two most probable labels are this near, or a label is this near to its threshold
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """How two sets of answers for n items differ.

    Attributes:
        largest: difference of a probability; of a regression, of a value in units of its standard deviation.
        mean: of these differences.
        flips: items with another label, ties left out.
        ties: items with another label where the first set has two labels within `TIE`.

    Examples:
        >>> Gap(0.25, 0.1, 1, 0).flips
        1
    """

    largest: float
    mean: float
    flips: int
    ties: int

    def to_dict(self) -> dict[str, Any]:
        """Its fields as plain JSON values.

        Examples:
            >>> Gap(0.25, 0.1, 1, 0).to_dict()["flips"]
            1
        """
        return {"largest": self.largest, "mean": self.mean, "flips": self.flips, "ties": self.ties}


def difference(reference: Array, found: Array, task: Task) -> Gap:
    """How the answers ``found`` differ from those of a reference.

    Args:
        reference: (n, k) outputs.
        found: (n, k) outputs.
        task: of the model.

    Raises:
        ParityError: if there are more or fewer answers, or numbers in one.

    Examples:
        >>> task = Task("classification", ("ant", "bee"))
        >>> difference(np.array([[0.6, 0.4], [0.5, 0.5]]), np.array([[0.6, 0.4], [0.4, 0.6]]), task)
        Gap(largest=0.09999999999999998, mean=0.04999999999999999, flips=0, ties=1)
    """
    if found.shape != reference.shape:
        raise ParityError(
            f"The exported model answers with an array of shape {found.shape}, where the model's has the shape "
            f"{reference.shape}, so nothing was written."
        )
    gaps = np.abs(found - reference)
    if is_regression(task):
        spread = reference.std(axis=0)
        gaps = gaps / np.where(spread > 0, spread, 1.0)
        return Gap(float(gaps.max()), float(gaps.mean()), 0, 0)
    if is_classification(task):
        ordered = np.sort(reference, axis=1)
        margin = ordered[:, -1] - ordered[:, -2] if reference.shape[1] > 1 else np.ones(len(reference))
        differs = reference.argmax(axis=1) != found.argmax(axis=1)
    else:
        other = (reference >= 0.5) != (found >= 0.5)
        margin = np.where(other, np.abs(reference - 0.5), 0.0).max(axis=1)
        differs = other.any(axis=1)
    ties = differs & (margin < TIE)
    return Gap(float(gaps.max()), float(gaps.mean()), int((differs & ~ties).sum()), int(ties.sum()))


@dataclass(frozen=True)
class Parity:
    """What was compared before a folder was handed over.

    Attributes:
        items: how many items.
        origin: where they come from.
        difference: from the model with its body in fp32.
        predict: from `TransferModel.predict_proba` on this machine.
        reference: what ran the body for ``difference``.
        runtime: what ran it for ``predict``.
        tolerance: the largest difference that is allowed.
        packages: the versions of what ran the exported folder.
        seconds: how long that took for all items.
        facts: further facts of the format.
        regression: whether the answers are values, which are compared in their standard deviations, not labels.

    Examples:
        >>> same = Gap(0.0, 0.0, 0, 0)
        >>> Parity(3, "items given", same, same, "no body", "no body", 0.01, {}, 0.1).flips
        0
    """

    items: int
    origin: str
    difference: Gap
    predict: Gap
    reference: str
    runtime: str
    tolerance: float
    packages: Mapping[str, str]
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    regression: bool = False

    @property
    def flips(self) -> int:
        """Items with another label, ties left out."""
        return self.difference.flips

    @property
    def sentence(self) -> str:
        """The comparison in a sentence.

        Examples:
            >>> same = Gap(0.0, 0.0, 0, 0)
            >>> Parity(3, "items given", same, same, "no body", "no body", 0.01, {}, 0.1).sentence
            'On 3 items (items given), the answers differ by at most 0 (0.01 is allowed), and no label does.'
            >>> Parity(3, "items given", same, same, "", "", 0.01, {}, 0.1, regression=True).sentence
            'On 3 items (items given), the values differ by at most 0 of their standard deviation (0.01 is allowed).'
        """
        if self.regression:
            return (
                f"On {self.items:,} items ({self.origin}), the values differ by at most {self.difference.largest:.2g} "
                f"of their standard deviation ({self.tolerance:g} is allowed)."
            )
        flips = f"{self.flips} labels do" if self.flips > 1 else "1 label does" if self.flips else "no label does"
        return (
            f"On {self.items:,} items ({self.origin}), the answers differ by at most {self.difference.largest:.2g} "
            f"({self.tolerance:g} is allowed), and {flips}."
        )

    def check(self, name: str) -> None:
        """Raise if the answers differ too much.

        Args:
            name: of the format.

        Raises:
            ParityError: with the comparison.

        Examples:
            >>> other = Gap(0.2, 0.1, 2, 0)
            >>> Parity(3, "items given", other, other, "no body", "no body", 0.01, {}, 0.1).check("onnx")
            Traceback (most recent call last):
            headstart.errors.ParityError: The model exported as 'onnx' answers otherwise than the model, so ...
        """
        if self.flips or not self.difference.largest <= self.tolerance:
            raise ParityError(
                f"The model exported as '{name}' answers otherwise than the model, so nothing was written: "
                f"{self.sentence[:1].lower()}{self.sentence[1:]}"
            )

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, as in ``parity.json``.

        Examples:
            >>> same = Gap(0.0, 0.0, 0, 0)
            >>> Parity(3, "items given", same, same, "fp32", "bf16", 0.01, {}, 0.1).to_dict()["compared_with"]
            {'runtime': 'fp32', 'largest': 0.0, 'mean': 0.0, 'flips': 0, 'ties': 0}
        """
        return {
            "items": self.items,
            "origin": self.origin,
            "tolerance": self.tolerance,
            "tie": TIE,
            "compared_with": {"runtime": self.reference, **self.difference.to_dict()},
            "predict": {"runtime": self.runtime, **self.predict.to_dict()},
            "packages": dict(self.packages),
            "seconds": self.seconds,
            **self.facts,
        }
