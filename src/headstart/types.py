"""The shared types: frozen dataclasses and small Protocols.

``Dataset -> Source.encode -> Features -> head -> TransferModel -> evaluate``: each step makes a new value and changes
none of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError, ParameterError

__all__ = [
    "ANNOTATION_KINDS",
    "Block",
    "Dataset",
    "Encoder",
    "FeatureMatrix",
    "Features",
    "Modality",
    "Rows",
    "Source",
    "SourceInfo",
    "Task",
    "TaskKind",
    "Unit",
    "escape_surrogates",
    "group_codes",
]

Modality = Literal["image", "text", "audio", "vector", "multimodal"]  # multimodal: an item has one value of each column
TaskKind = str  # a name in `headstart.tasks.TASKS`
Unit = Literal["item", "token", "box", "mask", "patch", "frame"]  # what is labelled: an item, or parts of it
ANNOTATION_KINDS = ("token", "box", "mask")  # of tasks whose items hold annotations, not one row of labels
FeatureMatrix = NDArray[np.floating[Any]]  # float32 from a body; float64 for rows as they are


class Rows(Protocol):
    """Rows of features (n, d): an array, a memory map or a view of one.

    Examples:
        >>> rows: Rows = np.eye(2)
        >>> rows.shape
        (2, 2)
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def escape_surrogates(text: str) -> str:
    r"""The text with lone surrogates escaped, so that every file format can hold it.

    Python decodes a file name that is not UTF-8, such as one from an old archive, to text with lone surrogates, one for
    each byte that it cannot decode.

    Args:
        text: a label, or the name of an item.

    Examples:
        >>> escape_surrogates("caf\udce9"), escape_surrogates("caf\u00e9")
        ('caf\\udce9', 'café')
    """
    if not _has_surrogates(text):
        return text
    try:
        # the bytes are UTF-8, but were decoded in an ASCII locale
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def group_codes(groups: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """The code (n,) of each item's group, 0 to groups - 1 in the sorted order of the groups.

    Args:
        groups: (n,) names or codes of groups, or None where each item is its own group.
        n: the number of items.

    Raises:
        ParameterError: if there is not one group for each item.

    Examples:
        >>> group_codes(["bob", "ann", "bob"], 3), group_codes(None, 3)
        (array([1, 0, 1]), array([0, 1, 2]))
    """
    if groups is None:
        return np.arange(n, dtype=np.int64)
    names = np.asarray(groups)
    if names.shape != (n,):
        raise ParameterError(f"The groups must be one for each of the {n} items. Got the shape {names.shape} instead.")
    return np.unique(names, return_inverse=True)[1].astype(np.int64, copy=False)


@dataclass(frozen=True)
class Task:
    """The label schema of a target task.

    Attributes:
        kind: a name in `headstart.tasks.TASKS`, such as ``"classification"`` (one label per item), ``"multilabel"``
            (any number of labels) or ``"regression"``.
        labels: the class names, the label names, or the names of the target columns, in the order of the model's
            outputs.
        column: the column or folder level that the labels were read from, where there was one.
        unit: what is labelled: the ``"item"``, or its parts; a task of a kind in `ANNOTATION_KINDS` has this unit.

    Raises:
        ParameterError: for an empty kind or an unknown unit.

    Examples:
        >>> Task("classification", ("ant", "bee")).num_outputs
        2
        >>> Task("box", ("cup",)).unit
        'box'
    """

    kind: TaskKind
    labels: tuple[str, ...]
    column: str | None = None
    unit: Unit = "item"

    def __post_init__(self) -> None:
        if not self.kind or not isinstance(self.kind, str):
            raise ParameterError(f"The 'kind' parameter of Task must be the name of a task. Got {self.kind!r} instead.")
        if self.unit not in get_args(Unit):
            known = ", ".join(map(repr, get_args(Unit)))
            raise ParameterError(f"The 'unit' parameter of Task must be one of {known}. Got {self.unit!r} instead.")
        if self.unit == "item" and self.kind in ANNOTATION_KINDS:
            object.__setattr__(self, "unit", self.kind)
        if any(map(_has_surrogates, self.labels)):
            object.__setattr__(self, "labels", tuple(map(escape_surrogates, self.labels)))

    @property
    def num_outputs(self) -> int:
        """Number of columns of the model's output."""
        return len(self.labels)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values; the unit only where it is not the item.

        Examples:
            >>> Task("regression", ("price",), "price").to_dict()
            {'kind': 'regression', 'labels': ['price'], 'column': 'price'}
        """
        plain: dict[str, Any] = {"kind": self.kind, "labels": list(self.labels), "column": self.column}
        return plain if self.unit == "item" else plain | {"unit": self.unit}


@dataclass(frozen=True)
class Dataset:
    """Labelled (or unlabelled) items as read, before any encoding.

    Attributes:
        items: the n items that a source encodes: file paths, strings, PIL images, arrays or rows of numbers.
        ids: a unique and stable name for each item, such as its path below the root or its row number.
        modality: the kind of the items.
        task: the label schema; None where there are no labels.
        y: classification: int64 codes (n,) into ``task.labels``; multi-label: float64 (n, labels) of 0 and 1;
            regression: float64 (n, targets); annotations: objects (n,) of `headstart.annotations`. None without labels.
        groups: (n,) names of groups (patients, speakers, sites), or None.
        split: (n,) with ``"train"``, ``"val"`` or ``"test"`` as given by the data, or None.
        times: (n,) float64 times in any unit, for sorting, or None.
        columns: names of the table's columns that items were read from: those of the numbers, or the one of the texts
            or paths; empty without a table.
        absent: names of classes that the data list (as a folder) without a readable item.
        origin: where the data came from, as the user named it.
        notes: what was inferred while reading, in one sentence each.
        named: by column, (n,) values of the other columns of a table, such as file or subject names.

    Examples:
        >>> Dataset(items=["good", "bad"], ids=("0", "1"), modality="text").take([1]).items
        ['bad']
    """

    items: Sequence[Any]
    ids: tuple[str, ...]
    modality: Modality
    task: Task | None = None
    y: NDArray[Any] | None = None
    groups: NDArray[np.str_] | None = None
    split: NDArray[np.str_] | None = None
    times: NDArray[np.float64] | None = None
    columns: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    origin: str = ""
    notes: tuple[str, ...] = ()
    named: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(map(_has_surrogates, self.ids)):
            object.__setattr__(self, "ids", tuple(map(escape_surrogates, self.ids)))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def group_codes(self) -> NDArray[np.int64] | None:
        """The code (n,) of each item's group, as `group_codes` gives it; None where there are no groups."""
        return None if self.groups is None else group_codes(self.groups, len(self))

    def labelled(self) -> tuple[Task, NDArray[Any]]:
        """The label schema and the labels; raises `DataError` where there are none."""
        if self.task is None or self.y is None:
            raise DataError(f"There are no labels in {self.origin or 'the data'}; name the label column with --label.")
        return self.task, self.y

    def take(self, index: Sequence[int] | NDArray[np.intp]) -> Dataset:
        """The items at ``index``, in that order, with all their fields; the dataset itself where that is all items."""
        rows = np.asarray(index, dtype=np.intp)
        if np.array_equal(rows, np.arange(len(self))):
            return self
        items: Sequence[Any]
        items = self.items[rows] if isinstance(self.items, np.ndarray) else [self.items[i] for i in rows]
        return replace(
            self,
            items=items,
            ids=tuple(self.ids[i] for i in rows),
            y=None if self.y is None else self.y[rows],
            groups=None if self.groups is None else self.groups[rows],
            split=None if self.split is None else self.split[rows],
            times=None if self.times is None else self.times[rows],
            named={name: values[rows] for name, values in self.named.items()},
        )


@dataclass(frozen=True)
class Block:
    """A named run of feature columns: the pooled output of one block of a body.

    Attributes:
        name: the block's name in the body, such as ``"blocks.3"``.
        width: how many columns it has.
        part: for a fused source, the name of the source that it comes from; else empty.
        numbers: whether its columns are numbers of a table, which are standardised per column, not features of a body.

    Examples:
        >>> Block("last", 384)
        Block(name='last', width=384)
    """

    name: str
    width: int
    part: str = field(default="", repr=False)
    numbers: bool = field(default=False, repr=False)


@dataclass(frozen=True)
class SourceInfo:
    """What is known about a source without loading its weights.

    Attributes:
        name: the full name with its scheme, such as ``"timm:resnet18.a1_in1k"``.
        modality: the kind of item that it encodes.
        num_features: width of the last layer's features; None where that is known only after loading.
        blocks: the feature columns that ``encode`` returns, first block to last; empty where they are known only
            after loading. The last one is the body's usual output and has ``num_features`` columns.
        architecture: the body's architecture, such as ``"mobilenetv2_100"``.
        parameters: number of weights in the body, or None.
        license: the weights' licence as stated by their publisher, or None where none is stated.
        revision: version of the weights, or None.
        sha256: digest of the weights' file, or None.
        input: the preprocessing, as plain values (``input_size``, ``mean``, ``std``, ``max_length``, ...).
        accuracy: published accuracy of the body on its own source task, in [0, 1], as stated by its publisher; None
            where none is stated.
        source_task: the data that this accuracy was measured on, as stated; accuracies on different data are not
            comparable.
        languages: codes of the languages that a text source was trained on, as stated by its publisher (``"en"``);
            empty where none is stated.

    Examples:
        >>> SourceInfo(name="vector", modality="vector").license is None
        True
    """

    name: str
    modality: Modality
    num_features: int | None = None
    blocks: tuple[Block, ...] = ()
    architecture: str | None = None
    parameters: int | None = None
    license: str | None = None
    revision: str | None = None
    sha256: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    accuracy: float | None = None
    source_task: str | None = None
    languages: tuple[str, ...] = ()


class Encoder(Protocol):
    """The part of a source that the extraction pipeline needs.

    Several threads call ``prepare`` at once; one calls ``forward``, or as many as the source's runtime declares.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        ...

    @property
    def prepare(self) -> Callable[[Any], Any]:
        """Read and preprocess one item; raises `ItemError` with the reason where it cannot be read."""
        ...

    def forward(self, prepared: Sequence[Any], /) -> Any:
        """The rows of n prepared items.

        Returns:
            (n, d), or a list of n arrays (k, d) where an item has a row for each position; float32 from a body.
        """
        ...


@runtime_checkable
class Source(Protocol):
    """A pretrained body that encodes items to features: the shared layers of transfer learning.

    Several threads call ``prepare`` at once and one calls ``forward``; `headstart.engine.extract` overlaps them. These
    methods are all that a source needs. `headstart.engine.capabilities` lists optional ones: a key for stored features,
    several streams, a choice of layers, the encoding of label texts, and more.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        ...

    def prepare(self, item: Any) -> Any:
        """Read and preprocess one item; raises `ItemError` with the reason where it cannot be read."""
        ...

    def forward(self, prepared: Sequence[Any]) -> FeatureMatrix:
        """The rows of n prepared items.

        Returns:
            (n, sum of block widths), float32 from a body; a list of n arrays (k, sum of block widths) float32 where
            ``with_layers`` asked for a row for each position.
        """
        ...

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths) of n items; raises `ItemError` on the first unreadable one."""
        ...

    def untrained(self, seed: int) -> Source | None:
        """The same body with random weights, as the baseline of the transfer gain; None where there is no body."""
        ...

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write what is needed to open this source again into ``folder``, which is created only if needed.

        Returns:
            The reference that opens it again: ``{"name": ...}`` for a source that is available everywhere (with
            ``sha256``), ``{"name": "local:."}`` where ``folder`` now holds a checkpoint.
        """
        ...


@dataclass(frozen=True)
class Features:
    """Features of items, as a source encodes them, with their labels.

    Attributes:
        x: (n, d) features, the blocks of ``info`` side by side; float32 from a body.
        y: labels as in `Dataset`, or None.
        ids: names of the n items.
        groups: (n,) integer codes of groups (near duplicates, patients, ...), or None.
        info: the source of the features.

    Examples:
        >>> rows = Features(np.zeros((2, 3), np.float32), None, ("a", "b"), None, SourceInfo("vector", "vector"))
        >>> len(rows)
        2
    """

    x: Rows
    y: NDArray[Any] | None
    ids: tuple[str, ...]
    groups: NDArray[np.int64] | None
    info: SourceInfo

    def __len__(self) -> int:
        return int(self.x.shape[0])
