"""Bodies of timm as torch modules: building them, finding their blocks, and reading their features."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from headstart.engine.body.recipe import Forward
from headstart.errors import SourceError
from headstart.sources.bodies.activations import activations
from headstart.sources.bodies.adapters import restore_structure
from headstart.sources.bodies.hidden_layers import Layers
from headstart.sources.bodies.pooling import blocks_forward, pool, position_rows
from headstart.sources.bodies.seeded import example_pictures, spread
from headstart.sources.bodies.size_limit import check_finite_tensors, limited_to, stored_numbers
from headstart.sources.preprocessing.picture_transform import PictureTransform, normalised
from headstart.sources.timm_bodies.arguments import check_arguments

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "TimmSpec",
    "block_names",
    "build",
    "data_config",
    "layer_names",
    "load_weights",
    "matches_file",
    "measure",
    "reader",
    "source_logits",
]

MOST_BLOCKS = 12
NAME = r"[\w-]+(\.[\w-]+)*"  # an architecture and its tag; other names make timm load from elsewhere


@dataclass(frozen=True)
class TimmSpec:
    """How a timm body is built and how its images are preprocessed.

    Attributes:
        architecture: timm's name of it, such as ``"mobilenetv2_100"``.
        model_args: further arguments of timm's constructor, such as ``{"num_classes": 10}``, from an allow-list.
        pretrained_cfg: timm's description of the weights: input_size, mean, std, interpolation, crop_pct, license, ...
        structure: the adapters inserted afterwards, from `headstart.sources.bodies.copies.structure_of`.

    Examples:
        >>> TimmSpec("resnet18").model_args
        {}
    """

    architecture: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    pretrained_cfg: Mapping[str, Any] = field(default_factory=dict)
    structure: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(self.model_args, f"The body '{self.architecture:.80}'")


def build(spec: TimmSpec) -> nn.Module:
    """The body with random weights.

    Raises:
        SourceError: if timm does not know the architecture or cannot build it with these arguments.

    Examples:
        >>> build(TimmSpec("test_resnet")).num_features
        96
    """
    import timm

    if not re.fullmatch(NAME, spec.architecture) or not timm.is_model(spec.architecture):
        raise SourceError(
            f"timm has no architecture '{spec.architecture:.80}', so its weights cannot be loaded by name; "
            "build the body yourself and give it as headstart.sources.module.module(body, preprocess, ...)."
        )
    try:
        module: nn.Module = timm.create_model(spec.architecture, pretrained=False, **spec.model_args)
    except SourceError:
        raise
    except Exception as error:  # timm's constructors raise errors of every kind
        reason = " ".join(str(error).split())[:300]
        raise SourceError(
            f"timm cannot build '{spec.architecture}' with the arguments {dict(spec.model_args)}: {reason}"
        ) from error
    restore_structure(module, spec.structure)
    return module


def load_weights(spec: TimmSpec, file: Path) -> nn.Module:
    """The body with the weights of a safetensors file.

    Raises:
        SourceError: if they do not fit.

    Examples:
        >>> load_weights(TimmSpec("test_resnet"), Path(__file__))
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights in '...' are damaged (...); copy the model again.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with limited_to(stored_numbers([file]), f"'{file}' for timm's '{spec.architecture}'"):
            module = build(spec)
        tensors = load_file(file)
        module.load_state_dict(tensors)
    except (RuntimeError, SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"The weights in '{file}' do not fit timm's '{spec.architecture}': {reason}") from error
    check_finite_tensors(tensors, file)
    return module


def block_names(module: nn.Module) -> list[str]:
    """The submodules whose outputs are the body's blocks, first to last, at most twelve.

    timm lists them in ``feature_info``. If they are children of one container, as ``blocks.0`` is, all children of the
    container are blocks.

    Examples:
        >>> block_names(build(TimmSpec("test_resnet")))
        ['act1', 'layer1', 'layer2', 'layer3', 'layer4']
    """
    features: Iterable[Mapping[str, Any]] = getattr(module, "feature_info", None) or []
    names = [str(entry["module"]) for entry in features if entry.get("module")]
    containers = {match[1] for name in names if (match := re.fullmatch(r"(blocks|stages|layers)\.\d+", name))}
    if len(containers) == 1:
        container = containers.pop()
        # feature_info may list only the last block of each resolution, as for EfficientNet
        names = [f"{container}.{name}" for name, _ in module.get_submodule(container).named_children()]
    known = dict(module.named_modules())
    return spread([name for name in names if name in known], MOST_BLOCKS)


def data_config(spec: TimmSpec, module: nn.Module) -> dict[str, Any]:
    """The preprocessing of a body's images, as timm resolves it, in plain values.

    Examples:
        >>> spec = TimmSpec("test_resnet")
        >>> data_config(spec, build(spec))["input_size"]
        [3, 160, 160]
    """
    import timm.data

    data: Any = timm.data  # partly annotated
    config = data.resolve_data_config(args={}, pretrained_cfg=dict(spec.pretrained_cfg), model=module)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}


def layer_names(spec: TimmSpec, module: nn.Module, layers: Layers) -> dict[str, bool]:
    """The submodules that are read, then ``"last"``; each with whether its maps have their channels on axis 1.

    Args:
        spec: how the body was built.
        module: the body.
        layers: ``"last"``, ``"blocks"``, ``"all"``, or names.

    Examples:
        >>> spec = TimmSpec("test_resnet")
        >>> list(layer_names(spec, build(spec), ("last", "layer1")))
        ['layer1', 'last']
    """
    # Swin and its relatives compute maps of (n, height, width, channels).
    first = getattr(module, "output_fmt", "NCHW") != "NHWC"
    last = {"last": first}
    if layers == "last":
        return last
    if layers == "blocks":
        return {**dict.fromkeys(block_names(module), first), **last}
    found = _activations(spec, module, channels_first=first, groups=layers != "all")
    if layers == "all":
        return {**found, **last}
    named = {name: found.get(name, first) for name in layers if name != "last"}
    return {**named, **last} if "last" in layers else named


def _activations(spec: TimmSpec, module: nn.Module, *, channels_first: bool, groups: bool) -> dict[str, bool]:
    import torch

    pictures = torch.zeros(2, *data_config(spec, module)["input_size"])
    with torch.inference_mode():
        return activations(module, lambda body: _final(body, pictures), channels_first=channels_first, groups=groups)


def reader(
    spec: TimmSpec, module: nn.Module, layers: Layers, *, positions: bool, only: Sequence[str] = (), stop: bool = False
) -> Forward:
    """The forward function that computes a body's rows, of (module, (n, height, width, 3) uint8).

    Args:
        spec: how the body was built.
        module: the body.
        layers: as in `layer_names`.
        positions: whether each position of the feature map, or each patch, has a row.
        only: names of the layers to keep; empty for all.
        stop: whether to stop the body after the deepest layer that is kept.

    Examples:
        >>> import torch
        >>> spec = TimmSpec("test_resnet")
        >>> module = build(spec).eval()
        >>> read = reader(spec, module, "last", positions=True)
        >>> read(module, torch.zeros(2, 160, 160, 3, dtype=torch.uint8))[0].shape
        torch.Size([2, 25, 96])
    """
    names = {name: first for name, first in layer_names(spec, module, layers).items() if not only or name in only}
    submodules = [name for name in names if name != "last"]
    rows = partial(position_rows, prefix=int(getattr(module, "num_prefix_tokens", 0))) if positions else pool
    final = _map if positions else _final
    read = blocks_forward(submodules, final, names, last="last" in names, stop=stop, rows=rows)
    transform = PictureTransform.from_timm(data_config(spec, module))
    return normalised(read, transform.mean, transform.std)


def source_logits(spec: TimmSpec, module: nn.Module) -> Forward | None:
    """The forward function of a body's own logits, of (module, (n, height, width, 3) uint8); None without a classifier.

    Args:
        spec: how the body was built.
        module: the body.

    Examples:
        >>> import torch
        >>> spec = TimmSpec("test_resnet", {"num_classes": 7})
        >>> module = build(spec).eval()
        >>> source_logits(spec, module)(module, torch.zeros(2, 160, 160, 3, dtype=torch.uint8))[0].shape
        torch.Size([2, 7])
    """
    if int(getattr(module, "num_classes", 0)) < 1:
        return None
    transform = PictureTransform.from_timm(data_config(spec, module))
    return normalised(lambda body, batch: [body(batch)], transform.mean, transform.std)


class _TimmModule(Protocol):
    """The methods that every body of timm adds to `torch.nn.Module`."""

    def forward_features(self, x: Tensor) -> Tensor: ...

    def forward_head(self, x: Tensor, *, pre_logits: bool) -> Tensor: ...


def _final(module: nn.Module, batch: Tensor) -> Tensor:
    body = cast("_TimmModule", module)
    return body.forward_head(body.forward_features(batch), pre_logits=True)


def _map(module: nn.Module, batch: Tensor) -> Tensor:
    return cast("_TimmModule", module).forward_features(batch)


def measure(spec: TimmSpec, module: nn.Module, run: Forward, layers: Layers, file: Path | None) -> dict[str, Any]:
    """The facts to cache about a body: its preprocessing, the widths of its blocks, and others that need its module.

    Args:
        spec: how the body was built.
        module: the body.
        run: the forward function, from `reader`.
        layers: as in `layer_names`.
        file: the safetensors file of the weights; None if there is none.

    Raises:
        SourceError: if rows for each position are requested from maps of several sizes.

    Examples:
        >>> spec = TimmSpec("test_resnet")
        >>> module = build(spec).eval()
        >>> run = reader(spec, module, "last", positions=False)
        >>> measure(spec, module, run, "last", None)["blocks"]
        [['last', 96]]
    """
    import torch

    config = data_config(spec, module)
    picture = PictureTransform.from_timm(config).prepare(example_pictures(1)[0])
    with torch.inference_mode():
        blocks = run(module, torch.from_numpy(np.stack([picture, picture])))
    names = list(layer_names(spec, module, layers))
    if len({tuple(block.shape[:-1]) for block in blocks}) > 1:
        found = ", ".join(f"{name} {block.shape[1]}" for name, block in zip(names, blocks, strict=True))
        raise SourceError(
            f"The chosen layers have different numbers of positions ({found:.200}); choose one, or several of one size."
        )
    return {
        "config": config,
        "blocks": [[name, int(block.shape[-1])] for name, block in zip(names, blocks, strict=True)],
        "modules": [name for name, _ in module.named_modules() if name],
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "is_file": file is not None and matches_file(module, file),
    }


def matches_file(module: nn.Module, file: Path) -> bool:
    """Whether a safetensors file holds exactly the weights of a body under the same names.

    Examples:
        >>> matches_file(build(TimmSpec("test_resnet")), Path(__file__))
        False
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(file)
    except (SafetensorError, OSError):
        return False
    state = module.state_dict()
    same = stored.keys() == state.keys() and all(stored[key].shape == state[key].shape for key in state)
    return same and all(torch.equal(stored[key].to(state[key].dtype), state[key]) for key in state)
