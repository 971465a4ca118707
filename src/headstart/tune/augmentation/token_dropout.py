"""Token dropout: tokens are removed from a text, or replaced by the mask token.

References: Iyyer, Manjunatha, Boyd-Graber & Daumé, "Deep Unordered Composition Rivals Syntactic Methods for Text
Classification", ACL 2015 (word dropout); Wei & Zou, "EDA: Easy Data Augmentation Techniques", EMNLP 2019 (random
deletion, with p = 0.05 for little data to 0.1); Devlin et al., "BERT", NAACL 2019 (the mask token).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.params import check_number

__all__ = ["TokenDropout"]


@dataclass(frozen=True)
class TokenDropout:
    """Removes or masks each token with some probability, except the first and the last, the tokenizer's special tokens.

    At least one token stays between these two.

    Attributes:
        drop: probability that a token is removed, 0.1.
        mask: probability that a remaining token is replaced by the mask token, 0.
        mask_id: id of the mask token; required if ``mask`` is above 0.

    Raises:
        ParameterError: if a probability is not in [0, 1], or the id of the mask token is missing.

    Examples:
        >>> tokens = np.array([101, 7, 8, 9, 10, 102])
        >>> TokenDropout(drop=0.4)(tokens, np.random.default_rng(0))
        array([101,   7, 102])
        >>> TokenDropout(drop=0, mask=0.5, mask_id=103)(tokens, np.random.default_rng(1))
        array([101, 103, 103,   9, 103, 102])
    """

    drop: float = 0.1
    mask: float = 0.0
    mask_id: int | None = None

    def __post_init__(self) -> None:
        check_number(self.drop, "drop", "TokenDropout", low=0, high=1)
        check_number(self.mask, "mask", "TokenDropout", low=0, high=1)
        if self.mask > 0:
            check_number(self.mask_id, "mask_id", "TokenDropout", low=0, integer=True)

    def __call__(self, tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """The augmented tokens, a new array (k,) int64 with k <= n.

        Args:
            tokens: (n,) token ids of a text; not modified.
            rng: source of all random numbers.

        Raises:
            DataError: if ``tokens`` is not such an array.
        """
        if np.ndim(tokens) != 1 or not np.issubdtype(np.asarray(tokens).dtype, np.integer):
            raise DataError(
                f"TokenDropout needs an array (n,) of token ids. Got an array {np.shape(tokens)} of "
                f"{np.asarray(tokens).dtype} instead; train without augmentation."
            )
        inner = tokens[1:-1]
        if not len(inner):
            return tokens.copy()
        stays = rng.random(len(inner)) >= self.drop
        # A text whose tokens are all removed keeps one of them at random.
        if not stays.any():
            stays[rng.integers(len(inner))] = True
        kept = inner[stays]
        if self.mask_id is not None:
            kept = np.where(rng.random(len(kept)) < self.mask, self.mask_id, kept)
        return np.concatenate([tokens[:1], kept, tokens[-1:]])
