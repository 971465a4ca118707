"""One thread for small work: with more, threads wait for each other longer than the work takes.

On two busy cores, boosting of thirty rows took 46 seconds with two threads and 0.14 with one; logistic regression of
1,500 x 384 rows 41 seconds and 1.7; a fit of two sources on 200 texts 69 seconds and 20.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

__all__ = ["threads_for"]

FEW_ROWS = 20_000  # for OpenMP, which is what scikit-learn's trees, k-means and boosting run on
FEW_NUMBERS = 20_000_000  # of a matrix; solvers take thousands of small steps on it, each a few milliseconds long


@contextmanager
def threads_for(rows: int, columns: int, few: int = FEW_NUMBERS) -> Iterator[None]:
    """Limit OpenMP, and BLAS on small matrices, to one thread inside of the block.

    Args:
        rows: of what is fitted.
        columns: of what is fitted.
        few: numbers from which on a matrix is not small.

    Examples:
        >>> with threads_for(10, 4):
        ...     pass
    """
    limits = {"openmp": rows < FEW_ROWS, "blas": rows * columns < few}
    with threadpool_limits({kind: 1 for kind, small in limits.items() if small}):  # one look at what is loaded
        yield
