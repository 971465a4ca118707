"""Train a decoder of masks on the maps of a frozen body, or a U-Net from random weights, by held-out pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.annotations import MaskArray
from headstart.engine.options import Engine
from headstart.engine.pipeline.digest import item_digest
from headstart.errors import SourceError
from headstart.heads.masks.cell_rows import tells_objects_apart
from headstart.heads.masks.cells import pixel_codes, resized_codes
from headstart.heads.masks.decoder_choice import TrialPicture, choose_decoder, smallest_object
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import decoded_pixels, grey
from headstart.heads.masks.network import DecoderShape, MapDecoder, MaskNetwork
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.sources.bodies.map_body import HasMaps
from headstart.sources.bodies.seeded import seeded
from headstart.sources.positions.maps import MapSource
from headstart.sources.positions.window_maps import WindowMaps
from headstart.sources.preprocessing.bilinear import at_grid
from headstart.tune.masks.batches import CropBatches, KeptPictures, Labelled, MaskBatch, collate_crops
from headstart.tune.masks.crops import CropSettings, plain_crops
from headstart.tune.masks.loss import mask_loss
from headstart.tune.masks.plain_encoder import PlainEncoder
from headstart.tune.training.job import Job, Outcome, ParameterGroup
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset

__all__ = ["MaskTraining", "TrainedMasks", "train_masks", "train_unet"]

VALIDATED = 64  # crops of held-out pictures on which an epoch is judged
BETA = 0.5  # exponent of the class weights of the cross-entropy
WEIGHED = 64  # pictures whose pixels give the class weights


@dataclass(frozen=True)
class MaskTraining:
    """How a decoder is trained.

    Attributes:
        training: epochs, batch size, rates and the mean of the weights.
        steps: batches in an epoch; an epoch is no pass over the pictures, since a picture has many crops.
        crops: how they are drawn.

    Examples:
        >>> MaskTraining().training.epochs
        20
    """

    training: Training = field(
        default_factory=lambda: Training(epochs=20, batch_size=16, learning_rate=3e-3, ema=0.98, weight_decay=0.01)
    )
    steps: int = 25
    crops: CropSettings = field(default_factory=CropSettings)


@dataclass(frozen=True, eq=False)
class TrainedMasks:
    """A trained network and its evidence.

    Attributes:
        head: the head; None for a U-Net, which has no source.
        network: the network.
        decoder: from probabilities to masks, chosen on the held-out pictures.
        outcome: of the training.
        held_out: metrics of the held-out pictures by name.
        found: their masks.
        maps: how pictures are read.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> from headstart.tune.training.settings import Training
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(window=(32, 32), blocks=()))
        >>> quick = MaskTraining(Training(epochs=1, batch_size=2), steps=1, crops=CropSettings(32))
        >>> made = train_unet(maps, toy_masks(3), toy_masks(2, seed=1), quick)
        >>> isinstance(made, TrainedMasks), len(made.found)
        (True, 2)
    """

    head: TrainedMaskHead | None
    network: MaskNetwork
    decoder: MaskDecoder
    outcome: Outcome
    held_out: dict[str, float]
    found: list[MaskArray]
    maps: MapSource

    def annotate(self, items: Sequence[Any]) -> list[MaskArray]:
        """Masks of n pictures by the network in plain torch, without a source."""
        return [
            decoded_pixels(item, _probabilities(self.network, self.maps, item), self.maps, self.decoder)
            for item in items
        ]


def train_masks(
    maps: MapSource,
    train: Dataset,
    valid: Dataset,
    settings: MaskTraining = MaskTraining(),
    *,
    engine: Engine = Engine(),
    seed: int = 0,
    budget: Budget = Budget(),
) -> TrainedMasks:
    """Train a decoder on the maps of a frozen body.

    Args:
        maps: the source of maps; its settings say which blocks are read, and in which windows.
        train: labelled pictures.
        valid: labelled pictures that judge, and choose the epoch and the decoder's levels.
        settings: how it is trained.
        engine: how held-out pictures are encoded.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Raises:
        SourceError: if the source gives no maps.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> from headstart.tune.training.settings import Training
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(window=(32, 32), blocks=("act1",)))
        >>> quick = MaskTraining(Training(epochs=1, batch_size=2), steps=1, crops=CropSettings(32))
        >>> made = train_masks(maps, toy_masks(3), toy_masks(2, seed=1), quick)
        >>> made.outcome.steps, sorted(made.held_out), made.head.strides
        (1, ['instance_f1', 'miou'], (2,))
    """
    source = maps.source
    if not isinstance(source, HasMaps) or maps.body is None:
        raise SourceError(f"The source '{source.info.name}' gives no maps to decode; use 'headstart:photo'.")
    names = maps.settings.blocks or ()
    body, read = source.map_body().build(names)
    for parameter in body.parameters():
        parameter.requires_grad_(False)
    widths = tuple(block.width for block in maps.info.blocks if block.name in names)
    strides = tuple(round(maps.strides[name]) for name in names)
    boundary = tells_objects_apart(train)
    outputs = train.labelled()[0].num_outputs + boundary
    decoder = seeded(seed, lambda: MapDecoder(DecoderShape(widths, strides, outputs)))
    network = MaskNetwork(body, read, decoder)
    facts = ("masks", maps.body.recipe.key, maps.settings, settings, seed, train.ids, valid.ids)
    key = training_key(facts, *_contents(train), *_contents(valid))
    outcome = _run(network, ("decoder.",), _Pictures(maps, train, valid, seed), settings, budget, key=key)
    weights = {name: value.detach().float().numpy() for name, value in network.decoder.state_dict().items()}
    plain = MaskDecoder(boundary)
    head = TrainedMaskHead(maps.settings, widths, strides, weights, plain, train.labelled()[0].num_outputs)
    windows = WindowMaps.of(maps)
    chosen = _Judges(valid, lambda item: head.probabilities(windows, [item], engine)[0])
    found, held_out = chosen.decoder(train, boundary=boundary)
    head = replace(head, decoder=found, _opened={})
    return TrainedMasks(head, network, found, outcome, held_out, chosen.masks(maps, found), maps)


def train_unet(
    maps: MapSource,
    train: Dataset,
    valid: Dataset,
    settings: MaskTraining = MaskTraining(),
    *,
    seed: int = 0,
    budget: Budget = Budget(),
) -> TrainedMasks:
    """Train a small U-Net from random weights, as the baseline of transfer.

    Args:
        maps: says at which size and in which windows pictures are read; its body is not used.
        train: labelled pictures.
        valid: as in `train_masks`.
        settings: how it is trained.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> from headstart.tune.training.settings import Training
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(window=(32, 32), blocks=()))
        >>> quick = MaskTraining(Training(epochs=1, batch_size=2), steps=1, crops=CropSettings(32))
        >>> made = train_unet(maps, toy_masks(3), toy_masks(2, seed=1), quick)
        >>> made.head is None, [mask.size for mask in made.annotate(toy_masks(1).items)]
        (True, [(24, 24)])
    """
    boundary = tells_objects_apart(train)
    outputs = train.labelled()[0].num_outputs + boundary

    def made() -> MaskNetwork:
        encoder = PlainEncoder()
        decoder = MapDecoder(DecoderShape(encoder.widths, encoder.strides, outputs))
        return MaskNetwork(encoder, lambda body, pictures: body(pictures), decoder, frozen=False)

    network = seeded(seed, made)
    facts = ("unet", maps.settings, settings, seed, train.ids, valid.ids)
    key = training_key(facts, *_contents(train), *_contents(valid))
    outcome = _run(network, ("decoder.", "body."), _Pictures(maps, train, valid, seed), settings, budget, key=key)
    chosen = _Judges(valid, lambda item: _probabilities(network, maps, item))
    found, held_out = chosen.decoder(train, boundary=boundary)
    return TrainedMasks(None, network, found, outcome, held_out, chosen.masks(maps, found), maps)


class _Judges:
    """Held-out pictures with the probabilities of their pixels as they were read."""

    def __init__(self, valid: Dataset, probabilities: Callable[[Any], NDArray[np.float32]]) -> None:
        self._valid = valid
        self._each = [probabilities(item) for item in valid.items]

    def decoder(self, train: Dataset, *, boundary: bool) -> tuple[MaskDecoder, dict[str, float]]:
        classes, least = self._valid.labelled()[0].num_outputs, smallest_object(train.labelled()[1])
        return choose_decoder(self._pictures(), classes, boundary=boundary, least=least)

    def _pictures(self) -> Iterator[TrialPicture]:
        for item, mask, found in zip(self._valid.items, self._valid.labelled()[1], self._each, strict=True):
            width, height = mask.size
            yield mask, np.ascontiguousarray(at_grid(found, (height, width))), grey(item)

    def masks(self, maps: MapSource, decoder: MaskDecoder) -> list[MaskArray]:
        return [
            decoded_pixels(item, found, maps, decoder)
            for item, found in zip(self._valid.items, self._each, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class _Pictures:
    """What a network is trained on, and judged by."""

    maps: MapSource
    train: Dataset
    valid: Dataset
    seed: int


def _contents(dataset: Dataset) -> Iterator[bytes]:
    """The contents of pictures and masks, for the key: a change of either starts the training anew."""
    task, y = dataset.labelled()
    yield repr(task.labels).encode()
    for item, mask in zip(dataset.items, y, strict=True):
        yield item_digest(item, "image") or b"unknown"
        for values in (mask.classes(), mask.instances()):
            if values is not None:
                yield repr((values.shape, values.dtype.str)).encode()
                yield np.ascontiguousarray(values).tobytes()


def _run(
    network: MaskNetwork, trained: tuple[str, ...], data: _Pictures, settings: MaskTraining, budget: Budget, *, key: str
) -> Outcome:
    pictures, count, seed = KeptPictures(_reader(data.maps, data.train)), len(data.train.items), data.seed
    batches = CropBatches(pictures, count, settings.training.batch_size, settings.steps, settings.crops, seed=seed)
    weights = torch.from_numpy(_class_weights(pictures, count, network)).float()
    validation = _validation(_reader(data.maps, data.valid), len(data.valid.items), settings.crops.side, seed)

    def loss(batch: MaskBatch) -> Tensor:
        where = next(network.parameters()).device
        return mask_loss(network(batch["pictures"].to(where)), batch["codes"].to(where), weights.to(where))

    def validate() -> float:
        network.eval()
        with torch.inference_mode():
            values = [float(loss(batch)) for batch in validation]
        return float(np.mean(values)) if values else math.nan

    names = tuple(name for name, _ in network.named_parameters() if name.startswith(trained))
    job = Job(network, (ParameterGroup(names),), batches, loss, validate=validate)
    items = settings.training.batch_size * settings.steps
    return run_training(job, settings.training, key=key, items=items, seed=seed, budget=budget)


def _reader(maps: MapSource, dataset: Dataset) -> Callable[[int], Labelled]:
    """Pixels and codes of the picture at a position, at the size at which it is read."""
    task, y = dataset.labelled()
    boundary = tells_objects_apart(dataset)

    def read(position: int) -> Labelled:
        pixels = maps.pixels(dataset.items[position])
        codes = pixel_codes(y[position], task.num_outputs, boundary=boundary)
        return pixels, resized_codes(codes, pixels.shape[:2])

    return read


def _class_weights(pictures: KeptPictures, count: int, network: MaskNetwork) -> NDArray[np.float64]:
    """(k,) (N / (C n_c))^β of the classes' pixels, with a mean of 1 over the pixels."""
    outputs = network.decoder.classes.out_channels
    counts = np.zeros(outputs)
    for position in np.unique(np.linspace(0, count - 1, min(count, WEIGHED)).round().astype(int)).tolist():
        codes = pictures(position)[1]
        counts += np.bincount(codes[codes >= 0], minlength=outputs)
    there = counts > 0
    weights = np.ones(outputs)
    weights[there] = (counts.sum() / (there.sum() * counts[there])) ** BETA
    return np.asarray(weights / ((weights * counts).sum() / max(counts.sum(), 1)))


def _validation(read: Callable[[int], Labelled], count: int, side: int, seed: int) -> list[MaskBatch]:
    """Crops of held-out pictures as they are, a few of each."""
    rng = np.random.default_rng(seed)
    crops = []
    for position in range(count):
        pixels, codes = read(position)
        own = plain_crops(pixels, codes, side)
        some = max(1, VALIDATED // count)
        crops += [own[k] for k in rng.permutation(len(own))[:some]]
        if len(crops) >= VALIDATED:
            break
    return [collate_crops(crops[begin : begin + 8]) for begin in range(0, len(crops), 8)]


def _probabilities(network: MaskNetwork, maps: MapSource, item: Any) -> NDArray[np.float32]:
    """(height, width, k) of a picture as it was read, by the network in plain torch."""
    pixels = maps.pixels(item)
    windows = maps.windows((pixels.shape[0], pixels.shape[1]))
    parts = []
    with torch.inference_mode():
        for window in windows.cut(pixels):
            logits = network(torch.from_numpy(np.ascontiguousarray(window))[None])
            parts.append(logits.softmax(1)[0].permute(1, 2, 0).numpy())
    return windows.joined(np.stack(parts))
