"""What moving the body is expected to give and to cost, before it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from headstart.transfer.gate.headroom import LearningCurve, Mismatch

__all__ = ["Forecast", "Pilot"]


@dataclass(frozen=True)
class Pilot:
    """A short training on half of the items, judged on a quarter that neither side saw.

    Attributes:
        items: that it was trained on.
        gain: by how much the loss fell against the solved head on the same items, on the mean.
        low: lower bound of the one-sided 80% interval of this, paired over the judged items.
        high: the upper one.
        seconds: that it took.

    Examples:
        >>> Pilot(100, 0.05, 0.02, 0.08, 12.0).low
        0.02
    """

    items: int
    gain: float
    low: float
    high: float
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """The evidence that the gate decides on.

    Attributes:
        error: left-out error (or loss) of the solved head.
        error_high: its upper bound: nothing can gain more.
        curve: the head's learning curve; None where it was not looked at.
        mismatch: whether an earlier block serves better than the last one; None where it was not looked at.
        seconds: what the whole training is expected to take, measured on a few steps.
        pilot: None where it did not come to one.
        verdict: whether to go on, and why, in one sentence.
        go: whether to go on.

    Examples:
        >>> Forecast(0.1, 0.12, None, None, 60.0, None, "It pays.", True).to_dict()["seconds"]
        60.0
    """

    error: float
    error_high: float
    curve: LearningCurve | None
    mismatch: Mismatch | None
    seconds: float
    pilot: Pilot | None
    verdict: str
    go: bool

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain JSON values."""
        return asdict(self)
