"""Which hidden layers of a body are read: one row per item, or one per token, patch or frame."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.body.arrays import to_tensors
from headstart.engine.body.recipe import Batch, Tensors
from headstart.errors import ParameterError, SourceError, UnknownNameError
from headstart.io import read_json, write_json
from headstart.params import check_choice
from headstart.sources.bodies.pooling import Output, check_collected, collect_outputs, masked_mean, pool, position_rows
from headstart.sources.bodies.seeded import spread

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "MOST_BLOCKS",
    "Hidden",
    "Layers",
    "Reading",
    "check_layers",
    "save_reading",
    "saved_reading",
    "saved_structure",
    "select",
    "unknown_layer",
]

FILE = "headstart.json"
RULES = ("blocks", "last", "all")
NEAREST = 5  # suggestions for an unknown name
MOST_BLOCKS = 13  # deeper bodies are thinned to every second or third layer: neighbouring layers are nearly alike

Layers = str | tuple[str, ...]
Hidden = Callable[["nn.Module", Any], "list[Tensor]"]


def check_layers(layers: object, known: Collection[str] | None = None) -> Layers:
    """Check the layers that a user asked for; a rule is returned as it is, names as a tuple.

    Args:
        layers: a rule, or names.
        known: the names that the body has besides ``"last"``; by default names are not compared.

    Raises:
        ParameterError: if they are neither one of the rules nor distinct names.
        UnknownNameError: for a name that the body lacks.

    Examples:
        >>> check_layers(["layer.1", "layer.2"])
        ('layer.1', 'layer.2')
    """
    if isinstance(layers, str):
        check_choice(layers, "layers", "with_layers", RULES)
        return layers
    names = tuple(layers) if isinstance(layers, list | tuple) else ()
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ParameterError(
            f"The 'layers' parameter of with_layers must be one of 'blocks', 'last', 'all' or a list of distinct "
            f"names. Got {layers!r:.80} instead."
        )
    for name in names:
        if known is not None and name != "last" and name not in known:
            raise unknown_layer(name, ["last", *known])
    return names


def unknown_layer(name: str, known: Collection[str]) -> UnknownNameError:
    """The error for a layer that a body lacks, with the nearest names and how many names there are.

    Args:
        name: what was asked for.
        known: the names that the body has.

    Examples:
        >>> print(unknown_layer("layer3", ["last", "layer.1", "layer.3"]))
        Unknown layer 'layer3'. Known: 3 names, the nearest of them layer.3, layer.1, last.
    """
    near = difflib.get_close_matches(name, sorted(known), n=NEAREST, cutoff=0.0)
    return UnknownNameError("layer", name, [f"{len(known)} names, the nearest of them {', '.join(near)}"])


def save_reading(
    folder: Path, layers: Layers, *, positions: bool, structure: Mapping[str, Any] | None = None
) -> Mapping[str, str]:
    """Record next to a saved checkpoint which layers are read and what was inserted; defaults are not written.

    Args:
        folder: where the checkpoint is.
        layers: as in `select`.
        positions: whether each position has a row.
        structure: the adapters inserted into the body, as plain JSON values.

    Returns:
        The reference that opens the checkpoint again.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_reading(folder, "last", positions=False)
        {'name': 'local:.'}
        >>> saved_reading(folder)
        ('last', False)
    """
    if layers != "blocks" or positions or structure:
        noted = {"structure": dict(structure)} if structure else {}
        write_json(folder / FILE, {"layers": layers, "positions": positions, **noted})
    return {"name": "local:."}


def saved_reading(folder: Path) -> tuple[Layers, bool]:
    """The layers, and whether each position has a row, as `save_reading` recorded them; else the defaults.

    Raises:
        ModelFolderError: if headstart.json is damaged.
        ParameterError: if it names no valid layers.

    Examples:
        >>> saved_reading(Path("nowhere"))
        ('blocks', False)
    """
    if not (folder / FILE).is_file():
        return "blocks", False
    noted = read_json(folder / FILE)
    return check_layers(noted.get("layers")), noted.get("positions") is True


def saved_structure(folder: Path) -> Mapping[str, Any]:
    """The structure inserted into the body of a saved checkpoint, as `save_reading` recorded it; empty for none.

    Raises:
        ModelFolderError: if headstart.json is damaged.
        SourceError: if it is no mapping.

    Examples:
        >>> saved_structure(Path("nowhere"))
        {}
    """
    noted = read_json(folder / FILE).get("structure", {}) if (folder / FILE).is_file() else {}
    if not isinstance(noted, dict):
        raise SourceError(
            f"The 'structure' in '{folder / FILE}' must be an object. Got {noted!r:.80} instead; correct it."
        )
    return noted


def select(names: Sequence[str], layers: Layers, most: int = MOST_BLOCKS) -> list[str]:
    """The names of the layers that are read.

    Args:
        names: the body's layers, first to last.
        layers: ``"blocks"`` for at most ``most`` of them, evenly spaced, including the first and the last; ``"last"``;
            ``"all"``; or names of layers or submodules. Among names, ``"last"`` stands for the last layer, and a layer
            named both ways is read once.
        most: how many layers ``"blocks"`` stands for.

    Examples:
        >>> select(["embeddings", "layer.1", "layer.2"], ("layer.1", "last"))
        ['layer.1', 'layer.2']
    """
    if not isinstance(layers, str):
        return list(dict.fromkeys(names[-1] if name == "last" else name for name in layers))
    return {"blocks": spread(names, most), "last": list(names[-1:]), "all": list(names)}[layers]


@dataclass(frozen=True)
class Reading:
    """How the layers of a body are read.

    Attributes:
        hidden: a function of (module, batch) that computes the body's hidden layers, first to last.
        names: a function from the number of layers to their names.
        layers: as in `select`.
        positions: whether each token, patch or frame has a row; else each item has one.
        cls: whether the last layer is pooled to its first token, instead of the mean over the tokens.
        most: as in `select`.

    Examples:
        >>> import torch
        >>> reading = Reading(lambda module, batch: [batch["x"], 2 * batch["x"]], lambda n: ["a", "b"][:n])
        >>> [pooled.shape for pooled in reading(torch.nn.Identity(), {"x": torch.ones(1, 3, 4)})]
        [torch.Size([1, 4]), torch.Size([1, 4])]
    """

    hidden: Hidden
    names: Callable[[int], Sequence[str]]
    layers: Layers = "blocks"
    positions: bool = False
    cls: bool = False
    most: int = MOST_BLOCKS

    def __call__(self, module: nn.Module, batch: Tensors) -> list[Tensor]:
        """The forward function of a recipe: for each layer (n, width), or (n, positions, width), float32."""
        return list(self.read(module, batch).values())

    def widths(self, module: nn.Module, batch: Batch) -> list[list[str | int]]:
        """The name and the width of each layer that is read, measured on a batch of arrays.

        Raises:
            SourceError: if layers read position by position differ in their number of positions.
        """
        import torch

        with torch.inference_mode():
            read = self.read(module, to_tensors(batch))
        if self.positions and len({tensor.shape[1] for tensor in read.values()}) > 1:
            raise SourceError("The chosen layers have different numbers of positions; choose one of them at a time.")
        return [[name, int(tensor.shape[-1])] for name, tensor in read.items()]

    def read(self, module: nn.Module, batch: Tensors) -> dict[str, Tensor]:
        """Each layer's rows by its name: (n, width), or (n, positions, width) with zeros at padding; float32.

        Raises:
            UnknownNameError: if a requested name is neither a layer nor a submodule.
            SourceError: if a submodule has no output, or one that cannot be pooled to rows.
        """
        submodules = {name for name, _ in module.named_modules() if name}
        asked = () if isinstance(self.layers, str) else self.layers
        hooked = [name for name in asked if name in submodules]  # hidden layers come from `hidden`, others by hooks
        hidden, found = collect_outputs(module, hooked, lambda: self.hidden(module, batch))
        names = list(self.names(len(hidden)))
        found.update(zip(names, hidden, strict=True))
        mask = batch.get("attention_mask") if isinstance(batch, Mapping) else None
        chosen = select(names, self.layers, self.most)
        for name in chosen:
            if name not in submodules and name not in found:
                raise unknown_layer(name, {"last", *names, *submodules})
        check_collected(found, chosen)
        return {name: self.rows_of(found[name], mask, last=name == names[-1]) for name in chosen}

    def rows_of(self, output: Output, mask: Tensor | None, *, last: bool) -> Tensor:
        """The rows of one layer's output: (n, width), or (n, positions, width) with zeros at padding; float32.

        Args:
            output: the layer's output.
            mask: (n, tokens), 1 for a token and 0 for padding; None if nothing is padded.
            last: whether it is the last layer.
        """
        if self.positions:
            rows = position_rows(output)
            return rows if mask is None else rows * mask.unsqueeze(2)  # (n, tokens, width) * (n, tokens, 1)
        tensor: Tensor = output[0] if isinstance(output, tuple | list) else output
        if last and self.cls:
            return tensor[:, 0].float()
        # Submodules may return maps or one row per item even in a text body; the mask fits only (n, tokens, width).
        return pool(tensor) if mask is None or tensor.ndim != 3 else masked_mean(tensor, mask)
