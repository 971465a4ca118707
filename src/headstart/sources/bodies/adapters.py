"""Bottleneck adapters: a small residual network after every block, which is trained while the body stays frozen.

Reference: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.io import follow_umask
from headstart.sources.bodies.copies import STRUCTURE, structure_of
from headstart.sources.bodies.parameter_groups import numbered
from headstart.sources.bodies.seeded import seeded
from headstart.sources.bodies.size_limit import check_finite_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["insert_adapters", "load_adapters", "restore_structure", "save_adapters", "without_adapters"]

ADAPTER = "headstart_adapter"  # the name of the adapter as a child of its block
WIDEST = 65_536  # bottleneck that a saved model may ask for
FILE = "headstart_adapters.safetensors"  # next to a checkpoint of transformers


def insert_adapters(module: nn.Module, width: int, seed: int) -> list[str]:
    """Insert x + up(gelu(down(x))) after every numbered block of a body, in place.

    ``up`` starts at zero, so the body's output does not change at first. On feature maps the adapter acts on each
    position, as two 1x1 convolutions would. The insertion is recorded on the module, and a source made of the module by
    ``with_module`` saves it with the checkpoint.

    Args:
        module: the body. Its blocks are its outermost numbered submodules, such as ``encoder.layer.3``, ``blocks.2`` or
            ``layer1``.
        width: units of the bottleneck, 1 or more.
        seed: for the random weights of ``down``.

    Returns:
        The names of the new parameters.

    Raises:
        SourceError: if no block is numbered, or the body already has adapters; when the body runs, if a block's output
            is not as wide as its last normalisation or layer.

    Examples:
        >>> from headstart.sources.timm_bodies.module import TimmSpec, build
        >>> insert_adapters(build(TimmSpec("test_vit")), 4, seed=0)[:2]
        ['blocks.0.headstart_adapter.down.weight', 'blocks.0.headstart_adapter.down.bias']
    """
    if structure_of(module):
        raise SourceError("The body already has adapters; start from the body as its library builds it.")
    blocks = dict(_blocks(module))
    if not blocks:
        raise SourceError(
            "The body has no numbered blocks, such as 'layers.0' or 'layer1', to put adapters behind; use LoRA."
        )
    adapters = seeded(seed, lambda: [_adapter(wide, width) for _, wide in blocks.values()])
    for (block, _), adapter in zip(blocks.values(), adapters, strict=True):
        block.add_module(ADAPTER, adapter.train(block.training))
        # Prepended, so that other hooks see the adapter's output. The hook looks the adapter up in its block, so a deep
        # copy of the body uses its own adapters.
        block.register_forward_hook(_adapt, prepend=True)
    setattr(module, STRUCTURE, {"adapters": {"width": width}})
    return [name for name, _ in module.named_parameters() if _added(name)]


def restore_structure(module: nn.Module, structure: Mapping[str, Any]) -> None:
    """Insert the adapters that `structure_of` reported for another module of the same architecture, in place.

    Args:
        module: the body as its library builds it.
        structure: plain JSON values; an empty mapping inserts nothing.

    Raises:
        SourceError: if the structure is not one that this version can insert.

    Examples:
        >>> from headstart.sources.timm_bodies.module import TimmSpec, build
        >>> body = build(TimmSpec("test_vit"))
        >>> restore_structure(body, {"adapters": {"width": 4}})
        >>> structure_of(body)
        {'adapters': {'width': 4}}
    """
    if not structure:
        return
    adapters = structure.get("adapters")
    width = adapters.get("width") if isinstance(adapters, Mapping) else None
    if set(structure) != {"adapters"} or not isinstance(width, int) or not 1 <= width <= WIDEST:
        raise SourceError(
            f"The checkpoint's structure must be 'adapters' with an integer 'width'. Got {dict(structure)!r:.80} "
            "instead; open it with the version of headstart that wrote it."
        )
    insert_adapters(module, width, seed=0)


def without_adapters(module: nn.Module) -> dict[str, Tensor]:
    """The weights of a body without those of its adapters, under their library's names, on the CPU.

    Examples:
        >>> from headstart.sources.timm_bodies.module import TimmSpec, build
        >>> body = build(TimmSpec("test_vit"))
        >>> plain = list(without_adapters(body))
        >>> _ = insert_adapters(body, 4, seed=0)
        >>> list(without_adapters(body)) == plain
        True
    """
    return {name: tensor.cpu().contiguous() for name, tensor in module.state_dict().items() if not _added(name)}


def save_adapters(module: nn.Module, folder: Path) -> None:
    """Write the adapters of a body into a folder, first block first; without adapters nothing is written.

    They are numbered instead of named, because a library may rename the blocks of a body in a later release.

    Examples:
        >>> import tempfile
        >>> from torch import nn
        >>> save_adapters(nn.Linear(1, 1), Path(tempfile.mkdtemp()))
    """
    tensors = {key: tensor.cpu().contiguous() for key, tensor in _numbered_tensors(module).items()}
    if tensors:
        from safetensors.torch import save_file

        save_file(tensors, folder / FILE, {"format": "pt"})
        follow_umask(folder / FILE)


def load_adapters(module: nn.Module, folder: Path) -> None:
    """Load the weights that `save_adapters` wrote into a body's adapters; without adapters nothing is read.

    Raises:
        SourceError: if they are missing or do not fit.

    Examples:
        >>> from torch import nn
        >>> load_adapters(nn.Linear(1, 1), Path("nowhere"))
    """
    wanted = _numbered_tensors(module)
    if not wanted:
        return
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(folder / FILE) if (folder / FILE).is_file() else {}
    except (SafetensorError, OSError, ValueError) as error:
        raise SourceError(
            f"The adapters in '{folder / FILE}' are damaged ({error!s:.100}); copy the model again."
        ) from error
    if {key: tensor.shape for key, tensor in found.items()} != {key: tensor.shape for key, tensor in wanted.items()}:
        raise SourceError(f"The adapters in '{folder / FILE}' are missing or do not fit; copy the model again.")
    check_finite_tensors(found, folder / FILE)
    for key, tensor in wanted.items():
        tensor.data.copy_(found[key])


def _added(name: str) -> bool:
    return f".{ADAPTER}." in f".{name}"


def _numbered_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The adapters' own tensors, as ``K.down.weight`` of the K-th block."""
    tensors = [(name, tensor) for name, tensor in module.state_dict(keep_vars=True).items() if _added(name)]
    blocks = list(dict.fromkeys(name.partition(ADAPTER)[0] for name, _ in tensors))
    return {f"{blocks.index((parts := name.partition(ADAPTER))[0])}{parts[2]}": tensor for name, tensor in tensors}


def _blocks(module: nn.Module) -> Iterator[tuple[str, tuple[Any, int]]]:
    """Each block's name, with the module that computes its output and the width of that output."""
    for name, block in module.named_modules():
        if numbered(name) == name and (runs := _last(block)) is not None and (width := _width(runs) or _width(block)):
            yield name, (runs, width)


def _last(block: nn.Module) -> nn.Module | None:
    """The module that computes a block's output; an adapter added to a Sequential itself would run as a step of it."""
    from torch import nn

    while isinstance(block, nn.Sequential):
        if not len(block):
            return None
        block = block[-1]
    return None if isinstance(block, nn.ModuleList) else block


def _width(block: nn.Module) -> int:
    """The width of a block's output: that of its outermost normalisation, else of its last layer; 0 if unknown."""
    inner = [part for name, part in block.named_modules() if name and numbered(name) == name]
    if inner and (last := _last(inner[-1])) is not None and (found := _width(last)):
        return found
    parts = sorted(block.named_modules(), key=lambda pair: -pair[0].count("."))  # stable: the last one is outermost
    norms = [part for _, part in parts if "Norm" in type(part).__name__ and getattr(part, "weight", None) is not None]
    if norms:
        return len(norms[-1].get_parameter("weight"))
    layers: list[Any] = [
        part for part in block.modules() if hasattr(part, "out_features") or hasattr(part, "out_channels")
    ]
    return int(getattr(layers[-1], "out_features", 0) or layers[-1].out_channels) if layers else 0


def _adapter(wide: int, narrow: int) -> nn.Module:
    from torch import nn

    adapter = nn.ModuleDict({"down": nn.Linear(wide, narrow), "up": nn.Linear(narrow, wide)})
    nn.init.zeros_(adapter.get_parameter("up.weight"))
    nn.init.zeros_(adapter.get_parameter("up.bias"))
    return adapter


def _adapt(block: nn.Module, _inputs: object, output: Any) -> Any:
    from torch.nn.functional import gelu

    adapter: Any = block.get_submodule(ADAPTER)
    x = output[0] if isinstance(output, tuple | list) else output  # blocks of transformers may return a tuple
    axis = _axis(tuple(x.shape), adapter["up"].out_features)
    y = adapter["up"](gelu(adapter["down"](x.movedim(axis, -1)))).movedim(-1, axis)
    return (x + y, *output[1:]) if isinstance(output, tuple | list) else x + y


def _axis(shape: tuple[int, ...], width: int) -> int:
    # (n, channels, height, width) has the channels on axis 1; tokens and channels-last maps have them on the last axis.
    axis = 1 if len(shape) == 4 and shape[1] == width else len(shape) - 1
    if shape[axis] != width:
        raise SourceError(f"A block returns {shape}, but its adapter has width {width}; use LoRA for this body.")
    return axis
