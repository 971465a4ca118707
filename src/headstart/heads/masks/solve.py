"""The closed-form head for masks: moments of all cells, then the choice of blocks, weights, λ and decoder.

Every choice is made by pictures that the fit has not seen: the moments of a left-out part (one picture or a few, each
with its group) are subtracted, which gives exactly the refit without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.decode.pixel_counts import mean_iou
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.masks.cell_rows import PictureCells, read_cells, tells_objects_apart
from headstart.heads.masks.class_moments import ClassMoments, ClassSums
from headstart.heads.masks.decoder_choice import DecoderTrial
from headstart.heads.masks.linear_map import LinearMap, linear_maps
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.sums import MaskSums
from headstart.linear.moments import Moments
from headstart.reporting import Progress
from headstart.sources.positions.map_settings import MapSettings
from headstart.sources.positions.maps import STATISTICS, MapSource
from headstart.types import Dataset

__all__ = ["BETAS", "LAMBDAS", "LEFT_OUT", "SolvedMasks", "most_parts", "solve_masks"]

Array = NDArray[np.float64]

LAMBDAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Penalties, relative to the weight of the cells, on standardised columns."""

BETAS = (0.0, 0.5, 1.0)
"""Exponents of the class weights (N / (C n_c))^β."""

LEFT_OUT = 24
"""Pictures (or groups) that are left out at most; more would hardly change a choice."""

MOST_MOMENTS = 8 * 2**30  # bytes of the sums of all parts
PARTS = 8  # into which left-out pictures are put; each part is left out at once
MIDDLE = 0.5  # β with which the penalty is chosen
KEPT = 4  # pictures of a part whose cells compare candidates
LEAST_BLOCKS = 3  # of the body, that are always read
CELLS = 2048  # cells of a left-out picture on which candidates are compared


@dataclass(frozen=True, eq=False)
class SolvedMasks:
    """A head and the evidence for it.

    Attributes:
        head: the head.
        candidates: each combination with its mIoU of left-out cells, as plain JSON values; one is ``"chosen"``.
        left_out: metrics of the left-out pictures' pixels: ``miou``, and ``instance_f1`` where there are objects.
        count: how many pictures were left out.
        parts: in how many parts, each at once: eight, fewer if there are fewer groups or their sums need 8 GiB.
        moments: of all cells, by class.
        sums: what the head was solved from: the moments of the columns that it reads.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> solved = solve_masks(toy_masks(3, objects=False), maps)
        >>> sorted(solved.left_out), [each["head"] for each in solved.candidates if each["chosen"]]
        (['miou'], ['ridge'])
    """

    head: MaskHead
    candidates: tuple[dict[str, Any], ...]
    left_out: dict[str, float]
    count: int
    parts: int
    moments: ClassMoments
    sums: MaskSums


def solve_masks(
    dataset: Dataset,
    maps: MapSource,
    *,
    engine: Engine = Engine(),
    seed: int = 0,
    most: int = LEFT_OUT,
    progress: Callable[[str], Progress | None] = lambda _stage: None,
    limit: TimeLimit | None = None,
) -> SolvedMasks:
    """Solve the head for labelled pictures.

    All cells of all pictures enter the moments. Up to ``most`` groups are left out, in eight parts at most.

    Args:
        dataset: of masks; ``groups`` keeps pictures together.
        maps: the source of cells.
        engine: how pictures are encoded.
        seed: of the choice of pictures and cells that compare candidates.
        most: how many groups (pictures, if there are none) are left out.
        progress: gives the callback of a stage.
        limit: of the comparison: penalties are always compared, class weights and fewer blocks before it ends.

    Raises:
        DataError: if there are fewer than two pictures or groups, only one class, or if the sums of the classes need
            more than 8 GiB.
        SourceError: if a single picture would fill the memory.
        ItemError: for a picture that cannot be read.

    Examples:
        >>> from headstart.heads.masks.toy import toy_masks
        >>> from headstart.sources import open_source
        >>> from headstart.sources.positions.map_settings import MapSettings
        >>> from headstart.sources.positions.maps import maps_of
        >>> maps = maps_of(open_source("headstart:image"), MapSettings(blocks=(), stride=2))
        >>> solved = solve_masks(toy_masks(4), maps)
        >>> solved.left_out["instance_f1"], solved.count, len(solved.candidates)
        (1.0, 4, 16)
    """
    fit = _Fit(dataset, maps, engine, seed, limit or TimeLimit())
    total = fit.sums(range(len(dataset.items)), progress("moments"))
    if (total.counts > 0).sum() < 2:
        raise DataError("All labelled pixels have one class; label pixels of a second class.")
    parts = fit.left_out_parts(most)
    table = fit.compare(total, parts, progress("left-out pictures"))
    best = max(table, key=lambda each: table[each])
    trial = DecoderTrial(dataset, maps, fit.boundary)
    for part, rest in fit.each_left_out(total, parts, progress("decoder")):
        linear = fit.linear(rest, best)
        for cells in part:
            trial.add(cells.index, linear.probabilities(cells.rows[:, fit.columns(best.blocks)]))
    decoder, left_out = trial.choose()
    head = MaskHead(fit.settings(best), fit.linear(total, best), decoder, dataset.labelled()[0].num_outputs)
    candidates = tuple({**each.to_dict(), "miou": value, "chosen": each == best} for each, value in table.items())
    return SolvedMasks(head, candidates, left_out, trial.count, len(parts), total, fit.kept(total, best))


@dataclass(frozen=True)
class _Candidate:
    blocks: tuple[str, ...]
    beta: float
    kind: str
    lam: float

    def to_dict(self) -> dict[str, Any]:
        names = [name for name in self.blocks if name != STATISTICS]
        features = " + ".join(names) if names else "colour and local statistics"
        return {"features": features, "head": self.kind, "beta": self.beta, "lambda": self.lam}


class _Fit:
    """One fit: its data, its moments, and its left-out pictures."""

    def __init__(self, dataset: Dataset, maps: MapSource, engine: Engine, seed: int, limit: TimeLimit) -> None:
        self.dataset, self.maps, self.engine, self.limit = dataset, maps, engine, limit
        self.rng, self.boundary = np.random.default_rng(seed), tells_objects_apart(dataset)
        self._known: dict[int, ClassMoments] = {}  # the sums of each part
        self.classes = dataset.labelled()[0].num_outputs + self.boundary
        n = len(dataset.items)
        codes = dataset.group_codes
        groups = np.arange(n) if codes is None else codes
        self.groups = [np.flatnonzero(groups == code).tolist() for code in np.unique(groups)]
        maps.settings.check_memory(maps.width, self.classes)
        self.most_parts = most_parts(self.classes, maps.width)
        if len(self.groups) < 2:
            raise DataError(f"Masks need at least two pictures (or groups of pictures). Got {len(self.groups)}.")

    def read(self, index: Sequence[int], progress: Progress | None = None) -> Iterator[PictureCells]:
        return read_cells(self.maps, self.dataset, index, engine=self.engine, boundary=self.boundary, progress=progress)

    def sums(self, index: Sequence[int], progress: Progress | None = None) -> ClassMoments:
        return _summed(self.read(index, progress), self.classes)

    def left_out_parts(self, most: int) -> list[list[int]]:
        """Groups that are left out, some at random if there are many, in as many parts as the memory allows."""
        groups = self.groups
        if len(groups) > most:
            groups = [groups[k] for k in np.sort(self.rng.choice(len(groups), most, replace=False))]
        count = min(self.most_parts, len(groups))
        return [[k for group in groups[part::count] for k in group] for part in range(count)]

    def each_left_out(
        self, total: ClassMoments, parts: Sequence[list[int]], progress: Progress | None
    ) -> Iterator[tuple[list[PictureCells], ClassMoments]]:
        """The cells of the pictures of each part, a few at most, with the moments without all pictures of the part."""
        for done, part in enumerate(parts):
            kept: list[PictureCells] = []
            if done in self._known:
                kept, own = list(self.read(part[:KEPT])), self._known[done]
            else:
                own = _summed(_keeping(self.read(part), kept), self.classes)
                self._known[done] = own
            yield kept, total - own
            if progress is not None:
                progress(done + 1, len(parts), "left out in turn")

    def compare(
        self, total: ClassMoments, parts: Sequence[list[int]], progress: Progress | None
    ) -> dict[_Candidate, float]:
        """The mIoU of the cells of left-out pictures, for the candidates that were tried.

        First the penalty and the kind, with all blocks and β = 1/2; then β; then fewer blocks, with penalties around
        the best.
        """
        held: list[tuple[NDArray[np.float32], Array]] = []
        for part, _ in self.each_left_out(total, parts, progress):
            some = [np.sort(self.rng.permutation(len(cells.rows))[:CELLS]) for cells in part]
            rows = np.concatenate([cells.rows[own] for cells, own in zip(part, some, strict=True)])
            shares = [
                cells.targets.shares[own] * cells.targets.labelled[own, None]
                for cells, own in zip(part, some, strict=True)
            ]
            held.append((rows, np.concatenate(shares)))
        table: dict[_Candidate, float] = {}

        def best() -> _Candidate:
            return max(table, key=lambda each: table[each])

        every = self.subsets[-1]
        table |= self._tried(total, held, [(every, MIDDLE, LAMBDAS)])
        if not self.limit.stops():
            table |= self._tried(total, held, [(every, beta, (best().lam,)) for beta in BETAS if beta != MIDDLE])
        place = LAMBDAS.index(best().lam)
        around = LAMBDAS[max(place - 1, 0) : place + 2]
        fewer = self.subsets[:-1]
        if fewer and not self.limit.stops():
            table |= self._tried(total, held, [(blocks, best().beta, around) for blocks in fewer])
        return table

    def _tried(
        self,
        total: ClassMoments,
        held: Sequence[tuple[NDArray[np.float32], Array]],
        wanted: Sequence[tuple[tuple[str, ...], float, Sequence[float]]],
    ) -> dict[_Candidate, float]:
        """The mIoU of candidates by (blocks, β, penalties), over all parts."""
        counts: dict[_Candidate, Array] = {}
        for place, (rows, truth) in enumerate(held):
            rest = total - self._known[place]
            for blocks, beta, lambdas in wanted:
                columns = self.columns(blocks)
                maps = linear_maps(_taken(rest.balanced(beta), columns), lambdas)
                weights = np.concatenate([linear.weight for linear in maps], axis=1).astype(np.float32)
                scores = (rows[:, columns] @ weights).reshape(len(rows), len(maps), -1)
                scores += np.stack([linear.bias for linear in maps]).astype(np.float32)
                for linear, found in zip(maps, np.argmax(scores, axis=2).T, strict=True):
                    candidate = _Candidate(blocks, beta, linear.kind, linear.lam)
                    counted = _soft_confusion(truth, found)
                    counts[candidate] = counts.get(candidate, np.zeros_like(counted)) + counted
        return {candidate: float(mean_iou(counted)) for candidate, counted in counts.items()}

    def linear(self, moments: ClassMoments, candidate: _Candidate) -> LinearMap:
        taken = _taken(moments.balanced(candidate.beta), self.columns(candidate.blocks))
        return linear_maps(taken, [candidate.lam], [candidate.kind])[0]

    def kept(self, moments: ClassMoments, candidate: _Candidate) -> MaskSums:
        columns = self.columns(candidate.blocks)
        return MaskSums(ClassMoments(tuple(_taken(part, columns) for part in moments.parts)), candidate.beta)

    @property
    def subsets(self) -> list[tuple[str, ...]]:
        """Blocks down to each of the deeper strides, from the fewest to all; each with the statistics."""
        names = [block.name for block in self.maps.info.blocks]
        body = [name for name in names if name != STATISTICS]
        ends = range(min(LEAST_BLOCKS, len(body)), len(body) + 1)
        return [(*body[:end], *names[len(body) :]) for end in ends] if body else [tuple(names)]

    def columns(self, blocks: Sequence[str]) -> NDArray[np.intp]:
        begins, found = 0, list[NDArray[np.intp]]()
        for block in self.maps.info.blocks:
            if block.name in blocks:
                found.append(np.arange(begins, begins + block.width))
            begins += block.width
        return np.concatenate(found)

    def settings(self, candidate: _Candidate) -> MapSettings:
        return replace(self.maps.settings, blocks=tuple(name for name in candidate.blocks if name != STATISTICS))


def most_parts(classes: int, width: int) -> int:
    """How many parts can be left out so that their sums fit into 8 GiB, from 2 to 8.

    Args:
        classes: k, with outlines.
        width: numbers of a row.

    Raises:
        DataError: if not even two parts fit.

    Examples:
        >>> most_parts(3, 1000), most_parts(100, 1000)
        (8, 7)
    """
    own = 8 * classes * width * (width + classes)
    parts = min(PARTS, MOST_MOMENTS // own - 2)  # beside them, the sum of all and that without a part
    if parts < 2:
        raise DataError(
            f"The sums of {classes} classes over rows of {width} numbers need {4 * own / 2**30:.1f} GiB, and at most "
            f"{MOST_MOMENTS / 2**30:.0f} GiB are allowed; merge classes, or choose a smaller source."
        )
    return parts


def _keeping(cells: Iterable[PictureCells], kept: list[PictureCells]) -> Iterator[PictureCells]:
    for each in cells:
        if len(kept) < KEPT:
            kept.append(each)
        yield each


def _summed(cells: Iterable[PictureCells], classes: int) -> ClassMoments:
    sums = ClassSums(classes)
    for each in cells:
        sums.add(each.rows, each.targets.shares, each.targets.labelled)
    return sums.finish()


def _taken(moments: Moments, columns: NDArray[np.intp]) -> Moments:
    """The moments of some columns of the rows."""
    if len(columns) == moments.num_features:
        return moments
    return replace(
        moments, mean=moments.mean[columns], mean_tail=moments.mean_tail[columns],
        scatter=moments.scatter[np.ix_(columns, columns)], cross=moments.cross[columns],
    )  # fmt: skip


def _soft_confusion(truth: Array, found: NDArray[np.intp]) -> Array:
    """(k, k) shares by true class (row) and found class (column)."""
    k = truth.shape[1]
    return np.stack([np.bincount(found, weights=truth[:, code], minlength=k) for code in range(k)])
