"""Train a detector: a body and a dense head, from pretrained or random weights, judged on pictures that are held out.

Pictures are resized to a square without keeping their proportions. A source with a detection head of its own, as
FastestDet's, starts from that head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.annotations import Boxes
from headstart.decode.average_precision import IOU_THRESHOLDS, average_precision, match_boxes
from headstart.engine.pipeline.digest import item_digest
from headstart.heads.boxes.calibration import calibrate_scores
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.network import DenseHead, HeadShape
from headstart.sources.bodies.trainable import Trainable, TrainableSource, body_key, trainable
from headstart.sources.positions.pyramid import Level, levels_of, square
from headstart.tune.boxes.augmentation import BoxAugmentation
from headstart.tune.boxes.batches import BoxBatches, shares_of
from headstart.tune.boxes.network import DetectorModule, detect
from headstart.tune.training.frozen_parts import trained_groups
from headstart.tune.training.job import Job, Outcome, ParameterGroup
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.types import Source

__all__ = [
    "DetectorSettings",
    "TrainedDetector",
    "chosen_side",
    "chosen_strides",
    "mean_precision",
    "shortened",
    "train_detector",
]

SMALL = 32.0  # pixels: below this side of the smaller boxes, maps of stride 8 are read too
PLAIN, SMALL_SIDE = 64.0, 256  # pixels: from this side of the smaller boxes on, pictures of 256 pixels are enough
LARGE = 96.0  # pixels: beyond this side of the larger boxes, maps of stride 32 are read too
OWN_STRIDE = 16  # of the map that a detection head which comes with a source reads


@runtime_checkable
class HasDetectionHead(Protocol):
    """A source that holds a detection head, which a new one can start from."""

    def detection_head(self) -> Mapping[str, Tensor]:
        """Its tensors by name; none if there is none."""
        ...


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector is trained.

    Attributes:
        side: of the square that pictures are resized to, in pixels, a multiple of 32.
        training: epochs, batch size, rates and the mean of the weights.
        augmentation: of the pictures.
        body_rate: learning rate of the body, as a share of that of the head.
        strides: of the maps that are read; None to choose them by the sizes of the boxes.
        scratch: whether body and head start from random weights.
        head_first: share of the training, in [0, 1), in which the head is trained alone (LP-FT, Kumar et al. 2022), 0.

    Examples:
        >>> DetectorSettings().training.schedule
        'cosine'
    """

    side: int = 352
    training: Training = field(
        default_factory=lambda: Training(
            epochs=40, batch_size=16, learning_rate=2e-3, ema=0.97, clip=10.0, weight_decay=0.01, precision="fp32"
        )
    )
    augmentation: BoxAugmentation = field(default_factory=BoxAugmentation)
    body_rate: float = 1.0
    strides: tuple[int, ...] | None = None
    scratch: bool = False
    head_first: float = 0.0


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A trained detector.

    Attributes:
        head: the head, calibrated on the pictures that judged it.
        source: the source with the trained body.
        outcome: of the training.
        found: what it finds in the pictures that judged it, with calibrated scores.
        ap50: on them.
    """

    head: DenseBoxes
    source: Source
    outcome: Outcome
    found: list[Boxes]
    ap50: float


def mean_precision(
    truth: Sequence[Boxes], found: Sequence[Boxes], classes: int, *, thresholds: Sequence[float] = IOU_THRESHOLDS
) -> float:
    """Average precision, the mean over the thresholds and the classes with objects; 0 without any.

    Args:
        truth: the n labelled pictures.
        found: the n detected ones, with scores.
        classes: number of classes.
        thresholds: intersections over union from which a detection is a hit; by default COCO's ten, 0.5 to 0.95.

    Examples:
        >>> true = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]))
        >>> seen = Boxes(np.array([[0, 0, 10, 7.8]]), np.array([0]), scores=np.array([0.9]))
        >>> [round(mean_precision([true], [seen], 1, thresholds=some), 2) for some in ([0.5], IOU_THRESHOLDS)]
        [1.0, 0.6]
    """
    matches = match_boxes(truth, found, classes, thresholds=thresholds)
    values = np.array([average_precision(one)[0].mean() for one in matches])
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else 0.0


def chosen_side(truth: Sequence[Boxes], side: int) -> int:
    """The side at which pictures are read: 256 pixels where all boxes are large, which takes half of the time of 352.

    Args:
        truth: the training pictures; ``size`` of each is known.
        side: where some boxes are not large, in pixels.

    Examples:
        >>> chosen_side([Boxes(np.array([[0, 0, 150, 150]]), np.array([0]), (352, 352))], 352)
        256
    """
    return min(side, SMALL_SIDE) if _quantiles(truth, side)[0] >= PLAIN else side


def chosen_strides(truth: Sequence[Boxes], side: int) -> tuple[int, ...]:
    """The strides whose maps are read: always 16; 8 for small boxes, and 32 for large ones.

    Args:
        truth: the training pictures; ``size`` of each is known.
        side: of the square that they are resized to, in pixels.

    Examples:
        >>> chosen_strides([Boxes(np.array([[0, 0, 20, 20]]), np.array([0]), (352, 352))], 352)
        (8, 16)
    """
    low, high = _quantiles(truth, side)
    return (*((8,) if low < SMALL else ()), 16, *((32,) if high > LARGE else ()))


def _quantiles(truth: Sequence[Boxes], side: int) -> tuple[float, float]:
    """In pixels of the square: the lower quarter of the sides in the class of the smallest boxes, and the upper tenth.

    A rare class of small objects counts as much as a frequent one.
    """
    labels = np.concatenate([one.labels[~one.ignored] for one in truth]) if len(truth) else np.empty(0, np.int64)
    if not len(labels):
        return SMALL, LARGE
    boxes = np.concatenate([shares_of(one, one.size)[~one.ignored] for one in truth])
    sides = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)) * side
    low = min(float(np.quantile(sides[labels == label], 0.25)) for label in np.unique(labels))
    return low, float(np.quantile(sides, 0.9))


def train_detector(
    source: Source,
    train: tuple[Sequence[Any], Sequence[Boxes]],
    valid: tuple[Sequence[Any], Sequence[Boxes]],
    classes: int,
    settings: DetectorSettings = DetectorSettings(),
    *,
    seed: int = 0,
    budget: Budget = Budget(),
) -> TrainedDetector:
    """Train a detector, and keep the weights with the highest AP50 on the pictures that judge it.

    Args:
        source: gives the body.
        train: pictures and their boxes, whose ``size`` is known.
        valid: the pictures that judge.
        classes: number of classes.
        settings: how it is trained.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Raises:
        SourceError: if the source has no body that can be trained, or no maps.

    Examples:
        >>> from headstart.sources import open_source
        >>> items = [np.full((64, 64, 3), k, np.uint8) for k in range(4)]
        >>> boxes = [Boxes(np.array([[8, 8, 40, 40]]), np.array([0]), (64, 64))] * 4
        >>> settings = shortened(DetectorSettings(side=64), 1)
        >>> made = train_detector(open_source("headstart:image"), (items, boxes), (items, boxes), 1, settings)
        >>> made.outcome.steps, made.head.side
        (1, 64)
    """
    start = source.untrained(seed) if settings.scratch else source
    body = trainable(source if start is None else start)
    levels = _levels(source, train[1], settings)
    head = _new_head(source, levels, train[1], classes, seed=seed, scratch=settings.scratch)
    module = DetectorModule(body.module, body.forward, levels, head)
    prepare = square(settings.side).prepare
    batches = BoxBatches(*train, prepare, settings.training, seed=seed, augment=settings.augmentation)
    pictures, sizes = np.stack([prepare(item) for item in valid[0]]), [one.size for one in valid[1]]
    judge = _Judge(module, pictures, valid[1], classes)
    job = Job(module, _groups(body, module, settings), batches, module.loss, validate=judge)
    facts = ("boxes", body_key(source), settings, levels, classes, seed, [len(part[0]) for part in (train, valid)])
    key = training_key(facts, *_contents(*train), *_contents(*valid))
    outcome = run_training(job, settings.training, key=key, items=len(train[0]), seed=seed, budget=budget)
    found = detect(module, pictures, sizes)
    calibration = calibrate_scores(valid[1], found, classes)
    state = {
        name: value.numpy() for name, value in module.head.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }  # fmt: skip
    made = DenseBoxes(levels, settings.side, classes, state, calibration)
    tuned = _trainable(source).with_module(module.body, f"{source.info.name} (trained on boxes)")
    return TrainedDetector(
        made,
        tuned,
        outcome,
        [calibration.on(one) for one in found],
        mean_precision(valid[1], found, classes, thresholds=(0.5,)),
    )


def _contents(items: Sequence[Any], truth: Sequence[Boxes]) -> Iterator[bytes]:
    """All that a training reads of pictures and their boxes."""
    for item, one in zip(items, truth, strict=True):
        yield item_digest(item, "image") or b"unreadable"
        yield repr((one.size, len(one))).encode()
        for part in (one.xyxy, one.labels, one.ignored):
            yield np.ascontiguousarray(part).tobytes()


def _trainable(source: Source) -> TrainableSource:
    if not isinstance(source, TrainableSource):
        trainable(source)  # raises
        raise TypeError(source.info.name)
    return source


def _levels(source: Source, truth: Sequence[Boxes], settings: DetectorSettings) -> tuple[Level, ...]:
    wanted = settings.strides or chosen_strides(truth, settings.side)
    every = levels_of(source, settings.side)
    chosen = tuple(level for level in every if level.stride in wanted)
    if isinstance(source, HasDetectionHead) and source.detection_head():
        chosen = tuple(level for level in chosen if level.stride <= OWN_STRIDE) or chosen  # its neck sees stride 32
    return chosen or every[-1:]


def _new_head(
    source: Source, levels: tuple[Level, ...], truth: Sequence[Boxes], classes: int, *, seed: int, scratch: bool
) -> DenseHead:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = DenseHead(HeadShape(tuple(k.stride for k in levels), tuple(k.width for k in levels), classes))
    shares = [shares_of(one, one.size)[~one.ignored] for one in truth if len(one)]
    sides = np.concatenate([one[:, 2:] - one[:, :2] for one in shares]) if shares else np.full((1, 2), 0.2)
    head.begin(torch.tensor(np.exp(np.log(np.maximum(sides, 1e-3)).mean(axis=0)), dtype=torch.float32))
    strides = [level.stride for level in levels]
    own = source.detection_head() if isinstance(source, HasDetectionHead) and not scratch else {}
    if own and OWN_STRIDE in strides:
        head.begin_from(own, strides.index(OWN_STRIDE))
    return head


def _groups(body: Trainable, module: DetectorModule, settings: DetectorSettings) -> tuple[ParameterGroup, ...]:
    named = dict(module.named_parameters())
    own = tuple(f"body.{name}" for group in body.groups for name in group if f"body.{name}" in named)
    head = tuple(name for name in named if name.startswith("head."))
    rate = 1.0 if settings.scratch else settings.body_rate
    body_group = ParameterGroup(own, rate=rate, begin=settings.head_first)
    if not rate:
        return (ParameterGroup(head),)
    blocks = [[f"body.{name}" for name in group] for group in body.groups]
    return trained_groups((body_group, ParameterGroup(head)), blocks, settings.training)


@dataclass(frozen=True, eq=False)
class _Judge:
    """1 - mAP of a detector on held-out pictures, after every epoch.

    COCO's mean over ten thresholds chooses the epoch: AP50 reaches 1 on few pictures after some epochs, and then no
    later one can be better.
    """

    module: DetectorModule
    pictures: NDArray[np.uint8]
    truth: Sequence[Boxes]
    classes: int

    def __call__(self) -> float:
        found = detect(self.module, self.pictures, [one.size for one in self.truth])
        return 1.0 - mean_precision(self.truth, found, self.classes)


def shortened(settings: DetectorSettings, epochs: int) -> DetectorSettings:
    """The same settings with another number of epochs.

    Examples:
        >>> shortened(DetectorSettings(), 5).training.epochs
        5
    """
    return replace(settings, training=replace(settings.training, epochs=epochs))
