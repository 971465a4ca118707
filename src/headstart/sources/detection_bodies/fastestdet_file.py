"""Opening FastestDet from a safetensors file and the JSON file beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.io import check_digest, file_digest, read_json, read_tensors
from headstart.sources.bodies.adapters import restore_structure
from headstart.sources.bodies.hidden_layers import saved_reading, saved_structure
from headstart.sources.bodies.size_limit import check_finite_tensors
from headstart.sources.detection_bodies.fastestdet_source import FastestDetSource, FastestDetWeights
from headstart.types import SourceInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["describe_fastestdet", "open_fastestdet"]

TRUNK = "first_conv.0.weight"  # a tensor of files that hold the trunk alone, without a prefix


def describe_fastestdet(file: Path, name: str) -> SourceInfo:
    """The facts in the JSON file beside the weights, which are not read.

    Args:
        file: the safetensors file.
        name: the source's full name.

    Raises:
        SourceError: if the digest that it states is none.
        ModelFolderError: if the JSON file is missing or damaged.

    Examples:
        >>> describe_fastestdet(Path("nowhere/fastestdet.safetensors"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: ...
    """
    facts = read_json(file.with_suffix(".json"))
    origin, sha256 = facts.get("source"), facts.get("sha256")
    licence = facts.get("license") or (origin.get("licence") if isinstance(origin, dict) else None)
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch("[0-9a-fA-F]{64}", sha256)):
        raise SourceError(
            f"The 'sha256' of '{file.with_suffix('.json')}' must be 64 hexadecimal digits. Got {sha256!r:.80} instead; "
            "correct it."
        )
    licence = licence if isinstance(licence, str) else None
    return SourceInfo(name=name, modality="image", architecture="FastestDet", license=licence, sha256=sha256)


def open_fastestdet(file: Path, name: str) -> FastestDetSource:
    """Open the weights of FastestDet, or of its trunk, with their JSON file.

    Args:
        file: the safetensors file.
        name: the source's full name.

    Raises:
        SourceError: if the file is damaged, or holds other tensors than those of FastestDet.
        DigestError: if it does not have the digest that the JSON file states.
        ModelFolderError: if a file is missing or damaged.

    Examples:
        >>> open_fastestdet(Path("nowhere/fastestdet.safetensors"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: ...
    """
    from headstart.sources.detection_bodies.fastestdet import parts_of

    info = describe_fastestdet(file, name)
    digest = (info.sha256 or file_digest(file)).lower()
    check_digest(file, digest)
    structure = saved_structure(file.parent)
    tensors = read_tensors(file)
    try:
        neck, classes = parts_of({key: value.shape for key, value in tensors.items()})
    except (ValueError, IndexError) as error:
        raise SourceError(f"'{file}' does not hold FastestDet ({error}); copy the model again.") from error
    weights = FastestDetWeights(
        digest, partial(_load, file, digest, structure, neck=neck, classes=classes), None if structure else file,
        neck=neck, classes=classes, structure=structure,
    )  # fmt: skip
    layers, positions = saved_reading(file.parent)
    return FastestDetSource(weights, replace(info, sha256=digest), layers=layers, positions=positions)


def _load(file: Path, digest: str, structure: Mapping[str, Any], *, neck: bool, classes: int) -> nn.Module:
    import torch

    from headstart.sources.detection_bodies.fastestdet import FastestDet

    check_digest(file, digest)  # the file may have been replaced since the source was opened
    module = FastestDet(neck=neck, classes=classes)
    restore_structure(module, structure)
    tensors = {key: torch.from_numpy(value.copy()) for key, value in _prefixed(read_tensors(file)).items()}
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights in '{file}' do not fit FastestDet: {reason}") from error
    check_finite_tensors(tensors, file)
    return module


def _prefixed(tensors: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """The tensors of a file of the trunk alone, under their names in the network."""
    return {f"backbone.{key}": value for key, value in tensors.items()} if TRUNK in tensors else tensors
