"""The registry of heads: closed-form heads from one eigendecomposition, and scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.errors import UnknownNameError
from headstart.heads.estimator.protocols import Estimator
from headstart.linear.factor import RidgeFactor
from headstart.linear.leave_out import LeftOut
from headstart.linear.spectrum import Spectrum
from headstart.params import check_choice
from headstart.registry import Registry
from headstart.tasks import base_kind
from headstart.types import Task

__all__ = [
    "AUTO",
    "HEADS",
    "SOLVED",
    "EstimatorHead",
    "FactoredHead",
    "HeadKind",
    "ScoresTogether",
    "ScreenedHead",
    "SpectralHead",
    "StructuredHead",
    "check_head_names",
    "heads_for",
    "solved_heads",
]


class HeadKind(Protocol):
    """The properties that every registered head has.

    Attributes:
        name: the name in the registry.
        tasks: the task kinds it supports.
        complexity: selection prefers lower values among heads whose losses do not differ significantly: 0 for
            closed-form linear heads, 1 for other linear heads, 2 for other simple heads, 3 for all others.

    Examples:
        >>> HEADS["ridge"].complexity
        0
    """

    name: str
    tasks: frozenset[str]
    complexity: int


@runtime_checkable
class SpectralHead(HeadKind, Protocol):
    """A closed-form linear head: one eigendecomposition gives coefficients and leave-one-out scores for every λ."""

    def left_out_scores(
        self,
        spectrum: Spectrum,
        left_out: LeftOut,
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
        *,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Leave-one-out scores (n, k): each row is scored by the fit without it, or without its group."""
        ...

    def coefficients(self, spectrum: Spectrum, lam: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,) of the head; under a softmax, scores are defined up to a constant per row."""
        ...


@runtime_checkable
class ScoresTogether(SpectralHead, Protocol):
    """A closed-form head whose leave-one-out scores at several λ are faster in one call.

    Examples:
        >>> isinstance(HEADS["lda"], ScoresTogether), isinstance(HEADS["ridge"], ScoresTogether)
        (True, False)
    """

    def left_out_scores_each(
        self,
        spectrum: Spectrum,
        several: Sequence[LeftOut],
        targets: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
        *,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """What ``left_out_scores`` gives for each of L penalties, (L, n, k)."""
        ...


@runtime_checkable
class FactoredHead(SpectralHead, Protocol):
    """A closed-form head that also follows from a kept factor, so that a few items change it in milliseconds.

    Examples:
        >>> isinstance(HEADS["ridge"], FactoredHead), isinstance(HEADS["lda"], FactoredHead)
        (True, True)
    """

    def coefficients_of(self, factor: RidgeFactor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (d, k) and bias (k,), equal to ``coefficients`` at the factor's λ up to rounding."""
        ...


@runtime_checkable
class EstimatorHead(HeadKind, Protocol):
    """A head that is a scikit-learn estimator, compared by its own leave-one-out scores or by cross-validation.

    Optional abilities are Protocols: `ScreenedHead` for the head, and those of `headstart.heads.estimator.protocols`
    for the estimator (leave-one-out scores of its own, chosen parameters, one linear map).
    """

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:
        """An unfitted estimator for n rows of d features; it will be fitted on the ``y`` of a `Dataset`."""
        ...


@runtime_checkable
class ScreenedHead(EstimatorHead, Protocol):
    """An estimator head that tells ``auto`` when to skip it, because it would be too slow or of no use.

    Examples:
        >>> HEADS["svm"].skipped(Task("classification", ("a", "b")), n=10_000, d=8)
        'its kernel matrix of 10000 x 10000 rows is slow'
        >>> isinstance(HEADS["naive_bayes"], ScreenedHead)
        False
    """

    def skipped(self, task: Task, *, n: int, d: int) -> str:
        """Why ``auto`` skips this head for n rows of d features, in a few words; empty if it does not."""
        ...


@runtime_checkable
class StructuredHead(EstimatorHead, Protocol):
    """An estimator head whose structure was chosen, so that a refit on other rows has to keep it.

    Examples:
        >>> isinstance(HEADS["cell"], StructuredHead), isinstance(HEADS["knn"], StructuredHead)
        (True, False)
    """

    def like(self, fitted: Estimator) -> EstimatorHead:
        """The head with the structure of a fitted estimator."""
        ...


HEADS: Registry[HeadKind] = Registry("head")
HEADS.register("ridge", "headstart.heads.ridge:RIDGE")
HEADS.register("lda", "headstart.heads.lda:LDA")
HEADS.register("late_fusion", "headstart.heads.fusion.late_fusion:LATE_FUSION")
HEADS.register("trained", "headstart.heads.trained:TRAINED")

# Built-in heads that import scikit-learn; a fit with closed-form heads does not need it.
ESTIMATORS = {
    "attention": "headstart.heads.attention:ATTENTION",
    "boosting": "headstart.heads.boosting:BOOSTING",
    "cell": "headstart.heads.cell:CELL",
    "forest": "headstart.heads.forest:FOREST",
    "gaussian_process": "headstart.heads.gaussian_process:GAUSSIAN_PROCESS",
    "knn": "headstart.heads.knn:KNN",
    "laplace": "headstart.heads.laplace:LAPLACE",
    "logistic": "headstart.heads.logistic:LOGISTIC",
    "mlp": "headstart.heads.mlp:MLP",
    "naive_bayes": "headstart.heads.naive_bayes:NAIVE_BAYES",
    "nearest_mean": "headstart.heads.nearest_mean:NEAREST_MEAN",
    "ordinal": "headstart.heads.ordinal:ORDINAL",
    "prototypes": "headstart.heads.prototypes:PROTOTYPES",
    "random_features": "headstart.heads.random_features:RANDOM_FEATURES",
    "siamese": "headstart.heads.siamese:SIAMESE",
    "stacking": "headstart.heads.stacking:STACKING",
    "svm": "headstart.heads.svm:SVM",
    "tree": "headstart.heads.tree:TREE",
}
for _name, _place in ESTIMATORS.items():
    HEADS.register(_name, _place)

SOLVED, AUTO = "solved", "auto"  # names of groups of heads


def solved_heads(task: Task) -> list[str]:
    """Names of the closed-form heads for this kind of task.

    Examples:
        >>> solved_heads(Task("regression", ("price",)))
        ['ridge']
    """
    others = (name for name in HEADS if name not in ESTIMATORS)
    return [name for name in others if base_kind(task) in HEADS[name].tasks and isinstance(HEADS[name], SpectralHead)]


def heads_for(task: Task, names: Sequence[str] | None) -> list[HeadKind]:
    """The heads to compare.

    Args:
        task: the label schema.
        names: names of heads; ``"solved"`` (or None) stands for the closed-form heads, ``"auto"`` for all heads that
            support the task.

    Raises:
        UnknownNameError: if a name is not registered.
        ParameterError: if a head does not support the task.

    Examples:
        >>> [head.name for head in heads_for(Task("classification", ("a", "b")), ("solved",))]
        ['lda', 'ridge']
    """
    found: dict[str, HeadKind] = {}
    for name in names or (SOLVED,):
        if name == SOLVED:
            found |= {one: HEADS[one] for one in solved_heads(task)}
        elif name == AUTO:
            found |= _serving(task)
        else:
            check_head_names((name,))
            if base_kind(task) not in HEADS[name].tasks:
                check_choice(name, "head", f"a {task.kind} fit", [*_serving(task)])
            found[name] = HEADS[name]
    return list(found.values())


def check_head_names(names: Sequence[str] | None) -> None:
    """Raise unless every name is a registered head or a group of heads.

    Args:
        names: as in `heads_for`.

    Raises:
        UnknownNameError: with the most similar known name.

    Examples:
        >>> check_head_names(("rigde",))
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown head 'rigde'. Did you mean 'ridge'? Known: ...
    """
    for name in names or ():
        if name not in HEADS and name not in (SOLVED, AUTO):
            raise UnknownNameError("head", name, [AUTO, SOLVED, *HEADS])


def _serving(task: Task) -> dict[str, HeadKind]:
    return {name: HEADS[name] for name in HEADS if base_kind(task) in HEADS[name].tasks}
