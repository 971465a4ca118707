"""The fitted model of items with annotations: source, head and task; predict, save and load."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.annotations import Boxes, Mask, Sentence
from headstart.attributions import Explanation
from headstart.data.annotations.annotated import object_array
from headstart.data.annotations.words import sentence_of_text
from headstart.engine.options import Engine
from headstart.errors import DataError, ItemError
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.annotating.sums import HeadSums
from headstart.io import atomic_folder, check_replaceable, write_json
from headstart.model.exporting import export_model
from headstart.model.files.annotation_model import read_annotation_model, write_annotation_model
from headstart.model.files.version_files import version_folder
from headstart.registry import OPERATIONS
from headstart.reporting import Progress
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.types import Dataset, Source, Task

__all__ = ["AnnotatedItems", "AnnotationModel"]

AT_ONCE = 256  # items of one call of the head


@dataclass(frozen=True)
class AnnotatedItems:
    """Annotations of the items that could be read.

    Attributes:
        items: the items as the head reads them: a `Sentence` for each text.
        found: the annotations of each of them.
        index: their positions among the items given.
        failures: position to reason, for the other items.

    Examples:
        >>> AnnotatedItems([], [], [], {0: "The text is empty."}).failures[0]
        'The text is empty.'
    """

    items: list[Any]
    found: list[Any]
    index: list[int]
    failures: Mapping[int, str]

    def dataset(self, task: Task, ids: Sequence[str] | None = None) -> Dataset:
        """The items with what was found as labels, as `headstart.data.write_annotations` takes them.

        Args:
            task: of the model.
            ids: a unique name for each item; default: their positions among the items given.

        Returns:
            The items that could be read; of boxes those that are shown.
        """
        y = object_array([one.visible() if isinstance(one, Boxes) else one for one in self.found])
        names = tuple(map(str, self.index)) if ids is None else tuple(ids)
        return Dataset(self.items, names, ANNOTATION_TASKS[task.kind].modality, task, y)


@dataclass(frozen=True)
class AnnotationModel:
    """A model that marks spans of words, or draws boxes or masks.

    Attributes:
        source: the body.
        task: the label schema; its kind is ``"token"``, ``"box"`` or ``"mask"``.
        head: what turns rows into annotations.
        card: the content of ``metrics.json``.
        engine: how items are encoded.
        folder: where it was loaded from.
        sums: what a closed-form head was solved from, for exact update and removal; None if not kept.
        contents: digests of the contents of its items, as `headstart.fit` and `headstart.update` note them; empty where
            they are not known, or stand in its folder only.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
        >>> spans = run.model.predict(["Ada Rossi flew to Paris on Monday ."])[0]
        >>> {span.label for span in spans} <= {"firm", "person", "place"}
        True
    """

    source: Source
    task: Task
    head: AnnotationHead
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)
    engine: Engine = Engine()
    folder: Path | None = field(default=None, compare=False)
    sums: HeadSums | None = field(default=None, repr=False, compare=False)
    contents: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __repr__(self) -> str:
        """Task, source and head, one per line."""
        return summary_text("AnnotationModel", self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html("AnnotationModel", self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        labels = ", ".join(self.task.labels[:10]) + (", ..." if len(self.task.labels) > 10 else "")
        return [("task", f"{self.task.kind}: {labels}"), ("source", self.source.info.name), ("head", self.head.name)]

    @property
    def item_column(self) -> None:
        """No column of a table: it is inferred which one holds the texts or paths."""
        return

    @property
    def label_columns(self) -> list[str]:
        """None: tables of new items hold no annotations."""
        return []

    @property
    def columns(self) -> tuple[str, ...]:
        """None, as above."""
        return ()

    def predict(self, items: Sequence[Any]) -> list[Any]:
        """Annotations of n items.

        Args:
            items: texts or `headstart.annotations.Sentence` objects; paths or pictures.

        Returns:
            For each, a tuple of `headstart.annotations.Span`, a ``Boxes`` or a ``Mask``.

        Raises:
            DataError: for a single text or path.
            ItemError: for an item that cannot be read.
        """
        if isinstance(items, str | bytes | os.PathLike):
            raise DataError(f"A single {type(items).__name__} was given; give a list of items, even for one item.")
        listed = [self.as_item(item) for item in items]
        return self.head.annotate(self.source, listed, engine=self.engine) if listed else []

    def as_item(self, item: Any) -> Any:
        """An item as the head reads it: a text is split into words."""
        return sentence_of_text(item) if self.task.kind == "token" and not isinstance(item, Sentence) else item

    def predict_readable(self, items: Sequence[Any], *, progress: Progress | None = None) -> AnnotatedItems:
        """Annotations of the items that can be read; the others are returned with their reasons.

        Args:
            items: as in `predict`.
            progress: receives what is done.
        """
        failures: dict[int, str] = {}
        read: list[Any] = []
        index: list[int] = []
        for position, item in enumerate(items):
            try:
                read.append(self.as_item(item))
                index.append(position)
            except ItemError as error:
                failures[position] = str(error)
        found: dict[int, Any] = {}
        for start in range(0, len(read), AT_ONCE):  # where an item fails, no more than these are read again
            part = slice(start, start + AT_ONCE)
            step = None if progress is None else _shifted(progress, start, len(read))
            found |= self._halved(read[part], index[part], failures, step)
        kept = [position for position in index if position in found]
        by_position = dict(zip(index, read, strict=True))
        return AnnotatedItems(
            [by_position[position] for position in kept], [found[position] for position in kept], kept,
            dict(sorted(failures.items())),
        )  # fmt: skip

    def _halved(
        self, items: Sequence[Any], index: Sequence[int], failures: dict[int, str], progress: Progress | None
    ) -> dict[int, Any]:
        """Annotations by position; where an item fails, the two halves are tried, down to the item itself."""
        if not items:
            return {}
        try:
            found = self.head.annotate(self.source, items, engine=self.engine, progress=progress)
        except ItemError as error:
            if len(items) == 1:
                failures[index[0]] = str(error)
                return {}
            half = len(items) // 2
            first = self._halved(items[:half], index[:half], failures, progress)
            return first | self._halved(items[half:], index[half:], failures, progress)
        return dict(zip(index, found, strict=True))

    def explain(self, item: Any, **options: Any) -> Explanation:
        """Why the model found what it found in one item: each span of a text, or the surest box of a picture.

        Args:
            item: one item, as `predict` takes them in a list.
            options: ``label`` and ``count``, as in `headstart.explain.annotated.explain_annotations`.

        Raises:
            ItemError: if the item cannot be read.
            ParameterError: for a model that draws masks.
        """
        found: Explanation = OPERATIONS["explain annotations"](self, item, **options)
        return found

    export = export_model

    def update(self, items: Sequence[Any], annotations: Sequence[Any]) -> AnnotationModel:
        """A new model that is also fitted on these items, exactly; what was chosen (columns, λ, decoding) is kept.

        Args:
            items: n items, as `predict` takes them.
            annotations: of each: `headstart.annotations.Span` objects, whose new types the model learns, a ``Boxes`` or
                a ``Mask``.

        Raises:
            DataError: if the head was trained, its sums were not kept, or the annotations do not fit the task.
            ItemError: if an item cannot be read.

        Examples:
            >>> from headstart import fit
            >>> from headstart.annotations import Sentence, Span
            >>> from headstart.cli.demonstration.annotations import made_sentences
            >>> run = fit(made_sentences(5), source="toy", baselines="none", verbose=False)
            >>> sentence = Sentence.of_words(["Mercury", "rose"])
            >>> run.model.update([sentence], [[Span(0, 1, "planet")]]).task.labels[-1]
            'planet'
        """
        return self.updated(self._annotated(items, annotations))

    def forget(self, items: Sequence[Any], annotations: Sequence[Any]) -> AnnotationModel:
        """A new model that was not fitted on these items: their sums are subtracted.

        Args:
            items: n items of the fit, unchanged.
            annotations: those that they had there.

        Raises:
            DataError: as `update`, and for types that the model does not know.
            ParameterError: if the model cannot have been fitted on these items.
        """
        dataset = self._annotated(items, annotations)
        new = dataset.labelled()[0].labels[len(self.task.labels) :]
        if new:
            raise DataError(f"The model does not know the type '{new[0]}', so no item of its fit has it.")
        left = self.kept_sums() - self.kept_sums().of_items(self.head, self.source, dataset, engine=self.engine)
        return replace(self, head=left.solved(self.head, self.task), sums=left, contents=frozenset())

    def updated(self, dataset: Dataset, *, progress: Progress | None = None) -> AnnotationModel:
        """As `update`, from labelled data.

        Args:
            dataset: n items, coded by the types of the model and further ones behind them.
            progress: receives what is done.

        Raises:
            DataError: as `update`.
            ItemError: if an item cannot be read.
        """
        task = replace(self.task, labels=dataset.labelled()[0].labels)
        kept = self.kept_sums().for_task(task)
        total = kept + kept.of_items(self.head, self.source, dataset, engine=self.engine, progress=progress)
        return replace(self, task=task, head=total.solved(self.head, task), sums=total, contents=frozenset())

    def kept_sums(self) -> HeadSums:
        """What the head was solved from.

        Raises:
            DataError: if the head was trained, or its sums were not kept.
        """
        if self.sums is not None:
            return self.sums
        if self.head.name == "tiled_boxes":
            raise DataError(
                "This model reads tiles that were drawn for its fit, so it cannot be updated; fit again on all data."
            )
        made = str(dict(self.card.get("head") or {}).get("name") or f"the head '{self.head.name}'")
        if made.startswith("closed-form"):
            raise DataError("This model was saved without its moments, so it cannot be updated; fit again on all data.")
        raise DataError(
            f"This model was trained ({made:.80}), so there is no exact update; fit again on the old and new items "
            "together: headstart fit ALL_DATA --out RUN --strategy auto."
        )

    def _annotated(self, items: Sequence[Any], annotations: Sequence[Any]) -> Dataset:
        """Items and annotations as labelled data; new types of spans stand behind those of the model."""
        if isinstance(items, str | bytes | os.PathLike):
            raise DataError(f"A single {type(items).__name__} was given; give a list of items, even for one item.")
        if len(items) != len(annotations) or not len(items):
            raise DataError(
                f"{len(items)} items and {len(annotations)} annotations were given; give one for each item."
            )
        wanted: Any = {"token": list | tuple, "box": Boxes, "mask": Mask}[self.task.kind]
        wrong = next((one for one in annotations if not isinstance(one, wanted)), None)
        if wrong is not None:
            raise DataError(f"The annotations of this model are of the task '{self.task.kind}'. Got {wrong!r:.60}.")
        y = np.empty(len(items), object)
        y[:] = [tuple(one) if isinstance(one, list) else one for one in annotations]
        new = {span.label for one in y for span in one} - set(self.task.labels) if self.task.kind == "token" else set()
        task = replace(self.task, labels=(*self.task.labels, *sorted(new)))
        names = tuple(map(str, range(len(items))))
        return Dataset([self.as_item(item) for item in items], names, self.source.info.modality, task, y)

    def save(
        self, folder: str | Path, *, extra: Mapping[str, Mapping[str, Any]] | None = None, overwrite: bool = True
    ) -> Path:
        """Write the model's folder atomically; a previous model is replaced only when the new one is complete.

        Args:
            folder: a new or empty folder, or one that a fit or a model wrote.
            extra: further JSON files to write, by name.
            overwrite: whether to replace an existing model; default True.

        Raises:
            UsageError: if the folder holds something else, or a model and ``overwrite`` is False.
            SaveError: if it cannot be written.
        """
        check_replaceable(Path(folder), overwrite=overwrite)
        with atomic_folder(Path(folder)) as scratch:
            for name, value in (extra or {}).items():
                write_json(scratch / name, value)
            self.write(scratch)
        return Path(folder)

    def write(self, folder: Path, *, like: Path | None = None) -> None:
        """Write the model's files into an existing folder (`save` is the atomic way).

        Args:
            folder: the folder.
            like: a folder of a model with the same body, which is then linked, not written.
        """
        write_annotation_model(folder, self.source, self.task, self.head, sums=self.sums, like=like)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        source: Source | None = None,
        engine: Engine = Engine(),
        version: int | None = None,
    ) -> AnnotationModel:
        """Open a saved model.

        Args:
            folder: a run folder, or one that `save` wrote.
            source: the body, for models whose source was a torch module of the user.
            engine: how items are encoded.
            version: its number in the run folder; default: the one in force.

        Raises:
            NoModelError: if the folder is not such a model, or has no such version.
            ModelFolderError: if it is incomplete or damaged.
            DigestError: if a file has changed since it was written.
            SourceError: if the source cannot be opened here.
        """
        place = version_folder(Path(folder), version)
        parts = read_annotation_model(place, source)
        return cls(parts.source, parts.task, parts.head, parts.card, engine, place, parts.sums)


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    """Progress of a part, as that of all items."""
    return lambda done, _, details="": progress(before + done, total, details)
