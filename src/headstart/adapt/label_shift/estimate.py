"""The class shares of new items by EM and by BBSE, with the test whether it is label shift at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from headstart.adapt.label_shift.bbse import bbse
from headstart.adapt.label_shift.mixture_test import MixtureFit, mixture_test
from headstart.adapt.label_shift.saerens_em import saerens_em
from headstart.adapt.label_shift.shares import ShareEstimate
from headstart.errors import DataError

__all__ = ["LabelShift", "estimate_label_shift"]


@dataclass(frozen=True, eq=False)
class LabelShift:
    """What left-out and new predictions say about the class shares of new items.

    Attributes:
        em: the estimate by EM, which is the one to use.
        bbse: the estimate by BBSE, for comparison; None where it was refused.
        refused: why there is none by BBSE; else empty.
        mixture: how well a mixture of the known classes explains the new items.
        level: p-values below count as a finding.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> ys, yt = np.arange(200) % 2, (rng.random(300) < 0.9).astype(int)
        >>> def model(y):
        ...     chance = 1 / (1 + np.exp(2.0 - 4.0 * (y + 0.5 * rng.normal(size=len(y)))))
        ...     return np.column_stack([1 - chance, chance])
        >>> found = estimate_label_shift(model(ys), ys, model(yt))
        >>> found.differs, found.explained
        (True, True)
        >>> found.sentence(("cat", "dog"))[:64]
        'The class shares of the new items differ from those of the label'
    """

    em: ShareEstimate
    bbse: ShareEstimate | None
    refused: str
    mixture: MixtureFit
    level: float

    @property
    def differs(self) -> bool:
        """Whether some class share differs from that of the labelled items."""
        return self.em.p_value < self.level

    @property
    def explained(self) -> bool:
        """Whether other class shares explain all that differs, so that it may be label shift."""
        return self.mixture.p_value >= self.level

    def sentence(self, labels: Sequence[str]) -> str:
        """The finding in words, and what to do.

        Args:
            labels: names of the C classes.
        """
        if not self.explained:
            return (
                "No mixture of the known classes explains the new items "
                f"(p = {self.mixture.p_value:.3f}): items of some class look different, or there are new classes. "
                "Do not correct the class shares; label some of the new items."
            )
        if not self.differs:
            return (
                "The class shares of the new items do not differ clearly from those of the labelled items "
                f"(p = {self.em.p_value:.3f})."
            )
        change = self.em.shares - self.em.source_shares
        most = int(np.argmax(np.abs(change)))
        return (
            "The class shares of the new items differ from those of the labelled items "
            f"(p = {self.em.p_value:.3f}), most of all that of '{labels[most]}': {self.em.source_shares[most]:.3f} "
            f"before, now about {self.em.shares[most]:.3f} ({self.em.coverage:.0%} interval {self.em.low[most]:.3f} to "
            f"{self.em.high[most]:.3f}). Predict with --priors estimate."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "em": self.em.to_dict(),
            "bbse": None if self.bbse is None else self.bbse.to_dict(),
            "refused": self.refused,
            "mixture": {"residual": self.mixture.residual, "p_value": self.mixture.p_value},
            "differs": self.differs,
            "explained": self.explained,
        }


def estimate_label_shift(
    left_out: ArrayLike,
    y: ArrayLike,
    new: ArrayLike,
    *,
    xs: ArrayLike | None = None,
    xt: ArrayLike | None = None,
    level: float = 0.05,
    coverage: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> LabelShift:
    """Estimate the class shares of new items, and test whether the shift is label shift.

    Args:
        left_out: (n, C) left-out probabilities of the labelled items.
        y: (n,) their class codes.
        new: (m, C) probabilities of at least two new items, by the model of all labelled items.
        xs: (n, d) features of the labelled items for the mixture test; default: the probabilities, with which a shift
            that does not change them stays unseen.
        xt: (m, d) features of the new items; given if ``xs`` is.
        level: p-values below count as a finding, default 0.05.
        coverage: of the intervals, default 0.95.
        resamples: of each bootstrap, default 200.
        seed: of the resamples, default 0.

    Raises:
        ParameterError: if shapes, codes, probabilities or options are wrong.
        DataError: if there are fewer than two new items or classes.

    Examples:
        >>> left_out = np.array([[0.8, 0.2], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]] * 5)
        >>> found = estimate_label_shift(left_out, [0, 0, 1, 1] * 5, left_out)
        >>> found.em.shares.round(3), found.differs
        (array([0.5, 0.5]), False)
    """
    em = saerens_em(left_out, y, new, coverage=coverage, resamples=resamples, seed=seed)
    refused, by_confusion = "", None
    try:
        by_confusion = bbse(left_out, y, new, coverage=coverage, resamples=resamples, seed=seed)
    except DataError as error:
        refused = str(error)
    rows, others = (left_out, new) if xs is None or xt is None else (xs, xt)
    return LabelShift(em, by_confusion, refused, mixture_test(rows, y, others, resamples=resamples, seed=seed), level)
