"""Keras: image models of keras.applications, ``keras:NAME``, and .keras files, ``local:MODEL.keras``.

The graph and the weights are read as data and run as a torch module; Keras itself is imported once per application and
release, to learn its architecture.

Command: headstart fit DATA --source keras:VGG16
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.engine.body.machine import package_version
from headstart.errors import SourceError
from headstart.io import check_digest, file_digest, file_size
from headstart.sources.keras_bodies.applications import (
    APPLICATIONS,
    application,
    cached_weights,
    keras_folder,
    license_of,
    preprocessing_of,
    weights_file,
)
from headstart.sources.keras_bodies.graph import read_graph
from headstart.sources.keras_bodies.keras_source import MOST_SIDE, KerasSource, KerasSpec, KerasWeights
from headstart.sources.keras_bodies.weights import archive_config, archive_weights, layer_weights
from headstart.sources.scheme import Scheme
from headstart.types import Modality, SourceInfo

__all__ = ["SCHEME", "describe_keras_file", "open_keras_file"]

DEFAULT_SIDE = 224  # of a model that reads pictures of any size


def open_keras_file(file: Path) -> KerasSource:
    """Open a .keras file; no code in it is run, and layers that are not built in are refused.

    The pictures are given as they are, 0 to 255; a model that wants them otherwise has a Rescaling layer.

    Args:
        file: written by ``model.save("NAME.keras")`` of Keras 3.

    Raises:
        SourceError: if it cannot be read, or does not read pictures of three channels.
        MissingExtraError: if h5py is not installed.

    Examples:
        >>> open_keras_file(Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: '...' is not a .keras file ...
    """
    spec, digest = _file_spec(file), file_digest(file)

    def load(network: Any) -> None:
        from headstart.sources.keras_bodies.network import fill

        check_digest(file, digest)  # the file may have been replaced since the source was opened
        with archive_weights(file) as stored:
            fill(network, stored, f"'{file}'")

    info = SourceInfo(f"local:{file}", "image", architecture=_model_name(spec.model), sha256=digest)
    return KerasSource(spec, KerasWeights(digest, load, numbers=file_size(file) // 2), info)


def describe_keras_file(file: Path) -> SourceInfo:
    """The facts in the configuration of a .keras file; its weights are not read.

    Examples:
        >>> from headstart.sources.registry import describe
        >>> vgg = describe("keras:VGG16")
        >>> vgg.input["preprocessing"], vgg.input["input_size"]
        ('caffe', [3, 224, 224])
        >>> describe_keras_file(Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: '...' is not a .keras file ...
    """
    spec = _file_spec(file)
    return SourceInfo(f"local:{file}", "image", architecture=_model_name(spec.model), input=spec.facts)


def _file_spec(file: Path) -> KerasSpec:
    model = archive_config(file)
    shape = next(
        (
            node.settings.get("batch_shape") or node.settings.get("batch_input_shape")
            for node in read_graph(model, f"'{file}'")
            if node.kind == "InputLayer"
        ),
        None,
    )
    sides = [DEFAULT_SIDE if side is None else side for side in shape[1:3]] if isinstance(shape, list) else []
    if not isinstance(shape, list) or len(shape) != 4 or shape[3] != 3 or sides[0] != sides[1]:
        raise SourceError(f"'{file}' must read square pictures of 3 channels. Got {shape!s:.60} instead.")
    if not isinstance(sides[0], int) or not 8 <= sides[0] <= MOST_SIDE:
        raise SourceError(
            f"'{file}' must read pictures of 8 to {MOST_SIDE} pixels a side. Got {sides[0]!s:.40} instead."
        )
    return KerasSpec(model, "none", sides[0])


def _model_name(model: Mapping[str, Any]) -> str:
    return f"Keras {model['config'].get('name') or model['class_name']}"[:80]


def _describe(name: str) -> SourceInfo:
    mode, side = preprocessing_of(name)
    facts = KerasSpec({}, mode, side).facts
    return SourceInfo(f"keras:{name}", "image", architecture=name, license=license_of(name), input=facts)


def _open(name: str, modality: Modality | None) -> KerasSource:  # noqa: ARG001 - the caller compares modalities
    known = application(name)
    file = cached_weights(name, known)
    digest = file_digest(file)

    def load(network: Any) -> None:
        from headstart.sources.keras_bodies.network import fill

        check_digest(file, digest)
        with layer_weights(file) as stored:
            fill(network, stored, f"'{file}'")

    info = SourceInfo(f"keras:{name}", "image", architecture=name, license=license_of(name), sha256=digest)
    return KerasSource(KerasSpec(known.model, known.preprocessing, known.side), KerasWeights(digest, load), info)


def _names() -> list[str]:
    """The applications whose weights are in Keras' cache."""
    if not package_version("keras"):
        return []
    return [name for name in APPLICATIONS if (keras_folder() / weights_file(name)).is_file()]


SCHEME = Scheme("keras:NAME", open=_open, describe=_describe, names=_names)
