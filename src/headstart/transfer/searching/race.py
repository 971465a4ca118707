"""A generation of fine-tunings in successive halving: short trainings stop the worse half, the rest train longer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from headstart.search.driving.journal import Journal
from headstart.search.driving.loop import Spread, TrialLoss
from headstart.search.space import Point
from headstart.search.successive_halving import successive_halving
from headstart.transfer.searching.trainings import SHARES

__all__ = ["STOPPED", "TuningRace"]

STOPPED = "stopped after"  # how the note of a fine-tuning that was stopped begins


@dataclass(eq=False)
class _Entrant:
    point: Point
    found: TrialLoss = field(default_factory=lambda: TrialLoss(math.inf))
    seconds: float = 0.0
    stopped: str = ""


class TuningRace:
    """A `headstart.search.driving.loop.Spread` that measures the points of a generation by successive halving.

    On each rung all that still go are trained from the start, with a quarter, a half and all of their epochs, and the
    half with the higher validation loss stops. The loss of a point is that of its last rung.

    Args:
        measure: the loss of ``(*point, rung)``; a `Spread` trains those of a rung at once.
        journal: keeps each training, so that a killed race goes on.
        step: called with the trainings that ended, and a description.

    Examples:
        >>> race = TuningRace(lambda key: TrialLoss(key[0] / (1 + key[1])), Journal(None, {}))
        >>> race.begin([(1,), (2,), (3,), (4,)], [(1,), (2,), (3,), (4,)])
        >>> [(race((k,)).loss, race((k,)).note) for k in (1, 2, 4)]
        [(0.333..., ''), (1.0, 'stopped after 50% of its epochs'), (4.0, 'stopped after 25% of its epochs')]
    """

    lanes = 1

    def __init__(
        self,
        measure: Callable[[Point], TrialLoss],
        journal: Journal,
        step: Callable[[int], None] = lambda number: None,  # noqa: ARG005
    ) -> None:
        self._measure, self._journal, self._step = measure, journal, step
        self._found: dict[Point, TrialLoss] = {}
        self._ended = 0

    def begin(self, points: Sequence[Point], generation: Sequence[Point]) -> None:  # noqa: ARG002 (one contract)
        """Race the points of a generation, also those that an earlier process has raced: it kept their trainings."""
        entrants = [_Entrant(point) for point in generation]
        successive_halving(
            entrants, len(SHARES), measure=self._train, stop_worse=_stop_half, is_going=lambda one: not one.stopped
        )
        for one in entrants:
            note = one.found.note or one.stopped
            self._found[one.point] = TrialLoss(one.found.loss, note, one.seconds, one.found.details)

    def __call__(self, point: Point) -> TrialLoss:
        """The result of a point that was raced."""
        return self._found[point]

    def _train(self, entrants: Sequence[_Entrant], rung: int) -> None:
        keys = [(*one.point, rung) for one in entrants]
        new = [key for key in keys if _name(key) not in self._journal.memory]
        if new and isinstance(self._measure, Spread):
            self._measure.begin(new, new)
        for one, key in zip(entrants, keys, strict=True):
            kept = self._journal.remember(_name(key), partial(_plain, self._measure, key), _is_plain)
            loss = math.inf if kept["loss"] is None else kept["loss"]
            one.found = TrialLoss(loss, kept["note"], kept["seconds"], kept["details"])
            one.seconds += kept["seconds"]
            if kept["note"]:
                one.stopped = kept["note"]
            self._ended += 1
            self._step(self._ended)


def _name(key: Point) -> str:
    return f"training {' '.join(map(str, key))}"


def _plain(measure: Callable[[Point], TrialLoss], key: Point) -> dict[str, Any]:
    """The result of a training as plain JSON values."""
    began = time.perf_counter()
    found = measure(key)
    seconds = time.perf_counter() - began if found.seconds is None else found.seconds
    loss = found.loss if math.isfinite(found.loss) else None
    return {"loss": loss, "note": found.note, "seconds": seconds, "details": dict(found.details)}


def _is_plain(value: Any) -> bool:
    """Whether a value of the journal can be one of `_plain`."""
    if not isinstance(value, dict) or value.keys() != {"loss", "note", "seconds", "details"}:
        return False
    numbers = [value["seconds"], *([] if value["loss"] is None else [value["loss"]])]
    details = value["details"]
    if not isinstance(value["note"], str) or not isinstance(details, dict):
        return False
    return all(type(one) in (int, float) and math.isfinite(one) for one in [*numbers, *details.values()])


def _stop_half(entrants: Sequence[_Entrant], rung: int) -> None:
    """Stop the half with the higher losses; of an odd number, one less."""
    order = sorted(entrants, key=lambda one: (one.found.loss, one.point))
    for one in order[(len(order) + 1) // 2 :]:
        one.stopped = f"{STOPPED} {SHARES[rung]:.0%} of its epochs"
