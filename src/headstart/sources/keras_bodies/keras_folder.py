"""Folders that `KerasSource.save` wrote: described and opened without Keras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import SourceError
from headstart.io import check_digest, read_json
from headstart.sources.bodies.hidden_layers import saved_reading
from headstart.sources.bodies.size_limit import check_finite_tensors, stored_numbers
from headstart.sources.keras_bodies.keras_source import (
    FILE,
    MOST_SIDE,
    WEIGHTS,
    KerasSource,
    KerasSpec,
    KerasWeights,
    load_state,
)
from headstart.sources.keras_bodies.pixels import MODES
from headstart.types import SourceInfo

if TYPE_CHECKING:
    from headstart.sources.keras_bodies.network import KerasNetwork

__all__ = ["describe_keras_folder", "open_keras_folder"]


def describe_keras_folder(folder: Path, name: str) -> tuple[KerasSpec, SourceInfo]:
    """The facts in the keras.json that `KerasSource.save` wrote; weights are not read.

    Args:
        folder: the folder.
        name: the source's full name.

    Raises:
        SourceError: for values out of their ranges.
        ModelFolderError: if the file is damaged.

    Examples:
        >>> describe_keras_folder(Path("nowhere"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere...keras.json' is missing; ...
    """
    facts = read_json(folder / FILE)
    mode, side, digest = facts.get("preprocessing"), facts.get("side"), facts.get("sha256")
    whole = isinstance(side, int) and not isinstance(side, bool) and 8 <= side <= MOST_SIDE
    if (
        mode not in MODES
        or not isinstance(side, int)
        or not whole
        or not isinstance(digest, str)
        or not isinstance(facts.get("model"), dict)
    ):
        raise SourceError(
            f"'{folder / FILE}' must state a model, a preprocessing ({', '.join(MODES)}), a side from 8 to {MOST_SIDE} "
            "and the sha256 digest of the weights; copy the model again."
        )
    text = {key: value for key in ("architecture", "license") if isinstance(value := facts.get(key), str)}
    spec = KerasSpec(facts["model"], mode, side)
    return spec, SourceInfo(
        name,
        "image",
        sha256=digest,
        input=spec.facts,
        architecture=text.get("architecture"),
        license=text.get("license"),
    )


def open_keras_folder(folder: Path, name: str) -> KerasSource:
    """Open the folder that `KerasSource.save` wrote; Keras is not needed.

    Args:
        folder: the folder.
        name: the source's full name.

    Raises:
        SourceError: if its graph or its weights cannot be read.
        DigestError: if the weights are not those that were saved.
        ModelFolderError: if a file is missing or damaged.

    Examples:
        >>> open_keras_folder(Path("nowhere"), "local:nowhere")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere...keras.json' is missing; ...
    """
    spec, info = describe_keras_folder(folder, name)
    file = folder / WEIGHTS
    if not file.is_file():
        raise SourceError(f"'{file}' is missing; copy the model again.")
    check_digest(file, info.sha256 or "")
    limit = stored_numbers([file])

    def load(network: KerasNetwork) -> None:
        from safetensors.torch import load_file

        check_digest(file, info.sha256 or "")  # the file may have been replaced since the source was opened
        state = load_file(file)
        check_finite_tensors(state, file)
        load_state(network, state, str(folder))

    layers, _ = saved_reading(folder)
    return KerasSource(spec, KerasWeights(info.sha256 or "", load, numbers=limit), info, layers=layers)
