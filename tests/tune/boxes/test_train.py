"""A detector learns squares, resumes nothing of another training, and says what it kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources import open_source
from headstart.sources.detection_bodies.fastestdet_source import FastestDetSource, random_fastestdet
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.transfer.annotating.box_training import detector_settings
from headstart.tune.boxes.train import (
    DetectorSettings,
    chosen_strides,
    mean_precision,
    shortened,
    train_detector,
)
from headstart.tune.training.job import Job, Outcome
from headstart.tune.training.run import run_training
from headstart.types import SourceInfo


def pictures(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[Boxes]]:
    """Grey pictures with a bright square."""
    rng, items, boxes = np.random.default_rng(seed), [], []
    for _ in range(count):
        picture = rng.integers(90, 110, (64, 64, 3)).astype(np.uint8)
        x, y, side = rng.integers(0, 36), rng.integers(0, 36), rng.integers(20, 28)
        picture[y : y + side, x : x + side] = (250, 40, 40)
        items.append(picture)
        boxes.append(Boxes(np.array([[x, y, x + side, y + side]]), np.array([0]), (64, 64)))
    return items, boxes


def source() -> TimmSource:
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


def settings(epochs: int = 14) -> DetectorSettings:
    made = shortened(DetectorSettings(side=64, strides=(8, 16)), epochs)
    return replace(made, training=replace(made.training, batch_size=8, learning_rate=5e-3, ema=0.8))


@pytest.mark.slow
def test_it_learns_squares_and_the_head_finds_what_it_judged() -> None:
    train, valid = pictures(48), pictures(12, 1)
    made = train_detector(source(), train, valid, 1, settings())
    assert made.ap50 > 0.5
    found = made.head.annotate(made.source, valid[0], engine=Engine(backend="torch", cache=False))
    assert abs(mean_precision(valid[1], found, 1, thresholds=[0.5]) - made.ap50) < 0.05
    assert made.outcome.kept_epoch > 0
    assert [level.stride for level in made.head.levels] == [8, 16]


def test_a_detection_head_of_the_source_starts_the_new_one() -> None:
    class WithHead(FastestDetSource):
        def detection_head(self):  # type: ignore[no-untyped-def]
            from headstart.sources.detection_bodies.fastestdet import FastestDet

            return FastestDet(classes=5).detect_head.state_dict()

    body = WithHead(random_fastestdet(0), SourceInfo("fastestdet", "image"))
    made = train_detector(body, pictures(6), pictures(4, 1), 2, shortened(DetectorSettings(side=64), 1))
    assert [level.stride for level in made.head.levels] == [8, 16]
    assert made.head.classes == 2


def test_strides_follow_the_sizes_of_the_boxes() -> None:
    def of(side: float) -> list[Boxes]:
        return [Boxes(np.array([[0, 0, side, side]]), np.array([0]), (352, 352))]

    assert chosen_strides(of(10), 352) == (8, 16)
    assert chosen_strides(of(60), 352) == (16,)
    assert chosen_strides(of(150), 352) == (16, 32)
    assert chosen_strides([Boxes.empty((9, 9))], 352) == (16,)
    rare = Boxes(np.array([[0, 0, 60, 60]] * 30 + [[0, 0, 10, 10]]), np.array([0] * 30 + [1]), (352, 352))
    assert chosen_strides([rare], 352) == (8, 16)


def test_a_source_without_a_body_is_refused() -> None:
    with pytest.raises(SourceError, match="no body that can be fine-tuned"):
        train_detector(open_source("toy"), pictures(2), pictures(2), 1)


def test_lp_ft_trains_the_head_before_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind: the strategy was accepted, and trained as 'full' does."""
    jobs: list[Job] = []

    def watched(job: Job, *args: Any, **named: Any) -> Outcome:
        jobs.append(job)
        return run_training(job, *args, **named)

    monkeypatch.setattr("headstart.tune.boxes.train.run_training", watched)
    for name, alone in (("full", 0.0), ("lp_ft", 0.3)):
        made = detector_settings(pictures(2)[1], 64, strategy=name)
        train_detector(source(), pictures(2), pictures(2, 1), 1, shortened(made, 1))
        body, head = jobs[-1].groups
        assert (body.begin, head.begin) == (alone, 0)
        assert body.names[0].startswith("body.")
    assert detector_settings(pictures(2)[1], 64, strategy="scratch").scratch


def test_another_label_item_or_judge_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind: a checkpoint of other data was resumed, as labels, flags, pictures and judges were not in its key."""
    keys: list[str] = []

    class StoppedError(Exception):
        pass

    def watched(*_: Any, key: str, **named: Any) -> Outcome:
        keys.append(key)
        raise StoppedError

    monkeypatch.setattr("headstart.tune.boxes.train.run_training", watched)
    (items, boxes), valid = pictures(2), pictures(2, 1)
    first, body = boxes[0], source()
    for train, judges in (
        ((items, boxes), valid),
        ((items, [replace(first, labels=np.array([1])), boxes[1]]), valid),
        ((items, [replace(first, ignored=np.array([True])), boxes[1]]), valid),
        (([255 - items[0], items[1]], boxes), valid),
        ((items, boxes), pictures(2, 2)),
        ((items, boxes), valid),
    ):
        with pytest.raises(StoppedError):
            train_detector(body, train, judges, 2, shortened(DetectorSettings(side=64, strides=(16,)), 1))
    assert len(set(keys)) == 5
    assert keys[0] == keys[-1]


def test_an_epoch_that_finds_every_object_can_still_be_improved() -> None:
    truth = [Boxes(np.array([[0, 0, 20, 20]]), np.array([0]))] * 3
    loose, tight = (
        [Boxes(np.array([[0, 0, 20, height]]), np.array([0]), scores=np.array([0.9]))] * 3 for height in (11, 19)
    )
    assert mean_precision(truth, loose, 1, thresholds=(0.5,)) == mean_precision(truth, tight, 1, thresholds=(0.5,)) == 1
    assert mean_precision(truth, loose, 1) < mean_precision(truth, tight, 1)
