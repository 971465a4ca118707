"""A stream learnt by sums: nothing is forgotten, and the order of the tasks changes nothing.

The sums of the frozen body's features determine the ridge solution for all tasks so far, and sums add.

Reference: McDonnell et al. 2023, "RanPAC" (sums of features over tasks); Zhuang et al. 2022, "ACIL" (the same solution
by recursion).
"""

from __future__ import annotations

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads import FittedHead
from headstart.linear.moments import Moments
from headstart.transfer.streaming.solved import head_from, stream_map, sums_of
from headstart.types import Dataset, Source

__all__ = ["SumsLearner"]


class SumsLearner:
    """Learns from one task after the other; the body stays as it is.

    Args:
        source: the frozen body.
        engine: how items are encoded.

    Attributes:
        source: as given.
        head: of all tasks so far.
        memory: how many items are kept, 0.
        said: what the head was solved from.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> learner = SumsLearner(open_source("toy"), Engine())
        >>> learner.learn(read((["good", "bad"] * 3, ["+", "-"] * 3)))
        >>> learner.head.head, learner.said
        ('ridge', 'the sums of all tasks, exactly')
    """

    said = "the sums of all tasks, exactly"
    memory = 0

    def __init__(self, source: Source, engine: Engine) -> None:
        self.source = source
        self.head: FittedHead
        self._engine = engine
        self._sums: Moments | None = None

    def learn(self, part: Dataset) -> None:
        """Add the sums of a task, and solve the head again.

        Args:
            part: labelled items; the codes are those of all labels of the stream.
        """
        task, y = part.labelled()
        rows = extract(self.source, part.items, engine=self._engine, on_error="raise").rows[:]
        features = stream_map(self.source, rows.shape[1])
        sums = sums_of(features, rows, y, task)
        self._sums = sums if self._sums is None else self._sums + sums
        self.head = head_from(self._sums, features)
