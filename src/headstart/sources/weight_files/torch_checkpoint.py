"""Pickled checkpoints of torch: checked, read once with ``weights_only``, and kept as safetensors in the body cache.

Nothing is parsed before the size and the sha256 digest of the file are those that are pinned. torch's restricted
unpickler runs no code of the file; what it returns is checked like any other input.
"""

from __future__ import annotations

import hashlib
import io
import pickletools
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import DigestError, SourceError
from headstart.io import follow_umask

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["KeptCheckpoint", "read_torch_checkpoint"]

VERSION = 1  # to be raised when the same file gives other tensors
NAME = "model.safetensors"
LEGACY_PICKLES = ("magic number", "protocol", "system", "tensors")  # how a file of torch before 1.6 begins
INTEGERS = ("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2")
STORED = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")


class KeptCheckpoint:
    """A pickled state dict whose tensors go into a module in their order, kept as safetensors after the first reading.

    Later processes read the safetensors file only. An entry of the cache that is damaged or was removed is made again;
    a cache that cannot be written is reported in ``problem``, and the pickle is read each time.

    Args:
        find: returns the path of the pickle; called only if the cache does not hold its tensors.
        size: of the pickle, in bytes.
        sha256: of the pickle, in hexadecimal digits.
        again: how to get the file again, as the end of a sentence, for messages.

    Attributes:
        problem: why the tensors could not be kept; empty if they were.

    Examples:
        >>> from torch import nn
        >>> KeptCheckpoint(lambda: Path("nowhere.pth"), 3, "0" * 64, "copy it again").load_into(nn.Linear(2, 2))
        Traceback (most recent call last):
        headstart.errors.SourceError: 'nowhere.pth' cannot be read (No such file or directory); copy it again.
    """

    def __init__(self, find: Callable[[], Path], size: int, sha256: str, again: str) -> None:
        self._find, self._size, self._sha256, self._again = find, size, sha256, again
        self.problem = ""

    def load_into(self, module: nn.Module) -> None:
        """Give a module these tensors: the first to its first entry, and so on; all shapes must agree.

        Raises:
            DigestError: if the pickle is not the pinned file.
            SourceError: if it cannot be read, or its tensors do not fit the module.
        """
        wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        cache = BodyCache(recipe_key("torch checkpoint", VERSION, self._sha256, list(wanted)))
        tensors = _kept(cache, wanted)
        if tensors is None:
            path = self._find()
            read = read_torch_checkpoint(path, size=self._size, sha256=self._sha256, again=self._again)
            tensors = _in_order(read, wanted, path, self._again)
            self.problem = self._keep(cache, tensors)
        module.load_state_dict(tensors)

    def _keep(self, cache: BodyCache, tensors: Mapping[str, Tensor]) -> str:
        def fill(folder: Path) -> None:
            from safetensors.torch import save_file

            save_file(dict(tensors), folder / NAME, {"format": "pt"})
            follow_umask(folder / NAME)

        cache.write("facts", {"converted_from": self._sha256})  # without facts the entry would count as abandoned
        kept = cache.write_folder("weights", fill, self._size)
        return f"the converted weights are not kept: {cache.problem}" if kept is None else ""


def _kept(cache: BodyCache, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor] | None:
    """The tensors in the cache; None unless they are there, fit and are finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = cache.read_folder("weights")
    if folder is None:
        return None
    try:
        tensors = load_file(folder / NAME)
    except (SafetensorError, OSError):
        return None
    fit = {name: tuple(tensor.shape) for name, tensor in tensors.items()} == dict(wanted)
    return tensors if fit and _not_finite(tensors) is None else None


def _in_order(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], path: Path, again: str
) -> dict[str, Tensor]:
    if len(tensors) != len(wanted):
        raise SourceError(f"'{path}' holds {len(tensors)} tensors instead of {len(wanted)}; {again}.")
    for (found, tensor), (name, shape) in zip(tensors.items(), wanted.items(), strict=True):
        if tuple(tensor.shape) != shape:
            raise SourceError(
                f"The tensor {found[:80]!r} of '{path}' has the shape {tuple(tensor.shape)}, and {shape} is needed for "
                f"'{name}'; {again}."
            )
    return {name: tensor.contiguous() for name, tensor in zip(wanted, tensors.values(), strict=True)}


def read_torch_checkpoint(path: Path, *, size: int, sha256: str, again: str) -> dict[str, Tensor]:
    """The tensors of a pickled state dict, in its order.

    The file is read into memory once, so what is parsed is what was checked, even if it is replaced meanwhile.

    Args:
        path: the file, written by ``torch.save``.
        size: its size in bytes.
        sha256: its digest, in hexadecimal digits.
        again: how to get the file again, as the end of a sentence, for messages.

    Raises:
        DigestError: if size or digest differ; nothing is parsed then.
        SourceError: if the file cannot be read, holds anything but tensors by name, holds more numbers than bytes, or
            NaN or infinite numbers.

    Examples:
        >>> import tempfile, torch
        >>> path = Path(tempfile.mkdtemp()) / "a.pth"
        >>> torch.save({"w": torch.ones(2)}, path)
        >>> content = path.read_bytes()
        >>> sha256 = hashlib.sha256(content).hexdigest()
        >>> read_torch_checkpoint(path, size=len(content), sha256=sha256, again="copy it again")["w"]
        tensor([1., 1.])
    """
    content = _checked_content(path, size, sha256, again)
    _check_sizes(content, path, again)
    try:
        found = _unpickled(content)
    # torch raises errors of many kinds for a file that it cannot read: UnpicklingError, RuntimeError, KeyError, ...
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise SourceError(
            f"'{path}' is no checkpoint of tensors alone, so it was not loaded ({type(error).__name__}: {reason}); "
            f"{again}."
        ) from error
    return _checked_tensors(found, path, size, again)


def _checked_content(path: Path, size: int, sha256: str, again: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(size + 1)  # never more than what is expected
    except OSError as error:
        raise SourceError(f"'{path}' cannot be read ({error.strerror or error}); {again}.") from error
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content):,}"
        raise DigestError(f"'{path}' has {more} bytes instead of {size:,}, so it was not loaded; {again}.")
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256.lower():
        raise DigestError(
            f"'{path}' has the sha256 digest {digest[:16]}... instead of {sha256[:16]}...: it is damaged or another "
            f"file, so it was not loaded; {again}."
        )
    return content


def _check_sizes(content: bytes, path: Path, again: str) -> None:
    """Raise if reading the file would allocate far more bytes than it has, in either format of ``torch.save``."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            stated = sum(entry.file_size for entry in archive.infolist())
    else:
        stated = _stated_numbers(content, path, again)
    if stated > len(content):
        raise SourceError(f"'{path}' has {len(content):,} bytes and asks for {stated:,}, which is refused; {again}.")


def _stated_numbers(content: bytes, path: Path, again: str) -> int:
    """The sum of all integers in the pickle of the format before torch 1.6, which states sizes before any data.

    The opcodes are listed, not executed. The sizes of the storages, of which each number takes a byte or more, are
    among the integers, so the sum of a sound file is below its size. An integer that is stored for repeated use would
    be counted once only, and is refused.
    """
    stream, total, was_integer = io.BytesIO(content), 0, False
    try:
        for part in LEGACY_PICKLES:
            for code, value, _ in pickletools.genops(stream):
                if (was_integer and code.name in STORED) or code.name == "DUP":
                    raise ValueError("it repeats a number")
                was_integer = code.name in INTEGERS
                if isinstance(value, int) and was_integer and part == "tensors":
                    total += abs(value)
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise SourceError(f"'{path}' is not a checkpoint of torch ({reason}); {again}.") from error
    return total


def _unpickled(content: bytes) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of kinds of tensors that are refused below
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _checked_tensors(found: object, path: Path, size: int, again: str) -> dict[str, Tensor]:
    import torch

    tensors: dict[str, Tensor] = {}
    for name, value in found.items() if isinstance(found, Mapping) else [("", None)]:
        if not isinstance(name, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise SourceError(f"'{path}' holds other things than dense tensors by name; {again}.")
        tensors[name] = value
    # Strides of 0 and shared storages let a small file state tensors of any size.
    numbers = sum(tensor.numel() for tensor in tensors.values())
    if numbers > size:
        raise SourceError(f"'{path}' states {numbers:,} numbers in {size:,} bytes, which is refused; {again}.")
    bad = _not_finite(tensors)
    if bad is not None:
        raise SourceError(f"The tensor {bad[:80]!r} of '{path}' holds NaN or infinite numbers; {again}.")
    return tensors


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of a tensor with NaN or infinite numbers; None if there is none."""
    return next(
        (name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()), None
    )
