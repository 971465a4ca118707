"""Pickled checkpoints of torch (``.pth``): read as tensors only, once, and kept as safetensors.

A pickle can run code, so a file is read only after its digest was checked, and with ``weights_only=True``, which
builds tensors and containers and refuses everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["converted", "read_tensors"]

FILE = "model.safetensors"


def converted(path: Path, sha256: str, names: Sequence[str]) -> dict[str, Tensor]:
    """The tensors of a checkpoint, from the body cache; the first time they are read from the pickle and stored there.

    Args:
        path: the checkpoint, whose digest has been checked.
        sha256: that digest; the stored tensors belong to it.
        names: the name that each tensor gets, in the order of the file.

    Raises:
        SourceError: if the checkpoint holds anything but tensors, or another number of them.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    cache = BodyCache(recipe_key("torch checkpoint", sha256, list(names)))
    kept = cache.read_folder("tensors")
    if kept is not None:
        try:
            return load_file(kept / FILE)
        except (SafetensorError, OSError):
            cache.remove("tensors")
    found = read_tensors(path)
    if len(found) != len(names):
        raise SourceError(f"'{path}' holds {len(found)} tensors instead of {len(names)}, so it was not loaded.")
    tensors = dict(zip(names, found.values(), strict=True))
    # Without room in the cache the pickle is read again the next time.
    cache.write_folder("tensors", lambda place: save_file(tensors, place / FILE), path.stat().st_size)
    return tensors


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names, in their order in the file.

    Args:
        path: a file that ``torch.save`` wrote from a mapping of names to tensors.

    Raises:
        SourceError: if it is damaged, or holds anything but tensors under names.

    Examples:
        >>> import tempfile, torch
        >>> file = Path(tempfile.mkdtemp()) / "line.pth"
        >>> torch.save(torch.nn.Linear(3, 2).state_dict(), file)
        >>> {name: tuple(tensor.shape) for name, tensor in read_tensors(file).items()}
        {'weight': (2, 3), 'bias': (2,)}
    """
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles make torch raise errors of every kind
        reason = " ".join(str(error).split())[:150]
        raise SourceError(f"'{path}' is not a checkpoint of tensors alone, so it was not loaded: {reason}") from error
    if not isinstance(found, dict) or not found:
        raise SourceError(f"'{path}' must hold a mapping of names to tensors. Got {type(found).__name__} instead.")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            raise SourceError(f"'{path}' must hold tensors only. Got {type(tensor).__name__} as {name!r:.60} instead.")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise SourceError(f"The tensor {name!r:.60} of '{path}' holds values that are not finite; copy it again.")
    return {name: tensor.contiguous() for name, tensor in found.items()}
