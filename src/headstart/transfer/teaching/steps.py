"""The steps that `update` and `forget` share: open, read, encode, judge on test data, write a version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions, audit
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.model import TransferModel
from headstart.model.as_fitted import check_any_left, part_of, read_for
from headstart.model.files.version_files import next_number, read_pointer, version_folder
from headstart.model.files.writing import WritableModel
from headstart.model.versions import Version, current_version, write_version
from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.tasks import base_dataset, is_regression
from headstart.transfer.run import Run, open_model
from headstart.transfer.teaching.known_items import with_rows_at_hand
from headstart.types import Dataset, Rows

__all__ = [
    "EncodedItems", "Opened", "TestData", "encoded_items", "fitted_of", "moved_note", "open_for_change", "read_test",
    "timed",
]  # fmt: skip

EMPTY = "It is empty."


@dataclass(frozen=True, eq=False)
class Opened:
    """A model that is to be changed.

    Attributes:
        model: the model.
        run: its run folder, in which a version is written; None for a model in memory.
        base: the number of the version.
        number: the number that the next version gets.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> opened = Opened(zero_shot(["parcel", "refund"], source="toy", verbose=False), None)
        >>> opened.write(opened.model, {}, print) is None     # a model in memory has no versions
        True
    """

    model: TransferModel
    run: Path | None
    base: int = 1
    number: int = 2

    def write(
        self,
        model: WritableModel,
        about: Mapping[str, Any],
        write_more: Callable[[Path], None],
        *,
        without: Sequence[int] = (),
    ) -> Version | None:
        """Write the changed model as a version, and delete others; None without a run folder."""
        if self.run is None:
            return None
        return write_version(self.run, model, about, base=self.base, write_more=write_more, without=without)


def open_for_change(
    model: TransferModel | Run | str | Path, engine: Engine | None, *, opened: TransferModel | None = None
) -> Opened:
    """Open the version in force of a run folder; a model in memory is taken as it is.

    Args:
        model: a model, a run, or the folder of one.
        engine: how items are encoded; None for the engine of the model.
        opened: the version in force of the folder, if it is open already; another version is not used.

    Raises:
        NoModelError: if the folder is not a model.
        ModelFolderError: if it is incomplete or damaged.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> open_for_change(zero_shot(["parcel", "refund"], source="toy", verbose=False), None).run is None
        True
    """
    folder = model.path if isinstance(model, Run) else None
    if isinstance(model, str | Path):
        folder = Path(model)
    if folder is None:
        given = model.model if isinstance(model, Run) else cast("TransferModel", model)
        return Opened(given if engine is None else replace(given, engine=engine), None)
    own = model.model.engine if isinstance(model, Run) else None
    base = current_version(folder)
    place = version_folder(folder, base).resolve()
    if opened is not None and opened.folder is not None and opened.folder.resolve() == place:
        loaded = replace(opened, engine=engine or opened.engine)
    else:
        loaded, _ = open_model(folder, engine or own)
    loaded = with_rows_at_hand(loaded)
    return Opened(loaded, folder, base, next_number(folder, read_pointer(folder)))


@dataclass(frozen=True, eq=False)
class EncodedItems:
    """Readable items with their rows.

    Attributes:
        dataset: n items, labelled or not.
        rows: (n, d) of the source.
        contents: n digests of their contents.
        failures: the reason for each item that could not be read, by its name.

    Examples:
        >>> two = EncodedItems(Dataset(["x", "y"], ("0", "1"), "text"), np.eye(2), ("a", "b"), {})
        >>> two.take([1]).contents
        ('b',)
    """

    dataset: Dataset
    rows: Rows
    contents: tuple[str, ...]
    failures: Mapping[str, str]

    def take(self, positions: Sequence[int]) -> EncodedItems:
        """Some of the items, in this order."""
        index = np.asarray(positions, np.intp)
        chosen = tuple(self.contents[i] for i in index)
        return EncodedItems(self.dataset.take(index), take_rows(self.rows, index), chosen, self.failures)


def encoded_items(model: TransferModel, dataset: Dataset, reporter: Reporter) -> EncodedItems:
    """Encode items, and find the digests of their contents; those that cannot be read, or are empty, are reported.

    Args:
        model: encodes the items.
        dataset: the items.
        reporter: receives progress and warnings.

    Raises:
        ItemError: if no item can be read.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> found = encoded_items(model, Dataset(["where is it", ""], ("0", "1"), "text"), SilentReporter())
        >>> found.dataset.ids, dict(found.failures)
        (('0',), {'1': 'The text is empty.'})
    """
    with reporter.progress("encoding") as step:
        found = extract(model.source, dataset.items, engine=model.engine, progress=step)
    check_any_left(len(found.index), dataset.ids, found.failures)
    failures = {dataset.ids[position]: reason for position, reason in found.failures.items()}
    read_ones = dataset.take(found.index)
    with reporter.progress("comparing with the training items") as step:
        sketches = kept_sketches(dataset.modality, cache=model.engine.cache)
        checked = audit(base_dataset(read_ones), near=False, progress=step, sketch_all=sketches)
    failures |= {read_ones.ids[k]: EMPTY for k in np.flatnonzero(~checked.keep).tolist()}
    check_any_left(
        int(checked.keep.sum()), dataset.ids, {k: failures.get(name, EMPTY) for k, name in enumerate(dataset.ids)}
    )
    for name, reason in failures.items():
        reporter.warning(f"Set aside {name}: {reason}")
    return EncodedItems(read_ones, found.rows, checked.content, failures).take(np.flatnonzero(checked.keep).tolist())


@dataclass(frozen=True, eq=False)
class TestData:
    """Labelled items on which a model is judged before and after it changes.

    Attributes:
        dataset: the items that could be read, coded by the task of the changed model.
        rows: (n, d) of the source.
        groups: (n,) codes of items that are one observation, or None.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> one = Dataset(["parcel"], ("0",), "text", model.task, np.array([0]))
        >>> TestData(one, model.rows_of(one.items), None).judged(model).metrics["accuracy"].value
        1.0
    """

    dataset: Dataset
    rows: Rows
    groups: NDArray[np.int64] | None

    def judged(self, model: TransferModel) -> Evaluation:
        """The metrics of a model; a class or label that it does not have yet has the probability 0."""
        task, y = self.dataset.labelled()
        outputs = model.outputs(self.rows)
        if not is_regression(task):
            outputs = np.pad(outputs, ((0, 0), (0, task.num_outputs - outputs.shape[1])))
        return evaluate_predictions(task, y, outputs, groups=self.groups)


def read_test(model: TransferModel, data: Any, reading: ReadOptions, split: str | None, reporter: Reporter) -> TestData:
    """Read and encode test data for a model with its new labels.

    Args:
        model: the changed model.
        data: what `headstart.data.read` takes.
        reading: options of the reading.
        split: the part to judge on; None for test, else val, else train.
        reporter: receives progress and warnings.

    Raises:
        DataError: if the data cannot be read, or do not fit the model.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> given = (["where is my parcel", "give it back"], ["parcel", "refund"])
        >>> read_test(model, given, ReadOptions(), None, SilentReporter()).judged(model).n
        2
    """
    dataset, _ = part_of(read_for(model, data, reading), split)
    found = encoded_items(model, dataset, reporter)
    return TestData(found.dataset, found.rows, found.dataset.group_codes)


@dataclass
class StepTimes:
    """Wall times by step, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Add the wall time of the block to that of a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


def timed() -> StepTimes:
    """A clock that adds up the wall time of named steps.

    Examples:
        >>> clock = timed()
        >>> with clock("solve"):
        ...     pass
        >>> list(clock.seconds)
        ['solve']
    """
    return StepTimes()


def moved_note(model: TransferModel, what: str) -> str:
    """What a change does not reach where the body was fine-tuned; empty for a frozen body.

    Args:
        model: the model.
        what: ``"update"`` or ``"forget"``.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> moved_note(zero_shot(["parcel", "refund"], source="toy", verbose=False), "update")
        ''
    """
    record = model.card.get("strategy")
    if not isinstance(record, Mapping) or record.get("kept") in (None, "head"):
        return ""
    if what == "forget":
        return "The body was fine-tuned with these items and is not unlearned; only the head is fitted without them."
    return (
        "The body was fine-tuned on the items of the fit and stays as it is; only the head is fitted on the new ones."
    )


def fitted_of(model: TransferModel, names: Sequence[str]) -> NDArray[np.bool_]:
    """(n,) Whether items of the fit count in it: not those that were set aside as suspect.

    Args:
        model: the model.
        names: n ids.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> fitted_of(zero_shot(["parcel", "refund"], source="toy", verbose=False), ["0"])
        array([ True])
    """
    kept = model.certainty
    aside: set[str] = set()
    if kept is not None and kept.weights is not None:
        aside = {kept.ids[k] for k in kept.index[kept.weights == 0]}
    return np.array([name not in aside for name in names], bool)
