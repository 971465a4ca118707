"""A stream learnt by fine-tuning the body on each task, with a head that is solved again after each.

References: Kirkpatrick et al. 2017 (EWC); Schwarz et al. 2018, "Progress & Compress" (summed importance of earlier
tasks); Li & Hoiem 2016 (LwF); Chaudhry et al. 2019, "On Tiny Episodic Memories" (experience replay); Buzzega et al.
2020 (DER++).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.reservoir import ReservoirSampling
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, SourceError
from headstart.heads import FittedHead
from headstart.linear.calibration import fit_temperature
from headstart.linear.moments import Moments
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.trainable import TrainableSource
from headstart.transfer.gate.strategy_choice import sized
from headstart.transfer.streaming.solved import head_from, stream_map, sums_of
from headstart.transfer.streaming.tasks import joined, narrowed
from headstart.tune.der import DER
from headstart.tune.ewc import EWC, fisher_of
from headstart.tune.full import FULL
from headstart.tune.joint import JOINT
from headstart.tune.lwf import LWF
from headstart.tune.moving.all_items import SourceHead, train_network
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.structure.source_head import fixed_source_head
from headstart.tune.training.chosen import Chosen
from headstart.types import Dataset, Source, Task

__all__ = ["MOVES", "BodyLearner"]

MOVES = ("full", "ewc", "lwf", "der", "replay", "joint")

_STALE = "the new items, and sums of earlier tasks in the features of earlier bodies, which are stale"
_REMEMBERED = "the new items and those in the memory, encoded again, every class with the same weight"
_ENCODED = "all items so far, encoded again"

Kept = tuple[Any, str, int]  # item, name and code


class BodyLearner:
    """Fine-tunes the body on each task from where the task before left it.

    ``full`` trains on the new task alone, the lower bound; ``joint`` trains the first body on the items of all tasks so
    far, the upper bound. The others have a term against forgetting: ``ewc`` from the Fisher information of earlier
    tasks, ``lwf`` from the earlier head's answers for the new items, ``replay`` and ``der`` from items in a memory. The
    network is trained with a head for the classes of the new task; the head of all tasks is solved afterwards.

    Args:
        source: gives the body.
        strategy: one of `MOVES`.
        size: items of the memory.
        training: settings of the training by name.
        seed: of all random numbers.
        engine: how items are encoded.

    Attributes:
        source: the body as it is now.
        head: of all tasks so far.
        memory: how many items are kept.
        said: what the head was solved from after the first task.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> learner = BodyLearner(shift.source, "full", size=5, training={"epochs": 1}, seed=0, engine=Engine())
        >>> learner.learn(shift.train.take(range(12)))
        >>> learner.memory, learner.head.head
        (5, 'ridge')
    """

    def __init__(
        self, source: Source, strategy: str, *, size: int, training: Chosen | None, seed: int, engine: Engine
    ) -> None:
        if not isinstance(source, TrainableSource):
            raise SourceError(
                f"The strategy '{strategy}' fine-tunes the body, and '{source.info.name}' has none that can be; use "
                "the strategy 'moments', or another source."
            )
        self.source: Source = source
        self.head: FittedHead
        self._first, self._strategy, self._training = source, strategy, training
        self._seed, self._engine = seed, engine
        self._memory = ReservoirSampling[Kept](size, seed)
        self._all: list[Dataset] = []
        self._sums: Moments | None = None
        self._importance: dict[str, Any] = {}  # tensors
        self._logits: SourceHead | None = None
        self.said = _STALE
        if size or strategy == "joint":
            self.said = _ENCODED if strategy == "joint" else _REMEMBERED

    @property
    def memory(self) -> int:
        """How many items are kept now."""
        return sum(map(len, self._all)) if self._strategy == "joint" else len(self._memory.items)

    def learn(self, part: Dataset) -> None:
        """Fine-tune the body on a task, and solve the head of all tasks so far.

        Args:
            part: labelled items; the codes are those of all labels of the stream.

        Raises:
            DataError: if the items are of a single class.
        """
        if len(np.unique(part.labelled()[1])) < 2:
            raise DataError("A body is fine-tuned on tasks of two or more classes; use the strategy 'moments'.")
        if self._strategy == "joint":
            self._all.append(part)
            part = joined(self._all)
        self._train(part)
        if self._strategy == "ewc":
            new = fisher_of(self.source, narrowed(part), seed=self._seed, engine=self._engine)
            self._importance = {name: value + self._importance.get(name, 0) for name, value in new.items()}
        self._solve(part)
        if self._strategy != "joint":
            self._memory.extend(zip(part.items, part.ids, part.labelled()[1].tolist(), strict=True))

    def _train(self, part: Dataset) -> None:
        before = self._first if self._strategy == "joint" else self.source
        local = narrowed(part)
        strategy = sized(self._with_past(part), local, self._training)
        trained = train_network(strategy, before, local, seed=self._seed, engine=self._engine, source_head=self._logits)
        body = frozen_copy(trained.setting.network.body)
        assert isinstance(self._first, TrainableSource)  # noqa: S101 (checked at the start)
        self.source = self._first.with_module(body, f"{self._first.info.name} ({self._strategy})")

    def _with_past(self, part: Dataset) -> MovingStrategy:
        """The strategy with what is remembered; plain fine-tuning for the first task."""
        past: Dataset | None = None
        if self._memory.items and self._strategy in ("der", "replay"):
            past = narrowed(self._remembered(part))
        if past is not None:
            return replace(DER if self._strategy == "der" else JOINT, source_data=past)
        if self._importance:
            return replace(EWC, importance=self._importance)
        return LWF if self._strategy == "lwf" and self._logits is not None else FULL

    def _remembered(self, like: Dataset) -> Dataset:
        items, ids, codes = zip(*self._memory.items, strict=True)
        task, _ = like.labelled()
        return Dataset(
            list(items), tuple(f"{k}/{name}" for k, name in enumerate(ids)), like.modality, task, np.array(codes)
        )

    def _solve(self, part: Dataset) -> None:
        task, _ = part.labelled()
        remembers = self._strategy != "joint" and bool(self._memory.items)
        shown = joined([part, self._remembered(part)]) if remembers else part
        y = shown.labelled()[1]
        rows = extract(self.source, shown.items, engine=self._engine, on_error="raise").rows[:]
        features = stream_map(self.source, rows.shape[1])
        sums = sums_of(features, rows, y, task, balanced=remembers)
        if not self._memory.size and self._strategy != "joint":
            self._sums = sums = sums if self._sums is None else self._sums + sums
        self.head = head_from(sums, features)
        if self._strategy == "lwf":
            known = _softmax_head(self.head, task, rows, y)
            self._logits = fixed_source_head(*known, self._first.trainable().forward)


def _softmax_head(
    head: FittedHead, task: Task, rows: NDArray[np.float32], y: NDArray[np.int64]
) -> tuple[FittedHead, Task]:
    """The head of the classes so far, with a temperature from the newest items, and their label schema."""
    seen = np.flatnonzero(head.calibration["shares"] > 0)
    known = replace(
        head, weight=head.weight[:, seen], bias=head.bias[seen], moments=None, calibration={"temperature": np.ones(1)}
    )
    temperature = np.array([fit_temperature(known.scores(rows), np.searchsorted(seen, y))])
    labels = Task("classification", tuple(task.labels[k] for k in seen))
    return replace(known, calibration={"temperature": temperature}), labels
