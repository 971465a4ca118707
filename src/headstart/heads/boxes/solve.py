"""Solving the head of boxes, with λ and calibration from pictures that are left out exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.decode.average_precision import average_precision, match_boxes
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.boxes.calibration import UNCALIBRATED, ScoreCalibration, calibrate_scores
from headstart.heads.boxes.solved import AT_ONCE, SolvedBoxes, grid_settings
from headstart.heads.boxes.sums import BoxSums, CellSums, ridge_weights, sum_cells
from headstart.linear.leave_out import leave_one_group_out
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.reporting import Progress
from headstart.sources.positions.maps import MapSource, maps_of
from headstart.types import Source

__all__ = ["LAMBDAS", "SIDE", "SolvedFit", "solve_boxes"]

Array = NDArray[np.float64]

SIDE = 352
LAMBDAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Penalties, as multiples of the mean eigenvalue of the standardised rows."""

FINEST = 8  # the smallest stride of blocks that are read
MOST_COLUMNS = 256  # principal components of a cell's columns
LEFT_OUT = 32  # pictures that are left out in turn, at most
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class SolvedFit:
    """A solved head with its evidence.

    Attributes:
        head: the head.
        ap50: average precision at an overlap of one half on the left-out pictures, the highest of all λ and so a
            little optimistic; None if no picture was left out.
        left_out: positions of the pictures that were left out in turn, by complete groups. Where every group has more
            than 32 pictures, they are a part of one, and ``ap50`` is more optimistic.
        found: what the head found in each of them without having seen it, with calibrated scores.
        candidates: left-out figures of each λ of the heat, as plain JSON values.
        blocks: the blocks that are read.
        sums: what it was solved from.
    """

    head: SolvedBoxes
    ap50: float | None
    left_out: NDArray[np.intp]
    found: list[Boxes]
    candidates: list[dict[str, Any]]
    blocks: tuple[str, ...]
    sums: BoxSums


def solve_boxes(
    source: Source,
    items: Sequence[Any],
    truth: Sequence[Boxes],
    classes: int,
    *,
    groups: NDArray[np.int64] | None = None,
    side: int = SIDE,
    engine: Engine = Engine(),
    seed: int = 0,
    progress: Progress | None = None,
) -> SolvedFit:
    """Solve both regressions on all pictures; λ is the best on up to 32 pictures that are left out in turn, exactly.

    Args:
        source: of pictures, whose blocks can be read as maps.
        items: n pictures.
        truth: their boxes; ``size`` of each is known.
        classes: number of classes.
        groups: (n,) codes of pictures that are left out together; by default each alone.
        side: of the square that pictures are resized to, in pixels, a multiple of 32; 352.
        engine: how pictures are encoded.
        seed: of the choice of the pictures that are left out.
        progress: receives what is done.

    Raises:
        SourceError: if the source gives no maps.
        ItemError: if a picture cannot be read.
        ValueError: if there is no box at all.

    Examples:
        >>> from headstart.sources import open_source
        >>> bright = np.zeros((64, 64, 3), np.uint8)
        >>> bright[16:48, 16:48] = 255
        >>> truth = [Boxes(np.array([[16, 16, 48, 48]]), np.array([0]), (64, 64))] * 3
        >>> solve_boxes(open_source("headstart:image"), [bright] * 3, truth, 1, side=64).head.usual
        (32.0, 32.0)
    """
    maps = _coarse(source, side)
    codes = np.arange(len(items)) if groups is None else np.asarray(groups)
    with_boxes = np.array([bool((~one.ignored).any()) for one in truth])
    # without the only group that has boxes there would be nothing to fit
    sample = _sample(codes, seed) if len(np.unique(codes[with_boxes])) > 1 else np.empty(0, np.intp)
    columns = _columns(items, maps, engine)
    nothing = np.empty((0, classes)), np.empty((0, 4))
    blank = SolvedBoxes(maps.settings, columns, *nothing, _usual(truth, side), UNCALIBRATED)
    wanted = set(sample.tolist())
    sums = sum_cells(items, truth, maps, blank, classes=classes, wanted=wanted, engine=engine, progress=progress)
    solved = _Solved.of(sums)
    choice = _choose(solved, blank, sums, [truth[k] for k in sample.tolist()], codes[sample])
    heat, box = (
        factor * _mean(spectrum) for factor, spectrum in zip(choice.factors, (solved.heat, solved.box), strict=True)
    )
    head = replace(
        blank, heat=ridge_weights(solved.heat, heat), box=ridge_weights(solved.box, box),
        calibration=choice.calibration, penalties=(heat, box),
    )  # fmt: skip
    found = [choice.calibration.on(one) for one in choice.found]
    blocks = tuple(maps.settings.blocks or ())
    kept = BoxSums(sums.heat, sums.box)
    return SolvedFit(head, choice.ap50, sample, found, list(choice.candidates), blocks, kept)


@dataclass(frozen=True, eq=False)
class _Solved:
    """Both regressions for every λ."""

    heat: Spectrum
    box: Spectrum

    @classmethod
    def of(cls, sums: CellSums) -> _Solved:
        return cls(Spectrum.from_moments(sums.heat), Spectrum.from_moments(sums.box))


def _coarse(source: Source, side: int) -> MapSource:
    """The maps of blocks at strides from 8 on: a cell of 16 pixels would see single pixels of finer ones."""
    every = maps_of(source, grid_settings(side))
    coarse = tuple(name for name, stride in every.strides.items() if stride >= FINEST)
    return maps_of(source, grid_settings(side, coarse)) if coarse else every


def _columns(items: Sequence[Any], maps: MapSource, engine: Engine) -> tuple[Array, Array]:
    """The mean of a cell's columns, and the first principal components of the standardised columns."""
    chosen = np.unique(np.linspace(0, len(items) - 1, AT_ONCE).round().astype(int))
    rows = extract(maps, [items[k] for k in chosen.tolist()], engine=engine, on_error="raise").rows
    moments = Moments.from_rows(np.asarray(rows, np.float64), np.zeros((len(rows), 1)))
    spread = np.sqrt(np.maximum(np.diag(moments.scatter) / moments.w, TINY))
    _, vectors = np.linalg.eigh(moments.scatter / np.outer(spread, spread))
    return moments.mean, vectors[:, ::-1][:, :MOST_COLUMNS] / spread[:, None]


@dataclass(frozen=True, eq=False)
class _ChosenPenalties:
    """λ as multiples of the mean eigenvalue, and the evidence."""

    factors: tuple[float, float] = (LAMBDAS[1], LAMBDAS[2])
    ap50: float | None = None
    found: Sequence[Boxes] = ()
    candidates: Sequence[dict[str, Any]] = ()
    calibration: ScoreCalibration = UNCALIBRATED


def _choose(
    solved: _Solved, blank: SolvedBoxes, sums: CellSums, truth: Sequence[Boxes], groups: NDArray[np.int64]
) -> _ChosenPenalties:
    if not sums.rows:
        return _ChosenPenalties()
    left, classes = _left_out(sums, solved, groups), blank.heat.shape[1]
    best, candidates = _ChosenPenalties(), []
    for factor, predictions in left.heat.items():
        parts = zip(predictions, left.box, truth, strict=True)
        found = [blank.detect(heat, box, true.size) for heat, box, true in parts]
        values = np.array([average_precision(m)[0][0] for m in match_boxes(truth, found, classes, thresholds=[0.5])])
        ap50 = float(np.nanmean(values)) if np.isfinite(values).any() else 0.0
        candidates.append({"features": "cells", "head": "solved", "lambda": factor, "ap50": ap50})
        if best.ap50 is None or ap50 > best.ap50 + TINY:
            best = _ChosenPenalties((factor, left.factor), ap50, found)
    marked = [row | {"chosen": row["lambda"] == best.factors[0]} for row in candidates]
    return replace(best, candidates=marked, calibration=calibrate_scores(truth, best.found, classes))


def _usual(truth: Sequence[Boxes], side: int) -> tuple[float, float]:
    sides = [
        (one.xyxy[:, 2:] - one.xyxy[:, :2])[~one.ignored] / np.maximum(one.size, 1) * side for one in truth if len(one)
    ]
    every = np.concatenate(sides) if sides else np.empty((0, 2))
    every = every[(every > 0).all(axis=1)]
    if not len(every):
        raise ValueError("there is no box to learn from")
    width, height = np.exp(np.log(every).mean(axis=0)).tolist()
    return width, height


def _sample(codes: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """Pictures of complete groups, up to `LEFT_OUT`, whose rows fit into memory; none if there is only one group.

    Where every group is larger, they are a part of the smallest one, whose other pictures stay in the fit.
    """
    names = np.unique(codes)
    if len(names) < 2:
        return np.empty(0, np.intp)
    chosen, rng = list[int](), np.random.default_rng(seed)
    every = [np.flatnonzero(codes == name).tolist() for name in rng.permutation(names)]
    for own in every:
        if len(chosen) + len(own) <= LEFT_OUT:
            chosen += own
    if not chosen:
        chosen = rng.permutation(min(every, key=len))[:LEFT_OUT].tolist()
    return np.sort(np.array(chosen, np.intp))


def _mean(spectrum: Spectrum) -> float:
    return max(float(spectrum.values.sum() / max(len(spectrum.mean), 1)), TINY)


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """Left-out predictions of the sampled pictures: the heat for each factor of λ, and the box for the best one."""

    heat: dict[float, list[Array]]
    box: list[Array]
    factor: float


def _left_out(sums: CellSums, solved: _Solved, groups: NDArray[np.int64]) -> _LeftOut:
    """Predictions for each picture in ``sums.rows`` by the fits without its group, exactly."""
    rows = np.concatenate(list(sums.rows.values()))
    targets = list(sums.targets.values())
    count = len(targets[0].heat)
    codes = np.repeat(groups, count).astype(np.int64)
    inner = np.concatenate([target.inner + k * count for k, target in enumerate(targets)])
    # cells that describe no box have no weight in that fit, and are predicted all the same
    weights, said = np.zeros(len(rows)), np.zeros((len(rows), 4))
    weights[inner], said[inner] = 1.0, np.concatenate([target.boxes for target in targets])
    best, boxes, factor = np.inf, said, LAMBDAS[0]
    lambdas = [value * _mean(solved.box) for value in LAMBDAS]
    fits = leave_one_group_out(solved.box, rows, said, codes, lambdas, sample_weight=weights)
    for value, left in zip(LAMBDAS, fits, strict=True):
        error = float(np.square(left.predictions[inner] - said[inner]).mean()) if len(inner) else 0.0
        if error < best:
            best, boxes, factor = error, left.predictions, value
    lambdas = [value * _mean(solved.heat) for value in LAMBDAS]
    weights = np.concatenate([target.weights for target in targets])
    wanted = np.concatenate([target.heat for target in targets])
    fits = leave_one_group_out(solved.heat, rows, wanted, codes, lambdas, sample_weight=weights)
    heat = {value: np.split(left.predictions, len(targets)) for value, left in zip(LAMBDAS, fits, strict=True)}
    return _LeftOut(heat, np.split(boxes, len(targets)), factor)
