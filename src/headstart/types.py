"""The words of the project as types: frozen dataclasses and small Protocols.

``Dataset -> Source.encode -> Features -> head -> TransferModel -> evaluate``: each arrow makes a new value
and nothing writes upstream.
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
    "group_codes",
    "whole_text",
]

Modality = Literal["image", "text", "audio", "vector", "multimodal"]  # the last: an item holds one thing of each column
TaskKind = str  # a name in `headstart.tasks.TASKS`
Unit = Literal["item", "token", "patch", "frame"]  # what has a label: an item as a whole, or each of its positions
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


def whole_text(text: str) -> str:
    r"""A name that every file format can hold: halves of characters become escapes.

    Python reads a file name that is not UTF-8, such as one that an old archive brought, as text with halves of
    characters (lone surrogates), one for each byte that it could not decode.

    Args:
        text: a label, or the name of an item.

    Examples:
        >>> whole_text("caf\udce9"), whole_text("caf\u00e9")
        ('caf\\udce9', 'café')
    """
    if not _has_halves(text):
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")  # in a locale that knows ASCII only
    except UnicodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _has_halves(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def group_codes(groups: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """The code (n,) of each item's group, 0 to groups - 1 in the sorted order of the groups.

    Args:
        groups: (n,) names or codes of what belongs together, or None where each item stands alone.
        n: how many items there are.

    Raises:
        ParameterError: if the groups are not one for each item.

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
        kind: a name in `headstart.tasks.TASKS`, such as ``"classification"`` (one label an item), ``"multilabel"`` (any
            number of labels) or ``"regression"``.
        labels: the class names, the label names, or the names of the target columns, in the order of the model's
            outputs.
        column: the column or folder level that the labels were read from, where there was one.
        unit: what has a label: ``"item"``, or each ``"token"``, ``"patch"`` or ``"frame"`` of an item.

    Raises:
        ParameterError: for an empty kind, or a unit that is none.

    Examples:
        >>> Task("classification", ("ant", "bee")).num_outputs
        2
        >>> Task("classification", ("name", "other"), unit="word")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'unit' parameter of Task must be one of 'item', 'token', 'patch', \
'frame'. Got 'word' instead.
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
        if any(map(_has_halves, self.labels)):
            object.__setattr__(self, "labels", tuple(map(whole_text, self.labels)))

    @property
    def num_outputs(self) -> int:
        """Columns of the model's output."""
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
        items: what a source encodes: paths of files, strings, PIL images, arrays or rows of numbers; n of them.
        ids: a unique and stable name for each item, such as its path below the root or its row number.
        modality: what kind of thing an item is.
        task: the label schema; None where there are no labels.
        y: classification: int64 codes (n,) into ``task.labels``; multi-label: float64 (n, labels) of 0 and 1;
            regression: float64 (n, targets). None where there are no labels.
        groups: (n,) names of what belongs together (patient, speaker, site), or None.
        split: (n,) of ``"train"``, ``"val"`` or ``"test"`` as given by the data, or None.
        times: (n,) sortable float64 times, or None.
        columns: names of the table's columns that items were read from: of the numbers of a row, or the one of texts or
            paths; empty where there was no table.
        absent: names of classes that the data have a place for (a folder), and no item that can be read.
        origin: where the data came from, as the user named it.
        notes: what was inferred while reading, in one sentence each.
        named: (n,) values by name of a table's columns that are no items and no labels, such as a file's or a subject's
            name.

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
        if any(map(_has_halves, self.ids)):
            object.__setattr__(self, "ids", tuple(map(whole_text, self.ids)))

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
        """The items at ``index``, in that order, with everything known about them; all of them without a copy."""
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
        part: of a fused source, the part that it comes from; empty for a source by itself.
        numbers: whether its columns are quantities of a table, which are standardised one by one, and not features.

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
        num_features: width of the last layer's features; None where only loading tells.
        blocks: the feature columns that ``encode`` returns, first block to last; empty where only loading tells.
            The last one is the body's usual output and has ``num_features`` columns.
        architecture: the body's architecture, such as ``"mobilenetv2_100"``.
        parameters: number of weights in the body, or None.
        license: the weights' licence as stated by their publisher, or None where none is stated.
        revision: version of the weights, or None.
        sha256: digest of the weights' file, or None.
        input: the preprocessing, as plain values (``input_size``, ``mean``, ``std``, ``max_length``, ...).
        accuracy: published accuracy of the body on its own source task, in [0, 1], as stated by its publisher; None
            where none is stated.
        source_task: the data that this accuracy was measured on, as stated; accuracies of two tasks say nothing about
            each other.
        languages: codes of the languages that a source of texts knows, as stated by its publisher (``"en"``); empty
            where none is stated.

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
    """What the extraction pipeline needs of a source.

    ``prepare`` is run by several threads at once, ``forward`` by one, or by as many as the source's runtime says.
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

    ``prepare`` is run by several threads at once, ``forward`` by one; `headstart.engine.extract` overlaps them. These
    methods are all that a source needs. `headstart.engine.capabilities` lists what it may have beside them: a key under
    which its rows are kept, several streams, layers to choose among, texts of labels, and more.
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
        """The same body with fresh random weights, the honest baseline; None where there is no body."""
        ...

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write what is needed to open this source again into ``folder`` (made if wanted).

        Returns:
            The reference that opens it again: ``{"name": ...}`` for a source that every install has (with
            ``sha256``), ``{"name": "local:."}`` where ``folder`` now holds a checkpoint.
        """
        ...


@dataclass(frozen=True)
class Features:
    """Rows that a source gave, with their labels.

    Attributes:
        x: (n, d) features, the blocks of ``info`` side by side; float32 from a body.
        y: labels as in `Dataset`, or None.
        ids: names of the n items.
        groups: (n,) integer codes of what belongs together (near duplicates, patients, ...), or None.
        info: the source that gave them.

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
