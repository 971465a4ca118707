"""Storage for the tensors of items: in memory up to a limit, and in a temporary file beyond it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["KeptInputs"]

MASK = "batch.attention_mask"  # its row sums are the lengths of the texts
COUNTS, INPUT = "batch.counts", "input"  # the number of parts of each item; their tensor, with all parts on one axis
LIMIT = 2**30  # bytes in memory


class KeptInputs:
    """The outputs of `FrozenPrefix.before`, stored item by item.

    Args:
        precision: number format of the stored tensors; bf16 takes half the space.
        limit: bytes that are kept in memory, 1 GiB; further items go to a temporary file in TMPDIR.

    Examples:
        >>> kept = KeptInputs()
        >>> mask = torch.tensor([[1, 0, 0], [1, 1, 0]])
        >>> kept.put([5, 7], {"input": torch.ones(2, 3, 4), "batch.attention_mask": mask})
        >>> 5 in kept, 6 in kept, kept.batch([7, 5])["input"].shape
        (True, False, torch.Size([2, 2, 4]))
    """

    def __init__(self, precision: Literal["fp32", "bf16"] = "fp32", limit: int = LIMIT) -> None:
        self._type = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        self._room = limit
        self._in_memory: dict[int, dict[str, Tensor]] = {}
        self._in_file: dict[int, dict[str, tuple[int, torch.dtype, tuple[int, ...]]]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the object, which closes it
        self._end = 0

    def __contains__(self, position: object) -> bool:
        """Whether an item is kept."""
        return position in self._in_memory or position in self._in_file

    def __len__(self) -> int:
        """How many items are kept."""
        return len(self._in_memory) + len(self._in_file)

    def put(self, positions: Sequence[int], cached: Mapping[str, Tensor]) -> None:
        """Store the items of a batch; texts are stored without padding.

        Args:
            positions: the number of each item.
            cached: tensors with the items on the first axis; with ``batch.counts``, ``input`` has all parts of the
                items there.

        Raises:
            OSError: if the disk of the temporary file is full.
        """
        columns = cached[MASK].shape[1] if MASK in cached else 0
        lengths = cached[MASK].sum(dim=1).tolist() if MASK in cached else [0] * len(positions)
        tensors = {name: self._short(tensor.detach().cpu()) for name, tensor in cached.items()}
        parts = torch.split(tensors[INPUT], tensors[COUNTS].tolist()) if COUNTS in tensors else ()
        for k, (position, length) in enumerate(zip(positions, lengths, strict=True)):
            item = {}
            for name, tensor in tensors.items():
                if parts and name == INPUT:
                    item[name] = parts[k]
                    continue
                texts = columns and tensor.shape[1:2] == (columns,) and (tensor.ndim > 2 or name.startswith("batch."))
                item[name] = tensor[k, : int(length)] if texts else tensor[k]
            self._keep(int(position), item)

    def batch(self, positions: Sequence[int]) -> dict[str, Tensor]:
        """The tensors of some items as they were given, float32 or int64, padded with zeros to the longest text.

        Raises:
            KeyError: if an item is not stored.
        """
        items = [self._item(int(position)) for position in positions]
        found = {name: [item[name] for item in items] for name in items[0]}
        parts = found.pop(INPUT, []) if COUNTS in found else []
        joined = {INPUT: torch.cat(parts)} if parts else {}
        joined = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in joined.items()}
        return {**joined, **{name: _stacked(tensors) for name, tensors in found.items()}}

    def close(self) -> None:
        """Delete all items and the temporary file."""
        self._in_memory.clear()
        self._in_file.clear()
        self._file.close()

    def __del__(self) -> None:
        """Close the temporary file, which deletes it."""
        self._file.close()

    def _short(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._type) if tensor.is_floating_point() else tensor

    def _keep(self, position: int, item: Mapping[str, Tensor]) -> None:
        size = sum(tensor.numel() * tensor.element_size() for tensor in item.values())
        if size <= self._room:
            self._room -= size
            self._in_memory[position] = {name: tensor.clone() for name, tensor in item.items()}
            return
        places = {}
        self._file.seek(self._end)
        for name, tensor in item.items():
            places[name] = (self._end, tensor.dtype, tuple(tensor.shape))
            self._end += self._file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        self._file.flush()
        self._in_file[position] = places

    def _item(self, position: int) -> dict[str, Tensor]:
        if position in self._in_memory:
            return self._in_memory[position]
        return {name: self._read(*place) for name, place in self._in_file[position].items()}

    def _read(self, begin: int, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        size = int(np.prod(shape)) * dtype.itemsize
        if not size:
            return torch.zeros(shape, dtype=dtype)
        mapped = np.memmap(self._file, np.uint8, "r", offset=begin, shape=(size,))
        return torch.from_numpy(np.array(mapped)).view(dtype).reshape(shape)


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Stack the tensors of items, padding their first axis with zeros to the longest."""
    longest = max((len(tensor) for tensor in tensors if tensor.ndim), default=0)
    filled = [
        pad(tensor, [0, 0] * (tensor.ndim - 1) + [0, longest - len(tensor)]) if tensor.ndim else tensor
        for tensor in tensors
    ]
    found = torch.stack(filled)
    return found.float() if found.is_floating_point() else found
