"""Choose features, head and λ by exact leave-one-out loss, then solve on all rows.

Every candidate is read off one eigendecomposition for each feature map; nothing is trained and no row is held out.
Rows that belong together (near duplicates, patients) are left out together. All rows are fitted, in chunks; the losses
are compared on 5,000 of them, so that nothing with a number for each row and class is ever made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap, candidate_maps
from headstart.heads.registry import HEADS
from headstart.heads.targets import TargetRows
from headstart.linear.leave_out import LeftOut, leave_one_group_out, leave_one_out
from headstart.linear.moments import Moments
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.params import check_choice
from headstart.tasks import Calibration, task_methods
from headstart.types import Block, Rows, Task

__all__ = ["Candidate", "FittedHead", "select_head", "solve_spectrum", "stream_moments"]

# Left-out loss is an average; 5,000 rows give it to 1.4 percent of its spread, whatever n is, and candidates are
# compared on the same rows, so that their difference is known better still.
MAX_ROWS_FOR_CHOICE = 5000
MIN_GROUPS_FOR_CHOICE = 10
CHUNK = 4096


@dataclass(frozen=True)
class Candidate:
    """One way to read features, scored.

    Attributes:
        features: name of the feature map.
        head: name of the head.
        lam: the ridge penalty λ.
        loss: mean left-out loss (log-loss in nats, or squared error in units of the target's variance).

    Examples:
        >>> Candidate("last layer", "ridge", 0.1, 0.42).head
        'ridge'
    """

    features: str
    head: str
    lam: float
    loss: float


@dataclass(frozen=True)
class FittedHead:
    """A linear head with its features, calibration and evidence.

    Attributes:
        feature_map: from source rows to head rows.
        head: name of the head.
        lam: the chosen λ.
        weight: (num_features, k) float64.
        bias: (k,) float64.
        calibration: parameters that make outputs of scores.
        loss: mean left-out loss of the choice.
        candidates: everything that was compared, in the order of the search.
        moments: of the mapped rows, where the head was solved from them; None where there were fewer rows than
            features.

    Examples:
        >>> x = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32)
        >>> fitted = select_head(x, np.array([0, 0, 0, 1, 1, 1]), Task("classification", ("low", "high")))
        >>> fitted.scores(x).argmax(axis=1)
        array([0, 0, 0, 1, 1, 1])
    """

    feature_map: FeatureMap
    head: str
    lam: float
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    calibration: Calibration
    loss: float
    candidates: tuple[Candidate, ...]
    moments: Moments | None = None

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """Scores (n, k) of source rows (n, d)."""
        scores = np.empty((len(rows), len(self.bias)))
        for i in range(0, len(rows), CHUNK):
            np.matmul(self.feature_map(rows[i : i + CHUNK]), self.weight, out=scores[i : i + CHUNK], dtype=np.float64)
        scores += self.bias
        return scores


def select_head(
    rows: Rows,
    y: NDArray[Any],
    task: Task,
    *,
    blocks: Sequence[Block] = (),
    groups: NDArray[np.int64] | None = None,
    heads: Sequence[str] | None = None,
    seed: int = 0,
) -> FittedHead:
    """Fit the head of least left-out loss over feature maps, heads and λ.

    Above 5,000 rows the loss is that of 5,000 drawn at random (or of whole groups), each predicted exactly by the fit
    on all the others. Leave-one-out on all rows would choose no better: on a million rows of 512 features and 100
    classes it takes minutes instead of seconds for the same held-out log-loss (``benchmarks/million_rows.py``).

    Args:
        rows: (n, d) features of a source; a memory map is read in chunks and never copied.
        y: labels as in `Dataset`.
        task: the label schema.
        blocks: the source's blocks; empty for rows as they are.
        groups: (n,) integer codes of rows that are left out together; None where every row stands alone.
        heads: names of the heads to compare; default: all that serve the task.
        seed: for the rows that the choice is made on, where there are more than 5,000.

    Returns:
        The chosen head, solved on all rows and calibrated on left-out scores.

    Raises:
        UnknownNameError: if a head's name is not registered.
        ParameterError: if a head does not serve the task.

    References:
        Allen, "The relationship between variable selection and data augmentation and a method for prediction",
        Technometrics 1974 (leave-one-out by leverage); Golub, Heath & Wahba, 1979.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 3)).astype(np.float32)
        >>> fitted = select_head(x, (x[:, :1] * 2).astype(float), Task("regression", ("y",)))
        >>> fitted.weight[:, 0].round(2) + 0.0
        array([2., 0., 0.])
    """
    names = _heads_for(task, heads)
    methods = task_methods(task)
    targets = TargetRows(y, task)
    chosen = _rows_for_choice(len(y), groups, seed)
    together = None if groups is None else groups[chosen]
    truth = targets[chosen]
    compared: list[_Compared] = []
    for feature_map, spectrum, moments in _solved(rows, targets, blocks):
        tried: list[Candidate] = []
        penalties = _penalties(lambda_grid(spectrum), tried)
        for left_out in _left_out(spectrum, feature_map(rows[chosen]), truth, together, penalties):
            for name in names:
                scores = HEADS[name].left_out_scores(spectrum, left_out, truth, together)
                calibration = methods.calibrate(scores, y[chosen])
                loss = float(methods.loss(methods.outputs(scores, calibration), y[chosen]).mean())
                tried.append(Candidate(feature_map.name, name, left_out.lam, loss))
                compared.append(_Compared(tried[-1], calibration, feature_map, spectrum, moments))
    best = min(compared, key=lambda found: found.candidate.loss)
    winner = best.candidate
    weight, bias = HEADS[winner.head].coefficients(best.spectrum, winner.lam)
    return FittedHead(
        best.feature_map,
        winner.head,
        winner.lam,
        weight,
        bias,
        best.calibration,
        winner.loss,
        tuple(found.candidate for found in compared),
        best.moments,
    )


@dataclass(frozen=True)
class _Compared:
    candidate: Candidate
    calibration: Calibration
    feature_map: FeatureMap
    spectrum: Spectrum
    moments: Moments | None


def _solved(
    rows: Rows, targets: Rows, blocks: Sequence[Block]
) -> Iterator[tuple[FeatureMap, Spectrum, Moments | None]]:
    """Each feature map with what `solve_spectrum` gives; columns that are only shifted and scaled need no new pass."""
    summed: dict[Any, Moments] = {}
    for feature_map in candidate_maps(rows, blocks):
        read = feature_map.blocks, feature_map.scaling
        if feature_map.shift.size and read in summed:
            moments = summed[read].rescaled(feature_map.shift, feature_map.scale)
            yield feature_map, Spectrum.from_moments(moments), moments
            continue
        spectrum, found = solve_spectrum(rows, targets, feature_map)
        if found is not None and not feature_map.scale.size:
            summed[read] = found
        yield feature_map, spectrum, found


def stream_moments(rows: Rows, targets: Rows, feature_map: FeatureMap) -> Moments:
    """Moments of mapped rows, a chunk at a time, so that memory does not grow with n.

    Args:
        rows: (n, d) source rows, for instance a memory map.
        targets: (n, k) float64, an array or `TargetRows`.
        feature_map: from source rows to head rows.

    Examples:
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> stream_moments(np.eye(2), np.ones((2, 1)), whole).n
        2
    """
    starts = range(0, len(rows), CHUNK)
    return Moments.stream((feature_map(rows[i : i + CHUNK]), targets[i : i + CHUNK]) for i in starts)


def solve_spectrum(rows: Rows, targets: Rows, feature_map: FeatureMap) -> tuple[Spectrum, Moments | None]:
    """The spectrum of mapped rows from whichever side is smaller, and the moments if it was theirs.

    Args:
        rows: (n, d) source rows.
        targets: (n, k) float64.
        feature_map: from source rows to head rows.

    Examples:
        >>> whole = FeatureMap("rows", ((0, 2),), "none")
        >>> spectrum, moments = solve_spectrum(np.array([[0.0, 0.0], [2.0, 0.0]]), np.ones((2, 1)), whole)
        >>> spectrum.values, moments is None
        (array([2.]), True)
    """
    if len(rows) <= feature_map.num_features:
        return Spectrum.from_rows(feature_map(rows[:]), targets[:]), None
    moments = stream_moments(rows, targets, feature_map)
    return Spectrum.from_moments(moments), moments


def _heads_for(task: Task, heads: Sequence[str] | None) -> list[str]:
    serving = [name for name in HEADS if task.kind in HEADS[name].tasks]
    if heads is None:
        return serving
    for name in heads:
        if name in HEADS:
            check_choice(name, "head", f"a {task.kind} fit", serving)
    return [HEADS[name].name for name in heads]


def _rows_for_choice(n: int, groups: NDArray[np.int64] | None, seed: int) -> NDArray[np.intp]:
    """Sorted positions of 5,000 rows, or of whole groups until there are as many rows and ten groups."""
    if n <= MAX_ROWS_FOR_CHOICE:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    if groups is None:
        return np.sort(rng.choice(n, MAX_ROWS_FOR_CHOICE, replace=False))
    names, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(counts[order]), MAX_ROWS_FOR_CHOICE)) + 1
    taken = order[: max(enough, MIN_GROUPS_FOR_CHOICE)]
    return np.flatnonzero(np.isin(codes, taken))


def _penalties(grid: Iterable[float], tried: Sequence[Candidate]) -> Iterator[float]:
    """The λ of a grid, then the one where a parabola through the best three in log λ is lowest.

    Args:
        grid: λ at equal steps of log λ.
        tried: what came out so far; it grows while the λ are drawn.
    """
    yield from grid
    best = min(tried, key=lambda candidate: candidate.loss)
    curve = sorted((candidate.lam, candidate.loss) for candidate in tried if candidate.head == best.head)
    place = curve.index((best.lam, best.loss))
    if not 0 < place < len(curve) - 1:
        return
    (below, left), (middle, low), (above, right) = curve[place - 1 : place + 2]
    bend = left - 2 * low + right
    if bend > 0 and np.isfinite(bend):
        yield float(middle * np.sqrt(above / below) ** (0.5 * (left - right) / bend))


def _left_out(
    spectrum: Spectrum,
    mapped: NDArray[Any],
    targets: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    lambdas: Iterator[float],
) -> Iterator[LeftOut]:
    if groups is None or len(np.unique(groups)) == len(groups):
        return leave_one_out(spectrum, mapped, targets, lambdas)
    return leave_one_group_out(spectrum, mapped, targets, groups, lambdas)
