"""NCE: negative conditional entropy of the target's labels given the source's labels.

    NCE = -H(Y|Z) = Σ_yz P̂(y,z) ln(P̂(y,z)/P̂(z)),

where Z is the class predicted by the source's own head. It is between -H(Y) and 0.

Reference: Tran, Nguyen & Hassner, "Transferability and Hardness of Supervised Classification Tasks", ICCV 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from headstart.errors import ParameterError
from headstart.scores.inputs import check_classes

__all__ = ["nce"]


def nce(source_labels: ArrayLike, y: ArrayLike) -> float:
    """The negative conditional entropy of labels given source labels, in nats.

    Args:
        source_labels: (n,) integer codes of the classes that the source's head predicts.
        y: (n,) integer class codes of the target.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if the target has only one class.

    Examples:
        >>> nce([7, 7, 3], [0, 0, 1]), round(nce([7, 7, 7, 7], [0, 0, 1, 1]), 4)
        (0.0, -0.6931)
    """
    given = np.asarray(source_labels)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise ParameterError(
            "The 'source_labels' parameter of nce must hold n integer codes. "
            f"Got an array of shape {given.shape} and type {given.dtype} instead."
        )
    codes, classes = check_classes(y, len(given), "nce")
    names, z = np.unique(given, return_inverse=True)
    joint = np.zeros((classes, len(names)))
    np.add.at(joint, (codes, z), 1.0)
    # P̂(y|z), with 0 ln 0 = 0
    share = joint / joint.sum(axis=0)
    return float((joint * np.log(np.where(joint > 0, share, 1.0))).sum() / len(given)) + 0.0
