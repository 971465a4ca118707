"""YAMNet as a source: of a sound of any length, the pooled outputs of the blocks, averaged over its patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.readers import read_audio
from headstart.engine.body.recipe import Batch, Forward, Recipe, recipe_key, rows_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import SourceError
from headstart.io import file_digest, write_json, write_tensors
from headstart.sources.audio_bodies.yamnet import (
    LAYERS,
    build_yamnet,
    last_map,
    log_scores,
    with_front,
)  # fmt: skip
from headstart.sources.bodies.activations import activations
from headstart.sources.bodies.averaging import item_means, item_rows
from headstart.sources.bodies.body_source import BlockSource
from headstart.sources.bodies.copies import as_trainable, frozen_copy, structure_of
from headstart.sources.bodies.hidden_layers import (
    Layers,
    check_layers,
    save_reading,
)
from headstart.sources.bodies.pooling import blocks_forward, pool, position_rows
from headstart.sources.bodies.seeded import initialization_key, seeded, state_digest
from headstart.sources.bodies.trainable import Trainable
from headstart.sources.bodies.weights import Weights, copy_unchanged
from headstart.sources.preprocessing.long_sounds import long_sounds
from headstart.sources.preprocessing.mel import resample
from headstart.sources.preprocessing.yamnet_patches import (
    BANDS,
    FRAMES,
    INPUT,
    MOST_PATCHES,
    MOST_SECONDS,
    SAMPLE_RATE,
    log_mel_patches,
)
from headstart.types import Block, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["YamnetSource", "YamnetWeights", "random_yamnet"]

VERSION = 1  # to be raised when the same body and sound give other features
AT_ONCE = 64  # patches in a batch of the body
FILE = "yamnet.safetensors"
Front = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class YamnetWeights(Weights[Callable[[], "nn.Module"]]):
    """The origin of the weights; ``digest`` identifies the front too.

    Attributes:
        front: the window and the mel filters.
        structure: the adapters inserted into the network, from `headstart.sources.bodies.copies.structure_of`.

    Examples:
        >>> random_yamnet(0).front[1].shape
        (64, 257)
    """

    front: Front = field(kw_only=True)
    structure: Mapping[str, Any] | None = None


class YamnetSource(BlockSource[NDArray[np.float32]]):
    """YAMNet: the pooled outputs of its first twelve blocks, then the embedding.

    Args:
        weights: its weights.
        info: the facts known so far; the source adds the missing ones.
        layers: which layers are read, as in `with_layers`.
        positions: whether each position of the map of each patch has a row.

    Attributes:
        body: runs the network on a backend.

    Examples:
        >>> source = YamnetSource(random_yamnet(0), SourceInfo("yamnet", "audio"))
        >>> source.prepare((np.zeros(8000, np.float32), 8000)).shape, source.info.num_features
        ((2, 96, 64), 1024)
    """

    def __init__(
        self, weights: YamnetWeights, info: SourceInfo, *, layers: Layers = "blocks", positions: bool = False
    ) -> None:
        self._weights, self._layers, self._positions = weights, layers, positions
        inserted = [dict(weights.structure)] if weights.structure else []
        key = recipe_key("yamnet", VERSION, weights.key, layers, positions, *inserted)
        self.body = body = FrozenBody(Recipe(key, self._build, lambda: self._example(4), lasting=weights.lasting))
        self._facts = body.facts(self._measure)
        blocks = tuple(Block(name, width) for name, width in self._facts["blocks"])
        self._info = replace(info, blocks=blocks, num_features=blocks[-1].width, input=INPUT)

    @property
    def positions(self) -> bool:
        """Whether each position of each patch has a row; else each sound has one."""
        return self._positions

    @property
    def band_hertz(self) -> NDArray[np.float64]:
        """(64,) the mean frequency of each mel band, in Hz, weighted by its filter."""
        mel = np.asarray(self._weights.front[1], np.float64)
        hertz = np.linspace(0, SAMPLE_RATE / 2, mel.shape[1])
        found: NDArray[np.float64] = mel @ hertz / np.maximum(mel.sum(axis=1), 1e-12)
        return found

    def prepare(self, item: object) -> NDArray[np.float32]:
        """The log-mel patches of one sound, (patches, 96, 64) float32.

        Raises:
            ItemError: if the sound cannot be read.
        """
        samples, rate = read_audio(item)
        return log_mel_patches(resample(samples, rate, SAMPLE_RATE), *self._weights.front)

    def forward(self, prepared: Sequence[NDArray[np.float32]]) -> Any:
        """The rows of n prepared sounds.

        Returns:
            (n, sum of block widths) float32, the mean over each sound's patches; with ``positions``, a list of n arrays
            (positions of all patches, sum of block widths) float32.
        """
        patches = np.concatenate(prepared)
        rows = np.concatenate([self.body(patches[k : k + AT_ONCE]) for k in range(0, len(patches), AT_ONCE)])
        counts = [len(part) for part in prepared]
        if self._positions:
            return [part.reshape(-1, part.shape[-1]) for part in np.split(rows, np.cumsum(counts)[:-1])]
        return item_rows(rows, counts)

    def notes_on(self, items: Sequence[Any]) -> tuple[str, ...]:
        """A sentence on the sounds of which not all is read; none if there are none."""
        return long_sounds(items, MOST_SECONDS, f"of each, {MOST_PATCHES} evenly spaced patches were read")

    def untrained(self, seed: int) -> YamnetSource:
        """The same body with random weights and the same front."""
        info = replace(self.info, name=f"{self.info.name} (untrained, seed {seed})", sha256=None, revision=None)
        weights = random_yamnet(seed, self._weights.front)
        return self._alike(YamnetSource(weights, info, layers=self._layers, positions=self._positions))

    def with_layers(self, layers: Layers | Sequence[str], *, positions: bool = False) -> YamnetSource:
        """The same body with other layers read.

        Args:
            layers: ``"last"``, ``"blocks"`` (the default), ``"all"`` (every submodule that computes a new activation,
                and the embedding), or names of submodules, such as ``"blocks.3"``, and ``"last"``.
            positions: whether each position of a map has a row. All layers must have maps of the same size.

        Raises:
            ParameterError: for another rule, or for no names.
            UnknownNameError: for a name that the body lacks.
            SourceError: for a submodule without an output, and for maps of several sizes.
        """
        wanted = check_layers(layers, self._facts["modules"])
        return YamnetSource(self._weights, self.info, layers=wanted, positions=positions)

    def trainable(self) -> Trainable:
        """The body for training; all patches of a batch run together, and the rows of each sound are averaged."""
        module, forward = self._build(self._chosen, stop=False)

        def rows(inner: nn.Module, batch: Mapping[str, Tensor]) -> list[Tensor]:
            return item_means(forward(inner, batch["patches"]), batch["counts"])

        example = _collate([self._example(1), self._example(1)])
        return as_trainable(module, rows, _collate, "array", example=example, source_head=log_scores)

    def with_module(self, module: nn.Module, name: str) -> YamnetSource:
        """The same source with the weights of ``module``, under another name.

        Args:
            module: from `trainable`, with other weights or with adapters; it must not be changed afterwards.
            name: the new source's full name.
        """
        weights = YamnetWeights(
            with_front(state_digest(module), self._weights.front),
            lambda: frozen_copy(module),
            front=self._weights.front,
            lasting=False,
            structure=structure_of(module),
        )
        info = replace(self.info, name=name, sha256=None, revision=None)
        return self._alike(YamnetSource(weights, info, layers=self._layers, positions=self._positions))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write yamnet.safetensors and yamnet.json, which ``local:FOLDER`` opens.

        An unchanged file is copied, so its digest stays that of its publisher.

        Raises:
            DigestError: if the file of the weights has changed since it was opened.
        """
        folder.mkdir(parents=True, exist_ok=True)
        target, weights = folder / FILE, self._weights
        if weights.file is not None:
            copy_unchanged(weights.file, target, weights.digest)
        else:
            state = {name: tensor.numpy() for name, tensor in weights.load().state_dict().items()}
            write_tensors(target, {**state, "frontend.window": weights.front[0], "frontend.mel": weights.front[1]})
        write_json(
            target.with_suffix(".json"),
            {"architecture": "YAMNet", "license": self.info.license, "sha256": file_digest(target)},
        )
        return save_reading(folder, self._layers, positions=self._positions, structure=weights.structure)

    def _build(self, only: tuple[str, ...] = (), *, stop: bool = True) -> tuple[nn.Module, Forward]:
        module = self._weights.load().eval()
        names = [name for name in self._names(module) if not only or name in only]
        rows = position_rows if self._positions else pool
        final = last_map if self._positions else _embedding
        inner = [name for name in names if name != "last"]
        return module, blocks_forward(inner, final, last="last" in names, stop=stop, rows=rows)

    def _build_selected(self, names: tuple[str, ...]) -> tuple[nn.Module, Forward]:
        return self._build(names)

    def _names(self, module: nn.Module) -> list[str]:
        """The layers that are read, first to last."""
        import torch

        if not isinstance(self._layers, str):
            return [*(name for name in self._layers if name != "last"), *({"last"} & set(self._layers))]
        if self._layers == "all":
            with torch.inference_mode():
                found = activations(module, lambda body: body(torch.zeros(2, FRAMES, BANDS)))
            return [*found, "last"]
        # The embedding is the pooled output of the last block.
        return [*(f"blocks.{k}" for k in range(len(LAYERS) - 1) if self._layers == "blocks"), "last"]

    def _measure(self, module: nn.Module, forward: Forward) -> dict[str, Any]:
        import torch

        with torch.inference_mode():
            rows = forward(module, torch.from_numpy(self._example(2)))
        if len({tuple(block.shape[:-1]) for block in rows}) > 1:
            raise SourceError("The chosen layers have different numbers of positions; choose one of them at a time.")
        return {
            "blocks": [[name, int(row.shape[-1])] for name, row in zip(self._names(module), rows, strict=True)],
            "modules": [name for name, _ in module.named_modules() if name],
        }

    def _compared(self, prepared: Sequence[NDArray[np.float32]]) -> Batch:
        return np.concatenate(prepared)

    def _rows_key(self, form: str) -> str:
        return rows_key("audio", self.body.recipe.key, form)

    def _example(self, count: int) -> NDArray[np.float32]:
        """Patches of noise whose power falls with the frequency, as that of most sounds does."""
        noise = np.random.default_rng(0).normal(scale=0.02, size=16_000 * count)
        return log_mel_patches(np.cumsum(noise).astype(np.float32) * 0.1, *self._weights.front)[:count]


def _collate(prepared: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    import torch

    counts = torch.tensor([len(part) for part in prepared])
    return {"counts": counts, "patches": torch.from_numpy(np.concatenate(prepared))}


def _embedding(module: nn.Module, patches: Tensor) -> Tensor:
    embedding: Tensor = module(patches)
    return embedding


def random_yamnet(seed: int, front: Front | None = None) -> YamnetWeights:
    """Random weights, the same for the same seed.

    Args:
        seed: of the weights.
        front: the window and the mel filters; by default a Hann window and equal filters of four bins.

    Examples:
        >>> random_yamnet(0).digest[:17]
        'untrained, seed 0'
    """
    if front is None:
        front = np.hanning(401)[:-1].astype(np.float32), np.repeat(np.eye(64, 65, dtype=np.float32), 4, 1)[:, :257]
    digest = with_front(initialization_key(seed), front)
    return YamnetWeights(digest, lambda: seeded(seed, build_yamnet), front=front)
