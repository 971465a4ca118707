"""A small model of each kind that annotates, for examples and tests."""

from __future__ import annotations

import numpy as np

from headstart.heads.boxes.calibration import ScoreCalibration
from headstart.heads.boxes.solved import SolvedBoxes, grid_settings
from headstart.heads.masks.linear_map import LinearMap
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import MaskHead
from headstart.model.annotator import AnnotationModel
from headstart.sources import open_source
from headstart.sources.positions.map_settings import MapSettings
from headstart.types import Task

__all__ = ["toy_box_model", "toy_mask_model"]


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
