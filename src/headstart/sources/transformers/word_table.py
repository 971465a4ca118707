"""Token embeddings outside of the body: only the rows of the tokens that occur are read.

A multilingual vocabulary has several hundred thousand tokens, and its table is most of the weights of a small body
(multilingual-e5-small: 96 of 118 million). A data set uses a few thousand of them. The table therefore stays on disk,
the batch holds embedded tokens, and fine-tuning leaves the table as it is. Frozen token embeddings also keep languages
that are absent from the training data aligned (Wu and Dredze 2019, "Beto, Bentz, Becas").
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.io import follow_umask

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["RandomWords", "RowTable", "WordTable", "outside_words", "save_with_words", "word_table"]

WORDS = "embeddings.word_embeddings"  # transformers' name, in a BertModel
AT_ONCE = 8192  # rows of the table in memory together while it is written


class WordTable(Protocol):
    """Token embeddings that are read row by row.

    Attributes:
        shape: (number of tokens, width).
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(number of tokens, width)."""
        ...

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The embeddings (..., width) float32 of token ids (...)."""
        ...


class RowTable:
    """Token embeddings from a function that reads some rows, such as those of a memory-mapped file.

    Args:
        rows: a function of (k,) ids that returns (k, width) float32.
        shape: (number of tokens, width).

    Examples:
        >>> table = RowTable(lambda ids: np.eye(3, dtype=np.float32)[ids], (3, 3))
        >>> table(np.array([[2, 0]])).shape
        (1, 2, 3)
    """

    def __init__(self, rows: Callable[[NDArray[np.int64]], NDArray[np.float32]], shape: tuple[int, int]) -> None:
        self._rows, self.shape = rows, shape

    def __deepcopy__(self, _memo: object) -> RowTable:
        """The table itself, which nothing changes: copies of a body share it."""
        return self

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The embeddings (..., width) float32 of token ids (...)."""
        return self._rows(ids.ravel()).reshape(*ids.shape, self.shape[1])


class RandomWords:
    """Token embeddings drawn as BERT's are: normal with a standard deviation; each row follows from seed and id alone.

    Args:
        seed: 0 or more.
        shape: (number of tokens, width).
        deviation: the standard deviation.
        pad: the id of the padding token, whose embedding is 0.

    Examples:
        >>> words = RandomWords(3, (9, 4), 0.02, pad=1)
        >>> bool((words(np.array([5, 7]))[1] == words(np.array([7]))[0]).all()), bool(words(np.array([1])).any())
        (True, False)
    """

    def __init__(self, seed: int, shape: tuple[int, int], deviation: float, pad: int) -> None:
        self.shape = shape
        self._seed, self._deviation, self._pad = seed, deviation, pad

    def __deepcopy__(self, _memo: object) -> RandomWords:
        """The table itself, which nothing changes."""
        return self

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The embeddings (..., width) float32 of token ids (...)."""
        distinct, places = np.unique(ids, return_inverse=True)
        rows = np.zeros((len(distinct), self.shape[1]), np.float32)
        for row, number in zip(rows, distinct.tolist(), strict=True):
            if number != self._pad:
                np.random.default_rng([self._seed, number]).standard_normal(out=row, dtype=np.float32)
        rows *= np.float32(self._deviation)
        return rows[places].reshape(*ids.shape, self.shape[1])


@cache
def _outside_class() -> Any:
    from torch import nn

    class OutsideWords(nn.Module):
        """Stands where the token embeddings would; its input is embedded already."""

        def __init__(self, table: WordTable) -> None:
            super().__init__()
            self.table = table

        def forward(self, embedded: Tensor) -> Tensor:
            return embedded

    return OutsideWords


def outside_words(table: WordTable) -> nn.Module:
    """A module without parameters in the place of the token embeddings: it returns the embedded tokens that it gets.

    Examples:
        >>> import torch
        >>> outside_words(RandomWords(0, (9, 2), 1.0, pad=0))(torch.ones(1, 3, 2)).shape
        torch.Size([1, 3, 2])
    """
    module: nn.Module = _outside_class()(table)
    return module


def word_table(module: nn.Module) -> WordTable:
    """The token embeddings of a body that has them outside.

    Raises:
        SourceError: if it has not.

    Examples:
        >>> from torch import nn
        >>> words = RandomWords(0, (9, 2), 1.0, pad=0)
        >>> word_table(nn.ModuleDict({"embeddings": nn.ModuleDict({"word_embeddings": outside_words(words)})})) is words
        True
    """
    found = dict(module.named_modules()).get(WORDS)
    if not isinstance(found, _outside_class()):
        raise SourceError("The body has its token embeddings inside; use its own table.")
    table: WordTable = found.table
    return table


def save_with_words(tensors: Mapping[str, Tensor], table: WordTable, file: Path) -> None:
    """Write a safetensors file of a body's tensors and its token embeddings, a part of the table at a time.

    Args:
        tensors: the float32 tensors by their names, without the token embeddings.
        table: the token embeddings, written as ``embeddings.word_embeddings.weight``.
        file: where to write.

    Raises:
        OSError: if there is no room.

    Examples:
        >>> import tempfile, torch
        >>> from safetensors.torch import load_file
        >>> file = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> save_with_words({"bias": torch.ones(3)}, RandomWords(0, (9, 2), 1.0, pad=0), file)
        >>> sorted((name, tuple(tensor.shape)) for name, tensor in load_file(file).items())
        [('bias', (3,)), ('embeddings.word_embeddings.weight', (9, 2))]
    """
    shapes = {f"{WORDS}.weight": table.shape, **{name: tuple(tensor.shape) for name, tensor in tensors.items()}}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the data to 8 bytes
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for rows in _parts(table):
            out.write(rows.astype("<f4", copy=False).tobytes())
        for tensor in tensors.values():
            out.write(tensor.detach().cpu().float().numpy().astype("<f4", copy=False).tobytes())
    follow_umask(file)


def _parts(table: WordTable) -> Iterator[NDArray[np.float32]]:
    for begin in range(0, table.shape[0], AT_ONCE):
        yield table(np.arange(begin, min(begin + AT_ONCE, table.shape[0])))
