"""The choice among unlabelled rows: the items whose label would help a model most (pool-based active learning).

Two things are read off the fit. The fall of the mean predictive variance over the pool, which is exact and the same for
every label, is that of I-optimal design (`headstart.linear.optimal_design`); its greedy choice is spread by
construction. How undecided the model is between its two most probable classes comes from the calibrated outputs. An
item counts for the variance that its label removes from undecided items, times how undecided it is itself. With few
labels the outputs are hardly known, so they count less, and the choice is near to what is typical of the pool.

The form and its constants were set on TREC-6, CIFAR-10 and FSDD (`benchmarks/suggest.py` judges them on other sets).

References: Cohn, Ghahramani & Jordan, JAIR 1996; Scheffer, Decomain & Wrobel, "Active Hidden Markov Models for
Information Extraction", IDA 2001 (margin); Yu, Bi & Tresp, ICML 2006; Hacohen, Dekel & Weinshall, "Active Learning on a
Budget: Opposite Strategies Suit High and Low Budgets", ICML 2022 (few labels: typical items).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.linear.checks import CHUNK, chunks
from headstart.linear.optimal_design import Design, VarianceFactor, greedy_design
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.tasks import is_classification, is_multilabel, is_regression, task_methods
from headstart.transfer.suggestions.result import Suggestions
from headstart.transfer.suggestions.suggestion import Suggestion
from headstart.types import Rows, group_codes

__all__ = ["Pool", "check_enough", "suggest_rows"]

Array = NDArray[np.float64]

MOST_CANDIDATES = 4000  # that compete in the greedy choice: of more items, those with the largest first step
MOST_REFERENCES = 2000  # pool items whose variance counts: a mean over them is known to 2%
BLOCK = 1024  # items, and training items, whose distances are computed at a time: 8 MiB
ALIKE = 0.01  # squared distance of near duplicates, relative to that of two random items of the pool
SAME = 1e-9  # the same for rows of numbers, where only copies are duplicates
NOVEL = 0.95  # quantile of the leave-one-out variances of the training items
SURE = 0.9  # probability from which an answer needs no second one beside it
LABELS_A_CLASS = 5.0  # labels of a class at which its outputs count half


@dataclass(frozen=True, eq=False)
class Pool:
    """Unlabelled items beside their rows.

    Attributes:
        names: (N,) names.
        items: (N,) texts, paths or numbers, as text.
        closed: (N,) True for near duplicates of training items, which are not suggested; None for none.
        clusters: (N,) codes that near duplicates share, of which one is suggested; None if that is unknown.
        groups: (N,) names or codes of groups; None if each item is its own group.

    Examples:
        >>> Pool.numbered(2).names
        ('0', '1')
    """

    names: Sequence[str]
    items: Sequence[str]
    closed: NDArray[np.bool_] | None = None
    clusters: NDArray[np.int64] | None = None
    groups: NDArray[np.str_] | None = None

    @classmethod
    def numbered(cls, count: int) -> Pool:
        """Items that are named by their position."""
        names = tuple(map(str, range(count)))
        return cls(names, ("",) * count)


def check_enough(count: int, n: int, *, lost: str = "") -> None:
    """Raise if there are fewer items than asked for.

    Args:
        count: items to choose from.
        n: how many were asked for.
        lost: why there are no more, in a clause.

    Raises:
        DataError: with both numbers.

    Examples:
        >>> check_enough(50, 50)
    """
    if count < n:
        raise DataError(
            f"{n} items were asked for, but there {'is' if count == 1 else 'are'} only {count} to choose from{lost}; "
            "label all of them, or ask for fewer."
        )


def suggest_rows(model: TransferModel, rows: Rows, n: int, *, pool: Pool | None = None, seed: int = 0) -> Suggestions:
    """The rows whose label would help the model most.

    Args:
        model: the fitted model.
        rows: (N, d) features of the unlabelled items.
        n: how many to suggest.
        pool: what is known of the items; default: they are named by their position.
        seed: of the sample of the pool whose variance counts, if it has more than 2,000 items.

    Raises:
        DataError: if fewer than ``n`` rows may be suggested.
        ParameterError: if ``n`` is not a positive integer.

    Examples:
        >>> import headstart
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> run = headstart.fit((x, (x[:, 0] > 0).astype(int).tolist()), baselines="none", verbose=False)
        >>> len(suggest_rows(run.model, x + 0.01, 3))
        3
    """
    check_number(n, "n", "suggest", low=1, integer=True)
    about = Pool.numbered(len(rows)) if pool is None else pool
    outputs = model.outputs(rows)
    factor, notes = _factor(model, rows)
    choice = _Choice(model, rows, about, factor, _need(model, outputs), seed)
    closed = choice.near_training()
    closed = closed if about.closed is None else closed | about.closed
    lost = f" ({int(closed.sum())} are near duplicates of training items)" if closed.any() else ""
    check_enough(int((~closed).sum()), n, lost=lost)
    chosen = choice.greedy(choice.candidates(np.flatnonzero(~closed), n), n)
    if len(chosen.place) < n:
        notes.append(f"Only {len(chosen.place)} items are left to suggest: the others are too much like these.")
    items = choice.described(chosen, outputs)
    share = chosen.design.share
    return Suggestions(items, len(rows), int(closed.sum()), chosen.near, share, {}, tuple(notes))


def _factor(model: TransferModel, rows: Rows) -> tuple[VarianceFactor, list[str]]:
    """φ of the fit from its moments; without them, of an isotropic prior over the pool."""
    if model.moments is not None and model.moments.w > 0 and 0 < model.head.lam < np.inf:
        return VarianceFactor.of(model.moments, model.head.lam), []
    sample = np.asarray(model.head.feature_map(np.asarray(rows[:MOST_REFERENCES])), np.float64)
    mean = sample.mean(axis=0)
    # a prior under which an average item has variance 1
    spread = float(np.square(sample - mean).sum(axis=1).mean()) or 1.0
    note = "The model keeps no moments of its training items, so what they have in common with the pool is not known."
    return VarianceFactor(mean, np.sqrt(spread) * np.eye(len(mean)), float(len(sample))), [note]


def _need(model: TransferModel, outputs: Array) -> Array:
    """How much each item needs a label (N,), from 0 to 1; 1 for a regression, whose variance alone counts."""
    if is_regression(model.task):
        return np.ones(len(outputs))
    if is_classification(model.task):
        ordered = np.sort(outputs, axis=1)
        undecided = 1 - (ordered[:, -1] - ordered[:, -2])
    else:
        undecided = 1 - np.abs(2 * outputs - 1).mean(axis=1)
    labels = 0.0 if model.moments is None else float(model.moments.n)
    trust = labels / (labels + LABELS_A_CLASS * model.task.num_outputs)
    return np.asarray(1 - trust + trust * undecided)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The chosen items.

    Attributes:
        design: the greedy choice among the candidates.
        place: (m,) positions in the pool.
        similar: (m,) items of the pool whose variance its label removes more than that of another one.
        variance: (m,) predictive variance of each under the present fit, for noise of variance 1.
        near: candidates that were closed as near duplicates of a chosen one.
    """

    design: Design
    place: NDArray[np.intp]
    similar: NDArray[np.intp]
    variance: Array
    near: int


@dataclass(frozen=True, eq=False)
class _Choice:
    """The unlabelled rows, and what the fit knows about them."""

    model: TransferModel
    rows: Rows
    pool: Pool
    factor: VarianceFactor
    need: Array
    seed: int

    def mapped(self, index: NDArray[np.intp]) -> Array:
        """Head rows of some items."""
        return np.asarray(self.model.head.feature_map(np.asarray(self.rows[index])), np.float64)

    @property
    def references(self) -> NDArray[np.intp]:
        """Positions of the items whose variance counts."""
        count = len(self.need)
        if count <= MOST_REFERENCES:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, MOST_REFERENCES, replace=False))

    def candidates(self, allowed: NDArray[np.intp], n: int) -> NDArray[np.intp]:
        """The items that compete in the greedy choice: those with the largest first step."""
        most = max(MOST_CANDIDATES, 2 * n)
        if len(allowed) <= most:
            return allowed
        phi = self.factor(self.mapped(self.references))
        spread = (phi * self.need[self.references][:, None]).T @ phi
        first = np.empty(len(allowed))
        for start in range(0, len(allowed), CHUNK):
            part = allowed[start : start + CHUNK]
            own = self.factor(self.mapped(part))
            falls = np.einsum("ij,ij->i", own @ spread, own) / (1 + np.square(own).sum(axis=1))
            first[start : start + len(part)] = falls * self.need[part]
        return np.sort(allowed[np.argsort(-first, kind="stable")[:most]])

    def greedy(self, candidates: NDArray[np.intp], n: int) -> _Chosen:
        """The greedy choice among candidates."""
        mapped, reference = self.mapped(candidates), self.mapped(self.references)
        phi, others = self.factor(mapped), self.factor(reference)
        norms, closed = np.square(mapped).sum(axis=1), np.zeros(len(candidates), dtype=bool)
        limit = self.limit(reference)
        codes = None if self.pool.clusters is None else self.pool.clusters[candidates]

        def copies(chosen: int) -> NDArray[np.bool_]:
            near = np.asarray(norms + norms[chosen] - 2 * mapped @ mapped[chosen] <= limit)
            if codes is not None:
                near |= codes == codes[chosen]
            near[chosen] = False
            closed[near] = True
            return near

        design = greedy_design(
            phi, n, reference=others, weights=self.need[self.references], preference=self.need[candidates],
            limits=self.limits(candidates, n), closes=copies,
        )  # fmt: skip
        picked = phi[design.index]
        variance = np.square(picked).sum(axis=1)
        # each item of the pool belongs to the suggestion whose label removes most of its variance
        nearest = ((others @ picked.T) ** 2 / (1 + variance)).argmax(axis=1)
        shares = np.bincount(nearest, minlength=len(picked)) / len(others)
        similar = np.rint(shares * len(self.need)).astype(np.intp)
        closed[design.index] = False
        return _Chosen(design, candidates[design.index], similar, variance, int(closed.sum()))

    def limit(self, sample: Array) -> float:
        """Squared distance up to which two items are near duplicates, from head rows of a sample."""
        apart = 2 * float(np.square(sample - sample.mean(axis=0)).sum(axis=1).mean())
        return (SAME if self.model.source.info.modality == "vector" else ALIKE) * apart

    def near_training(self) -> NDArray[np.bool_]:
        """Whether each item is a near duplicate of a training item; False for all if the model keeps no rows."""
        found, certainty = np.zeros(len(self.need), dtype=bool), self.model.certainty
        if certainty is None or certainty.rows is None:
            return found
        limit, training = self.limit(self.mapped(self.references)), certainty.rows
        for part in chunks(len(found), BLOCK):
            own = self.mapped(np.arange(part.start, part.stop))
            nearest = np.full(len(own), np.inf)
            for block in chunks(len(training), BLOCK):
                others = np.asarray(training[block], np.float64)
                squares = own @ others.T
                squares *= -2
                squares += np.square(others).sum(axis=1)
                np.minimum(nearest, squares.min(axis=1), out=nearest)
            found[part] = nearest + np.square(own).sum(axis=1) <= limit
        return found

    def novel_from(self) -> float | None:
        """The predictive variance that 95% of the training items stay below under the fit without them, h / (1 - h)."""
        certainty = self.model.certainty
        if certainty is None or certainty.leverage is None or self.model.moments is None:
            return None
        weights = np.ones(len(certainty.leverage)) if certainty.weights is None else certainty.weights
        usable = (weights > 0) & (certainty.leverage < 1)
        if not usable.any():
            return None
        leverage = certainty.leverage[usable]
        return float(np.quantile(leverage / (1 - leverage) / weights[usable], NOVEL))

    def limits(self, candidates: NDArray[np.intp], n: int) -> list[tuple[NDArray[np.int64], int]]:
        """At most twice its share from each group."""
        if self.pool.groups is None:
            return []
        codes = group_codes(self.pool.groups, len(self.need))
        return [(codes[candidates], max(1, -(-2 * n // len(np.unique(codes)))))]

    def described(self, chosen: _Chosen, outputs: Array) -> tuple[Suggestion, ...]:
        """The suggestions with their reasons."""
        task, before, edge = self.model.task, chosen.design.before, self.novel_from()
        decoded = task_methods(task).decode(outputs[chosen.place], task)
        found = []
        for order, position in enumerate(chosen.place.tolist()):
            output, similar = outputs[position], int(chosen.similar[order])
            novel = None if edge is None else bool(chosen.variance[order] > edge)
            reasons = _doubt(output, self.model) + (["unlike the training items"] if novel else [])
            reasons += [f"stands for about {similar} items"] if similar > 1 else []
            one = Suggestion(
                index=position,
                id=self.pool.names[position],
                item=self.pool.items[position],
                prediction=decoded[order],
                probability=_probability(output, self.model),
                gain=float(chosen.design.reduction[order] / before) if before > 0 else 0.0,
                similar=similar,
                novel=novel,
                why="; ".join(reasons) or "lowers the variance of others",
            )
            found.append(one)
        return tuple(found)


def _probability(output: Array, model: TransferModel) -> float | None:
    """The probability of the answer; of several labels, that of the least certain one."""
    if is_regression(model.task):
        return None
    return float(np.maximum(output, 1 - output).min() if is_multilabel(model.task) else output.max())


def _doubt(output: Array, model: TransferModel) -> list[str]:
    """Between which answers the model is undecided, in at most one clause."""
    labels = model.task.labels
    if is_regression(model.task):
        return []
    if is_multilabel(model.task):
        order = np.argsort(np.abs(output - 0.5))[:2].tolist()
        unsure = [f"{labels[i]} ({output[i]:.2f})" for i in order if 1 - SURE < output[i] < SURE]
        return [f"unsure about {' and '.join(unsure)}"] if unsure else []
    first, second = np.argsort(-output)[:2].tolist()
    if output[first] >= SURE:
        return []
    return [f"{labels[first]} ({output[first]:.2f}) or {labels[second]} ({output[second]:.2f})"]
