"""Opening YAMNet from a safetensors file and the JSON file beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.io import check_digest, file_digest, read_json
from headstart.sources.audio_bodies.yamnet import EMBEDDING, PARAMETERS, load_yamnet, read_front
from headstart.sources.audio_bodies.yamnet_source import YamnetSource, YamnetWeights
from headstart.sources.bodies.hidden_layers import saved_reading, saved_structure
from headstart.sources.preprocessing.yamnet_patches import INPUT
from headstart.types import SourceInfo

if TYPE_CHECKING:
    from torch import nn

__all__ = ["describe_yamnet", "open_yamnet"]


def describe_yamnet(file: Path, name: str) -> SourceInfo:
    """The facts in the JSON file beside the weights, which are not read.

    Args:
        file: the safetensors file.
        name: the source's full name.

    Raises:
        SourceError: if the digest that it states is none.
        ModelFolderError: if the JSON file is missing or damaged.

    Examples:
        >>> describe_yamnet(Path("nowhere/yamnet.safetensors"), "local:nowhere")
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
    return SourceInfo(
        name=name,
        modality="audio",
        num_features=EMBEDDING,
        architecture="YAMNet",
        parameters=PARAMETERS,
        license=licence if isinstance(licence, str) else None,
        sha256=sha256,
        input=INPUT,
    )


def open_yamnet(file: Path, name: str) -> YamnetSource:
    """Open the weights of YAMNet with their JSON file.

    Args:
        file: the safetensors file.
        name: the source's full name.

    Raises:
        SourceError: if the file is damaged, or holds other tensors than those of YAMNet.
        DigestError: if it does not have the digest that the JSON file states.
        ModelFolderError: if the JSON file is damaged.

    Examples:
        >>> open_yamnet(Path("nowhere/yamnet.safetensors"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: ...
    """
    info = describe_yamnet(file, name)
    digest = (info.sha256 or file_digest(file)).lower()
    check_digest(file, digest)
    structure = saved_structure(file.parent)
    weights = YamnetWeights(
        digest,
        partial(_load, file, digest, structure),
        None if structure else file,
        front=read_front(file),
        structure=structure,
    )
    layers, positions = saved_reading(file.parent)
    return YamnetSource(weights, replace(info, sha256=digest), layers=layers, positions=positions)


def _load(file: Path, digest: str, structure: Mapping[str, Any]) -> nn.Module:
    check_digest(file, digest)  # the file may have been replaced since the source was opened
    return load_yamnet(file, structure)
