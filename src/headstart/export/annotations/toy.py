"""A small model of each kind that annotates, for examples and tests."""

from __future__ import annotations

import numpy as np

from headstart.decode.spans import TagSet
from headstart.heads.boxes.calibration import ScoreCalibration
from headstart.heads.boxes.dense import DenseBoxes
from headstart.heads.boxes.solved import SolvedBoxes, grid_settings
from headstart.heads.masks.linear_map import LinearMap
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.heads.words.head import WordsHead
from headstart.model.annotator import AnnotationModel
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.pyramid import Level
from headstart.sources.positions.words import words_of
from headstart.types import Task

__all__ = ["toy_box_model", "toy_detector", "toy_mask_decoder", "toy_mask_model", "toy_word_model"]


def toy_mask_model(*, boundary: bool = False, statistics: bool = False) -> AnnotationModel:
    """Masks by random weights on one block of ``headstart:image``, in windows of 64 pixels.

    Args:
        boundary: whether objects are told apart.
        statistics: whether local statistics are read too.

    Examples:
        >>> toy_mask_model().predict([np.zeros((40, 90, 3), np.uint8)])[0].size
        (90, 40)
    """
    random = np.random.default_rng(0)
    settings = MapSettings(stride=8, blocks=("layer2",), statistics=statistics, window=(64, 64), overlap=32)
    k = 2 + boundary
    weight = random.normal(size=(96 + 9 * statistics, k)) / 20
    linear = LinearMap("lda", 0.1, weight, np.zeros(k))
    task = Task("mask", ("background", "cell"))
    return AnnotationModel(open_source("headstart:image"), task, MaskHead(settings, linear, MaskDecoder(boundary), 2))


def toy_mask_decoder() -> AnnotationModel:
    """Masks by a decoder network with random weights on two blocks of ``headstart:image``.

    Examples:
        >>> toy_mask_decoder().predict([np.zeros((40, 90, 3), np.uint8)])[0].size
        (90, 40)
    """
    import torch

    from headstart.heads.masks.network import DecoderShape, MapDecoder

    torch.manual_seed(0)
    network = MapDecoder(DecoderShape((48, 96), (4, 8), 3))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    settings = MapSettings(window=(64, 64), blocks=("layer1", "layer2"), statistics=False, overlap=32)
    head = TrainedMaskHead(settings, (48, 96), (4, 8), weights, MaskDecoder(True), 2)
    return AnnotationModel(open_source("headstart:image"), Task("mask", ("background", "cell")), head)


def toy_detector() -> AnnotationModel:
    """Boxes by a dense head with random weights on two maps of ``headstart:image``.

    Examples:
        >>> toy_detector().predict([np.zeros((40, 90, 3), np.uint8)])[0].size
        (90, 40)
    """
    import torch

    from headstart.heads.boxes.network import DenseHead, HeadShape

    torch.manual_seed(0)
    network = DenseHead(HeadShape((16, 32), (192, 384), 2))
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    levels = Level(16, "layer3", 192), Level(32, "layer4", 384)
    head = DenseBoxes(levels, 64, 2, state, ScoreCalibration(1.0, 0.5, 0.3))
    return AnnotationModel(open_source("headstart:image"), Task("box", ("cup", "plate")), head)


def toy_word_model(source: str = "headstart:text", *, context: int = 1, pooling: str = "first") -> AnnotationModel:
    """Spans by random weights on one block of a text body.

    Args:
        source: the body.
        context: words on each side that are read with each word.
        pooling: the row of a word of several tokens.

    Examples:
        >>> len(toy_word_model().predict(["Ada was born in London."]))
        1
    """
    opened, random = open_source(source), np.random.default_rng(0)
    labels, block = ("LOC", "PER"), "layer.1"
    read = words_of(opened, [block])
    width = sum(own.width for own in read.info.blocks) * (2 * context + 1)
    tags = len(TagSet(labels))
    weight, steps = random.normal(size=(width, tags)) / 3, random.normal(size=(tags, tags)) / 4
    head = WordsHead(labels, (block,), weight, np.zeros(tags), np.zeros(tags), steps, context=context, pooling=pooling)
    return AnnotationModel(opened, Task("token", labels), head)


def toy_box_model() -> AnnotationModel:
    """Boxes by random weights on one block of ``headstart:image``, in squares of 64 pixels.

    Examples:
        >>> toy_box_model().predict([np.zeros((40, 90, 3), np.uint8)])[0].size
        (90, 40)
    """
    random = np.random.default_rng(0)
    columns = np.zeros(192), random.normal(size=(192, 8)) / 10
    heat, box = random.normal(size=(41, 2)) / 4, random.normal(size=(41, 4)) / 8
    settings = grid_settings(64, ("layer3",))
    head = SolvedBoxes(settings, columns, heat, box, (20.0, 30.0), ScoreCalibration(2.0, 0.1, 0.4))
    return AnnotationModel(open_source("headstart:image"), Task("box", ("cup", "plate")), head)
