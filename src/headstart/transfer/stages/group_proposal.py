"""Group proposals from item names: parts of the names that nearest neighbours share, if this changes the loss.

Two recordings of one speaker, two scans of one patient, or two frames of one video are similar for reasons unrelated to
the class. If such items are on both sides of a split, the metrics are too good for new speakers. Item names often
identify them (``7_jackson_32.wav``). The groups are proposed in a warning and never applied silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.data import Finding, union_groups
from headstart.data.grouping.name_keys import NameKey, name_keys
from headstart.heads import select_head
from headstart.heads.standard_error import mean_and_error
from headstart.reporting import Reporter
from headstart.rows import take_rows
from headstart.tasks import is_classification
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.types import Dataset

__all__ = ["Agreement", "candidate_keys", "neighbour_agreement", "with_proposal"]

MAX_ITEMS = 2000  # sample size of the neighbour search
PERMUTATIONS = 999
SIGNIFICANT = 0.01  # level of the permutation test, divided by the number of keys (but at least 1 / (1 + permutations))
WITHOUT_SPLIT = ", and give the folder of the training part alone: a given split stays as it is"
LEAST = 0.1  # smallest kappa of neighbours that share the key
WORSE, ONE_SIDED = 0.05, 1.645  # leaving groups out must raise the loss by 5% and by 1.645 standard errors
TRIED = 2  # keys for which the loss with groups left out is computed
FEWEST = 20  # items


@dataclass(frozen=True)
class Agreement:
    """How often nearest neighbours share a key.

    Attributes:
        share: share of items whose nearest neighbour in their class has the same value.
        chance: expected share if values are permuted within classes.
        p: p-value of the permutation test, at least 0.001; 1 if the share is so close to chance that it is not tested.

    Examples:
        >>> round(Agreement(0.8, 0.2, 0.001).excess, 2)
        0.75
    """

    share: float
    chance: float
    p: float

    @property
    def excess(self) -> float:
        """The chance-corrected share, (share - chance) / (1 - chance), as in Cohen's kappa."""
        return (self.share - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0


def neighbour_agreement(
    neighbour: NDArray[np.intp], codes: NDArray[np.intp], classes: NDArray[np.intp], seed: int = 0
) -> Agreement:
    """How often an item and its nearest neighbour share a key, tested by permuting the key within classes.

    Args:
        neighbour: (n,) position of each item's nearest neighbour of its own class; -1 for none.
        codes: (n,) values of the key.
        classes: (n,) codes of the classes.
        seed: of the 999 permutations.

    References:
        Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, chapter 3.

    Examples:
        >>> found = neighbour_agreement(np.array([1, 0, 3, 2] * 1), np.array([0, 0, 1, 1]), np.zeros(4, int))
        >>> found.share, round(found.chance, 1)
        (1.0, 0.3)
    """
    there = np.flatnonzero(neighbour >= 0)
    share = float((codes[there] == codes[neighbour[there]]).mean())
    chance = _chance(codes, classes, there)
    if share - chance < LEAST * (1 - chance):
        return Agreement(share, chance, 1.0)
    rng, by_class, higher = np.random.default_rng(seed), np.argsort(classes, kind="stable"), 0
    shuffled = np.empty_like(codes)
    # codes plus uniform noise sort into a random order within each class
    for _ in range(PERMUTATIONS):
        shuffled[by_class] = codes[np.argsort(classes + rng.uniform(size=len(classes)))]
        higher += float((shuffled[there] == shuffled[neighbour[there]]).mean()) >= share - 1e-12
    return Agreement(share, chance, (1 + higher) / (1 + PERMUTATIONS))


def _chance(codes: NDArray[np.intp], classes: NDArray[np.intp], there: NDArray[np.intp]) -> float:
    """The mean over items of the share of other items of their class that have the same value."""
    both = np.unique(np.stack([classes, codes]), axis=1, return_inverse=True)[1].ravel()
    alike, of_class = np.bincount(both)[both], np.bincount(classes)[classes]
    return float(((alike - 1) / np.maximum(of_class - 1, 1))[there].mean())


def with_proposal(prepared: Prepared, judged: Judged, reporter: Reporter) -> Prepared:
    """Add a proposed grouping to the findings of the audit, if there is one, and report it as a warning.

    Args:
        prepared: encoded items.
        judged: the head on frozen features.
        reporter: receives the warning.

    Returns:
        The same object if nothing is proposed.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> silent = SilentReporter()
        >>> prepared = prepare(read((rows, ["left"] * 10 + ["right"] * 10)), open_source("vector"), RunContext(silent))
        >>> with_proposal(prepared, judge(prepared, HeadSearch(), 0, silent), silent) is prepared
        True
    """
    if prepared.dataset.groups is not None or len(judged.plan.fitted) < FEWEST:
        return prepared
    with reporter.progress("searching the names for groups"):
        found = _propose_groups(prepared, judged)
    if found is None:
        return prepared
    reporter.warning(found.message)
    return replace(prepared, audit=replace(prepared.audit, findings=(found, *prepared.audit.findings)))


def _propose_groups(prepared: Prepared, judged: Judged) -> Finding | None:
    """The part of the names that neighbours share most, if leaving such groups out raises the loss clearly.

    Args:
        prepared: encoded items without groups.
        judged: the head on frozen features, with its leave-one-out evidence.

    Returns:
        The finding, of kind ``"possible_groups"``; None if no part of the names matters.
    """
    rows = judged.plan.fitted
    dataset = prepared.dataset.take(rows)
    keys = candidate_keys(dataset)
    if not keys or judged.model.head.evidence is None:
        return None
    classes = _classes(dataset)
    few = _sample(classes, judged.seed)
    mapped = judged.model.head.feature_map(np.asarray(take_rows(prepared.rows, rows[few])))
    near = _neighbours(np.asarray(mapped, np.float32), classes[few], prepared.clusters[rows[few]])
    if not (near >= 0).any():
        return None
    # Bonferroni over the keys; the smallest p of a permutation test is 1 / (1 + permutations)
    limit = max(SIGNIFICANT / len(keys), 1 / (1 + PERMUTATIONS))
    tested = [(key, neighbour_agreement(near, key.codes[few], classes[few], judged.seed)) for key in keys]
    shared = [(key, one) for key, one in tested if one.p <= limit and one.excess >= LEAST]
    # largest kappa first; among equal ones the key of fewest values, which forms the largest groups
    shared.sort(key=lambda pair: (-round(pair[1].excess, 1), len(pair[0].values)))
    for key, agreement in shared[:TRIED]:
        losses = _losses(prepared, judged, rows, key.codes)
        if losses is not None:
            found = _finding(dataset, key, agreement, losses)
            return found if dataset.split is None else replace(found, message=found.message + WITHOUT_SPLIT)
    return None


def candidate_keys(dataset: Dataset) -> list[NameKey]:
    """Candidate keys from the names alone, without features: parts that take several values in each class.

    Args:
        dataset: n labelled items.

    Returns:
        The keys; none if the items already have groups, or are fewer than 20.

    Examples:
        >>> from headstart.types import Task
        >>> names = tuple(f"{k}_{speaker}_{take}" for k in "01" for speaker in ("ann", "bob") for take in "abcde")
        >>> task = Task("classification", ("0", "1"))
        >>> data = Dataset(list(names), names, "audio", task=task, y=np.repeat([0, 1], 10))
        >>> candidate_keys(data)[0].values
        ('ann', 'bob')
    """
    if dataset.groups is not None or len(dataset) < FEWEST:
        return []
    keys = name_keys(dataset.ids, {name: values.tolist() for name, values in dataset.named.items()})
    classes = _classes(dataset) if keys else np.zeros(0, np.intp)
    return [key for key in keys if _in_every_class(key.codes, classes)]


def _classes(dataset: Dataset) -> NDArray[np.intp]:
    """(n,) codes of the classes; zeros for other tasks."""
    task, y = dataset.labelled()
    return y.astype(np.intp) if is_classification(task) else np.zeros(len(y), np.intp)


def _in_every_class(codes: NDArray[np.intp], classes: NDArray[np.intp]) -> bool:
    """Whether each class has at least two values, so that one can be left out, and some value has two of its items."""
    pairs = np.unique(np.stack([classes, codes]), axis=1)
    per_class = np.unique(pairs[0], return_counts=True)[1]
    return bool(per_class.min() > 1) and pairs.shape[1] < len(codes)


def _sample(classes: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Sorted positions of a random sample of at most 2,000 items."""
    if len(classes) <= MAX_ITEMS:
        return np.arange(len(classes))
    return np.sort(np.random.default_rng(seed).choice(len(classes), MAX_ITEMS, replace=False))


def _neighbours(rows: NDArray[np.float32], classes: NDArray[np.intp], clusters: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of each row's nearest neighbour in its class, near duplicates excluded; -1 if there is none."""
    found = np.full(len(rows), -1, np.intp)
    for code in np.unique(classes):
        own = np.flatnonzero(classes == code)
        # squared distances |a|² - 2 a·b + |b|², of centred rows since float32 would cancel under a large mean
        part = rows[own] - rows[own].mean(axis=0)
        square = np.einsum("ij,ij->i", part, part)
        distance = square[:, None] - 2 * part @ part.T + square
        distance[clusters[own][:, None] == clusters[own]] = np.inf
        best = distance.argmin(axis=1)
        has_neighbour = np.isfinite(distance[np.arange(len(own)), best])
        found[own[has_neighbour]] = own[best[has_neighbour]]
    return found


def _losses(
    prepared: Prepared, judged: Judged, rows: NDArray[np.intp], codes: NDArray[np.intp]
) -> tuple[float, float] | None:
    """Mean leave-one-out and leave-one-group-out loss, if the second is clearly higher; else None."""
    task, y = prepared.dataset.labelled()
    groups = union_groups(codes.astype(str), prepared.clusters[rows])
    if len(np.unique(groups)) < 2:
        return None
    # dropped items would be missing from one of the two compared losses
    search = replace(judged.search, drop_suspects=False)
    head = select_head(
        take_rows(prepared.rows, rows), y[rows], task,
        blocks=prepared.source.info.blocks, groups=groups, search=search, seed=judged.seed,
    )  # fmt: skip
    before, after = judged.model.head.evidence, head.evidence
    if before is None or after is None:
        return None
    shared, mine, its = np.intersect1d(before.index, after.index, return_indices=True)
    plain, grouped = before.losses[mine], after.losses[its]
    mean, error = mean_and_error(grouped - plain, groups[shared])
    if mean <= max(ONE_SIDED * error, WORSE * float(plain.mean())):
        return None
    return float(plain.mean()), float(grouped.mean())


def _finding(dataset: Dataset, key: NameKey, agreement: Agreement, losses: tuple[float, float]) -> Finding:
    shown = ", ".join(_examples(key.values))
    of_class = " of their class" if is_classification(dataset.labelled()[0]) else ""
    where = f"column '{key.column}'" if key.column else "the items' names"
    message = (
        f"Items that share a part of {where} ({len(key.values)} values, such as {shown}) are similar: "
        f"{agreement.share:.0%} have a nearest neighbour{of_class} with the same value, {agreement.chance:.0%} by "
        "chance. If it identifies a speaker, patient, scene or device, the metrics are too good for new ones: the "
        f"leave-one-out loss is {losses[0]:.3f}, and {losses[1]:.3f} if these are left out together. In that case fit "
        f"with {key.option}"
    )
    examples = tuple(dict(zip(key.codes[::-1].tolist(), dataset.ids[::-1], strict=True)).values())
    return Finding("possible_groups", "warning", len(key.values), message, examples[:5])


def _examples(values: tuple[str, ...]) -> Iterator[str]:
    yield from values[:3]
