"""Gaussian naive Bayes: features are independent and normal within each class.

Reference: Hand & Yu, "Idiot's Bayes: Not So Stupid After All?", International Statistical Review 2001.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.naive_bayes import GaussianNB

from headstart.heads.estimator.per_output import per_output
from headstart.heads.estimator.protocols import Estimator
from headstart.types import Task

__all__ = ["NAIVE_BAYES", "NaiveBayesHead"]


@dataclass(frozen=True)
class NaiveBayesHead:
    """scikit-learn's ``GaussianNB``; one model per label for multi-label tasks.

    Attributes:
        name: ``"naive_bayes"``.
        tasks: the task kinds it supports.
        complexity: 2.

    Examples:
        >>> NAIVE_BAYES.make(Task("classification", ("a", "b")), n=10, d=2, seed=0)
        GaussianNB()
    """

    name: str = "naive_bayes"
    tasks: frozenset[str] = frozenset({"classification", "multilabel"})
    complexity: int = 2

    def make(self, task: Task, *, n: int, d: int, seed: int) -> Estimator:  # noqa: ARG002 (one contract for all heads)
        """An unfitted estimator."""
        return per_output(GaussianNB(), task)


NAIVE_BAYES = NaiveBayesHead()
