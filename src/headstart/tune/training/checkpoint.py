"""Checkpoints: the state of a training in one file, which is written completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from headstart.errors import SaveError
from headstart.io import atomic_file, make_folder, write_reason

__all__ = ["read_state", "write_state"]

FILE = "state.safetensors"


def write_state(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and plain values; an older checkpoint stays until the new one is complete.

    Args:
        folder: created if it does not exist.
        tensors: tensors by name.
        facts: plain JSON values by name.

    Raises:
        SaveError: if the disk is full or the folder cannot be written.

    Examples:
        >>> import tempfile, torch
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_state(folder, {"weight": torch.ones(2)}, {"step": 3})
        >>> read_state(folder)[1]
        {'step': 3}
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    saved = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        make_folder(folder)
        with atomic_file(folder / FILE) as scratch:
            save_file(saved, scratch, metadata={"facts": json.dumps(dict(facts))})
    except (OSError, SafetensorError, SaveError) as error:
        reason = _reason(error, folder)
        kept = (
            "the checkpoint before it is kept: free space and run the same command again, and training resumes from it"
            if (folder / FILE).is_file()
            else "free space and run the same command again"
        )
        raise SaveError(f"The training checkpoint could not be written to '{folder}': {reason}; {kept}.") from error


def _reason(error: Exception, folder: Path) -> str:
    """The system's own error message; `atomic_file` wraps it in advice that does not fit checkpoints."""
    cause = error.__cause__ if isinstance(error, SaveError) and isinstance(error.__cause__, Exception) else error
    return " ".join(write_reason(cause, folder).split())[:200]


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and plain values that `write_state` wrote; None if there is no readable checkpoint.

    Examples:
        >>> read_state(Path("nowhere")) is None
        True
    """
    from safetensors import SafetensorError, safe_open

    file = folder / FILE
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            facts = json.loads(opened.metadata()["facts"])
            return {name: opened.get_tensor(name) for name in opened.keys()}, facts  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
