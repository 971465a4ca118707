"""Whether a trained detector replaces the solved head: trained on most pictures, compared on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.evaluate.annotations.boxes import box_gain
from headstart.heads.boxes.solve import solve_boxes
from headstart.sources.bodies.trainable import TrainableSource, trainable
from headstart.transfer.annotating.contract import Solved
from headstart.transfer.stages.context import RunContext
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.types import Dataset, Task

if TYPE_CHECKING:
    from headstart.tune.boxes.train import DetectorSettings, TrainedDetector

__all__ = ["Labelled", "detector_settings", "held_out_boxes", "train_if_better"]

Pictures = tuple[list[Any], list[Boxes]]

FEWEST = 24  # pictures, below which none can be held out of the training
SHARE, MOST_HELD_OUT = 0.15, 100
FEWEST_TO_SPLIT, FEWEST_JUDGES = 40, 16  # held-out pictures
SATURATED = 0.97  # left-out AP50 beyond which there is little to gain
LIMIT = 1200.0  # seconds of a training that was not asked for by name
HEAD_FIRST = 0.3  # of an 'lp_ft' training, in which the head is trained alone
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 600, 20, 80
LEVEL = 0.6  # two-sided: the lower bound is that of a one-sided 80% interval


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures with their boxes.

    Attributes:
        dataset: the pictures.
        truth: their boxes, whose ``size`` is known.
        task: names the classes.

    Examples:
        >>> import numpy as np
        >>> task, boxes = Task("box", ("cup",)), [Boxes.empty((4, 4))] * 2
        >>> two = Labelled(Dataset(["a.png", "b.png"], ("a", "b"), "image", task, np.array(boxes, object)), boxes, task)
        >>> two.at(np.array([1]))[0]
        ['b.png']
    """

    dataset: Dataset
    truth: Sequence[Boxes]
    task: Task

    def at(self, positions: NDArray[np.intp]) -> tuple[list[Any], list[Boxes]]:
        """Pictures and boxes at these positions."""
        chosen = positions.tolist()
        return [self.dataset.items[k] for k in chosen], [self.truth[k] for k in chosen]


def train_if_better(
    train: Labelled, start: Solved, name: str, side: int, context: RunContext, *, training: Chosen | None = None
) -> tuple[Solved, dict[str, Any]]:
    """The trained detector if it is better than the solved head on held-out pictures, else the solved head.

    Args:
        train: pictures with boxes.
        start: the solved head on all of them.
        name: of the strategy.
        side: of the square that pictures are resized to.
        context: of the run.
        training: settings that the user chose, by name; None for none.

    Raises:
        SourceError: if a strategy is named and the source has no body that can be trained.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> from headstart.heads.boxes.dense import DenseBoxes
        >>> task, boxes = Task("box", ("cup",)), [Boxes.empty((4, 4))] * 2
        >>> two = Labelled(Dataset(["a.png", "b.png"], ("a", "b"), "image", task, np.array(boxes, object)), boxes, task)
        >>> start = Solved(DenseBoxes((), 64, 1, {}), open_source("headstart:image"), "head")
        >>> train_if_better(two, start, "full", 64, RunContext(SilentReporter()))[1]["reason"]
        '2 pictures are too few to hold some out of a training'
    """
    reason = _why_not(train.dataset, start, name, context)
    if reason:
        context.reporter.line("strategy", f"frozen features: {reason}")
        return start, {"name": "frozen", "forecast": None, "candidates": [], "kept": "head", "reason": reason}
    if not isinstance(start.source, TrainableSource):
        trainable(start.source)  # raises
    parts = _Parts.of(train.dataset, context.seed)
    inner, choosing, judging = map(train.at, (parts.inner, parts.choosing, parts.judging))
    codes = train.dataset.group_codes
    groups = [None if codes is None else codes[part] for part in (parts.inner, parts.judging)]
    classes, said = len(train.task.labels), judging[1]
    made = _train(start, inner, choosing, _Wanted(name, side, classes, training), context)
    found, ap50 = _judged(made, judging, classes, context) if parts.are_apart else (made.found, made.ap50)
    again = solve_boxes(
        start.source, *inner, classes, groups=groups[0], side=side, engine=context.engine, seed=context.seed
    ).head
    reference = again.annotate(start.source, judging[0], engine=context.engine)
    gain = box_gain(
        train.task, said, found, reference, name="closed-form head", groups=groups[1], seed=context.seed,
        level=LEVEL,
    )  # fmt: skip
    kept = gain.low > 0 or name == "scratch"
    figures = {"trained": ap50, "head": ap50 - gain.value, "gain": gain.to_dict()}
    record = {
        "name": "full" if name == "auto" else name, "forecast": None, "kept": "trained" if kept else "head",
        "candidates": [
            {"name": "closed-form head", "ap50": figures["head"]}, {"name": "trained", "ap50": figures["trained"]},
        ],
        "held_out": len(parts.outer), "judged": len(said), "gain": gain.to_dict(), "epochs": made.outcome.epochs,
        "seconds": made.outcome.seconds, "weights": made.outcome.kept, "strides": [k.stride for k in made.head.levels],
        "chosen": dict(training or {}),
    }  # fmt: skip
    context.reporter.line(
        "strategy",
        f"{record['name']}: AP50 {ap50:.3f} on {len(said)} held-out pictures, {figures['head']:.3f} by the "
        f"closed-form head; {'the trained detector is kept' if kept else 'the closed-form head stays'}",
    )
    if not kept:
        return start, record
    notes = (
        f"Pictures are resized to {made.head.side} x {made.head.side} pixels without keeping their proportions",
        f"Epoch, probabilities and the threshold are chosen on {len(choosing[1])} held-out pictures; "
        + (f"{len(said)} others judge" if parts.are_apart else "they judge too, so that the figure is optimistic"),
        *made.head.calibration.notes,
    )
    full = Solved(made.head, made.source, f"trained detector, {made.outcome.epochs} epochs", ap50, start.record, notes)
    return full, record


def _why_not(train: Dataset, start: Solved, name: str, context: RunContext) -> str:
    """Why nothing is trained; empty if something is."""
    if name == "frozen":
        return "nothing is to be trained"
    if len(train) < FEWEST:
        return f"{len(train)} pictures are too few to hold some out of a training"
    if context.clock.is_over:
        return "the time is over"
    return _why_not_by_itself(start) if name == "auto" else ""


def _why_not_by_itself(start: Solved) -> str:
    if not isinstance(start.source, TrainableSource):
        return f"the body of '{start.source.info.name}' cannot be fine-tuned"
    if start.left_out is not None and start.left_out > SATURATED:
        return f"the left-out AP50 of {start.left_out:.3f} leaves little to gain"
    return ""


def held_out_boxes(train: Dataset, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the pictures to train on and of those that judge; groups stay together.

    Args:
        train: the pictures.
        seed: of the choice.

    Examples:
        >>> [len(part) for part in held_out_boxes(Dataset(list("abcdefghijkl"), tuple("abcdefghijkl"), "image"), 0)]
        [4, 8]
    """
    codes = train.group_codes
    codes = np.arange(len(train)) if codes is None else codes
    wanted = min(max(8, round(SHARE * len(train))), MOST_HELD_OUT)
    chosen: list[int] = []
    for code in np.random.default_rng(seed).permutation(np.unique(codes)):
        if len(chosen) >= wanted:
            break
        chosen += np.flatnonzero(codes == code).tolist()
    outer = np.sort(np.array(chosen, np.intp))
    return np.setdiff1d(np.arange(len(train)), outer), outer


@dataclass(frozen=True, eq=False)
class _Parts:
    """Positions of the pictures to train on, of those that choose the epoch, and of those that judge.

    With few held-out pictures, the same ones choose and judge.
    """

    inner: NDArray[np.intp]
    outer: NDArray[np.intp]
    choosing: NDArray[np.intp]
    judging: NDArray[np.intp]

    @classmethod
    def of(cls, train: Dataset, seed: int) -> _Parts:
        inner, outer = held_out_boxes(train, seed)
        if len(outer) < FEWEST_TO_SPLIT:
            return cls(inner, outer, outer, outer)
        codes = np.arange(len(train)) if train.group_codes is None else train.group_codes
        chosen = np.zeros(len(outer), bool)
        for code in np.random.default_rng(seed).permutation(np.unique(codes[outer])):
            if 2 * chosen.sum() < len(outer):
                chosen |= codes[outer] == code
        if len(outer) - chosen.sum() < FEWEST_JUDGES:
            return cls(inner, outer, outer, outer)
        return cls(inner, outer, outer[chosen], outer[~chosen])

    @property
    def are_apart(self) -> bool:
        return self.choosing is not self.judging


def _judged(made: TrainedDetector, judging: Pictures, classes: int, context: RunContext) -> tuple[list[Boxes], float]:
    """What a detector finds in pictures that neither trained it nor chose its epoch, and its AP50 on them."""
    from headstart.tune.boxes.train import mean_precision

    found = made.head.annotate(made.source, judging[0], engine=replace(context.engine, cache=False))
    return found, mean_precision(judging[1], found, classes, thresholds=(0.5,))


@dataclass(frozen=True)
class _Wanted:
    """What is to be trained."""

    name: str
    side: int
    classes: int
    training: Chosen | None = None


def detector_settings(truth: Sequence[Boxes], side: int, *, strategy: str = "full") -> DetectorSettings:
    """How a detector is trained on these pictures: about 600 steps, in 20 to 80 epochs, at 256 pixels or ``side``.

    Args:
        truth: boxes of the training pictures, whose ``size`` is known.
        side: where some boxes are not large, in pixels.
        strategy: ``"scratch"`` starts from random weights, ``"lp_ft"`` trains the head alone in the first 30% of the
            training, others train body and head from the start.

    Examples:
        >>> one = Boxes(np.array([[0, 0, 20, 20]]), np.array([0]), (352, 352))
        >>> made = detector_settings([one] * 160, 352)
        >>> made.side, made.training.epochs
        (352, 60)
    """
    from headstart.tune.boxes.train import DetectorSettings, chosen_side, shortened

    made = replace(
        DetectorSettings(), side=chosen_side(truth, side), scratch=strategy == "scratch",
        head_first=HEAD_FIRST if strategy == "lp_ft" else 0.0,
    )  # fmt: skip
    steps = max(1, -(-len(truth) // made.training.batch_size))
    return shortened(made, int(np.clip(round(STEPS / steps), FEWEST_EPOCHS, MOST_EPOCHS)))


def _seconds(name: str, context: RunContext) -> float | None:
    left = context.clock.left()
    if left is None:
        return LIMIT if name == "auto" else None
    return 0.85 * left if name != "auto" else min(0.85 * left, LIMIT)


def _train(start: Solved, inner: Pictures, outer: Pictures, wanted: _Wanted, context: RunContext) -> TrainedDetector:
    from headstart.tune.boxes.train import train_detector
    from headstart.tune.training.settings import Budget

    settings = with_chosen(detector_settings(inner[1], wanted.side, strategy=wanted.name), wanted.training)
    with context.reporter.progress("training") as step:
        budget = Budget(seconds=_seconds(wanted.name, context), progress=step)
        return train_detector(start.source, inner, outer, wanted.classes, settings, seed=context.seed, budget=budget)
