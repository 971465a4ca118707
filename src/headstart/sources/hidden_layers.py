"""Which layers of a body of transformers are read, and how: one row an item, or one for each token, patch or frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.engine.backends.arrays import to_tensors
from headstart.engine.pooling import masked_mean, places, pool
from headstart.errors import ParameterError, SourceError, UnknownNameError
from headstart.io import read_json, write_json
from headstart.params import check_choice
from headstart.sources.seeded import spread

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Hidden", "Layers", "Reading", "check_layers", "save_reading", "saved_reading", "select"]

FILE = "headstart.json"
RULES = ("blocks", "last", "all")
MOST_BLOCKS = 13  # of deeper bodies every second or third layer is read: neighbours say nearly the same

Layers = str | tuple[str, ...]
Hidden = Callable[["nn.Module", Any], "list[Tensor]"]


def check_layers(layers: object) -> Layers:
    """The layers as given by a user, as a rule or a tuple of names.

    Raises:
        ParameterError: if they are neither one of the rules nor different names.

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
            f"The 'layers' parameter of with_layers must be one of 'blocks', 'last', 'all' or a list of different "
            f"names. Got {layers!r:.80} instead."
        )
    return names


def save_reading(folder: Path, reading: Reading) -> Mapping[str, str]:
    """Note beside a saved checkpoint which layers are read, where they are not those that are read by default.

    Returns:
        The reference that opens the checkpoint again.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_reading(folder, Reading(lambda module, batch: [], lambda n: [], "last"))
        {'name': 'local:.'}
        >>> saved_reading(folder)
        ('last', False)
    """
    if reading.layers != "blocks" or reading.positions:
        write_json(folder / FILE, {"layers": reading.layers, "positions": reading.positions})
    return {"name": "local:."}


def saved_reading(folder: Path) -> tuple[Layers, bool]:
    """The layers, and whether each position has a row, as `save_reading` noted them; the default where it did not.

    Raises:
        ModelFolderError: if the note is damaged.
        ParameterError: if it names no layers.

    Examples:
        >>> saved_reading(Path("nowhere"))
        ('blocks', False)
    """
    if not (folder / FILE).is_file():
        return "blocks", False
    noted = read_json(folder / FILE)
    return check_layers(noted.get("layers")), noted.get("positions") is True


def select(names: Sequence[str], layers: Layers) -> list[str]:
    """The names of the layers that are read.

    Args:
        names: what the body has, first to last.
        layers: ``"blocks"`` for at most 13 of them, evenly spread, with the first and the last; ``"last"``; ``"all"``;
            or names, which may also be those of submodules.

    Examples:
        >>> select(["embeddings", "layer.1", "layer.2"], "last")
        ['layer.2']
    """
    if not isinstance(layers, str):
        return list(layers)
    return {"blocks": spread(names, MOST_BLOCKS), "last": list(names[-1:]), "all": list(names)}[layers]


@dataclass(frozen=True)
class Reading:
    """How the layers of a body are read.

    Attributes:
        hidden: a function of (module, batch) that gives the body's layers, first to last.
        names: gives the layers' names for their number.
        layers: as in `select`.
        positions: whether each token, patch or frame has a row; else each item has one.
        cls: whether the row of the last layer is that of the first token, not the mean over the tokens.

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

    def __call__(self, module: nn.Module, batch: Any) -> list[Tensor]:
        """What a recipe's forward gives: for each layer (n, width), or (n, positions, width), float32."""
        return list(self.read(module, batch).values())

    def widths(self, module: nn.Module, batch: Any) -> list[list[Any]]:
        """The name and the width of each layer that is read, found by running a batch of arrays.

        Raises:
            SourceError: if layers with rows for each position differ in the number of positions.
        """
        import torch

        with torch.inference_mode():
            read = self.read(module, to_tensors(batch))
        if self.positions and len({tensor.shape[1] for tensor in read.values()}) > 1:
            raise SourceError("The chosen layers have different numbers of positions; name one of them at a time.")
        return [[name, int(tensor.shape[-1])] for name, tensor in read.items()]

    def read(self, module: nn.Module, batch: Any) -> dict[str, Tensor]:
        """Layer to (n, width), or to (n, positions, width) with zeros where there is padding, float32.

        Raises:
            UnknownNameError: if neither the layers nor the submodules have a name that was asked for.
            SourceError: if a submodule gives nothing, or nothing that could be a row.
        """
        submodules = {name for name, _ in module.named_modules() if name}
        asked = () if isinstance(self.layers, str) else self.layers
        found: dict[str, Any] = {}
        with ExitStack() as stack:
            for name in submodules.intersection(asked):
                handle = module.get_submodule(name).register_forward_hook(_keep(found, name))
                stack.callback(handle.remove)
            hidden = self.hidden(module, batch)
        names = list(self.names(len(hidden)))
        found.update(zip(names, hidden, strict=True))
        mask = batch.get("attention_mask") if isinstance(batch, Mapping) else None
        chosen = select(names, self.layers)
        for name in chosen:
            if name in submodules and name not in found:
                raise SourceError(
                    f"The submodule '{name}' only groups others and gives nothing; name one inside of it."
                )
            if name not in found:
                raise UnknownNameError("layer", name, [*names, *sorted(submodules)])
        return {name: self._row(found[name], mask, last=name == names[-1]) for name in chosen}

    def _row(self, output: Any, mask: Tensor | None, *, last: bool) -> Tensor:
        if self.positions:
            rows = places(output)
            return rows if mask is None else rows * mask.unsqueeze(2)
        tensor: Tensor = output[0] if isinstance(output, tuple | list) else output
        if last and self.cls:
            return tensor[:, 0].float()
        return pool(tensor) if mask is None or tensor.ndim != 3 else masked_mean(tensor, mask)


def _keep(found: dict[str, Any], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        found[name] = output

    return hook
