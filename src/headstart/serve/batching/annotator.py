"""A model that annotates items, as it is served: the steps that the batcher asks for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import BoundedSemaphore
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import plain_annotation
from headstart.engine.capabilities import Runtime, runtime_of
from headstart.errors import ItemError, ParameterError
from headstart.model.annotator import AnnotationModel
from headstart.serve.batching.served import EXAMPLE, AnswerOptions, ServedModel
from headstart.types import Modality

__all__ = ["Served", "ServedAnnotator"]

SIDE = 64  # pixels of the empty picture that opens the body


class ServedAnnotator:
    """One version of a model that marks spans of words, or draws boxes or masks, ready to answer.

    Args:
        model: the model.
        version: its name in answers.
        like: another version, which may have the same source.

    Attributes:
        model: the same.
        version: the same.
        gate: admits one thread at once to the body.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> served = ServedAnnotator(run.model, "1")
        >>> prepared = served.prepare(["Ada flew to Paris .", ""])
        >>> prepared[0].words, type(prepared[1]).__name__
        (('Ada', 'flew', 'to', 'Paris', '.'), 'ItemError')
        >>> list(served.answers(served.rows(prepared[:1]), AnswerOptions())[0])
        ['text', 'entities']
    """

    def __init__(self, model: AnnotationModel, version: str, *, like: Served | None = None) -> None:
        self.model, self.version = model, version
        same = like is not None and like.model.source is model.source
        self.gate: BoundedSemaphore = like.gate if like is not None and same else BoundedSemaphore(1)

    @property
    def runtime(self) -> Runtime:
        """What runs the body, and why."""
        return runtime_of(self.model.source)

    @property
    def streams(self) -> int:
        """How many threads may run the body at once: one, as heads keep what they opened for it."""
        return 1

    @cached_property
    def modality(self) -> Modality:
        """The kind of its items."""
        return self.model.source.info.modality

    @property
    def prepares_in_batches(self) -> bool:
        """Whether items are prepared by the thread that runs the body: texts are, as that is cheap."""
        return self.modality == "text"

    @property
    def teachable(self) -> bool:
        """Whether it can take in further items: it cannot."""
        return False

    def warm_up(self) -> None:
        """Open the body, so that the first request does not wait for it."""
        item = EXAMPLE if self.modality == "text" else np.zeros((SIDE, SIDE, 3), np.uint8)
        self.model.predict([item])

    def prepare(self, items: Sequence[Any]) -> list[Any]:
        """Each item as the head reads it, or its `ItemError`."""
        return [self._prepare_one(item) for item in items]

    def _prepare_one(self, item: Any) -> Any:
        try:
            return self.model.as_item(item)
        except ItemError as error:
            return error

    def length_class(self, prepared: Any) -> int:  # noqa: ARG002 (as `ServedModel` has it)
        """All items may run together: the engine sorts their windows by length."""
        return 0

    def rows(self, prepared: Sequence[Any]) -> NDArray[Any]:
        """(n,) the plain annotations of n prepared items, as objects.

        Raises:
            ItemError: if one of them cannot be read.
        """
        found = self.model.head.annotate(self.model.source, list(prepared), engine=self.model.engine)
        plain = np.empty(len(prepared), object)
        plain[:] = [
            plain_annotation(item, one, self.model.task.labels) for item, one in zip(prepared, found, strict=True)
        ]
        return plain

    def answers(self, rows: NDArray[Any], options: AnswerOptions) -> list[dict[str, Any]]:
        """The answer for each of the n rows, as plain JSON values; no options, as `check` demands."""
        self.check(options)
        return list(rows)

    def check(self, options: AnswerOptions) -> None:
        """Raise unless no options are asked for.

        Raises:
            ParameterError: with what a model of this kind does not give.
        """
        default = AnswerOptions()
        asked = [name for name in vars(default) if getattr(options, name) != getattr(default, name)]
        if asked:
            raise ParameterError(f"A model that annotates items takes no '{asked[0]}'; leave it out.")

    def is_checked(self, options: AnswerOptions) -> bool:
        """True, as `check` takes no time.

        Raises:
            ParameterError: as `check`.
        """
        self.check(options)
        return True

    def allows(self, options: AnswerOptions) -> bool:
        """Whether no options are asked for."""
        return options == AnswerOptions()

    @property
    def facts(self) -> dict[str, Any]:
        """What a client may want to know about the model."""
        task, info = self.model.task, self.model.source.info
        return {
            "version": self.version,
            "task": task.kind,
            "labels": list(task.labels),
            "modality": info.modality,
            "source": info.name,
            "head": self.model.head.name,
            "columns": [],
        }


Served: TypeAlias = ServedModel | ServedAnnotator
"""A version that answers, of either kind."""
